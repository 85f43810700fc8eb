"""What somebody asks a daemon for besides a job: that a run goes on, is tried again or verified, or a plan."""

import asyncio
import contextlib
import random
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.errors import BadSetting, RunBusy
from bulk_publisher.model import Epoch
from bulk_publisher.operations.approving import approve
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.happenings import JobDue, JobEnds, RunBegins, RunEnds
from bulk_publisher.serve.submitting import (
    check_known,
    order_approved,
    order_for_run,
    order_plan,
    submit_known,
)
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.agenda import Order, OrderKind, Part
from bulk_publisher.store.approvals import Door, Phase
from bulk_publisher.store.steering import Steering, Wish
from tests.oracle import assert_journal_tells_the_truth
from tests.serve.daemons import Played, job_file, served

RNG = random.Random(1)


async def done_once(it: Played, runs: Path, number: int = 1) -> KeptRun:
    """The run of a job that was submitted."""
    submit_known(open_store(runs).agenda, "nightly", at=now(it), now=now(it), by="anna", rng=RNG)
    await it.until(JobEnds, number)
    return open_store(runs).find("latest")


def now(it: Played) -> Epoch:
    return it.clock.epoch()


def ask(it: Played, runs: Path, kind: OrderKind, kept: KeptRun, by: str = "anna") -> str:
    return order_for_run(open_store(runs).agenda, kind, kept, now=now(it), by=by).name


async def stopped(it: Played, runs: Path) -> KeptRun:
    """A run that somebody has stopped in the middle, and that has ended."""
    submit_known(open_store(runs).agenda, "nightly", at=now(it), now=now(it), by="anna", rng=RNG)
    await it.until(RunBegins)
    await it.wait(20)
    kept = open_store(runs).find("latest")
    kept.steer(Steering(wish=Wish.STOP, at=now(it), by="anna"))
    assert (await it.until(JobEnds)).status == 3
    return kept


