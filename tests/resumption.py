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
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.store.description import Following
from bulk_publisher.store.description import FollowingKind as Kind
from bulk_publisher.store.folder.run_folder import RunFolder, find_folder
from tests.oracle import ALL_OF_IT, Seen, run_job


@dataclass
class Lost(Seen):
    """Ends the run as a crash would: nothing is let finish, nothing more is recorded."""

    after: int = 0
    task: asyncio.Task[Finished] | None = None
    folders: list[RunFolder] = field(default_factory=list)

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
) -> RunFolder:
    """A run that is gone when *after* pages are settled, its requests still under way."""
    seen = Lost(after=after)
    seen.task = asyncio.ensure_future(run_job(sandbox, runs, select, pace=pace, watch=seen))
    with contextlib.suppress(asyncio.CancelledError):
        await seen.task
    return find_folder("latest", runs)


def forget(folder: RunFolder, *, after: int) -> None:
    """Leave the first *after* lines of a journal, as if the run had been lost there."""
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[:after]))


async def resume(
    sandbox: Sandbox,
    folder: RunFolder,
    *,
    watch: Seen | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Finished:
    """Go on with the run in *folder*."""
    seen = watch or Seen()
    with reopened(folder, changes or {}) as again:
        return await again.go_on(
            Webhook(sandbox.webhook), seed=2, watch=seen, on_start=seen.on_start
        )


def follower_of(folder: RunFolder, kind: Kind, **wanted: Any) -> Follower:
    """What follows the run in *folder*."""
    following = Following(kind=kind, run=folder.run_id, folder=str(folder.path), **wanted)
    return follow(folder, following, _same)


async def begin(follower: Follower, sandbox: Sandbox, watch: Seen | None = None) -> Finished:
    """Begin it."""
    seen = watch or Seen()
    return await follower.begin(
        Webhook(sandbox.webhook),
        runs=follower.earlier.path.parent,
        seed=3,
        watch=seen,
        on_start=seen.on_start,
    )


async def verified(sandbox: Sandbox, folder: RunFolder, *, visits_urls: bool = False) -> Verified:
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
