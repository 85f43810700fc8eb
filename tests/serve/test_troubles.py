"""A daemon whose store, files or clock are not as it left them goes on with what it can."""

import asyncio
import shutil
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from bulk_publisher.engine.events import watch_nothing
from bulk_publisher.errors import JournalLost
from bulk_publisher.operations.resuming import reopened
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.happenings import (
    ClockSetBack,
    Draining,
    JobDue,
    JobEnds,
    RunBegins,
    RunRests,
)
from bulk_publisher.serve.timetable import ended
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Firing, Order, Slot
from bulk_publisher.store.steering import Steering, Wish
from tests.serve.daemons import job_file, served
from tests.wall import set_wall

HALF_HOURLY = {"cron": "*/30 * * * *"}


def ordered(runs: Path, known: str, *, at: float = 1.0) -> Order:
    """An order for the job *known*, in the store."""
    order = Order(name=f"{known}-1", known=known, at=at, submitted=1.0)
    with open_store(runs).agenda.order(order.name) as book:
        book.close(order)
    return order


async def test_a_run_whose_folder_was_removed_ends_its_job_and_no_other(tmp_path):
    paths = job_file(tmp_path, "gone", schedule=HALF_HOURLY), job_file(tmp_path, "other")
    runs = tmp_path / "runs"
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, runs, *paths) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(runs).find("latest")
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch()))
        await it.until(RunRests)
        shutil.rmtree(kept.place)
        ends = await it.until(JobEnds)
        ordered(runs, "other")
        other = await it.until(JobEnds, 2)

        assert (ends.job.name, ends.status) == ("gone", 2)
        assert "no such run" in ends.runs[0].why
        assert (other.job.name, other.status) == ("other", 0)


async def test_an_order_that_was_done_is_not_done_again_where_the_daemon_died_before_it_was_removed(
    tmp_path,
):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    order = ordered(runs, "nightly")
    agenda = open_store(runs).agenda
    done = ended(Slot(firing=Firing(due=order.at)), status=0, now=order.at)
    agenda.write_slots({"nightly": Slot(), order.name: done})
    async with serve(Scenario(pages=10)) as sandbox, served(sandbox, runs, path) as it:
        await it.wait(30)

        assert not it.heard.of(RunBegins)
        assert agenda.orders() == []
        assert order.name not in agenda.read_slots()


async def test_an_order_that_can_not_be_removed_is_done_once(tmp_path, monkeypatch):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    ordered(runs, "nightly")
    async with serve(Scenario(pages=10)) as sandbox, served(sandbox, runs, path) as it:
        monkeypatch.setattr(type(open_store(runs).agenda), "remove_order", lambda *_: None)
        await it.until(JobEnds)
        await it.wait(60)

        assert len(it.heard.of(RunBegins)) == 1


async def _slow_until_the_plan_is_lost(
    sandbox: Sandbox, runs: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JournalLost("plan.json: can't be written: No space left on device.")

    async with served(sandbox, runs, path, path.parent / "quick.toml") as it:
        await it.until(RunBegins)
        await it.wait(10)
        monkeypatch.setattr(type(open_store(runs).agenda), "write_slots", fail)
        ordered(runs, "quick")
        await asyncio.wait([it.task])
        (draining,) = it.heard.of(Draining)
        assert draining.why == "plan.json: can't be written: No space left on device."


async def test_a_plan_that_can_not_be_written_lets_runs_finish_what_is_in_flight(
    tmp_path, monkeypatch
):
    path, runs = job_file(tmp_path, "slow", schedule=HALF_HOURLY), tmp_path / "runs"
    job_file(tmp_path, "quick")
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        served_slow = _slow_until_the_plan_is_lost(sandbox, runs, path, monkeypatch)
        with pytest.raises(ExceptionGroup) as raised:
            await served_slow

        assert raised.group_contains(JournalLost, match="No space left")
        kept = open_store(runs).find("latest")
        ended_by = kept.read_description().ended
        assert ended_by is not None
        assert not kept.read_notes()[0]


async def test_a_run_that_another_process_has_finished_ends_its_job_before_its_rest_is_over(
    tmp_path, monkeypatch
):
    set_wall(monkeypatch, "2026-11-27T21:55+01:00")
    pace = {"between": "20:00-22:00", "timezone": "Europe/Berlin"}
    path = job_file(tmp_path, schedule={"cron": "56 21 * * *"}, pace=pace)
    runs = tmp_path / "runs"
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, runs, path) as it,
    ):
        rests = await it.until(RunRests)
        assert rests.at is not None
        kept = open_store(runs).find(rests.run)
        with reopened(kept, {"pace": {"between": "always"}}) as again:
            await again.go_on(
                Webhook(sandbox.webhook), seed=1, watch=watch_nothing, on_start=lambda _: None
            )
        ends = await it.until(JobEnds)

        assert ends.status == 0
        assert it.clock.epoch() < rests.at


@pytest.mark.parametrize("step", [-3600.0, 3600.0], ids=["back", "on"])
async def test_a_clock_that_is_set_neither_repeats_a_time_nor_stalls(tmp_path, monkeypatch, step):
    begins, steps = datetime.fromisoformat("2026-11-27T02:50+01:00").timestamp(), [0.0]

    def now() -> float:
        return begins + asyncio.get_running_loop().time() + sum(steps)

    monkeypatch.setattr("bulk_publisher.clock.time", SimpleNamespace(**{**vars(time), "time": now}))
    daily = job_file(tmp_path, "daily", schedule={"cron": "0 3 * * *"})
    often = job_file(tmp_path, "often", schedule={"cron": "*/30 * * * *"})
    async with (
        serve(Scenario(pages=10)) as sandbox,
        served(sandbox, tmp_path / "runs", daily, often) as it,
    ):
        await it.until(JobEnds, 2)
        steps.append(step)
        await it.wait(2 * 3600)

        due = [(one.job, one.what.due) for one in it.heard.of(JobDue)]
        assert len([job for job, _ in due if job == "daily"]) == 1
        # What was passed over is caught up with once.
        assert len([job for job, _ in due if job == "often"]) == (5 if step < 0 else 6)
        assert len(it.heard.of(ClockSetBack)) == (step < 0)
        assert it.daemon.slots["daily"].next_due == begins + 600 + 86_400


async def test_once_does_not_wait_for_somebody_to_resume_a_run(tmp_path):
    path, runs = job_file(tmp_path), tmp_path / "runs"
    ordered(runs, "nightly")
    async with (
        serve(Scenario(pages=600, cost=1.0)) as sandbox,
        served(sandbox, runs, path, is_once=True) as it,
    ):
        await it.until(RunBegins)
        await it.wait(10)
        kept = open_store(runs).find("latest")
        kept.steer(Steering(wish=Wish.PAUSE, at=it.clock.epoch()))
        await it.until(RunRests)
        ended_in_time, _ = await asyncio.wait([it.task], timeout=60)

        assert ended_in_time
        assert open_store(runs).agenda.read_slots()["nightly-1"].firing is not None
