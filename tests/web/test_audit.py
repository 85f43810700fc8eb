"""Who pressed what is kept; what can't be kept is not done."""

import asyncio
import json
from pathlib import Path

from aiohttp import web

from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import TARGET, Route
from tests.web.pages import Page, page_served


async def stop(request: web.Request) -> web.Response:
    request[TARGET] = f"run {request.match_info['run']}"
    return web.Response(text="stopped")


async def break_down(request: web.Request) -> web.Response:
    raise RuntimeError(request.path)


MORE = (
    Route("POST", "/things/{run}/stop", stop, Role.STEER),
    Route("POST", "/jobs/{name}/break", break_down, Role.STEER),
)


def deeds(page: Page) -> list[tuple[str, ...]]:
    kept = page.around.audit.read()
    return [(one.who, one.proof, one.role, one.what, one.target, one.outcome, str(one.status)) for one in kept]  # fmt: skip


async def test_what_was_done_and_refused_is_kept(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE) as page:
        steering = {"Authorization": f"Bearer {page.add_token('boris', Role.STEER)}"}
        seeing = {"Authorization": f"Bearer {page.add_token('vera')}"}
        await page.post("/things/7/stop", headers=steering)
        await page.post("/things/7/stop", headers=seeing)
        await page.post("/jobs/nightly/break", headers=steering)
        await page.post("/things/7/stop")

        assert deeds(page) == [
            ("boris", "token", "steer", "POST /things/7/stop", "run 7", "done", "200"),
            ("vera", "token", "see", "POST /things/7/stop", "7", "refused", "403"),
            ("boris", "token", "steer", "POST /jobs/nightly/break", "nightly", "failed", "500"),
            ("local", "loopback", "see", "POST /things/7/stop", "7", "refused", "403"),
        ]


async def test_to_look_is_not_kept(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        await page.get("/")

        assert deeds(page) == []
    assert not (tmp_path / "runs").exists()


async def test_who_comes_in_is_kept_and_no_token(tmp_path: Path) -> None:
    async with page_served(tmp_path, host="0.0.0.0") as page:
        token = page.add_token()
        await page.log_in("bpw_wrong")
        await page.log_in(token)

    file = tmp_path / "runs/serve/web-audit.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [(one["who"], one["target"], one["outcome"]) for one in lines] == [
        ("", "", "refused"),
        ("anna", "token anna", "done"),
    ]
    assert lines[1]["address"] == "127.0.0.1"
    assert token not in file.read_text()
    assert "bpw_wrong" not in file.read_text()


async def test_what_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/serve").mkdir()
    (tmp_path / "runs/serve/web-audit.jsonl").symlink_to(tmp_path / "elsewhere")
    done: list[str] = []

    async def note(request: web.Request) -> web.Response:
        done.append(request.path)
        return web.Response()

    more = (Route("POST", "/note", note, Role.STEER),)
    async with page_served(tmp_path, more=more) as page:
        headers = {"Authorization": f"Bearer {page.add_token('boris', Role.STEER)}"}
        answer = await page.post("/note", headers=headers)

    assert answer.status == 503
    assert "it is a link to another file" in answer.text
    assert done == []
    assert not (tmp_path / "elsewhere").exists()


async def test_whoever_knocks_all_night_fills_no_disk(tmp_path: Path) -> None:
    async with page_served(tmp_path, more=MORE, host="0.0.0.0") as page:
        for _ in range(70):
            await page.post("/things/7/stop", headers={"Accept": "*/*"})

        assert len(deeds(page)) == 60


async def test_what_a_browser_has_left_behind_is_done_and_kept(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def slowly(_request: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        done.append("done")
        return web.Response()

    async with page_served(tmp_path, more=(Route("POST", "/slow", slowly, Role.STEER),)) as page:
        headers = {"Authorization": f"Bearer {page.add_token('boris', Role.STEER)}"}
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(page.post("/slow", headers=headers))
            await begun.wait()
            asking.cancel()
        await asyncio.sleep(1)
        go_on.set()
        await asyncio.sleep(1)

        assert done == ["done"]
        assert [deed[3:] for deed in deeds(page)] == [("POST /slow", "", "done", "200")]
