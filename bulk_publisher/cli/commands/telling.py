"""What people are told of a job that a command does: whom the job names, when it begins and how it has ended."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.output.output import Output
from bulk_publisher.errors import FAULT_OF_OURS, BulkPublisherError
from bulk_publisher.jobs import ALONE, Job
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.store import KeptRun, SharedState

if TYPE_CHECKING:
    from bulk_publisher.notices.notifying import JobEnded, Notices

WayIn = Callable[[Job, Output, SharedState], AbstractAsyncContextManager[Entry]]
"""``open_credential``."""


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

    portal: ClassVar[str] = ALONE

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


def do_and_tell(job: Job, output: Output, runs: Runs, do: Callable[[], Done], way_in: WayIn) -> int:
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
        _tell(job, output, runs, Done(FAULT_OF_OURS), way_in)
        raise
    _tell(job, output, runs, done, way_in)
    return done.status


def with_notices(
    output: Output, runs: Runs, tell: "Callable[[Notices], Awaitable[None]]", way_in: WayIn
) -> None:
    """Have *tell* tell.

    Args:
        way_in: Into a job's portal, where a user of it is told.
    """
    from bulk_publisher.clock import LoopClock
    from bulk_publisher.notices.notifying import Notices
    from bulk_publisher.store import open_store, shared_state

    # What there is to say of its webhook the run has said.
    quiet = replace(output, verbosity=min(output.verbosity, -1))

    async def told() -> None:
        agenda, state = open_store(runs).agenda, shared_state(runs, os.environ)
        await tell(
            Notices(
                agenda,
                lambda job: way_in(job, quiet, state),
                os.environ,
                LoopClock(),
                output.warn,
            )
        )

    asyncio.run(told())


def _tell(job: Job, output: Output, runs: Runs, done: Done, way_in: WayIn) -> None:
    from bulk_publisher.notices.runs_told import job_ended

    tell_end(job, job_ended([done], kept=done.kept), output, runs, way_in)


def tell_end(job: Job, ended: "JobEnded", output: Output, runs: Runs, way_in: WayIn) -> None:
    """Tell whom *job* names how it has ended."""
    # Whoever presses Ctrl-C now does not want to wait for it; how the run has ended stays as it is.
    with suppress(KeyboardInterrupt):
        with_notices(output, runs, lambda notices: notices.ended(job, ended), way_in)
