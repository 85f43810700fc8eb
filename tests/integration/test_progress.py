"""What is shown of a run that goes on: in a pipe, in a terminal, for a program."""

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.screen import Screen, drawn
from bulk_publisher.cli.progress.showing import progress_for
from bulk_publisher.cli.progress.words import status_line, waiting_line
from bulk_publisher.engine.events import WaitBegun
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import Finished, publish
from bulk_publisher.operations.resuming import reopened
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.heard import Bar, Heard, Snapshot, Wait
from tests.folders import files_of
from tests.oracle import Seen, run_job

OUTPUT = Output(verbosity=0, log_format="console", is_plain=True)


async def _publish(
    scenario: Scenario,
    progress: Progress,
    runs: Path,
    pace: Pace = Pace(),  # noqa: B008 - frozen
) -> Finished:
    select = Selection(page=(f"1-{scenario.pages}",), scope=Scope.KNOWLEDGE)
    async with serve(scenario) as sandbox:
        try:
            return await publish(
                Job(name="t", select=select, pace=pace),
                Webhook(sandbox.webhook),
                store=open_store(runs),
                seed=1,
                watch=progress,
                on_start=progress.start,
            )
        finally:
            progress.finish()


class Watching(Progress):
    """Keeps what it is to show."""

    def __init__(self, *, every: float = 1.0) -> None:
        super().__init__(OUTPUT)
        self.every = every
        self.seen: list[Snapshot] = []

    def show(self, snapshot: Snapshot) -> None:
        self.seen.append(snapshot)


def _snapshot(**changes: object) -> Snapshot:
    fields = {
        "run": "r", "portal": "p", "time": 1_800_000_000.0, "pages": 1204, "total": 5000, "counts": {}, "errors": {}, "bad": 12,
        "seconds": 143.0, "rate": 8.4, "operating": Bar(level=412, limit=480), "requests": Bar(level=12, limit=50),
        "waiting": Wait(until=1_800_000_250.0, limit="operating", because="operating time (479 of 480 s used)"),
        "arrives_at": 1_800_000_450.0, "last_failures": ("page 57: LANDING_NOT_EXIST",),
    }  # fmt: skip
    return Snapshot(**{**fields, **changes})


