"""``status`` of a run that goes on, has ended, or was left; and its numbers for Prometheus."""

import json
import os
import re
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.metrics import watched
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import Finished, publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.heard import Snapshot
from tests.folders import describe, described, files_of

OLDER = "20260301T030000Z-1f2e"
OUTPUT = Output(verbosity=-1, log_format="console", is_plain=True)


async def _publish(progress: Progress, runs: Path, **scenario: Any) -> Finished:
    async with serve(Scenario(**scenario)) as sandbox:
        try:
            return await publish(
                Job(name="t", select=Selection(page=("1-100",), scope=Scope.KNOWLEDGE)),
                Webhook(sandbox.webhook),
                store=open_store(runs),
                seed=1,
                watch=progress,
                on_start=progress.start,
            )
        finally:
            progress.finish()


def _status(runs: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["status", "latest", "--runs", str(runs), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_a_run_that_goes_on_is_seen_from_elsewhere(tmp_path):
    seen: list[str] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            seen.append(_status(tmp_path))

    await _publish(Peeking(OUTPUT), tmp_path, pages=100, cost=1.0)

    assert "is running" in seen[-1]
    assert "of 100 pages" in seen[-1]
    assert "operating time:" in seen[-1]


async def test_a_run_that_was_not_heard_of_for_long_says_so_and_promises_nothing(tmp_path):
    seen: list[str] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            path = RunFolder(tmp_path / snapshot.run).progress
            if not path.exists():
                return
            written_at = path.stat().st_mtime - 25
            os.utime(path, (written_at, written_at))
            # Which the process has had for longer than that.
            os.utime(path.with_name("lock"), (0, 0))
            seen.extend((_status(tmp_path), _status(tmp_path, "--json")))

    await _publish(Peeking(OUTPUT), tmp_path, pages=100, cost=1.0)

    assert "last reported 25 s ago" in seen[-2]
    assert "is running" not in seen[-2]
    assert "done in" not in seen[-2]
    assert json.loads(seen[-1])["age"] >= 25
    assert json.loads(seen[-1])["arrives_at"] is None


async def test_what_a_killed_process_has_left_is_not_said_of_the_one_that_is_at_work_now(tmp_path):
    left: list[bytes] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            path = RunFolder(tmp_path / snapshot.run).progress
            left.extend([path.read_bytes()] if path.exists() else [])

    finished = await _publish(Peeking(OUTPUT), tmp_path, pages=100, cost=1.0)
    folder = finished.kept
    files_of(folder).progress.write_bytes(left[0])
    os.utime(files_of(folder).progress, (0, 0))
    describe(folder, ended=None)

    with folder.lock():
        told = _status(tmp_path)

    assert "last reported" not in told
    assert "is running: 100 pages settled" in told


async def test_a_run_that_goes_on_says_why_pages_failed(tmp_path):
    seen: list[str] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            seen.append(_status(tmp_path))

    await _publish(Peeking(OUTPUT), tmp_path, pages=100, cost=1.0, missing_pages=[1, 2, 3, 4])

    assert "LANDING_NOT_EXIST: 4 pages" in seen[-1]


async def test_a_run_that_has_ended_is_summed_up(tmp_path):
    await _publish(Progress(OUTPUT), tmp_path, pages=100)

    assert "100 pages settled in" in _status(tmp_path)
    assert json.loads(_status(tmp_path, "--json"))["state"] == "ended"


async def test_a_run_whose_process_is_gone_names_resume(tmp_path):
    finished = await _publish(Progress(OUTPUT), tmp_path, pages=100)
    describe(finished.kept, ended=None, totals=None)

    assert f"bulk-publisher resume {files_of(finished.kept).path}" in _status(tmp_path)
    assert json.loads(_status(tmp_path, "--json"))["state"] == "dead"


def test_a_run_that_is_not_there_is_said_in_a_line(tmp_path):
    result = CliRunner().invoke(main, ["status", "nothing", "--runs", str(tmp_path)])

    assert result.exit_code == 2
    assert "no such run" in result.stderr


def _all_runs(runs: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["status", "--runs", str(runs), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_without_a_run_all_are_listed_the_newest_first(tmp_path):
    seen: list[str] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            seen.append(_all_runs(tmp_path))

    first = await _publish(Progress(OUTPUT), tmp_path, pages=100, missing_pages=[5, 6])
    files_of(first.kept).path.rename(tmp_path / OLDER)
    second = await _publish(Peeking(OUTPUT), tmp_path, pages=100, cost=1.0)
    describe(second.kept, ended=None)

    host = second.kept.read_description().portal
    assert re.search(rf"{second.kept.run_id}  t  just now  .* s +running: ", seen[-1])
    told = [re.sub(r"  +", " | ", line) for line in _all_runs(tmp_path).splitlines()]
    assert re.fullmatch(
        rf" \| {second.kept.run_id} \| t \| just now \| .* s \| process died: resume it", told[1]
    )
    assert re.fullmatch(
        rf" \| {OLDER} \| t \| just now \| .* s \| 100 pages, 2 failed or unknown", told[-1]
    )
    assert f"{host}:" in told
    states = [run["state"] for run in json.loads(_all_runs(tmp_path, "--json"))]
    assert states == ["dead", "ended"]


async def test_a_rollback_is_not_listed_as_the_job_that_it_undoes(tmp_path):
    finished = await _publish(Progress(OUTPUT), tmp_path, pages=100)
    following = {"kind": "rollback", "run": OLDER, "folder": str(tmp_path / OLDER)}
    describe(finished.kept, following=following)

    assert f"  {finished.kept.run_id}  rollback of {OLDER}  just now  " in _all_runs(tmp_path)


async def test_a_run_that_stopped_early_or_can_t_be_read_is_listed_too(tmp_path):
    first = await _publish(Progress(OUTPUT), tmp_path, pages=100)
    describe(first.kept, totals=described(first.kept)["totals"] | {"is_whole": False})
    stopped = _all_runs(tmp_path)
    files_of(first.kept).description.write_text("{")

    assert stopped.endswith("  stopped early: 100 pages\n")
    assert "can't be read" in _all_runs(tmp_path)


def test_where_there_is_no_run_that_is_said(tmp_path):
    assert _all_runs(tmp_path) == f"No runs in {tmp_path} yet.\n"


async def test_prometheus_can_read_the_numbers_while_the_run_goes_on(tmp_path):
    pytest.importorskip("prometheus_client")
    port, seen = _free_port(), []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                seen.append(answer.read().decode())

    output = Output(verbosity=-1, log_format="console", is_plain=True, metrics_port=port)
    await _publish(watched(Peeking(output), output), tmp_path, pages=100, cost=1.0)

    host = open_store(tmp_path).find("latest").read_description().portal
    of = f'job="t",portal="{host}"'
    assert f'bulk_publisher_pages_total{{{of},status="published"}}' in seen[-1]
    assert re.search(
        rf'bulk_publisher_budget_limit{{budget="operating",{of},run="[^"]+"}} 480.0', seen[-1]
    )
    assert f"bulk_publisher_requests_total{{{of}}}" in seen[-1]


def test_a_port_that_is_taken_is_said_in_a_line():
    pytest.importorskip("prometheus_client")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output = Output(verbosity=-1, log_format="console", is_plain=True, metrics_port=port)

        with pytest.raises(BadSetting, match="can't be used"):
            watched(Progress(output), output)
