"""Two runs at once on one portal share its limits through the machine."""

import asyncio
import fcntl
import os
import socket
from pathlib import Path

import pytest

from bulk_publisher.client import session
from bulk_publisher.jobs import Pace, Selection
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.decision import Limit
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, User, serve
from bulk_publisher.store.folder import holders
from bulk_publisher.store.folder.credential_turn import CredentialTurn
from tests.oracle import Seen, assert_journal_tells_the_truth, journal_of, run_job


async def _run_both(sandbox: Sandbox, runs: Path, seen: Seen) -> list[Finished]:
    pages = len(sandbox.world)
    halves = (f"1-{pages // 2}", f"{pages // 2 + 1}-{pages}")
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                run_job(sandbox, runs, Selection(page=(half,), scope=Scope.KNOWLEDGE), watch=seen)
            )
            for half in halves
        ]
    return [task.result() for task in tasks]


@pytest.mark.parametrize("billing", ["method", "batch", "both"])
async def test_two_runs_at_once_on_one_portal_are_never_refused(
    tmp_path: Path, billing: str
) -> None:
    scenario = Scenario(pages=4000, cost=0.28, billing=billing)
    async with serve(scenario) as sandbox:
        finished = await _run_both(sandbox, tmp_path, Seen())

    lines = [line for run in finished for line in journal_of(run)]
    assert len(lines) == 4000
    assert not sandbox.truth.refused
    assert max(sandbox.truth.highest_meter.values()) <= 480
    assert_journal_tells_the_truth(lines, sandbox)


async def test_two_runs_at_once_together_take_no_longer_than_one_of_both(tmp_path: Path) -> None:
    async with serve(Scenario(pages=4000)) as sandbox:
        alone = await run_job(sandbox, tmp_path)
    async with serve(Scenario(pages=4000, seed=2)) as sandbox:
        both = await _run_both(sandbox, tmp_path, Seen())

    assert max(run.ending.seconds for run in both) <= 1.1 * alone.ending.seconds


async def test_the_one_that_waits_says_that_another_run_has_its_turn(tmp_path: Path) -> None:
    seen = Seen()
    async with serve(Scenario(pages=1000)) as sandbox:
        await _run_both(sandbox, tmp_path, seen)

    assert Limit.TURN in {wait.limit for wait in seen.waits}


async def test_two_credentials_at_once_on_one_portal_never_overfill_its_bucket(
    tmp_path: Path,
) -> None:
    # Pages one by one: then requests are what binds, and each credential could use up the bucket alone.
    users = [User(id=1, code="a" * 16), User(id=2, code="b" * 16)]
    async with serve(Scenario(pages=600, users=users, cost=0.01, latency=0.05)) as sandbox:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    run_job(
                        sandbox,
                        tmp_path,
                        Selection(page=(half,), scope=Scope.KNOWLEDGE),
                        pace=Pace(batch_size=1),
                        credential=Webhook(sandbox.webhook_of(user.id)),
                    )
                )
                for user, half in zip(users, ("1-300", "301-600"), strict=True)
            ]
        lines = [line for task in tasks for line in journal_of(task.result())]

        assert not sandbox.truth.refused
        assert sandbox.truth.highest_bucket <= 50
        assert_journal_tells_the_truth(lines, sandbox)
    assert len(lines) == 600


async def test_a_run_that_follows_another_remembers_what_that_one_has_used(tmp_path: Path) -> None:
    async with serve(Scenario(pages=3000)) as sandbox:
        await run_job(sandbox, tmp_path, Selection(page=("1-1600",), scope=Scope.KNOWLEDGE))
        await run_job(sandbox, tmp_path, Selection(page=("1601-3000",), scope=Scope.KNOWLEDGE))

    assert not sandbox.truth.refused
    assert max(sandbox.truth.highest_meter.values()) <= 480


async def test_a_run_knows_of_the_requests_of_the_look_before_it(tmp_path: Path) -> None:
    scenario = Scenario(pages=500, missing_share=0.1, cost=0.05)
    everything = Selection(page=("1-500",), scope=Scope.KNOWLEDGE)
    async with serve(scenario) as sandbox:
        await run_job(sandbox, tmp_path, everything)
        await run_job(sandbox, tmp_path, everything)
        await run_job(sandbox, tmp_path, everything)

    assert not sandbox.truth.refused
    assert sandbox.truth.highest_bucket <= 50


