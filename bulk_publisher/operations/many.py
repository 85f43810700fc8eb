"""Many runs side by side: one job on each of its portals, or several jobs. None of them holds up another.

How it works:
    Each portal has a task of its own, with its own run, limits and journal; so many of them work at a time
    as there are places. Whatever ends one - its portal, its credential, a fault of ours - is how that one
    has ended, and nothing to the others.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Protocol

from bulk_publisher.client.notice import Warn
from bulk_publisher.engine.events import Event, warner, watch_nothing
from bulk_publisher.errors import FAULT_OF_OURS, BulkPublisherError
from bulk_publisher.jobs import ALONE, Job, Selection
from bulk_publisher.log import log
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.afterwards import Aftermath, Afterwards, Means
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.chance import new_seed
from bulk_publisher.operations.planned import checked_job
from bulk_publisher.operations.publishing import Finished, Started, begin
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.sources.known_failures import KnownFailures, check_known_failures
from bulk_publisher.store import KeptRun, Store

MOST_AT_ONCE = 50
"""Runs that are at work at a time, where nothing else is said."""

Entrance = Callable[[Job], AbstractAsyncContextManager[Entry]]
"""How to get into the portal of a job."""

_ORDER_OF_STATUSES = (70, 4, 3, 5, 2, 1, 0)
"""The worst first. What can't be begun at all comes after what was begun and has stopped: that is to be
gone on with, and before pages that failed: nothing was done there."""


def worst(statuses: Iterable[int]) -> int:
    """The status of all together: 70, 4, 3, 5, 2, 1, 0, in this order; 0 of none."""
    return min(statuses, key=rank, default=0)


def rank(status: int) -> int:
    """How many statuses are worse; one that is none of ours is the worst."""
    return _ORDER_OF_STATUSES.index(status) if status in _ORDER_OF_STATUSES else -1


@dataclass(frozen=True, slots=True, eq=False)
class PortalJob:
    """A job on one portal.

    Attributes:
        job: For this portal alone.
        portal: What the job calls it; empty where it is for one.
        refusal: Why it can't be begun, where that is known beforehand.
    """

    job: Job
    portal: str = ALONE
    refusal: BulkPublisherError | None = None


@dataclass(frozen=True, slots=True)
class PortalEnd:
    """How a job has ended on one portal.

    Attributes:
        finished: None where no run has begun, or a fault of ours has ended it.
        kept: The run; None where none has begun.
        error: What ended it early, or why none has begun.
        status: The exit status that a command would have; an interruption has one of its own.
        is_interrupted: It was drained, or not begun, because somebody asked for that.
        aftermath: What is left after all that was to be done about it; None where nothing was.
    """

    of: PortalJob
    finished: Finished | None = None
    kept: KeptRun | None = None
    error: BulkPublisherError | None = None
    status: int = 0
    is_interrupted: bool = False
    aftermath: Aftermath | None = None

    @property
    def portal(self) -> str:
        """What the job calls it; empty where it is for one."""
        return self.of.portal

    @property
    def run(self) -> str:
        """Empty where none has begun."""
        return "" if self.kept is None else self.kept.run_id

    @property
    def why(self) -> str:
        """What ended it early; empty where nothing did."""
        return "" if self.error is None else self.error.message

    @property
    def hint(self) -> str:
        """What to do about that."""
        return "" if self.error is None else self.error.hint


class Onlooker(Protocol):
    """Is told what happens."""

    def starts(self, of: PortalJob, started: Started) -> None:
        """A run has begun."""
        ...

    def hears(self, of: PortalJob, event: Event) -> None:
        """Something has happened in it, or on the way to it."""
        ...

    def ends(self, end: PortalEnd) -> None:
        """It has ended, or can't begin."""
        ...


