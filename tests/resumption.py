"""How a test interrupts a run, loses it, and goes on with it."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Status
from bulk_publisher.operations.following import Follower, follow
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.operations.resuming import reopened
from bulk_publisher.operations.verifying import Verified, verify
from bulk_publisher.portal.credentials import Credential, Webhook
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.description import Following
from bulk_publisher.store.description import FollowingKind as Kind
from tests.folders import files_of
from tests.oracle import ALL_OF_IT, Seen, run_job


@dataclass
class Lost(Seen):
    """Ends the run as a crash would: nothing is let finish, nothing more is recorded."""

    after: int = 0
    task: asyncio.Task[Finished] | None = None
    folders: list[KeptRun] = field(default_factory=list)

    def on_settled(self) -> None:
        if self.settled >= self.after and self.task is not None:
            self.task.cancel()


async def lose(
    sandbox: Sandbox,
    runs: Path,
    select: Selection = ALL_OF_IT,
    *,
    after: int,
    pace: Pace = Pace(batch_size=10),  # noqa: B008 - frozen
) -> KeptRun:
    """A run that is gone when *after* pages are settled, its requests still under way."""
    seen = Lost(after=after)
    seen.task = asyncio.ensure_future(run_job(sandbox, runs, select, pace=pace, watch=seen))
    with contextlib.suppress(asyncio.CancelledError):
        await seen.task
    return open_store(runs).find("latest")


def forget(folder: KeptRun, *, after: int) -> None:
    """Leave the first *after* lines of a journal, as if the run had been lost there."""
    lines = files_of(folder).journal.read_bytes().splitlines(keepends=True)
    files_of(folder).journal.write_bytes(b"".join(lines[:after]))


async def resume(
    sandbox: Sandbox,
    folder: KeptRun,
    *,
    watch: Seen | None = None,
    changes: Mapping[str, Any] | None = None,
    credential: Credential | None = None,
) -> Finished:
    """Go on with the run in *folder*."""
    seen = watch or Seen()
    with reopened(folder, changes or {}) as again:
        return await again.go_on(
            credential or Webhook(sandbox.webhook), seed=2, watch=seen, on_start=seen.on_start
        )


def follower_of(folder: KeptRun, kind: Kind, **wanted: Any) -> Follower:
    """What follows the run in *folder*."""
    following = Following(kind=kind, run=folder.run_id, folder=folder.place, **wanted)
    return follow(folder, following, _same)


async def begin(follower: Follower, sandbox: Sandbox, watch: Seen | None = None) -> Finished:
    """Begin it."""
    seen = watch or Seen()
    return await follower.begin(
        Webhook(sandbox.webhook),
        store=open_store(files_of(follower.earlier).path.parent),
        seed=3,
        watch=seen,
        on_start=seen.on_start,
    )


async def verified(sandbox: Sandbox, folder: KeptRun, *, visits_urls: bool = False) -> Verified:
    """Ask the portal about the run in *folder*."""
    return await verify(
        folder,
        Webhook(sandbox.webhook),
        change=_same,
        visits_urls=visits_urls,
        on_progress=lambda _: None,
    )


def statuses(finished: Finished) -> dict[Status, int]:
    """How many pages there are of each status."""
    return dict(finished.totals.counts)


def _same(job: Job) -> Job:
    return job
