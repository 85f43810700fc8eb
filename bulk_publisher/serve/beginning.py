"""How a run begins that a daemon does: of a job, of what failed in another run, or of a plan that was approved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bulk_publisher.engine.events import Watcher
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job
from bulk_publisher.log import log
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.approving import find_approved, has_begun, publish_approved
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.following import Follower, follow, retry_of
from bulk_publisher.operations.planned import checked_job
from bulk_publisher.operations.publishing import Finished, OnStart, begin
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.approvals import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginningMeans:
    """What a run is begun with.

    Attributes:
        seed: Of everything that is left to chance.
        watch: Told of each event.
        on_start: Told when it begins.
        on_created: Told the run before anything is sent.
    """

    store: Store
    seed: int
    watch: Watcher
    on_start: OnStart
    on_created: Callable[[KeptRun], None]


class Beginning(Protocol):
    """How a run begins."""

    def begun(self, store: Store) -> str:
        """The run that an earlier process has begun so, and could not write down; empty for none."""
        ...

    async def begin(self, job: Job, entry: Entry, means: BeginningMeans) -> Finished:
        """Begin it, and do it.

        Raises:
            BulkPublisherError: As ``publish`` does.
        """
        ...


class JobBeginning:
    """A run of a job."""

    def begun(self, _store: Store) -> str:
        """None: a run that nobody has written down has sent nothing."""
        return ""

    async def begin(self, job: Job, entry: Entry, means: BeginningMeans) -> Finished:
        """See ``Beginning``."""
        job, selected = await checked_job(job, entry, store=means.store, tell=_log_changes)
        return await begin(
            job,
            selected,
            entry,
            store=means.store,
            seed=means.seed,
            watch=means.watch,
            on_start=means.on_start,
            on_created=means.on_created,
        )


@dataclass(frozen=True, slots=True)
class RetryBeginning(JobBeginning):
    """A run of what failed in *run*, or is unknown."""

    run: str

    async def begin(self, job: Job, entry: Entry, means: BeginningMeans) -> Finished:
        """See ``Beginning``."""
        follower = await beside(lambda: self._follower(means.store, job))
        if not follower.pages:
            raise BadSetting(f"Run {self.run} has no failed or unknown pages: nothing to retry.")
        return await follower.begin(
            entry,
            store=means.store,
            seed=means.seed,
            watch=means.watch,
            on_start=means.on_start,
            on_created=means.on_created,
        )

    def _follower(self, store: Store, job: Job) -> Follower:
        earlier = store.find(self.run)
        return follow(earlier, retry_of(earlier), lambda _: job)


@dataclass(frozen=True, slots=True)
class ApprovedBeginning:
    """The run of the plan *plan*, which *by* publishes."""

    plan: str
    by: str

    def begun(self, store: Store) -> str:
        """The run that has taken the plan, where that was begun for the same person on the page."""
        proposal = store.approvals.find(self.plan)
        taken = proposal.taken
        is_ours = taken is not None and (taken.by, taken.through) == (self.by, Door.PAGE)
        return proposal.run if is_ours and has_begun(store, proposal) else ""

    async def begin(self, job: Job, entry: Entry, means: BeginningMeans) -> Finished:
        """See ``Beginning``."""
        approved = await beside(lambda: find_approved(means.store, self.plan))
        return await publish_approved(
            approved,
            entry,
            store=means.store,
            by=self.by,
            through=Door.PAGE,
            seed=means.seed,
            watch=means.watch,
            on_start=means.on_start,
            on_created=means.on_created,
            tell=_log_changes,
        )


def _log_changes(changes: list[str]) -> None:
    log.info("plan.compared", changes=changes)