async def test_failed_pages_are_tried_again_in_a_run_of_their_own(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    scenario = Scenario(pages=30, unpaid_pages=[8, 9])
    async with serve(scenario) as sandbox, served(sandbox, runs, path) as it:
        first = await done_once(it, runs)

        ask(it, runs, OrderKind.RETRY, first, by="berta")

        ends = await it.until(JobEnds, 2)
        (end,) = ends.runs
        second = open_store(runs).find(end.run)
        assert [line.page for line in second.outcomes()] == [8, 9]
        assert first.read_description().retries == (second.run_id,)
        assert not open_store(runs).agenda.orders()
        (deed,) = open_store(runs).audit.read()
        assert (deed.who, deed.what, deed.target) == ("berta", "retry", first.run_id)
        assert (deed.outcome, deed.status) == ("done", 1)


async def test_a_run_that_was_stopped_goes_on(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox, served(sandbox, runs, path) as it:
        kept = await stopped(it, runs)
        assert len(list(kept.outcomes())) < 600

        ask(it, runs, OrderKind.RESUME, kept)

        assert (await it.until(JobEnds, 2)).status == 0
        lines = list(kept.outcomes())
        assert len(lines) == 600
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(open_store(runs).runs()) == 1


async def test_a_run_that_goes_on_is_seen_to_afterwards_as_its_job_says(tmp_path):
    path, runs = job_file(tmp_path, after={"verify": True}), tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox, served(sandbox, runs, path) as it:
        kept = await stopped(it, runs)
        assert not Path(kept.names.verdicts).exists()  # noqa: ASYNC240 - a test

        ask(it, runs, OrderKind.RESUME, kept)

        assert (await it.until(JobEnds, 2)).status == 0
        assert it.heard.of(RunEnds)[-1].aftermath is not None
        assert Path(kept.names.verdicts).exists()  # noqa: ASYNC240 - a test


async def test_what_was_asked_of_a_run_after_it_was_to_go_on_stands(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox, served(sandbox, runs, path) as it:
        kept = await stopped(it, runs)
        settled = len(list(kept.outcomes()))

        ask(it, runs, OrderKind.RESUME, kept)
        kept.steer(Steering(wish=Wish.STOP, at=now(it) + 0.1, by="carla"))

        assert (await it.until(JobEnds, 2)).status == 3
        assert len(list(kept.outcomes())) == settled


async def test_a_daemon_that_dies_leaves_an_order_to_the_next(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0, unpaid_pages=[*range(1, 300)])) as sandbox:
        async with served(sandbox, runs, path) as it:
            first = await done_once(it, runs)
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            async with served(sandbox, runs, path) as it:
                ask(it, runs, OrderKind.RETRY, first)
                await it.until(RunBegins)
                it.task.cancel()
                await it.task

        async with served(sandbox, runs, path) as it:
            await it.until(JobEnds)

        second = first.read_description().retries
        assert len(second) == 1
        assert len(open_store(runs).runs()) == 2
        assert len(list(open_store(runs).find(second[0]).outcomes())) == 299


async def test_the_portal_is_asked_whether_a_journal_is_right(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=30)) as sandbox, served(sandbox, runs, path) as it:
        kept = await done_once(it, runs)

        ask(it, runs, OrderKind.VERIFY, kept)

        await it.until(JobEnds, 2)
        end = it.heard.of(RunEnds)[-1]
        assert (end.status, end.why) == (0, "All 30 pages match the journal.")
        assert Path(kept.names.verdicts).exists()  # noqa: ASYNC240 - a test
        (deed,) = open_store(runs).audit.read()
        assert deed.note == "All 30 pages match the journal."


async def test_two_who_ask_at_once_have_it_done_once(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    scenario = Scenario(pages=30, unpaid_pages=[8])
    async with serve(scenario) as sandbox, served(sandbox, runs, path) as it:
        kept = await done_once(it, runs)
        ask(it, runs, OrderKind.RETRY, kept)

        with pytest.raises(RunBusy, match="anna has asked for that already"):
            ask(it, runs, OrderKind.RETRY, kept, by="berta")

        await it.until(JobEnds, 2)
        assert len(open_store(runs).runs()) == 2


async def test_what_was_asked_for_is_not_asked_for_again_while_it_is_done(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    scenario = Scenario(pages=600, unpaid_pages=[*range(1, 300)])
    async with serve(scenario) as sandbox, served(sandbox, runs, path) as it:
        kept = await done_once(it, runs)
        ask(it, runs, OrderKind.RETRY, kept)
        await it.until(RunBegins, 2)
        assert kept.read_description().retries

        with pytest.raises(RunBusy, match="anna has asked for that already"):
            ask(it, runs, OrderKind.RETRY, kept, by="berta")


async def test_the_same_may_be_asked_for_again_at_once_when_it_has_ended(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=30)) as sandbox, served(sandbox, runs, path) as it:
        kept = await done_once(it, runs)
        first = ask(it, runs, OrderKind.VERIFY, kept)
        await it.until(JobEnds, 2)

        second = ask(it, runs, OrderKind.VERIFY, kept)

        assert first == second
        assert (await it.until(JobEnds, 3)).status == 0


async def test_a_plan_is_made_approved_by_another_and_published_once(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=30)) as sandbox, served(sandbox, runs, path) as it:
        order_plan(open_store(runs).agenda, "nightly", now=now(it), by="anna", rng=RNG)
        await it.until(JobEnds)
        store = open_store(runs)
        (proposal,) = store.approvals.proposals()
        assert (proposal.proposed.by, proposal.about.pages) == ("anna", 30)
        assert not store.runs()
        approve(store, proposal.name, proposal.sha256, by="berta", through=Door.PAGE)

        order_approved(store.agenda, proposal.name, known="nightly", now=now(it), by="berta")

        assert (await it.until(JobEnds, 2)).status == 0
        (run,) = store.runs()
        assert len(list(run.outcomes())) == 30
        assert store.approvals.find(proposal.name).phase(now(it)) is Phase.TAKEN
        assert store.approvals.find(proposal.name).run == run.run_id


async def test_a_plan_that_nobody_has_approved_is_not_published(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=30)) as sandbox, served(sandbox, runs, path) as it:
        order_plan(open_store(runs).agenda, "nightly", now=now(it), by="anna", rng=RNG)
        await it.until(JobEnds)
        store = open_store(runs)
        (proposal,) = store.approvals.proposals()

        order_approved(store.agenda, proposal.name, known="nightly", now=now(it), by="berta")

        assert (await it.until(JobEnds, 2)).status == 2
        assert not store.runs()


