"""What happens in a daemon, for whoever looks on: the command line, metrics, notices."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bulk_publisher.jobs import Job
from bulk_publisher.model import Epoch
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.publishing import Finished, Started
from bulk_publisher.serve.timetable import Happened
from bulk_publisher.store.agenda import OrderKind


@dataclass(frozen=True, slots=True)
class JobsRead:
    """The job files were read; *names* is of all jobs that there are."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """The clock on the wall was set back by so many seconds."""

    by: float


@dataclass(frozen=True, slots=True)
class PlanAway:
    """The plan is on a machine that does not answer; what is at work goes on as long as it may.

    Attributes:
        why: In words.
    """

    why: str


@dataclass(frozen=True, slots=True)
class PlanBack:
    """It answers again."""


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A job file can't be used.

    Attributes:
        why: A line for each mistake: ``file:line: why``.
        keeps_last: Its last good version stays in use.
    """

    path: Path
    why: str
    keeps_last: bool


@dataclass(frozen=True, slots=True)
class JobDue:
    """Something has become of a job's time."""

    job: str
    what: Happened


@dataclass(frozen=True, slots=True)
class RunBegins:
    """A run begins, or goes on where another process, or this one, has left it."""

    job: str
    portal: str
    started: Started
    goes_on: bool


@dataclass(frozen=True, slots=True)
class RunRests:
    """A run has stopped in order and goes on later.

    Attributes:
        at: In UTC seconds; None where somebody has to say so.
        why: What has stopped it.
    """

    job: str
    portal: str
    run: str
    at: Epoch | None
    why: str


@dataclass(frozen=True, slots=True)
class RunEnds:
    """A run has ended, or could not begin.

    Attributes:
        run: Empty where none has begun.
        status: The exit status that a command would have.
        why: What ended it early; empty where nothing did.
        hint: What to do about that.
        finished: None where this process has not done it.
        aftermath: What is left after all that was to be done about it; None where nothing was.
        kind: What was asked for; where the portal was only asked, no run has begun or ended.
    """

    job: str
    portal: str
    run: str
    status: int
    why: str = ""
    hint: str = ""
    finished: Finished | None = None
    aftermath: Aftermath | None = None
    kind: OrderKind = OrderKind.JOB


@dataclass(frozen=True, slots=True)
class JobEnds:
    """All runs of one time of a job have ended; *status* is the worst of theirs."""

    job: Job
    due: Epoch
    status: int
    runs: tuple[RunEnds, ...]


@dataclass(frozen=True, slots=True)
class Draining:
    """The daemon ends: runs drain, and go on when it is started again.

    Attributes:
        why: Empty where it was asked to.
    """

    runs: int
    why: str = ""


Happening = (
    JobsRead
    | ClockSetBack
    | PlanAway
    | PlanBack
    | FileRefused
    | JobDue
    | RunBegins
    | RunRests
    | RunEnds
    | JobEnds
    | Draining
)

Tell = Callable[[Happening], None]
