"""One job on one portal, from when it is due until it has ended: its run begins, rests, goes on and ends.

How it works:
    Each round of ``PartDoing.do`` does what the plan says of the part: begin a run, or go on with the one
    that it names. What the round ends with is written into the plan before the next one begins, so that
    a daemon that dies at any moment goes on where it was.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bulk_publisher.clock import WallClock
from bulk_publisher.engine.events import Event, Watcher, watch_nothing
from bulk_publisher.errors import (
    FAULT_OF_OURS,
    BadJournal,
    BulkPublisherError,
    HoursOver,
    LimitReached,
    PortalUnusable,
    RunBusy,
    RunTaken,
    StoppedByPortal,
    StopRequested,
)
from bulk_publisher.jobs import ALONE, Job
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.notices.notifying import Notices
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.afterwards import Aftermath, Afterwards, Means
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.chance import new_seed
from bulk_publisher.operations.many import Entrance
from bulk_publisher.operations.publishing import Finished, Started
from bulk_publisher.operations.resuming import reopened, status_of_whole
from bulk_publisher.serve.beginning import Beginning, BeginningMeans, JobBeginning
from bulk_publisher.serve.happenings import RunBegins, RunEnds, RunRests, Tell
from bulk_publisher.sources.known_failures import check_known_failures
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.agenda import Part
from bulk_publisher.store.steering import Wish

T = TypeVar("T")

WatchRun = Callable[[str, str, Started], Watcher]
"""What looks on at a run that begins or goes on, by its job, and by the portal as the job names it."""

_LOOK_EVERY = 1.0
"""Seconds between two looks at a run that rests, or that another process is at work on."""
_LOOKS_INSIDE = 10
"""Of these looks at one that rests, how many make one at how far it has come."""
_FIRST_PAUSE = 900.0
"""Seconds after which a run goes on that the portal has stopped; each time twice as many."""
_FIRST_PAUSE_OF_STORE = 30.0
"""The same, where what stopped it was that nothing could be kept."""
_MOST_STOPS = 5
"""In a row, after which nobody but a person goes on with it."""


def _watch_none(_job: str, _portal: str, _started: Started) -> Watcher:
    return watch_nothing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a part is done with.

    Attributes:
        clock: What is due goes by the wall, however long the daemon runs.
        by_portal: A job for each of its portals, by what it calls them.
        notices: None where nobody is told of anything.
    """

    store: Store
    entrance: Entrance
    tell: Tell
    clock: WallClock
    by_portal: Callable[[Job], dict[str, Job]] = lambda job: {ALONE: job}
    notices: Notices | None = None
    watch_run: WatchRun = _watch_none


