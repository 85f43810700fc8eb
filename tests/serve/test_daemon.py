"""A daemon begins what is due, and sees that all it has begun comes to its end."""

import asyncio
import contextlib
import io

import pytest

from bulk_publisher.errors import RunBusy
from bulk_publisher.jobs import Job, Selection, encode_job
from bulk_publisher.model import Scope
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.happenings import (
    FileRefused,
    JobDue,
    JobEnds,
    RunBegins,
    RunEnds,
    RunRests,
)
from bulk_publisher.serve.timetable import CaughtUp, Fired, Queued, Skipped
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Order
from bulk_publisher.store.steering import Steering, Wish
from tests.oracle import assert_journal_tells_the_truth
from tests.serve.daemons import job_file, served
from tests.wall import set_wall

HALF_AN_HOUR = 1800.0


async def test_a_job_is_done_each_time_that_it_is_due(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    async with serve(Scenario(pages=60)) as sandbox, served(sandbox, tmp_path / "runs", path) as it:
        await it.until(JobEnds, 3)

        dues = [due.what.due for due in it.heard.of(JobDue)]
        assert [later - dues[0] for later in dues] == [0, HALF_AN_HOUR, 2 * HALF_AN_HOUR]
        assert [ends.status for ends in it.heard.of(JobEnds)] == [0, 0, 0]
        runs = open_store(tmp_path / "runs").runs()
        assert len(runs) == 3
        for run in runs:
            assert len(list(run.outcomes())) == 60


async def test_a_run_that_a_dead_daemon_left_goes_on_first(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"}, pace={"batch_size": 10})
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            async with served(sandbox, runs, path) as it:
                await it.until(RunBegins)
                await it.wait(20)
                it.task.cancel()
                await it.task
        assert 0 < len(list(open_store(runs).find("latest").outcomes())) < 600

        async with served(sandbox, runs, path) as it:
            ends = await it.until(JobEnds)

            assert ends.status == 0
            assert not it.heard.of(JobDue)
            (run,) = open_store(runs).runs()
            lines = list(run.outcomes())
            assert len(lines) == 600
            assert_journal_tells_the_truth(lines, sandbox)


async def test_a_daemon_that_is_drained_leaves_its_runs_for_the_next(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        async with served(sandbox, runs, path) as it:
            await it.until(RunBegins)
            await it.wait(20)
        assert not it.heard.of(JobEnds)

        async with served(sandbox, runs, path) as it:
            assert (await it.until(JobEnds)).status == 0

        assert len(open_store(runs).runs()) == 1


async def test_a_time_that_was_missed_while_no_daemon_was_there_is_caught_up_with_once(
    tmp_path, monkeypatch
):
    set_wall(monkeypatch, "2026-11-27T12:05+01:00")
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    async with serve(Scenario(pages=10)) as sandbox:
        async with served(sandbox, tmp_path / "runs", path) as it:
            await it.wait(5)
            clock = it.clock
        await clock.sleep_until(clock.now() + 3 * HALF_AN_HOUR + 600)
        async with served(sandbox, tmp_path / "runs", path, clock=clock) as it:
            await it.until(JobEnds)
            await it.wait(60)

            assert [type(due.what) for due in it.heard.of(JobDue)] == [CaughtUp]


@pytest.mark.parametrize(("overlap", "kind"), [("skip", Skipped), ("queue", Queued)])
async def test_a_job_that_is_due_while_it_is_done_is_skipped_or_queued(tmp_path, overlap, kind):
    path = job_file(tmp_path, schedule={"cron": "*/5 * * * *", "overlap": overlap})
    async with serve(Scenario(pages=500, cost=1.0)) as sandbox:
        async with served(sandbox, tmp_path / "runs", path) as it:
            await it.until(JobEnds, 2)

        kinds = [type(due.what) for due in it.heard.of(JobDue)]
        assert kinds[0] is Fired
        assert kind in kinds


async def test_a_run_that_is_paused_goes_on_when_its_time_has_come(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(tmp_path / "runs").find("latest")
        until = it.clock.epoch() + 1200
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch(), until=until))
        await it.until(RunRests)
        rested = len(list(kept.outcomes()))
        await it.wait(1100)
        assert len(list(kept.outcomes())) == rested
        ends = await it.until(JobEnds)

        assert ends.status == 0
        assert it.clock.epoch() > until
        assert len(list(kept.outcomes())) == 600


async def test_a_run_that_is_stopped_is_left_alone_until_somebody_resumes_it(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(tmp_path / "runs").find("latest")
        kept.steer(Steering(wish=Wish.STOP, at=it.clock.epoch()))
        ends = await it.until(JobEnds)

        assert ends.status == 3
        assert "stopped" in ends.runs[0].why
        await it.until(JobEnds, 2)
        assert len(open_store(tmp_path / "runs").runs()) == 2


async def test_an_order_is_done_once_from_the_copy_of_its_list(tmp_path):
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=60)) as sandbox, served(sandbox, runs) as it:
        agenda = open_store(runs).agenda
        with agenda.order("one-1") as book:
            path = book.keep_list("pages.csv", io.BytesIO(b"id\n1\n2\n3\n"))
            job = Job(name="one", select=Selection(csv=path, scope=Scope.KNOWLEDGE))
            now = it.clock.epoch()
            book.close(Order(name="one-1", at=now + 60, job=encode_job(job), submitted=now))

        ends = await it.until(JobEnds)

        assert ends.status == 0
        assert it.clock.epoch() >= now + 60
        assert len(list(open_store(runs).find("latest").outcomes())) == 3
        assert agenda.orders() == []
        assert "one-1" not in it.daemon.slots


async def test_a_portal_that_is_away_is_asked_again_later(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    scenario = Scenario(pages=60, faults={"html503": 1.0})
    async with serve(scenario) as sandbox, served(sandbox, tmp_path / "runs", path) as it:
        await it.until(RunRests, 2)

        assert not it.heard.of(RunEnds)


async def test_a_job_file_that_can_not_be_used_ends_no_other_and_keeps_its_last_version(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/30 * * * *"})
    async with (
        serve(Scenario(pages=10)) as sandbox,
        served(sandbox, tmp_path / "runs", tmp_path) as it,
    ):
        await it.wait(10)
        path.write_text('name = "nightly"\n[schedule]\ncron = "0 99 * * *"\n')
        (tmp_path / "other.toml").write_text("name = \n")
        refused = await it.until(FileRefused, 2)

        assert {one.keeps_last for one in it.heard.of(FileRefused)} == {True, False}
        assert "other.toml:1" in refused.why or "nightly.toml:3" in refused.why
        assert (await it.until(JobEnds)).status == 0


async def test_once_does_what_is_due_and_ends(tmp_path):
    path = job_file(tmp_path, schedule={"cron": "*/10 * * * *"})
    async with serve(Scenario(pages=10)) as sandbox:
        async with served(sandbox, tmp_path / "runs", path, is_once=True) as first:
            await asyncio.wait([first.task])
        assert not first.heard.of(RunBegins)
        await first.wait(1500)

        clock = first.clock
        async with served(sandbox, tmp_path / "runs", path, is_once=True, clock=clock) as second:
            await asyncio.wait([second.task])
        assert len(second.heard.of(RunBegins)) == 1
        assert len(second.heard.of(JobEnds)) == 1


async def test_one_daemon_at_a_time_serves_a_store(tmp_path):
    async with serve(Scenario(pages=10)) as sandbox, served(sandbox, tmp_path / "runs") as it:
        await it.wait(2)
        with pytest.raises(ExceptionGroup) as raised:
            async with served(sandbox, tmp_path / "runs") as second:
                await second.task
        assert raised.group_contains(RunBusy)
