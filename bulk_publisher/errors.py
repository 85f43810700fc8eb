"""What can end a run, and with which exit status.

A page that fails is an outcome and never in this tree::

    BulkPublisherError 70
    ├── UsageError 2
    │   ├── BadJobFile 2
    │   ├── BadSource 2
    │   ├── BadSetting 2
    │   ├── BadJournal 2
    │   └── NotApproved 2
    ├── StoppedByPortal 3
    │   ├── LimitReached 3
    │   ├── TooManyFailures 3
    │   └── ListIncomplete 3
    ├── StoppedOnPurpose 3
    │   ├── StopRequested 3
    │   └── HoursOver 3
    ├── JournalLost 3
    │   └── RunTaken 3
    ├── PortalUnusable 4
    └── RunBusy 5

70 is a fault of ours, as is any other exception; 1 is no error but the status of a run that has finished
and has pages that failed. An interruption ends with 130 (SIGINT) or 143 (SIGTERM), which the command line
sees to.
"""

from typing import ClassVar, Self

FAULT_OF_OURS = 70
"""The exit status of a fault of ours (sysexits.h: EX_SOFTWARE)."""


class BulkPublisherError(Exception):
    """Something that ends a run.

    Args:
        message: What is wrong, and where.
        hint: What to do about it.
    """

    exit_status: ClassVar[int] = FAULT_OF_OURS

    is_for_resume = True
    is_passing = False
    """Whether the same may work later, without anybody's help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def passing(self, is_passing: bool = True) -> Self:  # noqa: FBT001, FBT002 - reads as it is meant
        """The same, where that may pass by itself."""
        self.is_passing = is_passing
        return self


class UsageError(BulkPublisherError):
    """What was asked for cannot be done as asked; nothing was sent."""

    exit_status = 2


class BadJobFile(UsageError):
    """A job file that does not say what it must, or says what it must not."""


class BadSource(UsageError):
    """A list of pages that cannot be read; *problems* has a line each: ``file:line: why``."""

    def __init__(self, message: str, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.problems = problems


class BadSetting(UsageError):
    """An option or an environment variable with a value that cannot be."""


class BadJournal(UsageError):
    """A run's folder that is missing or damaged."""


class NotApproved(UsageError):
    """A plan that nobody may publish or approve as asked: none is there, or its approval is missing or over."""


class StoppedByPortal(BulkPublisherError):
    """The portal would refuse every later page; what is left is for a resume."""

    exit_status = 3


class LimitReached(StoppedByPortal):
    """A limit of the portal's plan, or a condition on the whole portal."""


class TooManyFailures(StoppedByPortal):
    """So many failures alike that going on would only add to them.

    Args:
        is_for_resume: Whether what is left can be gone on with as it was asked for.
    """

    def __init__(self, message: str, hint: str = "", *, is_for_resume: bool = True) -> None:
        super().__init__(message, hint)
        self.is_for_resume = is_for_resume


class ListIncomplete(StoppedByPortal):
    """What the portal listed is not all, or can't be told to be: what it has listed is done."""


class StoppedOnPurpose(BulkPublisherError):
    """Somebody, or the job's own hours, ended it early; what is left is for a resume."""

    exit_status = 3


class StopRequested(StoppedOnPurpose):
    """``stop`` or ``pause``, from another terminal."""


class HoursOver(StoppedOnPurpose):
    """The hours are over in which it may send, or have not begun.

    Args:
        opens_at: When it may again, in UTC seconds; None where somebody has to say so.
    """

    def __init__(self, message: str, hint: str = "", *, opens_at: float | None = None) -> None:
        super().__init__(message, hint)
        self.opens_at = opens_at


class JournalLost(BulkPublisherError):
    """What is to be kept can't be written any more: nothing further is claimed; *reason* in few words."""

    exit_status = 3

    def __init__(self, message: str, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class RunTaken(JournalLost):
    """Another process works on the run now: whatever this one still says of it is not kept."""


class PortalUnusable(BulkPublisherError):
    """The portal or the credential cannot be used at all.

    Args:
        is_passing: Whether the same may work later, without anybody's help.
    """

    exit_status = 4

    def __init__(self, message: str, hint: str = "", *, is_passing: bool = False) -> None:
        super().__init__(message, hint)
        self.is_passing = is_passing


class RunBusy(BulkPublisherError):
    """Another process is at work in this run's folder, or does this job."""

    exit_status = 5
