"""All that is shown of a store: asked in a loop, read beside it, and made once for all who watch.

How it works:
    One look at the store serves everybody until the next one is due. What takes longer - a journal, a search in
    it - goes on beside, a piece at a time, and ends where nobody waits for it any more.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from bulk_publisher.clock import utc_now
from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Epoch, Outcome
from bulk_publisher.operations.beside import beside
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.web.views.course_of_jobs import JobCourse, Repeats, RepeatsRead, courses_of
from bulk_publisher.web.views.digest import Digest, Digests
from bulk_publisher.web.views.job_rows import JobRow, job_rows
from bulk_publisher.web.views.known_runs import Known, KnownRuns
from bulk_publisher.web.views.night import Night, night_of
from bulk_publisher.web.views.now import (
    Now,
    NowAsked,
    PortalRow,
    going_on_later,
    now_of,
    portal_rows,
    standing_of,
)
from bulk_publisher.web.views.one_run import OneRun, one_run
from bulk_publisher.web.views.outcomes import Outcomes, OutcomesAsked, Search, part_of
from bulk_publisher.web.views.predictions import Predictions
from bulk_publisher.web.views.run_list import RunList, RunsAsked, run_list, run_rows
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.undisturbed import in_thread, undisturbed
from bulk_publisher.web.views.wording import shortened

_PIECE = 10_000
"""Lines of a journal that are looked through at once: a twentieth of a second."""
_MOST_LINES = 2_000_000
"""That are looked through for one question."""

_AT_ONCE = 2
"""Questions for which journals are looked through side by side: others wait."""

T = TypeVar("T")


@dataclass(slots=True)
class _Made:
    """What was made of one look, as soon as somebody wanted it."""

    number: int = -1
    portals: list[PortalRow] | None = None
    runs: list[RunRow] | None = None
    jobs: list[JobRow] | None = None
    night: Night | None = None
    courses: dict[str, list[JobCourse]] = field(default_factory=dict[str, list[JobCourse]])
    """By the job that was asked for."""


class Views:
    """What is shown of one store. To have it reads nothing."""

    def __init__(self, store: Store, *, now: Callable[[], Epoch] = utc_now) -> None:
        """Nothing was looked at yet.

        Args:
            now: The clock on the wall.
        """
        self._runs = KnownRuns(store, now=now)
        self._digests = Digests(now=now)
        self._predictions = Predictions()
        self._repeats = RepeatsRead()
        self._made = _Made()
        self._looking = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._searching = asyncio.Semaphore(_AT_ONCE)
        self._is_stale = False

    # what is asked

    async def now(self, asked: NowAsked) -> Now:
        """How it stands on the portals that are asked for."""
        return await self._looked(lambda: now_of(self._runs, self._portals(), asked))

    async def runs(self, asked: RunsAsked) -> RunList:
        """The runs that are asked for."""
        return await self._looked(lambda: run_list(self._runs.looked_at, self._run_rows(), asked))

    async def jobs(self) -> list[JobRow]:
        """The jobs, the next due first."""
        return await self._looked(self._jobs)

    async def night(self) -> Night:
        """What will be done in the next 24 hours."""
        return await self._looked(self._night)

    async def courses(self, job: str = "") -> list[JobCourse]:
        """How each job has gone; only *job* where one is named."""
        return await self._looked(lambda: self._courses(job))

    async def repeats(self, job: str) -> Repeats:
        """What of *job* fails again and again: as long as some journals take."""
        await self._looked(lambda: None)
        return await undisturbed(self._read(lambda: self._repeats.of(self._runs, job)))

    async def run(self, name: str) -> OneRun:
        """The run *name*.

        Raises:
            BadJournal: If there is none of that name.
        """
        known = await self._looked(lambda: self._known(name))
        digest, why = await self._digest(known)
        return await self._looked(lambda: self._one_run(name, digest, why))

    async def outcomes(self, name: str, asked: OutcomesAsked) -> Outcomes:
        """How pages of the run *name* ended; a million lines take some seconds.

        Raises:
            BadJournal: If there is no such run, or its journal can't be read.
        """
        known = await self._looked(lambda: self._known(name))
        if asked.is_all and known.kept.has_journal:
            return await self._part_of_all(known, asked)
        kept, search = known.kept, Search(asked)
        lines = kept.outcomes() if kept.has_journal else iter(())
        is_all = False
        async with self._searching:
            while not is_all and search.looked_at < _MOST_LINES:
                # A piece at a time: who leaves meanwhile is not searched for any longer.
                is_all = await in_thread(lambda: _look_through(lines, search))
        return search.found(is_all=is_all)

    async def kept(self, name: str) -> KeptRun:
        """The run *name* as it is kept.

        Raises:
            BadJournal: If there is none of that name.
        """
        return (await self._looked(lambda: self._known(name))).kept

    async def among(self, names: Collection[str]) -> frozenset[str]:
        """Those of *names* that are runs which are there."""
        return await self._looked(
            lambda: frozenset(name for name in names if self._runs.get(name) is not None)
        )

    async def version(self) -> int:
        """Another number wherever something may have changed since it was asked before."""
        if self._is_stale or self._runs.is_due:
            await self._looked(lambda: None)
        return self._runs.number

    def look_again(self) -> None:
        """Something was just changed: the next who asks sees it."""
        self._is_stale = True

    # how it is made

    async def _part_of_all(self, known: Known, asked: OutcomesAsked) -> Outcomes:
        """A part of all outcomes, of which it is known how many there are: no line behind it is read."""
        digest, _ = await self._digest(known)
        count = max(known.past.pages, 0 if digest is None else digest.pages)
        return await in_thread(lambda: part_of(known.kept.outcomes(), asked, count=count))

    async def _looked(self, make: Callable[[], T]) -> T:
        """What *make* makes of the store as it is now."""
        return await undisturbed(self._look_beside(make))

    async def _look_beside(self, make: Callable[[], T]) -> T:
        async with self._looking:
            return await beside(lambda: self._look_and(make))

    async def _read(self, read: Callable[[], T]) -> T:
        """What *read* makes of journals: one after another, since each takes its time."""
        async with self._reading:
            return await beside(read)

    def _look_and(self, make: Callable[[], T]) -> T:
        is_forced, self._is_stale = self._is_stale, False
        self._runs.look(is_forced=is_forced)
        if self._made.number != self._runs.number:
            self._made = _Made(self._runs.number)
            self._predictions.begin_look()
        return make()

    def _portals(self) -> list[PortalRow]:
        if self._made.portals is None:
            self._made.portals = portal_rows(self._runs)
        return self._made.portals

    def _run_rows(self) -> list[RunRow]:
        if self._made.runs is None:
            self._made.runs = run_rows(self._runs)
        return self._made.runs

    def _jobs(self) -> list[JobRow]:
        if self._made.jobs is None:
            self._made.jobs = job_rows(self._runs, self._predictions)
        return self._made.jobs

    def _night(self) -> Night:
        if self._made.night is None:
            self._made.night = night_of(self._runs, self._predictions)
        return self._made.night

    def _courses(self, job: str) -> list[JobCourse]:
        if job not in self._made.courses:
            self._made.courses[job] = courses_of(self._runs, job=job)
        return self._made.courses[job]

    def _known(self, name: str) -> Known:
        known = self._runs.get(name)
        if known is None:
            # It may have begun since the last look.
            self._runs.look(is_forced=True)
            known = self._runs.get(name)
        if known is None:
            raise BadJournal(f"{shortened(name)}: no such run.", "It may have been removed.")
        return known

    async def _digest(self, known: Known) -> tuple[Digest | None, str]:
        """What the journal of *known* says, or why it can't be read."""
        if known.past.description is None:
            return None, ""
        is_running = known.past.is_running
        async with self._reading:
            try:
                return await beside(lambda: self._digests.of(known.kept, is_running=is_running)), ""
            except BadJournal as error:
                return None, shortened(f"{error.message} {error.hint}", 1_000)

    def _one_run(self, name: str, digest: Digest | None, why: str) -> OneRun:
        known, goes_on = self._known(name), going_on_later(self._runs)
        return one_run(
            known,
            standing_of(known, goes_on, self._runs.looked_at),
            digest,
            at=self._runs.looked_at,
            goes_on=goes_on.get(name),
            orders=[one for one in self._runs.plan.orders.values() if one.of == name],
            why=why,
        )


def _look_through(lines: Iterator[Outcome], search: Search) -> bool:
    """The next piece of *lines*; whether that was the last."""
    before = search.looked_at
    for outcome in islice(lines, _PIECE):
        search.add(outcome)
    return search.looked_at - before < _PIECE