def _text_of(snapshot: Snapshot, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(drawn(snapshot, width))
    return console.file.getvalue().splitlines()


async def test_a_pipe_gets_a_line_every_half_a_minute(tmp_path, capsys):
    progress = progress_for(OUTPUT)

    finished = await _publish(Scenario(pages=400, cost=1.0, operating_limit=1e9), progress, tmp_path)  # fmt: skip

    lines = capsys.readouterr().err.splitlines()
    assert abs(len(lines) - finished.ending.seconds // 30) <= 1
    assert "of 400 pages" in lines[0]


async def test_a_pipe_gets_no_control_characters(tmp_path, capsys):
    await _publish(Scenario(pages=400, cost=1.0), progress_for(OUTPUT), tmp_path)

    text = capsys.readouterr().err
    assert text.isprintable() or not [sign for sign in text if ord(sign) < 32 and sign != "\n"]


async def test_a_long_wait_says_until_when_and_for_what(tmp_path, capsys):
    await _publish(Scenario(pages=100, cost=1.0, operating_limit=60), progress_for(OUTPUT), tmp_path)  # fmt: skip

    text = capsys.readouterr().err
    assert "for operating time" in text
    assert "(until " in text


async def test_a_program_gets_a_line_of_json_a_second_and_a_last_one(tmp_path, capsys):
    await _publish(Scenario(pages=40, cost=0.5), progress_for(OUTPUT, "json"), tmp_path)

    moments = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert moments[0]["pages"] == 0
    assert moments[-1]["pages"] == 40
    assert moments[-1]["counts"] == {"published": 40}


async def test_all_numbers_of_a_resumed_run_are_of_the_whole_run(tmp_path):
    seen: list[Snapshot] = []

    class Watching(Progress):
        def show(self, snapshot: Snapshot) -> None:
            seen.append(snapshot)

        def finish(self) -> None:
            self.show(self.snapshot())
            super().finish()

    scenario = Scenario(pages=100, cost=0.2, missing_pages=[1, 2, 99])
    select = Selection(page=("1-100",), scope=Scope.KNOWLEDGE, lookup=False)
    progress = Watching(OUTPUT)
    async with serve(scenario) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=Pace(batch_size=10), watch=Seen(stop_after=30))  # fmt: skip
        with reopened(first.kept, {}) as again:
            finished = await again.go_on(Webhook(sandbox.webhook), seed=2, watch=progress, on_start=progress.start)  # fmt: skip
        progress.finish()

    assert (seen[0].pages, seen[0].bad) == (first.totals.pages, first.totals.bad)
    assert seen[0].seconds == pytest.approx(first.ending.seconds, abs=0.01)
    last = seen[-1]
    assert (last.pages, sum(last.counts.values()), last.bad) == (100, 100, 3)
    assert last.errors == {"LANDING_NOT_EXIST": 3}
    assert last.rate == pytest.approx(100 / finished.ending.seconds, rel=0.01)


async def test_nothing_is_shown_where_nothing_is_wanted(tmp_path, capsys):
    await _publish(Scenario(pages=400, cost=1.0), progress_for(OUTPUT, "none"), tmp_path)

    assert capsys.readouterr().err == ""


async def test_a_run_leaves_its_progress_in_its_folder_while_it_goes_on(tmp_path):
    seen: list[Heard | None] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            seen.append(FolderRun(tmp_path / snapshot.run).read_progress())

    finished = await _publish(Scenario(pages=100, cost=1.0), Peeking(OUTPUT), tmp_path)

    assert seen[-1] is not None
    assert 0 < seen[-1].snapshot.pages < 100
    assert not files_of(finished.kept).progress.exists()


async def test_a_terminal_is_redrawn_and_left_clean(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=20)

    await _publish(Scenario(pages=100, cost=0.5, missing_share=0.05), Screen(OUTPUT, console), tmp_path)  # fmt: skip

    text = console.file.getvalue()
    assert "of 100 pages" in text
    assert "LANDING_NOT_EXIST" in text
    assert text.endswith("\x1b[2K")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_wider_than_the_terminal(width):
    lines = _text_of(_snapshot(), width)

    assert max(len(line) for line in lines) <= width


def test_both_budgets_and_the_wait_and_the_failures_are_shown():
    text = "\n".join(_text_of(_snapshot(), 140))

    assert "412 of 480 s" in text
    assert "12 of 50" in text
    assert "waiting 4 min 10 s" in text
    assert "page 57: LANDING_NOT_EXIST" in text


def test_a_run_that_lets_another_one_go_first_says_so():
    waiting = Wait(until=1_800_000_000.2, limit="turn", because="another run has the turn")

    assert waiting_line(_snapshot(waiting=waiting)) == "waiting: another run has the turn"


async def test_no_wait_is_said_while_pages_are_in_flight(tmp_path):
    in_flight: list[int] = []

    class Watching(Progress):
        def __call__(self, event):
            if isinstance(event, WaitBegun):
                session = self._started.session
                in_flight.append(session.governor.levels(now=session.clock.now()).in_flight)

    await _publish(Scenario(pages=400, cost=0.28, operating_limit=60), Watching(OUTPUT), tmp_path)

    assert in_flight
    assert set(in_flight) == {0}


async def test_in_an_outage_no_arrival_is_promised(tmp_path):
    watching = Watching()
    outage = TimedFault(at=10, fault="refuse", seconds=65)
    await _publish(Scenario(pages=600, cost=0.2, script=[outage]), watching, tmp_path)

    out = [
        snapshot
        for snapshot in watching.seen
        if snapshot.waiting and snapshot.waiting.limit == "outage"
    ]
    assert len(out) > 30
    assert {snapshot.arrives_at for snapshot in out} == {None}
    assert "for the portal, which does not answer" in waiting_line(out[1])


async def test_where_lost_pages_can_t_be_looked_up_the_portal_is_said_to_be_waited_for(tmp_path):
    watching = Watching()
    away = TimedFault(at=8, fault="html502", seconds=45)
    finished = await _publish(Scenario(pages=3000, cost=0.1, script=[away]), watching, tmp_path)  # fmt: skip

    began_at, seconds = watching.seen[0].time, finished.ending.seconds
    out = [snapshot for snapshot in watching.seen if 30 < snapshot.time - began_at < 50]
    lines = {waiting_line(snapshot) for snapshot in out}
    assert {(snapshot.arrives_at, snapshot.left) for snapshot in out} == {(None, out[0].left)}
    assert lines <= {"waiting for the portal, which does not answer", ""}
    assert "waiting for the portal, which does not answer" in lines
    # The standstill says nothing of the speed afterwards.
    for snapshot in [
        snapshot for snapshot in watching.seen if 63 < snapshot.time - began_at < seconds - 15
    ]:
        assert snapshot.arrives_at == pytest.approx(began_at + seconds, abs=0.5 * (began_at + seconds - snapshot.time))  # fmt: skip


async def test_no_arrival_is_promised_before_a_wait_is_over(tmp_path):
    watching = Watching()
    await _publish(Scenario(pages=1500, cost=0.05, operating_limit=60), watching, tmp_path)

    waits = [snapshot for snapshot in watching.seen if snapshot.waiting and snapshot.waiting.until]
    assert len(waits) > 100
    for snapshot in waits:
        assert snapshot.arrives_at is not None
        assert snapshot.arrives_at > snapshot.waiting.until


def test_the_arrival_is_said_with_the_pages_that_are_left():
    line = status_line(_snapshot())

    assert line.startswith("1,204 of 5,000 pages, 12 failed, 3,796 left, 8.4 a second, done in about 7 min 30 s")  # fmt: skip


def test_a_rate_is_said_once_it_tells_something():
    assert "a second" not in status_line(_snapshot(seconds=4.0))


async def test_pages_that_go_one_by_one_are_not_promised_for_the_next_moment(tmp_path):
    watching = Watching(every=Progress.every)
    # They leave as the bucket of requests has room: 50 in 25 s.
    scenario, alone = Scenario(pages=300, cost=0.05), Pace(batch_size=1)
    finished = await _publish(scenario, watching, tmp_path, alone)

    ended_at = watching.seen[0].time + finished.ending.seconds
    late = [m for m in watching.seen if m.seconds >= 20 and m.left and m.left > 20]
    assert late
    for snapshot in late:
        assert snapshot.arrives_at is not None
        assert snapshot.arrives_at - snapshot.time > 0.3 * (ended_at - snapshot.time)


@pytest.mark.parametrize(
    ("arrives_in", "says_so"),
    [(None, True), (7200.0, True), (600.0, False)],
    ids=["nobody knows", "after it", "before it"],
)
def test_a_run_that_may_have_to_stop_before_it_is_done_says_when(arrives_in, says_so):
    snapshot = _snapshot()
    arrives_at = None if arrives_in is None else snapshot.time + arrives_in
    snapshot = msgspec.structs.replace(
        snapshot, total=1000, arrives_at=arrives_at, stops_at=snapshot.time + 3600
    )

    assert ("stops at" in status_line(snapshot)) is says_so
