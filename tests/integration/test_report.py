"""The report of a run, in a real browser: its pictures are there and its script has no errors."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bulk_publisher.engine.events import watch_nothing
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.writing import leave_report
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")  # fmt: skip
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip


async def _report(runs: Path) -> Path:
    select = Selection(page=("1-300",), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=300, missing_share=0.05, cost=0.28)) as sandbox:
        finished = await publish(
            Job(name="t", select=select),
            Webhook(sandbox.webhook),
            store=open_store(runs),
            seed=1,
            watch=watch_nothing,
            on_start=lambda _started: None,
        )
    path = Path(leave_report(finished.kept))
    assert path is not None
    return path


def _browse(profile: Path, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None, "these tests need Chromium: apt-get install chromium"
    return subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
         "--virtual-time-budget=2000", *options, page.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


async def test_a_run_of_300_pages_has_a_small_report(tmp_path):
    path = await _report(tmp_path)

    text = path.read_text()
    assert "Pages that failed" in text
    assert len(text) < 500_000


@pytest.mark.service
async def test_a_browser_shows_it_without_an_error_of_its_script(tmp_path):
    path = await _report(tmp_path)

    seen = _browse(tmp_path / "profile", path, "--dump-dom")

    assert seen.stdout.count("<figure>") == 3
    assert "LANDING_NOT_EXIST</td>" in seen.stdout
    # On a telephone, where no head stands above, each cell says what it is.
    assert 'data-label="what the portal says"' in seen.stdout
    assert "CONSOLE" not in seen.stderr


@pytest.mark.service
async def test_a_browser_can_take_its_picture(tmp_path):
    path, picture = await _report(tmp_path), tmp_path / "report.png"

    _browse(tmp_path / "profile", path, f"--screenshot={picture}", "--window-size=1200,2000")

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000
