"""What people are told of a job that a command does: whom the job names, when it begins and how it has ended."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_publisher.cli.output.output import Output
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.store import KeptRun

if TYPE_CHECKING:
    from bulk_publisher.notices.notifying import JobEnded, Notices

WayIn = Callable[[Job, Output], AbstractAsyncContextManager[Entry]]
"""``open_credential``."""

_FAULT = 70


@dataclass(frozen=True, slots=True)
class Done:
    """How a command has done a job.

    Attributes:
        finished: None where it was interrupted at once.
        kept: Its run; None where none has begun.
        error: What ended it early; None for nothing.
    """

    status: int
    finished: Finished | None = None
    aftermath: Aftermath | None = None
    kept: KeptRun | None = None
    error: BulkPublisherError | None = None


def do_and_tell(job: Job, output: Output, runs: Path, do: Callable[[], Done], way_in: WayIn) -> int:
    """Do it, and tell whom *job* names; gives the exit status.

    Raises:
        BulkPublisherError: If it cannot be begun; that is told, too.
    """
    if job.notify is None:
        return do().status
    with_notices(output, runs, lambda notices: notices.begins(job), way_in)
    try:
        done = do()
    except BulkPublisherError as error:
        _tell(job, output, runs, Done(error.exit_status, error=error), way_in)
        raise
    except Exception:
        _tell(job, output, runs, Done(_FAULT), way_in)
        raise
    _tell(job, output, runs, done, way_in)
    return done.status


def with_notices(
    output: Output, runs: Path, tell: "Callable[[Notices], Awaitable[None]]", way_in: WayIn
) -> None:
    """Have *tell* tell.

    Args:
        way_in: Into a job's portal, where a user of it is told.
    """
    from bulk_publisher.clock import LoopClock
    from bulk_publisher.notices.notifying import Notices
    from bulk_publisher.store import open_store

    # What there is to say of its webhook the run has said.
    quiet = replace(output, verbosity=min(output.verbosity, -1))

    async def told() -> None:
        agenda = open_store(runs).agenda

        await tell(
            Notices(agenda, lambda job: way_in(job, quiet), os.environ, LoopClock(), output.warn)
        )

    asyncio.run(told())


def _tell(job: Job, output: Output, runs: Path, done: Done, way_in: WayIn) -> None:
    ended = _ended(done)
    # Whoever presses Ctrl-C now does not want to wait for it; how the run has ended stays as it is.
    with suppress(KeyboardInterrupt):
        with_notices(output, runs, lambda notices: notices.ended(job, ended), way_in)


def _ended(done: Done) -> "JobEnded":
    from bulk_publisher.notices.notifying import JobEnded
    from bulk_publisher.notices.runs_told import left_of_run, told_of_run

    error = done.error
    told = told_of_run(
        "",
        "" if done.kept is None else done.kept.run_id,
        done.status,
        finished=done.finished,
        aftermath=done.aftermath,
        why="" if error is None else error.message,
        hint="" if error is None else error.hint,
    )
    left = left_of_run("", done.aftermath)
    return JobEnded(status=done.status, runs=[told], left=left, kept=done.kept)