class ManyRuns:
    """Runs side by side.

    Invariant: each of the jobs has exactly one end, but where the whole was cancelled.
    """

    def __init__(
        self,
        jobs: Sequence[PortalJob],
        *,
        entrance: Entrance,
        store: Store,
        parallel: int,
        onlooker: Onlooker,
        selected: Mapping[Selection, Selected] = MappingProxyType({}),
    ) -> None:
        """Nothing is done yet.

        Args:
            parallel: The most that are at work at a time, 1 or more.
            selected: Selections that were checked already.
        """
        self._jobs = jobs
        self._entrance = entrance
        self._store = store
        self._places = asyncio.Semaphore(parallel)
        self._onlooker = onlooker
        self._checking = asyncio.Lock()
        self._selected = dict(selected)
        self._started: dict[PortalJob, Started] = {}
        self._tasks: dict[PortalJob, asyncio.Task[None]] = {}
        self._afterwards: dict[PortalJob, Afterwards] = {}
        self._is_draining = False

    @property
    def at_work(self) -> Sequence[Started]:
        """The runs that have begun and not ended."""
        return tuple(self._started.values())

    def drain(self) -> None:
        """Begin no more, and let what is in flight end and be recorded."""
        self._is_draining = True
        for started in self._started.values():
            started.engine.drain()
        for afterwards in self._afterwards.values():
            afterwards.drain()
        for one, task in self._tasks.items():
            # Nothing has left for it: it may wait for minutes until its portal answers at all.
            if one not in self._started:
                task.cancel()

    async def do(self) -> None:
        """Do them all; the onlooker is told how each ends."""
        async with asyncio.TaskGroup() as group:
            for one in self._jobs:
                group.create_task(self._do(one))

    async def _do(self, one: PortalJob) -> None:
        if one.refusal is not None:
            self._onlooker.ends(PortalEnd(one, error=one.refusal, status=one.refusal.exit_status))
            return
        async with self._places, asyncio.TaskGroup() as group:
            # A task of its own, which can be dropped while the others drain.
            self._tasks[one] = group.create_task(self._begin(one))
        del self._tasks[one]

    async def _begin(self, one: PortalJob) -> None:
        end = PortalEnd(one, is_interrupted=True)
        try:
            if not self._is_draining:
                end = await self._end_of(one)
        except asyncio.CancelledError:
            if not self._is_draining or one in self._started:
                raise
        self._started.pop(one, None)
        self._afterwards.pop(one, None)
        self._onlooker.ends(end)

    async def _end_of(self, one: PortalJob) -> PortalEnd:
        try:
            return await self._run(one)
        except Exception as error:  # noqa: BLE001 - whatever ends one ends no other
            return self._failed(one, error)

    def _failed(self, one: PortalJob, error: Exception) -> PortalEnd:
        kept = self._started[one].kept if one in self._started else None
        inner = crash.innermost(error)
        if isinstance(inner, BulkPublisherError):
            return PortalEnd(one, kept=kept, error=inner, status=inner.exit_status)
        words = f"Internal error in bulk-publisher: {crash.words_of(error)}."
        trace = crash.logged_in(error)
        log.error("run.crashed", job=one.job.name, what=crash.words_of(error))
        told = BulkPublisherError(words, f"Its traceback is in {trace}." if trace else "")
        return PortalEnd(one, kept=kept, error=told, status=FAULT_OF_OURS)

    async def _run(self, one: PortalJob) -> PortalEnd:
        known = await beside(lambda: check_known_failures(one.job.after.expected))
        async with self._entrance(one.job) as entry:
            hears = partial(self._onlooker.hears, one)
            job, selected = await self._checked(one.job, entry, warner(hears))
            finished = await begin(
                job,
                selected,
                entry,
                store=self._store,
                seed=new_seed(),
                watch=hears,
                on_start=partial(self._starts, one),
            )
            is_seen_to = one.job.after.is_wanted or one.job.notify is not None
            if not finished.ending.is_whole or not is_seen_to:
                return _end_of_run(one, finished)
            return await self._see_to(one, entry, finished, known)

    async def _see_to(
        self, one: PortalJob, entry: Entry, finished: Finished, known: KnownFailures
    ) -> PortalEnd:
        """What is to be done after the run; its retries are shown with its end."""
        means = Means(
            store=self._store, seed=new_seed(), watch=watch_nothing, on_start=lambda _: None
        )
        afterwards = Afterwards(finished.kept, one.job.after, known, means)
        self._afterwards[one] = afterwards
        aftermath = None if self._is_draining else await afterwards.do(entry)
        if aftermath is None:
            return PortalEnd(
                one, finished, finished.kept, status=finished.status, is_interrupted=True
            )
        if aftermath.unfinished is not None:
            return _end_of_run(one, aftermath.unfinished, aftermath)
        return PortalEnd(one, finished, finished.kept, None, aftermath.status, aftermath=aftermath)

    async def _checked(self, job: Job, entry: Entry, warn: Warn) -> tuple[Job, Selected]:
        """The selection of *job*; a list that many portals share is read through once."""
        if job.select.plan is not None:
            return await checked_job(job, entry, store=self._store, warn=warn)
        async with self._checking:
            if job.select not in self._selected:
                self._selected[job.select] = await beside(lambda: check_selection(job.select))
        return job, self._selected[job.select]

    def _starts(self, one: PortalJob, started: Started) -> None:
        self._started[one] = started
        if self._is_draining:
            started.engine.drain()
        self._onlooker.starts(one, started)


def _end_of_run(
    one: PortalJob, finished: Finished, aftermath: Aftermath | None = None
) -> PortalEnd:
    ending = finished.ending
    return PortalEnd(
        one,
        finished,
        finished.kept,
        ending.error,
        finished.status,
        ending.is_interrupted and not ending.is_whole and ending.error is None,
        aftermath,
    )
