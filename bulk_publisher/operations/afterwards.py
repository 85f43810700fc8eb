"""What is done once a run has come to its end: it is verified, and what may work now is tried again.

Rules:
    What was done already is told by the store alone: a run names the retry that follows it before that
    sends anything. So whoever dies in between is followed by somebody who begins at the same place: to
    verify once more is harmless, a retry that has begun goes on, and one that has ended is not repeated.

How it works:
    The run and its retries are a chain, each the retry of the one before. What is left is what the last
    line of each page in it says, and what the portal says where it was asked.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import After, Job
from bulk_publisher.model import PageId, Status
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.following import Follower, follow, retry_of
from bulk_publisher.operations.publishing import Finished, OnStart, Started
from bulk_publisher.operations.resuming import reopened
from bulk_publisher.operations.verifying import Verified, verify
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.faults import PASSING, base_code
from bulk_publisher.sources.earlier import status_of
from bulk_publisher.sources.known_failures import KnownFailures
from bulk_publisher.store.protocol import KeptRun, Store

DIFFERS = "DIFFERS"
"""Ours: the journal says that a page was done, and the portal shows that it is not."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left of a run after all that was to be done about it.

    Attributes:
        runs: The run, and the retries that have ended or begun.
        left: Pages that are not done, by their code.
        known: Those of them that are known to fail with it.
        healed: Pages that are known to fail and did not.
        verified: What the portal said of each run; none where it was not asked.
        unfinished: The retry that has not come to its end; None where all have.
    """

    runs: tuple[KeptRun, ...]
    left: Mapping[PageId, str] = field(default_factory=dict)
    known: PageSet = field(default_factory=PageSet)
    healed: tuple[PageId, ...] = ()
    verified: tuple[Verified, ...] = ()
    unfinished: Finished | None = None

    @property
    def new(self) -> dict[PageId, str]:
        """Of what is left, what nobody knows of yet."""
        return {page: code for page, code in self.left.items() if page not in self.known}

    @property
    def status(self) -> int:
        """The exit status of a command that did all of it to its end."""
        return int(len(self.left) > len(self.known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What it is done with.

    Attributes:
        seed: Of everything that is left to chance.
        watch: Told of each event of a retry.
        on_start: Told when a retry begins.
        on_verifying: Told which run the portal is asked about.
    """

    store: Store
    seed: int
    watch: Watcher
    on_start: OnStart
    on_verifying: Callable[[KeptRun], None] = lambda _: None


