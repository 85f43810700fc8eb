"""What pages show of runs, over real sockets: of a run on a simulated portal, and of what was made up."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from bulk_publisher.engine.events import watch_nothing
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Scope, Status
from bulk_publisher.operations.publishing import publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.export import write_csv
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.agenda import Ended, Slot
from tests.wall import set_wall
from tests.web.pages import Page, page_served
from tests.web.reading import against_the_rules, read
from tests.web.stores import at_work, begun_run, ended_run, lines, plan, record, snapshot_of

HOSTILE = "<script>alert(1)</script>\u202egnp.exe\x00{{ 7*7 }}\"'><img src=x onerror=alert(2)>"
NOW = "2026-03-01T09:00:00+01:00"
PATHS = ("/", "/runs", "/jobs", "/history", "/history?job=nightly")


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """The morning after."""
    set_wall(monkeypatch, NOW)


async def run_of_300(runs: Path) -> KeptRun:
    """A run on a simulated portal, of whose pages some are not there."""
    async with serve(Scenario(pages=300, missing_share=0.05, cost=0.28)) as sandbox:
        finished = await publish(
            Job(name="handbook", select=Selection(page=("1-300",), scope=Scope.KNOWLEDGE)),
            Webhook(sandbox.webhook),
            store=open_store(runs),
            seed=1,
            watch=watch_nothing,
            on_start=lambda _started: None,
        )
    return finished.kept


@asynccontextmanager
async def page_of_a_run(folder: Path) -> AsyncIterator[tuple[Page, KeptRun]]:
    """A page that shows a run of 300 pages."""
    kept = await run_of_300(folder / "runs")
    async with page_served(folder) as page:
        yield page, kept


async def test_a_run_is_shown_with_what_its_report_says(tmp_path: Path) -> None:
    async with page_of_a_run(tmp_path) as (page, kept):
        answer = await page.get(f"/runs/{kept.name}")

    shown = read(answer.text)
    assert answer.status == 200
    assert against_the_rules(answer.text) == []
    assert "LANDING_NOT_EXIST" in answer.text
    assert "285" in " ".join(one.text for one in shown.all("dd"))
    assert len(shown.all("figure")) == 4
    assert len([row for row in shown.rows() if row.endswith("UTC")]) == 50


async def test_outcomes_are_searched_and_shown_part_by_part(tmp_path: Path) -> None:
    async with page_of_a_run(tmp_path) as (page, kept):
        bad = read((await page.get(f"/runs/{kept.name}?status=bad")).text)
        last = read((await page.get(f"/runs/{kept.name}?size=25&page=99")).text)
        one = read((await page.get(f"/runs/{kept.name}?q=page+217")).text)
        none = await page.get(f"/runs/{kept.name}?q=nowhere")

    outcomes = [row for row in bad.rows() if "UTC" in row]
    assert len(outcomes) == 15
    assert all("failed" in row for row in outcomes)
    assert len([row for row in last.rows() if "UTC" in row]) == 25
    assert "276–300 of 300" in " ".join(element.text for element in last.all("nav"))
    assert [row.split()[0] for row in one.rows() if "UTC" in row] == ["217"]
    assert "No outcome is like that" in none.text


async def test_downloads_are_what_the_command_gives(tmp_path: Path) -> None:
    async with page_of_a_run(tmp_path) as (page, kept):
        answers = [await page.get(f"/runs/{kept.name}/outcomes.{kind}") for kind in ("csv", "jsonl")]  # fmt: skip
        async with page.session.get(f"{page.url}/runs/{kept.name}/outcomes.xlsx") as response:
            workbook, kind = await response.read(), response.content_type

    expected = io.StringIO()
    write_csv([kept], expected)
    assert answers[0].text == expected.getvalue()
    assert answers[0].headers["Content-Disposition"] == f'attachment; filename="{kept.name}-outcomes.csv"'  # fmt: skip
    assert [msgspec.json.decode(line)["page"] for line in answers[1].text.splitlines()] == [outcome.page for outcome in kept.outcomes()]  # fmt: skip
    assert kind == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    calamine = pytest.importorskip("python_calamine")
    rows = calamine.CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()  # fmt: skip
    assert len(rows) == 301


async def test_a_file_of_a_long_run_comes_in_pieces(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    kept = begun_run(store, total=5_000)
    await record(kept, list(lines(kept, 5_000)))

    async with page_served(tmp_path) as page:
        answer = await page.get(f"/runs/{kept.name}/outcomes.csv")

    rows = list(csv.reader(io.StringIO(answer.text)))
    assert "Content-Length" not in answer.headers
    assert [int(row[rows[0].index("page")]) for row in rows[1:]] == [*range(1, 5_001)]


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_run_a_page_says_so(tmp_path: Path, path: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get(path)

    assert answer.status == 200
    assert against_the_rules(answer.text) == []
    assert " yet" in answer.text


@pytest.mark.parametrize("path", ["/runs/nowhere", "/runs/nowhere/outcomes.csv", "/live/runs/nowhere", "/runs/..%2F..%2Fetc"])  # fmt: skip
async def test_a_run_that_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    async with page_served(tmp_path) as page:
        answer = await page.get(path)

    assert answer.status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_whatever_a_query_asks_for_there_is_an_answer(tmp_path: Path, path: str) -> None:
    ended_run(open_store(tmp_path / "runs"))
    odd = (
        f"page=-1&size=x&sort=%00&show=..&reversed=2&q={'a' * 500}&night=0&status=%E2%80%AE&page=2"
    )

    async with page_served(tmp_path) as page:
        answer = await page.get(f"{path}{'&' if '?' in path else '?'}{odd}")

    assert answer.status == 200
    assert against_the_rules(answer.text) == []


async def test_what_others_have_written_is_text_wherever_it_stands(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    kept = ended_run(store, job=HOSTILE, portal=HOSTILE, host=HOSTILE, counts={Status.FAILED: 2}, left=1, stopped=HOSTILE)  # fmt: skip
    again = ended_run(store, at=1.0, job=HOSTILE, portal=HOSTILE, counts={Status.FAILED: 2})
    bad = [
        msgspec.structs.replace(line, status=Status.FAILED, title=HOSTILE + "x" * 10_000, error=HOSTILE, error_description=HOSTILE, hint=HOSTILE, url=f"javascript:{HOSTILE}", source=HOSTILE, row={HOSTILE: HOSTILE})
        for line in lines(kept, 2)
    ]  # fmt: skip
    await record(kept, bad)
    await record(again, [msgspec.structs.replace(line, run=again.run_id) for line in bad])
    slot = Slot(cron=HOSTILE, timezone=HOSTILE, next_due=1_772_400_000.0, last=Ended(due=1, at=2, status=1, runs=(kept.name,)))  # fmt: skip
    plan(store, {HOSTILE: slot})

    async with page_served(tmp_path) as page:
        job = (await page.get("/jobs")).text
        name = next(one.attributes["href"] for one in read(job).all("a") if "job=" in (one.attributes["href"] or ""))  # fmt: skip
        paths = [*PATHS, f"/runs/{kept.name}", f"/runs/{kept.name}?q=script", str(name)]
        texts = {path: (await page.get(path)).text for path in paths}
        live = [await _first_event(page, f"/live/{part}") for part in ("now", "runs", "jobs", f"runs/{kept.name}")]  # fmt: skip

    assert {path: against_the_rules(text) for path, text in texts.items()} == {path: [] for path in texts}  # fmt: skip
    for text in (*texts.values(), *live):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x00" not in text
        assert "x" * 400 not in text
    assert "&lt;script&gt;alert(1)" in texts[f"/runs/{kept.name}"]
    assert "{{ 7*7 }}" in texts["/"]


async def _first_event(page: Page, path: str) -> str:
    async with page.session.get(page.url + path) as response:
        return await _event(response)


async def _event(response: aiohttp.ClientResponse) -> str:
    told: list[str] = []
    while line := (await response.content.readuntil(b"\n")).decode().rstrip("\n"):
        told.append(line.removeprefix("data: "))
    return "\n".join(told)


async def test_who_watches_sees_a_run_go_on_without_asking_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    kept = begun_run(store)

    async with page_served(tmp_path) as page:
        with at_work() as work:
            work.begin(kept, snapshot_of(kept, time=1_772_351_000.0, pages=40))
            async with page.session.get(f"{page.url}/live/now?show=work") as response:
                first = await _event(response)
                kept.write_progress(snapshot_of(kept, time=1_772_351_005.0, pages=57))
                second = await _event(response)

    assert "40 of 100" in first
    assert "57 of 100" in second
    assert "h1" not in first


async def test_500_portals_are_found_by_word_state_and_part(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    for number in range(500):
        ended_run(store, at=1_772_334_000.0 + number, portal=f"client-{number:03}", host=f"client-{number:03}.bitrix24.com", counts={Status.PUBLISHED: 9, Status.FAILED: int(number % 50 == 0)})  # fmt: skip

    async with page_served(tmp_path) as page:
        first = read((await page.get("/")).text)
        third = read((await page.get("/?sort=portal&size=200&page=3")).text)
        trouble = read((await page.get("/?show=trouble&q=client-1")).text)
        most = read((await page.get("/runs?sort=failed&size=25")).text)

    assert len(first.rows()) == 50
    assert first.rows()[0].startswith("client-000")
    assert len(third.rows()) == 100
    assert third.rows()[0].startswith("client-400")
    assert [row[:10] for row in trouble.rows()] == ["client-100", "client-150"]
    assert all("1 failed or unknown" in row for row in most.rows()[:10])


async def test_runs_that_cannot_be_read_stand_beside_each_other(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    for number in range(2):
        kept = ended_run(store, at=1_772_334_000.0 + number)
        (tmp_path / "runs" / kept.name / "run.json").write_text("{")

    async with page_served(tmp_path) as page:
        answers = [await page.get(path) for path in ("/", "/runs", f"/runs/{kept.name}")]

    assert [against_the_rules(answer.text) for answer in answers] == [[], [], []]
    assert len(read(answers[0].text).rows()) == 2
    assert all("is damaged" in answer.text for answer in (answers[0], answers[2]))


async def test_a_link_to_another_part_keeps_what_was_asked_for(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    for number in range(30):
        ended_run(store, at=1_772_334_000.0 + number, portal=f"client-{number:03}")

    async with page_served(tmp_path) as page:
        shown = read((await page.get("/?q=client&sort=portal&size=25")).text)
        link = next(one for one in shown.all("a") if one.attributes.get("rel") == "next")
        following = read((await page.get(str(link.attributes["href"]))).text)

    assert [row[:10] for row in following.rows()] == [f"client-{number:03}" for number in range(25, 30)]  # fmt: skip


async def test_jobs_are_told_in_our_time_zone_and_their_own(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    plan(store, {"nightly": Slot(cron="30 2 * * *", timezone="America/New_York", next_due=1_772_436_600.0)})  # fmt: skip

    async with page_served(tmp_path) as page:
        answer = await page.get("/jobs")

    (row,) = read(answer.text).rows()
    assert "02 Mar 08:30" in row
    assert "02 Mar 02:30 in America/New_York" in row


async def test_history_tells_what_fails_again_and_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "runs")
    for number in range(3):
        kept = ended_run(store, at=1_772_000_000.0 + number, counts={Status.PUBLISHED: 18, Status.FAILED: 2}, seconds=100.0 + number)  # fmt: skip
        await record(kept, list(lines(kept, 20)))

    async with page_served(tmp_path) as page:
        answer = await page.get("/history?job=nightly")

    rows = read(answer.text).rows()
    assert against_the_rules(answer.text) == []
    assert "10 shop PUBLICATION_ERROR 3" in rows
    assert "20 shop TIMEOUT 3" in rows
    assert any("+2 %" in row or "+1 %" in row for row in rows)