class PartDoing:
    """What is done of *job* on one portal."""

    def __init__(
        self,
        job: Job,
        portal: str,
        part: Part,
        around: Surroundings,
        note: Callable[[Part], None],
        places: asyncio.Semaphore,
        beginning: Beginning = JobBeginning(),  # noqa: B008 - it keeps nothing
    ) -> None:
        """Nothing is done yet.

        Args:
            portal: As the job names it.
            part: How far it has come.
            note: Writes into the plan how far it has come now.
            places: For runs that are at work; one that rests takes none.
            beginning: How its run begins, where it has not.
        """
        self._beginning = beginning
        self._job = job
        self._portal = portal
        self._part = part
        self._around = around
        self._note = note
        self._places = places
        self._is_shared = around.store.agenda.is_shared
        self._started: Started | None = None
        self._watcher: Watcher = watch_nothing
        self._afterwards: Afterwards | None = None
        self._is_draining = False
        self._looks = 0
        self._run_before = ""
        self._found: KeptRun | None = None

    def drain(self) -> None:
        """Let what is in flight end; the rest is for the next daemon."""
        self._is_draining = True
        if self._started is not None:
            self._started.engine.drain()
        if self._afterwards is not None:
            self._afterwards.drain()

    @property
    def is_at_work(self) -> bool:
        """Whether pages may be in flight."""
        return self._started is not None

    def rests_beyond(self, moment: Epoch) -> bool:
        """Whether nothing of it goes on up to *moment*, since it has ended, is paused or goes on later."""
        at = self._part.goes_on_at
        if self._part.status is not None:
            return True
        if at is not None:
            return at > moment
        return not self.is_at_work and self._is_paused_beyond(moment)

    def _is_paused_beyond(self, moment: Epoch) -> bool:
        steering = None
        with suppress(BadJournal):
            kept = self._kept() if self._part.run else None
            steering = None if kept is None or kept.is_locked else kept.read_steering()
        if steering is None or steering.wish is not Wish.PAUSE:
            return False
        return steering.is_resting(moment)

    async def do(self) -> RunEnds | None:
        """Do it to its end; None where it was drained before."""
        while not self._is_draining:
            try:
                ends, rests = await self._asked(self._look)
                if rests:
                    await self._rest()
                    continue
            except BadJournal as error:
                if error.is_passing:
                    await self._pause()
                    continue
                # Somebody has removed the run, or what is left of it can't be read.
                ends = self._end(error.exit_status, error.message, error.hint)
            ends = ends or await self._round_in_its_place()
            if ends is not None:
                self._write(status=ends.status)
                self._around.tell(ends)
                return ends
            if not self._is_draining:
                # Whatever ended it so early may do so at once again: what others are at work on takes hours.
                await self._pause()
        return None

    # rest

    async def _asked(self, ask: Callable[[], T]) -> T:
        """What *ask* gives, which reads of the run; where another machine answers, it is waited for beside the loop."""
        return await beside(ask) if self._is_shared else ask()

    def _look(self) -> tuple[RunEnds | None, bool]:
        """How it ended while it rested, and whether it goes on resting.

        Raises:
            BadJournal: If that can't be told, now or ever.
        """
        kept = self._kept() if self._part.run else None
        ends = self._called_off(kept)
        return ends, ends is None and self._is_resting(kept)

    def _called_off(self, kept: KeptRun | None) -> RunEnds | None:
        """How it ended, where somebody has stopped it while it rested."""
        steering = None if kept is None else kept.read_steering()
        if kept is None or steering is None or steering.wish is not Wish.STOP or kept.is_locked:
            return None
        return self._end(StopRequested.exit_status, "The run was stopped.")

    def _is_resting(self, kept: KeptRun | None) -> bool:
        """Whether it goes on later, somebody has asked it to pause, or another process is at work on it."""
        if self._part.goes_on_at is not None or kept is None:
            return self._part.goes_on_at is not None
        if kept.is_locked:
            return True
        steering = kept.read_steering()
        return steering is not None and steering.is_resting(self._around.clock.epoch())

    async def _pause(self) -> None:
        clock = self._around.clock
        await clock.sleep_until(Mono(clock.now() + _LOOK_EVERY))

    async def _rest(self) -> None:
        await self._pause()
        at = self._part.goes_on_at
        if at is not None and (
            at <= self._around.clock.epoch() or await self._asked(self._is_taken_up)
        ):
            self._write(goes_on_at=None)

    def _is_taken_up(self) -> bool:
        """Whether somebody else goes on with it, or has done its rest meanwhile."""
        if not self._part.run:
            return False
        self._looks += 1
        kept = self._kept()
        return kept.is_locked or (
            self._looks % _LOOKS_INSIDE == 0 and kept.read_description().is_whole
        )

    # do

    async def _round_in_its_place(self) -> RunEnds | None:
        async with self._places:
            return None if self._is_draining else await self._round()

    async def _round(self) -> RunEnds | None:
        """A run that begins or goes on; None where it is not the last round."""
        try:
            finished = await self._run()
        except RunBusy:
            # Another process goes on with it; whatever it leaves is looked at then.
            return None
        except BulkPublisherError as error:
            return self._after_error(error)
        except Exception as error:  # noqa: BLE001 - one run's fault ends no other's
            inner = crash.innermost(error)
            if isinstance(inner, BulkPublisherError):
                return self._after_error(inner)
            log.error("run.crashed", job=self._job.name, what=crash.words_of(error))
            return self._end(FAULT_OF_OURS, f"Internal error: {crash.words_of(error)}")
        finally:
            self._started = self._afterwards = None
        return self._after(finished) if isinstance(finished, Finished) else finished

    async def _run(self) -> Finished | RunEnds | None:
        job, around = self._job, self._around
        known = await beside(lambda: check_known_failures(job.after.expected))
        async with around.entrance(job) as entry:
            came = await self._publish(entry)
            if isinstance(came, Finished) and not came.ending.is_whole:
                return came
            if not job.after.is_wanted and job.notify is None:
                return came if isinstance(came, Finished) else self._end(came)
            means = Means(
                store=around.store, seed=new_seed(), watch=self._watch, on_start=self._on_start
            )
            self._afterwards = Afterwards(self._kept(), job.after, known, means)
            aftermath = None if self._is_draining else await self._afterwards.do(entry)
        return None if aftermath is None else self._after_all(came, aftermath)

    def _after_all(self, came: Finished | int, aftermath: Aftermath) -> Finished | RunEnds:
        if aftermath.unfinished is not None:
            return aftermath.unfinished
        finished = came if isinstance(came, Finished) else None
        return self._end(aftermath.status, finished=finished, aftermath=aftermath)

    async def _publish(self, entry: Entry) -> Finished | int:
        """Begin the run, or go on with it; the status of one that is whole already."""
        job, store = self._job, self._around.store
        self._run_before = self._part.run
        if not self._part.run and (begun := await beside(lambda: self._beginning.begun(store))):
            self._write(run=begun)
        if not self._part.run:
            # It may have waited for its place while another daemon took it up.
            self._note(self._part)
            means = BeginningMeans(
                store=store,
                seed=new_seed(),
                watch=self._watch,
                on_start=self._on_start,
                on_created=lambda kept: self._write(run=kept.run_id),
            )
            return await self._beginning.begin(job, entry, means)
        kept = self._kept()
        status = await beside(lambda: status_of_whole(kept))
        if status is not None:
            return status
        with ExitStack() as opened:
            reopening = reopened(kept, {})
            again = await beside(lambda: opened.enter_context(reopening))
            if again.was_changed:
                log.warning("list.changed", job=job.name, run=kept.run_id)
            return await again.go_on(
                entry, seed=new_seed(), watch=self._watch, on_start=self._on_start
            )

    def _after(self, finished: Finished) -> RunEnds | None:
        error = finished.ending.error
        if finished.ending.is_whole or error is None:
            if self._is_draining and not finished.ending.is_whole:
                return None
            return self._end(finished.status, finished=finished)
        return self._after_error(error, finished)

    def _after_error(
        self, error: BulkPublisherError, finished: Finished | None = None
    ) -> RunEnds | None:
        """Rest where time mends it; else it is over."""
        if isinstance(error, StopRequested) and self._part.run:
            kept = self._kept() if finished is None else finished.kept
            steering = kept.read_steering()
            if steering is not None and steering.wish is Wish.PAUSE:
                until = None if steering.until is None else Epoch(steering.until)
                if kept.run_id != self._part.run:
                    # A retry: what is looked at while it rests is the run that it follows.
                    if until is None:
                        return self._end(error.exit_status, error.message, error.hint, finished)
                    self._write(goes_on_at=until)
                self._tell_rest(until, error)
                return None
        elif isinstance(error, HoursOver) and error.opens_at is not None:
            at = Epoch(error.opens_at)
            self._write(goes_on_at=at)
            self._tell_rest(at, error)
            return None
        elif isinstance(error, RunTaken):
            # Whatever the other process leaves is looked at then.
            return None
        elif _is_passing(error) and self._part.stops < _MOST_STOPS:
            is_portals = isinstance(error, PortalUnusable | StoppedByPortal)
            pause = _FIRST_PAUSE if is_portals else _FIRST_PAUSE_OF_STORE
            at = Epoch(self._around.clock.epoch() + pause * 2**self._part.stops)
            self._write(goes_on_at=at, stops=self._part.stops + 1)
            self._tell_rest(at, error)
            return None
        return self._end(error.exit_status, error.message, error.hint, finished)

    def _tell_rest(self, at: Epoch | None, error: BulkPublisherError) -> None:
        self._around.tell(RunRests(self._job.name, self._portal, self._part.run, at, error.message))

    def _end(
        self,
        status: int,
        why: str = "",
        hint: str = "",
        finished: Finished | None = None,
        aftermath: Aftermath | None = None,
    ) -> RunEnds:
        return RunEnds(
            self._job.name,
            self._portal,
            self._part.run,
            status,
            why,
            hint,
            finished,
            aftermath,
        )

    # how

    def _kept(self) -> KeptRun:
        # To find one reads it, and one that rests is looked at each second: it is found again where it is gone.
        if self._found is None or not self._found.is_described:
            self._found = self._around.store.find(self._part.run)
        return self._found

    def _write(self, **changes: object) -> None:
        self._part = msgspec.structs.replace(self._part, **changes)
        if "run" in changes:
            self._found = None
        self._note(self._part)

    def _on_start(self, started: Started) -> None:
        self._started = started
        if self._is_draining:
            started.engine.drain()
        self._watcher = self._around.watch_run(self._job.name, self._portal, started)
        goes_on = started.kept.run_id == self._run_before
        self._around.tell(RunBegins(self._job.name, self._portal, started, goes_on))

    def _watch(self, event: Event) -> None:
        self._watcher(event)


def _is_passing(error: BulkPublisherError) -> bool:
    """Whether the same run may go on by itself in a while."""
    return error.is_passing or (
        isinstance(error, StoppedByPortal)
        and not isinstance(error, LimitReached)
        and error.is_for_resume
    )