async def test_a_run_whose_neighbour_is_killed_asks_what_is_left(
    tmp_path: Path, monkeypatch
) -> None:
    give = CredentialTurn.give

    def give_unless_killed(turn: CredentialTurn, *word) -> None:
        # The kernel lets go of a dead process's locks, and nobody leaves word.
        if turn is not killed:
            give(turn, *word)
        else:
            fcntl.flock(turn._turn, fcntl.LOCK_UN)
            turn._is_ours = False

    monkeypatch.setattr(CredentialTurn, "give", give_unless_killed)
    killed = None
    async with serve(Scenario(pages=2000, cost=0.5, cost_spread=0.1)) as sandbox:
        seen = Seen(), Seen()
        runs = []
        for one, half in zip(seen, ("1-1000", "1001-2000"), strict=True):
            select = Selection(page=(half,), scope=Scope.KNOWLEDGE)
            runs.append(asyncio.ensure_future(run_job(sandbox, tmp_path, select, watch=one)))
            await asyncio.sleep(0.5)
        await asyncio.sleep(114)
        turns = [one.started[0].session.turn for one in seen]
        victim = next(number for number, turn in enumerate(turns) if turn.is_ours)
        killed = turns[victim]._turn
        runs[victim].cancel()
        await asyncio.sleep(300)

        assert not sandbox.truth.refused
        assert max(sandbox.truth.highest_meter.values()) <= 480
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


def _plant(sandbox: Sandbox, holder: str) -> int:
    """Another process's turn, taken and kept; gives its lock."""
    folder = (
        Path(os.environ["XDG_STATE_HOME"]) / "bulk-publisher" / Webhook(sandbox.webhook).identity
    )
    folder.mkdir(parents=True, exist_ok=True)
    turn = os.open(folder / "turn", os.O_RDWR | os.O_CREAT)
    fcntl.flock(turn, fcntl.LOCK_EX)
    os.pwrite(turn, holder.encode(), 0)
    return turn


async def test_a_run_that_was_stopped_with_its_turn_is_named_and_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch
) -> None:
    stat = tmp_path / "proc" / "4711" / "stat"
    stat.parent.mkdir(parents=True)
    stat.write_bytes(b"4711 (a ) S \xff) T 1 1")
    monkeypatch.setattr(holders, "_PROCESSES", tmp_path / "proc")
    seen = Seen()
    async with serve(Scenario(pages=60)) as sandbox:
        turn = _plant(sandbox, f"host {socket.gethostname()}, pid 4711, turn 1\n")
        finished = await run_job(sandbox, tmp_path, watch=seen)
        os.close(turn)

    assert "kill -CONT 4711" in seen.waits[0].because
    assert finished.ending.error is not None
    assert finished.ending.error.exit_status == 3
    assert "pid 4711, which is stopped" in finished.ending.error.message
    assert "kill -CONT 4711" in finished.ending.error.hint
    assert 900 <= finished.ending.seconds <= 960
    assert not finished.totals.pages


async def test_a_turn_that_goes_round_among_others_is_waited_for(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        turn = _plant(sandbox, "host elsewhere, pid 1, turn 1\n")
        async with asyncio.TaskGroup() as group:
            run = group.create_task(run_job(sandbox, tmp_path))
            for number in range(5):
                await asyncio.sleep(600)
                os.pwrite(turn, f"host elsewhere, pid 1, turn {number}\n".encode(), 0)
            os.close(turn)

    assert run.result().ending.is_whole


@pytest.mark.parametrize("pages", [1, 10])
async def test_limits_that_know_no_bound_pass_no_more_than_the_portals_bucket_through_the_door(
    tmp_path: Path, monkeypatch, pages: int
) -> None:
    hostile = Bounds(
        capacity=1e9,
        drain=1e6,
        operating_limit=1e6,
        operating_share=1.0,
        intensity_share=100.0,
        concurrency=64,
        batch_size=pages,
    )
    monkeypatch.setattr(session, "bounds_of", lambda _job, _plan: hostile)
    async with serve(Scenario(pages=80 * pages, cost=0.001, missing_share=0.2)) as sandbox:
        for _ in range(2):
            await run_job(sandbox, tmp_path, pace=Pace(concurrency=64))

    # Up to the bucket, and what drains in the second by which requests come closer together.
    assert sandbox.truth.highest_bucket <= 52
