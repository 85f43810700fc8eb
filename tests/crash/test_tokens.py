"""Processes that are killed while their tokens last seconds: nothing is lost, and no lock-out goes unnoticed."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bulk_publisher.model import Status
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import open_store
from tests.applications import keep_tokens, tokens_in
from tests.oracle import assert_journal_tells_the_truth
from tests.processes import begun, ended, lines_of, moments

PAGES = 1_500
PORTAL = Scenario(
    pages=PAGES,
    cost=0.02,
    cost_spread=0.0,
    plan="self-hosted",
    token_lifetime=0.5,
    token_latency=0.15,
)
PUBLISH = ("publish", "--scope", "KNOWLEDGE", "--portal-plan", "self-hosted", "--batch-size", "5", "--concurrency", "2")  # fmt: skip


@dataclass
class Told:
    """What happened to the processes.

    Attributes:
        locked_out: Lock-outs that the file told of beforehand.
    """

    kills: int = 0
    locked_out: int = 0
    renewals_cut: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


async def start(runs: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bulk_publisher", *words, "--runs", str(runs)),
        env={**os.environ, "BULK_PUBLISHER_REPORT": "0", "PYTHONWARNINGS": ""},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


def is_locked_out(sandbox: Sandbox, file: Path) -> bool:
    """Whether the refresh token that is kept is void."""
    return tokens_in(file).refresh_token != sandbox.oauth.refresh_token


async def after_a_lock_out(sandbox: Sandbox, runs: Path, file: Path, told: Told) -> None:
    """It was noted beforehand, it is said with exit status 4, and a login ends it."""
    assert tokens_in(file).asked_at is not None
    told.locked_out += 1
    process = await start(runs, "resume", "latest", "--yes")
    status, said = await ended(process)
    assert status == 4, said
    assert "cut off between asking" in " ".join(said.split())
    assert "bulk-publisher login" in said
    keep_tokens(sandbox, file)


def half_written(folder: Path) -> list[Path]:
    """What a killed process has left of tokens, and the next one has not removed."""
    return list(folder.glob(".tokens.json.*.new"))


@pytest.mark.crash
@pytest.mark.real_time
async def test_fifty_kills_lose_nothing_and_lock_out_only_where_that_was_noted(
    tmp_path: Path,
) -> None:
    rng, told, runs = random.Random(11), Told(), tmp_path / "runs"
    file = tmp_path / "tokens.json"
    async with serve(PORTAL) as sandbox:
        keep_tokens(sandbox, file)
        words: tuple[str, ...] = (*PUBLISH, "--oauth-file", str(file))
        while told.kills < moments(50):
            process = await start(runs, *words)
            await begun(process)
            await asyncio.sleep(rng.uniform(0, 0.6))
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                told.kills += 1
            status, said = await ended(process)
            told.statuses[status] += 1
            assert status in {-signal.SIGKILL, 0}, said
            while sandbox.busy:  # noqa: ASYNC110 - it ends within milliseconds, and has no event
                await asyncio.sleep(0.01)
            told.renewals_cut += tokens_in(file).asked_at is not None
            if is_locked_out(sandbox, file):
                await after_a_lock_out(sandbox, runs, file, told)
            words = ("resume", "latest", "--yes")
            if status == 0:
                # It was whole: the next one begins anew.
                words = (*PUBLISH, "--oauth-file", str(file))
        process = await start(runs, "resume", "latest", "--yes")
        status, said = await ended(process)

        folder = open_store(runs).find("latest")
        lines = lines_of(folder)
        assert status == 0, said
        assert {line.status for line in lines} == {Status.PUBLISHED}
        assert {line.page for line in lines} == set(sandbox.world.page_ids())
        assert_journal_tells_the_truth(lines, sandbox)
        refreshes = sandbox.truth.refreshes
    print(f"{told.kills} kills, {refreshes} renewals, {told.renewals_cut} cut, {told.locked_out} lock-outs, {dict(told.statuses)}")  # noqa: T201 - the figures are the point  # fmt: skip
    assert half_written(tmp_path) == []
    assert refreshes > told.kills / 2


@pytest.mark.crash
@pytest.mark.real_time
async def test_two_processes_with_one_file_renew_once_between_them(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    scenario = Scenario(pages=4, plan="self-hosted", token_latency=0.5, token_lifetime=3600.0)
    async with serve(scenario) as sandbox:
        keep_tokens(sandbox, file)
        sandbox.expire_token()
        both = [
            await start(tmp_path / name, *PUBLISH, "--oauth-file", str(file)) for name in ("a", "b")
        ]
        statuses = [(await ended(process))[0] for process in both]

    assert statuses == [0, 0]
    assert sandbox.truth.refreshes == 1
    assert sandbox.truth.errors["invalid_grant"] == 0
