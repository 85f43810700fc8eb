"""A run hears what it is asked from outside, through where it is kept."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.clock import LoopClock
from bulk_publisher.engine.events import Event, PagesSettled
from bulk_publisher.errors import BadSetting, StopRequested
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.operations.stopping import end_run
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.description import FinalTotals
from bulk_publisher.store.steering import Steering, Wish
from tests.oracle import Seen, assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import resume
from tests.store.making import begun


class _Steered(Seen):
    """Asks something of the run as soon as the first pages are settled."""

    def __init__(self, runs: Path, steering: Steering) -> None:
        super().__init__()
        self._runs = runs
        self._steering: Steering | None = steering

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, PagesSettled) and self._steering is not None:
            open_store(self._runs).find("latest").steer(self._steering)
            self._steering = None


@pytest.mark.parametrize("wish", Wish)
async def test_a_run_that_is_asked_to_end_drains_and_is_left_for_a_resume(tmp_path, wish):
    asked = Steering(wish=wish, at=1.0, by="ann")
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=_Steered(tmp_path, asked))

        assert isinstance(finished.ending.error, StopRequested)
        assert finished.ending.error.exit_status == 3
        assert "by ann" in finished.ending.error.message
        assert 0 < finished.totals.pages < 600
        assert_journal_tells_the_truth(journal_of(finished), sandbox)
        assert finished.kept.read_steering() == asked

        again = await resume(sandbox, finished.kept)

        assert again.ending.is_whole
        assert again.kept.read_steering() is None
        assert_journal_tells_the_truth(journal_of(again), sandbox)


async def test_what_a_run_says_of_itself_is_never_older_than_five_seconds(tmp_path):
    ages: list[float] = []

    class Listening(Seen):
        def __call__(self, event: Event) -> None:
            super().__call__(event)
            heard = self.started[0].kept.read_progress() if self.started else None
            if heard is not None:
                ages.append(self.started[0].session.clock.epoch() - heard.snapshot.time)

    async with serve(Scenario(pages=600, cost=1.0)) as sandbox:
        finished: Finished = await run_job(sandbox, tmp_path, watch=Listening())

    assert len(ages) > 10
    assert max(ages) <= 5.1
    assert finished.kept.read_progress() is None


async def test_who_stops_a_run_waits_until_its_pages_in_flight_have_ended(tmp_path):
    asked = Steering(wish=Wish.STOP, at=1.0)

    class Stopping(Seen):
        def on_settled(self) -> None:
            begun.set()

    begun, seen = asyncio.Event(), Stopping()
    async with serve(Scenario(pages=600, cost=1.0)) as sandbox, asyncio.TaskGroup() as group:
        running = group.create_task(run_job(sandbox, tmp_path, watch=seen))
        await begun.wait()
        kept = open_store(tmp_path).find("latest")

        assert await end_run(kept, asked, LoopClock(), is_waited_for=True)

        assert not kept.is_locked
        assert (await running).totals.pages == kept.read_description().final.pages < 600


async def test_a_run_that_is_whole_can_not_be_stopped(tmp_path):
    async with serve(Scenario(pages=10)) as sandbox:
        kept = (await run_job(sandbox, tmp_path)).kept

    with pytest.raises(BadSetting, match="nothing to pause"):
        await end_run(kept, Steering(wish=Wish.PAUSE, at=1.0), LoopClock(), is_waited_for=True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["pause", "latest", "--until", "6:0"], "--until must be a time"),
        (["pause", "latest", "--until", "2020-01-01 06:00"], "that is past"),
        (["stop", "latest"], "no such run"),
    ],
)
def test_what_can_not_be_asked_of_a_run_is_said_in_a_line(tmp_path, words, why):
    result = CliRunner().invoke(main, [*words, "--runs", str(tmp_path)])

    assert result.exit_code == 2
    assert why in result.stderr


def test_of_a_run_that_was_done_when_it_heard_of_it_nothing_is_said_to_be_left(
    tmp_path, monkeypatch
):
    totals = FinalTotals(is_whole=True, seconds=3.0, counts={})
    run = begun(open_store(tmp_path), ended="2026-03-01T03:00:03Z", totals=totals)

    async def ended(*_: object, **__: object) -> bool:
        return True

    monkeypatch.setattr("bulk_publisher.operations.stopping.end_run", ended)

    told = CliRunner().invoke(main, ["stop", "latest", "--runs", str(tmp_path)])

    assert f"Run {run.run_id} has ended: 0 pages settled, and none is left.\n" in told.output
    assert "resume" not in told.output