async def test_an_order_may_not_reach_what_no_job_of_the_daemon_names(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("https://elsewhere.example/rest/1/secret/")
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=30, unpaid_pages=[3])) as sandbox:
        async with served(sandbox, runs, path) as it:
            kept = await done_once(it, runs)
        # Somebody who may write the store, and not the daemon's own files.
        told = kept.read_description()
        data = {**(told.job_data or {}), "portal": {"webhook": {"file": str(secret)}}}
        with kept.lock():
            kept.write_description(told.with_job(data))

        async with served(sandbox, runs, path) as it:
            ask(it, runs, OrderKind.RETRY, kept)

            (end,) = (await it.until(JobEnds)).runs
            assert end.status == 2
            assert "submitted jobs may not read that file" in end.why


def test_an_order_of_an_older_version_asks_for_a_job():
    told = b'{"name": "nightly-1", "at": 1.0, "known": "nightly", "submitted": 1.0, "by": "anna"}'

    order = msgspec.json.decode(told, type=Order)

    assert (order.kind, order.of) == (OrderKind.JOB, "")


async def test_what_only_asks_is_begun_anew_by_the_next_daemon(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=3000)) as sandbox:
        async with served(sandbox, runs, path) as it:
            kept = await done_once(it, runs)
            ask(it, runs, OrderKind.VERIFY, kept)
            await it.until(JobDue, 2)
            await it.wait(0.2)
        assert not Path(kept.names.verdicts).exists()  # noqa: ASYNC240 - a test
        assert open_store(runs).agenda.orders()

        async with served(sandbox, runs, path) as it:
            await it.until(JobEnds)

            assert it.heard.of(RunEnds)[-1].why == "All 3,000 pages match the journal."
            assert not open_store(runs).agenda.orders()


async def test_a_plan_that_was_taken_by_a_daemon_that_died_is_gone_on_with(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        store = open_store(runs)
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            async with served(sandbox, runs, path) as it:
                order_plan(store.agenda, "nightly", now=now(it), by="anna", rng=RNG)
                await it.until(JobEnds)
                (proposal,) = store.approvals.proposals()
                approve(store, proposal.name, proposal.sha256, by="berta", through=Door.PAGE)
                order_approved(
                    store.agenda, proposal.name, known="nightly", now=now(it), by="berta"
                )
                await it.until(RunBegins)
                await it.wait(20)
                it.task.cancel()
                await it.task
        # It died before it could write down which run that is.
        slots = store.agenda.read_slots()
        name = f"publish-{proposal.name}"
        firing = slots[name].firing
        assert firing is not None
        assert firing.parts[""].run
        forgotten = msgspec.structs.replace(firing, parts={"": Part()})
        store.agenda.write_slots({name: msgspec.structs.replace(slots[name], firing=forgotten)})

        async with served(sandbox, runs, path) as it:
            assert (await it.until(JobEnds)).status == 0

        (run,) = store.runs()
        lines = list(run.outcomes())
        assert len(lines) == 600
        assert_journal_tells_the_truth(lines, sandbox)


def test_of_a_daemon_that_has_only_just_started_no_job_is_known_yet() -> None:
    with pytest.raises(BadSetting) as caught:
        check_known("nightly", {}, is_served=True)

    assert "only just started" in caught.value.hint
