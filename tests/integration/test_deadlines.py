"""A run sends in its hours, ends in order at their end, and goes on in the next ones."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from bulk_publisher import Client, HoursOver, Webhook, publish
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Pace
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import open_store
from tests.folders import files_of
from tests.oracle import Seen, assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import begin, follower_of, resume
from tests.wall import set_wall

NIGHT = Pace(between="22:00-06:00", timezone="Europe/Berlin")
LONG = Scenario(pages=1_200, cost=9.0)
"""Almost four hours at the limit of 480 s in ten minutes."""


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def last_settled(finished) -> float:
    return max(moment(line.time) for line in journal_of(finished))


@pytest.mark.parametrize(
    ("begins", "opens"),
    [
        ("2026-11-26T12:00+01:00", "on Thu 26 Nov at 22:00, in 10 h 00 min"),
        ("2026-11-26T06:00+01:00", "on Thu 26 Nov at 22:00, in 16 h 00 min"),
        ("2026-03-28T21:59:30+01:00", "on Sat 28 Mar at 22:00, in 30 s"),
    ],
)
async def test_outside_of_its_window_nothing_is_sent(tmp_path, monkeypatch, begins, opens):
    set_wall(monkeypatch, begins)
    async with serve(Scenario(pages=20)) as sandbox:
        with pytest.raises(HoursOver) as caught:
            await run_job(sandbox, tmp_path, pace=NIGHT)

        assert caught.value.exit_status == 3
        assert f"22:00-06:00 (Europe/Berlin), which opens {opens}." in caught.value.message
        assert sandbox.truth.as_dict()["requests"] == 0
        assert not list(tmp_path.iterdir())


async def test_a_run_ends_in_order_when_its_window_closes(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T03:00+01:00")
    async with serve(LONG) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=NIGHT)

        error = finished.ending.error
        assert isinstance(error, HoursOver)
        assert error.message == (
            "The window 22:00-06:00 (Europe/Berlin) has closed. It opens again on Fri 27 Nov at 22:00."
        )
        assert error.opens_at == moment("2026-11-27T22:00+01:00")
        assert finished.status == 3
        closes = moment("2026-11-27T06:00+01:00")
        assert closes - 660 < last_settled(finished) < closes + 60
        assert_journal_tells_the_truth(journal_of(finished), sandbox)
        told = finished.kept.read_description().final.stopped_by
        assert told is not None
        assert told.message == error.message
        assert told.opens_at == "2026-11-27T21:00:00.000Z"


async def test_a_run_goes_on_in_its_next_window_and_not_before(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T03:00+01:00")
    async with serve(LONG) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=NIGHT)
        with pytest.raises(HoursOver, match="Fri 27 Nov at 22:00"):
            await resume(sandbox, finished.kept)

        set_wall(monkeypatch, "2026-11-27T20:00+01:00")
        again = await resume(sandbox, finished.kept)

        assert again.ending.is_whole
        assert_journal_tells_the_truth(journal_of(again), sandbox)


async def test_a_resume_may_lift_the_window(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(LONG) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=NIGHT)

        again = await resume(sandbox, finished.kept, changes={"pace": {"between": "always"}})

        assert again.ending.is_whole


@pytest.mark.parametrize(
    ("begins", "hours"),
    [("2026-03-29T01:30+01:00", 0.5), ("2026-10-25T01:30+02:00", 2.5)],
    ids=["spring", "autumn"],
)
async def test_a_window_closes_by_the_wall_on_the_night_of_a_change(
    tmp_path, monkeypatch, begins, hours
):
    set_wall(monkeypatch, begins)
    pace = Pace(between="22:00-03:00", timezone="Europe/Berlin")
    async with serve(LONG) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=pace)

        assert isinstance(finished.ending.error, HoursOver)
        assert finished.ending.seconds == pytest.approx(hours * 3600, abs=60)


async def test_a_run_stops_at_the_time_that_it_is_told(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(LONG) as sandbox:
        pace = Pace(stop_at="06:00", timezone="Europe/Berlin")
        finished = await run_job(sandbox, tmp_path, pace=pace)

        error = finished.ending.error
        assert isinstance(error, HoursOver)
        assert error.message == "The run was to stop on Fri 27 Nov at 06:00."
        assert error.opens_at is None
        assert finished.ending.seconds == pytest.approx(3600, abs=60)


async def test_the_time_to_stop_at_holds_for_a_resume_before_it_and_not_after(
    tmp_path, monkeypatch
):
    set_wall(monkeypatch, "2026-11-27T04:00+01:00")
    async with serve(LONG) as sandbox:
        pace = Pace(stop_at="06:00", timezone="Europe/Berlin")
        seen = Seen(stop_after=100)
        first = await run_job(sandbox, tmp_path, pace=pace, watch=seen)
        described = json.loads(files_of(first.kept).description.read_text())
        assert described["job"]["pace"]["stop_at"] == "2026-11-27T05:00:00.000Z"
        second = await resume(sandbox, first.kept)
        assert isinstance(second.ending.error, HoursOver)
        assert moment("2026-11-27T06:00+01:00") - 660 < last_settled(second)
        late = Seen()

        third = await resume(sandbox, first.kept, watch=late)

        assert third.ending.is_whole
        assert any("is past and no longer counts" in warning for warning in late.warnings)


@pytest.mark.parametrize("stop_at", ["2026-11-27 03:00", "2020-01-01T00:00:00Z"])
async def test_a_new_time_to_stop_at_must_be_to_come(tmp_path, monkeypatch, stop_at):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(Scenario(pages=20)) as sandbox:
        with pytest.raises(BadSetting, match="is past"):
            await run_job(sandbox, tmp_path, pace=Pace(stop_at=stop_at, timezone="Europe/Berlin"))


async def test_each_process_of_a_run_may_take_its_longest(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(LONG) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=Pace(max_duration=3600.0))
        second = await resume(sandbox, first.kept)

        for finished, hours in ((first, 1), (second, 2)):
            assert isinstance(finished.ending.error, HoursOver)
            assert finished.ending.error.message == "The run has taken the 1 h 00 min that it may."
            assert finished.ending.seconds == pytest.approx(hours * 3600, abs=120)


async def test_what_has_taken_its_longest_is_for_the_next_window(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T23:00+01:00")
    pace = Pace(between="22:00-06:00", timezone="Europe/Berlin", max_duration=3600.0)
    async with serve(LONG) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=pace)

        assert isinstance(finished.ending.error, HoursOver)
        assert finished.ending.error.opens_at == moment("2026-11-28T22:00+01:00")
        assert finished.ending.error.message.endswith(
            "The window 22:00-06:00 (Europe/Berlin) opens again on Sat 28 Nov at 22:00."
        )


async def test_a_run_that_is_done_in_time_hears_nothing_of_it(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(Scenario(pages=60)) as sandbox:
        pace = Pace(between="22:00-06:00", timezone="Europe/Berlin", stop_at="+2h", max_duration=60)
        finished = await run_job(sandbox, tmp_path, pace=pace)

        assert finished.ending.is_whole
        assert finished.status == 0


async def test_what_follows_a_run_keeps_its_window(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    async with serve(Scenario(pages=60, missing_pages=(4, 5))) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=NIGHT)
        set_wall(monkeypatch, "2026-11-27T12:00+01:00")

        for kind in ("retry", "rollback"):
            with pytest.raises(HoursOver):
                await begin(follower_of(finished.kept, kind), sandbox)


async def test_progress_says_when_a_run_stops(tmp_path, monkeypatch):
    begins = set_wall(monkeypatch, "2026-11-27T05:00+01:00")
    seen = _Snapshots()
    async with serve(LONG) as sandbox:
        await run_job(sandbox, tmp_path, pace=Pace(max_duration=1800.0), watch=seen)

    assert seen.stops_at == pytest.approx(begins + 1800, abs=60)


class _Snapshots(Seen):
    stops_at: float | None = None

    def on_settled(self) -> None:
        self.stops_at = self.started[0].watcher.snapshot().stops_at


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "not kept"])
async def test_a_program_is_told_that_the_hours_are_over(tmp_path, monkeypatch, is_kept):
    set_wall(monkeypatch, "2026-11-27T05:30+01:00")
    async with serve(LONG) as sandbox, _client(sandbox) as client:
        run = publish(client, range(1, 1_200), scope="KNOWLEDGE", store=_store(tmp_path, is_kept))
        taken = []

        async def take() -> None:
            async for outcome in run:
                taken.append(outcome)  # noqa: PERF401 - also what comes before the error

        with pytest.raises(HoursOver, match="has closed"):
            await take()

        assert 0 < len(taken) < 1_200
        set_wall(monkeypatch, "2026-11-27T12:00+01:00")
        with pytest.raises(HoursOver, match="opens on"):
            await publish(client, [1], scope="KNOWLEDGE", store=_store(tmp_path, is_kept))


def _client(sandbox: Sandbox) -> Client:
    return Client(Webhook(sandbox.webhook), pace=NIGHT, state=None)


def _store(folder: Path, is_kept: bool) -> Path | None:
    return folder if is_kept else None


async def test_a_run_of_another_version_has_no_hours(tmp_path):
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=Seen(stop_after=1))
        path = files_of(finished.kept).description
        described = json.loads(path.read_text())
        for key in ("between", "timezone", "stop_at", "max_duration"):
            del described["job"]["pace"][key]
        path.write_text(json.dumps(described))

        again = await resume(sandbox, open_store(tmp_path).find("latest"))

        assert again.ending.is_whole
