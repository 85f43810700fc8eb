"""A run that is watched and steered, from start to end, on a daemon that is a process of its own."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bulk_publisher.sandbox import Sandbox, Scenario, serve
from tests.browser.stage import Reader, Stage, browsed, reading
from tests.contract.conftest import COMMAND, carry_out, environment

SLOW = Scenario(pages=600, cost=0.15, unpaid_pages=[7, 8])
"""It takes half a minute."""


@dataclass
class Served:
    """A daemon that is a process, and its portal."""

    url: str
    sandbox: Sandbox
    tokens: dict[str, str]


@asynccontextmanager
async def served(folder: Path, store: str, scenario: Scenario = SLOW) -> AsyncIterator[Served]:
    """``serve --web`` of the job ``nightly``, at whose page ``anna`` and ``boris`` may steer."""
    (folder / "nightly.toml").write_text('name = "nightly"\n[select]\nscope = "KNOWLEDGE"\n')
    tokens = {
        name: carry_out(folder, "web", "token", "add", name, "--role", "steer").stdout.strip()
        for name in ("anna", "boris")
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web = f"127.0.0.1:{free.getsockname()[1]}"
    async with serve(scenario) as sandbox:
        daemon = await asyncio.create_subprocess_exec(
            *COMMAND, "serve", "--store", store, "--web", web, "nightly.toml",
            cwd=folder, env=environment(sandbox.webhook), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await _up(f"http://{web}")
            yield Served(f"http://{web}", sandbox, tokens)
            daemon.send_signal(signal.SIGTERM)
            _, said = await asyncio.wait_for(daemon.communicate(), 30)
            assert (daemon.returncode, b"Traceback" in said) == (0, False), said
        finally:
            if daemon.returncode is None:
                daemon.kill()
                await daemon.wait()


async def _up(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            try:
                async with session.get(f"{url}/healthz"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where runs are kept."""
    return request.getfixturevalue("database") if request.param == "database" else str(tmp_path / "runs")  # fmt: skip


PAGES_ON_NOW, PAGES_OF_RUN = "td[data-label=Pages]", ".tile.wide dd"


@pytest.mark.parametrize(
    ("has_scripts", "where"),
    [(True, "folder"), (True, "database"), (False, "folder")],
    ids=["scripts", "a database", "no scripts"],
    indirect=["where"],
)
@browsed
async def test_a_run_is_watched_stopped_continued_and_tried_again(
    has_scripts: bool, stage: Stage, tmp_path: Path, where: str
) -> None:
    async with (
        served(tmp_path, where) as daemon,
        reading(stage, daemon.url, java_script_enabled=has_scripts) as anna,
    ):
        await anna.log_in(daemon.tokens["anna"], "/jobs")
        submit = await anna.press("Submit")
        await anna.open("/")
        await anna.until("td[data-label=State]", "running")
        first = await anna.until(PAGES_ON_NOW, "of 600")
        await anna.until_other(PAGES_ON_NOW, than=first)

        await anna.page.locator("th a[href^='/runs/2']").click()
        stop = await anna.press("Stop")
        await anna.until(".facts", "stopped")
        done = len(daemon.sandbox.truth.publications)
        left = await anna.page.locator(PAGES_OF_RUN).first.inner_text()
        await anna.until(".actions", "Continue…")
        proceed = await anna.press("Continue")
        await anna.until(".facts", "failed")
        whole = await anna.page.locator(PAGES_OF_RUN).first.inner_text()
        buttons = await anna.until(".actions", "Retry 2 pages…")
        again = await anna.press("Retry 2 pages")
        await anna.open("/runs?sort=started")
        await anna.until("tr", "retry of")

    assert "Do job nightly once" in submit
    assert stop.startswith("Stop run")
    assert 0 < done < 598
    assert " left" in left
    assert not left.splitlines()[-1].startswith("0 left")
    assert proceed.startswith("Continue run")
    assert (whole.split()[0], "2 failed" in whole, "0 left" in whole) == ("600", True, True)
    assert "Stop" not in buttons
    assert "Retry 2 pages that failed or are unknown" in again
    assert sorted(daemon.sandbox.truth.publications.values()) == [1] * 598


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
@browsed
async def test_a_plan_is_made_approved_by_another_and_published(
    has_scripts: bool, stage: Stage, tmp_path: Path
) -> None:
    quick = Scenario(pages=30, cost=0.05)
    async with (
        served(tmp_path, str(tmp_path / "runs"), quick) as daemon,
        reading(stage, daemon.url, java_script_enabled=has_scripts) as anna,
        reading(stage, daemon.url, java_script_enabled=has_scripts) as boris,
    ):
        await anna.log_in(daemon.tokens["anna"], "/jobs")
        await boris.log_in(daemon.tokens["boris"], "/plans")
        made = await anna.press("Make a plan")
        await _reloaded_until(anna, "p-")
        await anna.page.get_by_role("link", name="p-").first.click()
        own = await anna.page.inner_text("main")

        await _reloaded_until(boris, "p-")
        await boris.page.get_by_role("link", name="p-").first.click()
        approve = await boris.press("Approve")
        publish = await boris.press("Publish")
        await boris.open("/runs")
        await boris.until("tr", "done")

    assert "Make a plan of job nightly" in made
    assert "You have proposed it: somebody else must approve it." in own
    assert "Approve…" not in own
    assert "30 pages" in approve
    assert "30 pages" in publish
    assert sorted(daemon.sandbox.truth.publications.values()) == [1] * 30


async def _reloaded_until(reader: Reader, words: str) -> None:
    """A page that is not watched."""
    async with asyncio.timeout(30):
        while not await reader.page.locator("tbody").filter(has_text=words).count():
            await asyncio.sleep(0.5)
            await reader.page.reload()
