"""A daemon keeps to the hours of its jobs: what they end rests, and goes on by itself when they begin."""

import asyncio
from datetime import datetime

from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.serve.happenings import JobEnds, RunBegins, RunRests
from bulk_publisher.store import open_store
from tests.oracle import assert_journal_tells_the_truth
from tests.serve.daemons import job_file, served
from tests.wall import set_wall

NIGHT = {"between": "22:00-06:00", "timezone": "Europe/Berlin"}
AT_NOON = {"cron": "0 12 * * *", "timezone": "Europe/Berlin"}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_a_job_that_is_due_outside_of_its_window_waits_for_it(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T11:59+01:00")
    path = job_file(tmp_path, schedule=AT_NOON, pace=NIGHT)
    async with (
        serve(Scenario(pages=60)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        rests = await it.until(RunRests)
        assert rests.at == moment("2026-11-27T22:00+01:00")
        assert not rests.run
        await it.until(JobEnds)

        (begun,) = it.heard.of(RunBegins)
        began = moment(str(begun.started.kept.read_description().started))
        assert 0 <= began - rests.at < 5
        assert not open_store(tmp_path / "runs").agenda.read_slots()["nightly"].firing


async def test_a_run_rests_when_its_window_closes_and_goes_on_in_the_next(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T04:29+01:00")
    schedule = {"cron": "30 4 27 * *", "timezone": "Europe/Berlin"}
    pace = {**NIGHT, "between": "08:00-06:00"}
    path, runs = job_file(tmp_path, schedule=schedule, pace=pace), tmp_path / "runs"
    async with (
        serve(Scenario(pages=800, cost=9.0)) as sandbox,
        served(sandbox, runs, path) as it,
    ):
        rests = await it.until(RunRests)
        assert rests.at == moment("2026-11-27T08:00+01:00")
        await it.wait(60)
        slot = open_store(runs).agenda.read_slots()["nightly"]
        assert slot.firing is not None
        assert [part.stops for part in slot.firing.parts.values()] == [0]
        told = CliRunner().invoke(main, ["status", "latest", "--runs", str(runs)])
        assert "It opens again on Fri 27 Nov at 08:00." in " ".join(told.output.split())
        assert "The daemon continues it on " in told.output
        ends = await it.until(JobEnds)

        assert ends.status == 0
        (run,) = open_store(runs).runs()
        lines = list(run.outcomes())
        assert len(lines) == 800
        assert_journal_tells_the_truth(lines, sandbox)
        shut = [moment("2026-11-27T06:01+01:00"), moment("2026-11-27T08:00+01:00")]
        assert not [line for line in lines if shut[0] < moment(line.time) < shut[1]]


async def test_a_run_that_rests_takes_no_place_of_another(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T11:59+01:00")
    resting = job_file(tmp_path, "resting", schedule=AT_NOON, pace=NIGHT)
    other = job_file(tmp_path, "other", schedule={**AT_NOON, "cron": "5 12 * * *"})
    async with (
        serve(Scenario(pages=60)) as sandbox,
        served(sandbox, tmp_path / "runs", resting, other, parallel=1) as it,
    ):
        ends = await it.until(JobEnds)

        assert ends.job.name == "other"
        assert it.clock.epoch() < moment("2026-11-27T12:30+01:00")


async def test_without_a_window_what_has_taken_its_longest_is_over(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T11:59+01:00")
    pace = {"max_duration": "30m"}
    path = job_file(tmp_path, schedule=AT_NOON, pace=pace)
    async with (
        serve(Scenario(pages=800, cost=9.0)) as sandbox,
        served(sandbox, tmp_path / "runs", path) as it,
    ):
        ends = await it.until(JobEnds)

        assert ends.status == 3
        assert ends.runs[0].why == "The run has taken the 30 min that it may."


async def test_once_does_not_wait_for_a_window(tmp_path, monkeypatch):
    set_wall(monkeypatch, "2026-11-27T11:59+01:00")
    path, runs = job_file(tmp_path, schedule=AT_NOON, pace=NIGHT), tmp_path / "runs"
    async with serve(Scenario(pages=60)) as sandbox:
        async with served(sandbox, runs, path, is_once=True) as first:
            await asyncio.wait([first.task])
        clock = first.clock
        for hour, runs_begun in ((13, 0), (22, 1)):
            at = moment(f"2026-11-27T{hour}:10+01:00")
            await clock.sleep_until(clock.now() + at - clock.epoch())
            async with served(sandbox, runs, path, is_once=True) as again:
                await asyncio.wait([again.task])

            assert len(again.heard.of(RunBegins)) == runs_begun
            assert clock.epoch() - at < 600