class Afterwards:
    """What is done after one run."""

    def __init__(self, kept: KeptRun, after: After, known: KnownFailures, means: Means) -> None:
        """Nothing is done yet.

        Args:
            kept: The run, which is whole.
            known: Pages that are known to fail.
        """
        self._after = after
        self._known = known
        self._means = means
        self._runs = [kept]
        self._verified: list[Verified] = []
        self._started: Started | None = None
        self._asking: asyncio.Task[Verified | BulkPublisherError] | None = None
        self._is_draining = False

    def drain(self) -> None:
        """Begin nothing more: what the portal is asked is left, a retry lets end what is in flight."""
        self._is_draining = True
        if self._asking is not None:
            self._asking.cancel()
        if self._started is not None:
            self._started.engine.drain()

    async def do(self, entry: Entry) -> Aftermath | None:
        """Do it, or what is left of it; None where it was drained before its end.

        Raises:
            BulkPublisherError: If the portal can't be asked, or a run can't be read.
        """
        while True:
            if self._after.verify and not await self._verify(entry):
                return None
            finished = None if self._is_draining else await self._retry(entry)
            if finished is not None and not finished.ending.is_whole:
                return Aftermath(tuple(self._runs), unfinished=finished)
            if self._is_draining:
                return None
            if finished is None and not await self._skip_to_next():
                return await beside(self._aftermath)

    async def _verify(self, entry: Entry) -> bool:
        """Ask about the last run; whether that was not drained."""
        if self._is_draining:
            return False
        if not self._runs[-1].read_description().final.pages:
            # Nothing was selected: there is no line that could be right or wrong.
            return True
        self._means.on_verifying(self._runs[-1])
        async with asyncio.TaskGroup() as group:
            self._asking = group.create_task(self._ask(entry))
        asked, self._asking = self._asking, None
        if asked.cancelled():
            return False
        answer = asked.result()
        if isinstance(answer, BulkPublisherError):
            raise answer
        self._verified.append(answer)
        return True

    async def _ask(self, entry: Entry) -> Verified | BulkPublisherError:
        # A group of tasks would wrap what is raised in it.
        try:
            return await verify(
                self._runs[-1],
                entry,
                change=_as_it_is,
                visits_urls=False,
                on_progress=lambda _: None,
                warn=warner(self._means.watch),
            )
        except BulkPublisherError as error:
            return error

    async def _skip_to_next(self) -> bool:
        """Go on from a retry that an earlier process has ended; whether there is one."""
        following = await beside(lambda: _retry_of(self._runs[-1]))
        if following is None or not following.read_description().is_whole:
            return False
        self._runs.append(following)
        return True

    async def _retry(self, entry: Entry) -> Finished | None:
        """Begin the next retry, or go on with it; None where there is none to be done now."""
        last = self._runs[-1]
        following = await beside(lambda: _retry_of(last))
        is_over = following is not None and following.read_description().is_whole
        if is_over or len(self._runs) > self._after.retry:
            return None
        if following is not None:
            self._runs.append(following)
            return await self._go_on(following, entry)
        follower = await beside(lambda: _follower(last))
        if follower is None:
            return None
        finished = await follower.begin(
            entry,
            store=self._means.store,
            seed=self._seed,
            watch=self._means.watch,
            on_start=self._on_start,
        )
        self._runs.append(finished.kept)
        return finished

    async def _go_on(self, retry: KeptRun, entry: Entry) -> Finished:
        with ExitStack() as opened:
            reopening = reopened(retry, {})
            again = await beside(lambda: opened.enter_context(reopening))
            return await again.go_on(
                entry, seed=self._seed, watch=self._means.watch, on_start=self._on_start
            )

    @property
    def _seed(self) -> int:
        """Another one for each retry."""
        return random.Random(self._means.seed + len(self._runs)).randrange(2**32)

    def _on_start(self, started: Started) -> None:
        self._started = started
        if self._is_draining:
            started.engine.drain()
        self._means.on_start(started)

    def _aftermath(self) -> Aftermath:
        left: dict[PageId, str] = {}
        well: set[PageId] = set()
        for run in self._runs:
            for page, status, code in _ends(run):
                if status.is_good:
                    left.pop(page, None)
                    if page in self._known.codes and status is not Status.SKIPPED:
                        well.add(page)
                else:
                    left[page] = code
        for verified in self._verified:
            left |= {page: DIFFERS for page in map(PageId, verified.undone) if page not in left}
        known = PageSet(page for page, code in left.items() if self._known.has(page, code))
        healed = tuple(sorted(page for page in well if page not in left))
        return Aftermath(tuple(self._runs), left, known, healed, tuple(self._verified))


def _as_it_is(job: Job) -> Job:
    return job


def _retry_of(run: KeptRun) -> KeptRun | None:
    """The last retry of *run*; None where there is none."""
    names: Sequence[str] = run.read_description().retries
    found = run.beside(names[-1]) if names else None
    return found if found is not None and found.is_described else None


def _follower(run: KeptRun) -> Follower | None:
    """What tries again what failed in *run* by a passing cause; None where nothing did."""
    codes = {base_code(code) for code in run.read_description().final.errors} & PASSING
    if not codes:
        return None
    follower = follow(run, retry_of(run, errors=sorted(codes)), _as_it_is)
    return follower if follower.pages else None


def _ends(run: KeptRun) -> Iterator[tuple[PageId, Status, str]]:
    """How each page of *run* ended, and its code; the first line of a page counts."""
    verdicts = run.read_verdicts()
    seen = PageSet()
    for mark in run.marks():
        if mark.run == run.run_id and seen.add(mark.page):
            yield mark.page, status_of(mark, verdicts), mark.error or mark.status.value
