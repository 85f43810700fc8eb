"""Job files done by a program: each portal's run side by side, and how each has ended, as it ends."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from bulk_publisher.engine.events import Event
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, by_portal, find_portal, read_job
from bulk_publisher.log import RunLog
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Reached
from bulk_publisher.operations.many import MOST_AT_ONCE, ManyRuns, PortalEnd, PortalJob
from bulk_publisher.operations.publishing import Started
from bulk_publisher.operations.running import Result
from bulk_publisher.operations.secrets import read_credential
from bulk_publisher.store import SharedState, Store, open_store, shared_state


@dataclass(frozen=True, slots=True)
class PortalResult:
    """How a job has ended on one portal.

    Attributes:
        job: Its name.
        portal: What the job calls the portal; empty for the one portal of a job.
        result: None where no run has begun.
        error: What would end a command with 2 to 5, or 70; None where nothing did.
    """

    job: str
    portal: str
    result: Result | None
    error: Exception | None

    @property
    def is_good(self) -> bool:
        """Whether every page is settled well."""
        return self.error is None and self.result is not None and self.result.is_good


class JobRuns:
    """Jobs on all of their portals, to be used in ``async with``; iterate it for how each ends.

    Invariant: whatever has begun has ended, in order, when the block is left.
    """

    def __init__(
        self, jobs: Sequence[PortalJob], *, store: Store, state: SharedState | None, parallel: int
    ) -> None:
        """Nothing is done yet."""
        self._left = len(jobs)
        self._ended: asyncio.Queue[PortalResult] = asyncio.Queue()
        self._runs = ManyRuns(
            jobs,
            entrance=partial(entered, state=state),
            store=store,
            parallel=parallel,
            onlooker=self,
        )
        self._leaving = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._leaving.enter_async_context(asyncio.TaskGroup())
        group.create_task(self._runs.do())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        # Who is cancelled himself does not wait for what is in flight.
        is_cancelled = isinstance(error, asyncio.CancelledError)
        await self._leaving.__aexit__(*((kind, error, trace) if is_cancelled else (None,) * 3))

    async def __aiter__(self) -> AsyncIterator[PortalResult]:
        """How each ends, as soon as it has; each is given once."""
        while self._left:
            self._left -= 1
            yield await self._ended.get()

    def stop(self) -> None:
        """Begin no more, and let what is in flight end and be recorded."""
        self._runs.drain()

    # what the runs tell

    def starts(self, of: PortalJob, started: Started) -> None:
        """A run has begun."""

    def hears(self, of: PortalJob, event: Event) -> None:
        """Something has happened in it."""

    def ends(self, end: PortalEnd) -> None:
        """It has ended, or can't begin."""
        finished = end.finished
        result = None
        if finished is not None:
            counts, ending = dict(finished.totals.counts), finished.ending
            result = Result(finished.kept.run_id, counts, ending.is_whole, ending.seconds)
        self._ended.put_nowait(PortalResult(end.of.job.name, end.of.portal, result, end.error))


def run_jobs(
    *jobs: Job | Path | str, store: Store | Path | str, parallel: int = MOST_AT_ONCE
) -> JobRuns:
    """Do job files, as ``bulk-publisher run`` does; each portal has a run of its own.

    The environment is read as the command line reads it: the variables that portals name, and where the
    named portals are.

    Args:
        jobs: Files, or jobs that were read.
        store: Where the runs are kept.
        parallel: The most portals at once, 1 or more.

    Raises:
        UsageError: If a file has mistakes, or its portals can't be told; nothing is begun.
    """
    read = [one if isinstance(one, Job) else read_job(Path(one)) for one in jobs]
    if simulated := next((job for job in read if job.portal.sandbox is not None), None):
        raise BadSetting(f"{simulated.name}: only the command line starts a sandbox.", "Start one in the program: bulk_publisher.testing.sandbox()")  # fmt: skip
    portal_jobs = [
        PortalJob(job, portal)
        for whole in read
        for portal, job in by_portal(whole, os.environ).items()
    ]
    kept_in = open_store(store) if isinstance(store, Path | str) else store
    state = shared_state(store, os.environ) if isinstance(store, Path | str) else None
    return JobRuns(portal_jobs, store=kept_in, state=state, parallel=parallel)


@asynccontextmanager
async def entered(job: Job, state: SharedState | None = None) -> AsyncIterator[Reached]:
    """The portal of *job* with its credential, looked up where the environment says; its secret is hidden meanwhile.

    Args:
        state: Where its limits are shared; None for with the runs of this machine.

    Raises:
        BadSetting: If there is none, or it is a sandbox.
    """
    portal = find_portal(job.portal, os.environ)
    if portal.sandbox is not None:
        raise BadSetting(f"{job.name}: only the command line starts a sandbox.")
    credential = read_credential(portal, os.environ, state)
    with crash.hidden(RunLog(credential.redactor)):
        yield Reached(credential, portal, state)
