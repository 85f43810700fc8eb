"""What a daemon keeps of its jobs: when each is due next, what of it has begun and has not ended, and orders.

Typing and data alone. For what blocks, what is atomic and what a lost lock means see ``store/protocol.py``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, BinaryIO, Protocol

import msgspec

from bulk_publisher.store.description import When

_RunOrNone = Annotated[str, msgspec.Meta(pattern=r"\A(?:(?!\.{1,2}\Z)[^/\x00-\x1f\x7f]{1,255})?\Z")]
"""The name of a run's folder, or nothing: a union of both would refuse nothing."""
_Text = Annotated[str, msgspec.Meta(max_length=1000)]
OrderName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9-]{0,99}\Z")]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What of a firing is done on one portal.

    Attributes:
        run: Empty before it has begun.
        status: The exit status that a command would have; None before it has ended.
        goes_on_at: When a run that has stopped goes on, in UTC seconds; None where that is not planned.
        stops: How often in a row it has stopped by a passing cause.
    """

    run: _RunOrNone = ""
    status: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    goes_on_at: When | None = None
    stops: Annotated[int, msgspec.Meta(ge=0)] = 0


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a job was due: from then until all that it is about has ended.

    Attributes:
        due: In UTC seconds.
        parts: By portal, as jobs name them.
    """

    due: When
    parts: dict[str, Part] = {}


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a job was done the last time."""

    due: When
    at: When
    status: int
    runs: tuple[str, ...] = ()


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A job in the plan of next runs.

    Attributes:
        cron: The schedule by which ``next_due`` was found; empty for an order, which is due once.
        next_due: In UTC seconds; None for never.
        firing: What is going on.
        queued: That it was due once more meanwhile, in UTC seconds.
        last: None where it was never done.
        edition: Which change of it this is, where several daemons change it: another one each time, and a
            larger one. The store counts them.
    """

    cron: _Text = ""
    timezone: _Text = ""
    next_due: When | None = None
    firing: Firing | None = None
    queued: When | None = None
    last: Ended | None = None
    edition: Annotated[int, msgspec.Meta(ge=0)] = 0

    def in_edition(self, edition: int) -> "Slot":
        """The same, as this edition."""
        return msgspec.structs.replace(self, edition=edition)


NO_SLOTS: Mapping[str, Slot] = MappingProxyType({})


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What people were told of a job.

    Attributes:
        at: When each thing was told last, in UTC seconds, by what tells it from others.
        is_open: They know of something that went wrong, and not that it is well again.
    """

    at: dict[_Text, When] = {}
    is_open: bool = False


class OrderKind(StrEnum):
    """What an order asks for."""

    JOB = "job"
    """A job is done."""
    RESUME = "resume"
    """A run goes on."""
    RETRY = "retry"
    """What failed in a run, or is unknown, is tried again in a new one."""
    VERIFY = "verify"
    """The portal is asked whether a run's journal is right."""
    PLAN = "plan"
    """It is told what a job would do, and that is handed in to be approved."""
    PUBLISH = "publish"
    """A plan that was approved is published."""

    @property
    def only_asks(self) -> bool:
        """Whether nothing is changed on the portal: it may be begun anew at any time."""
        return self in {OrderKind.VERIFY, OrderKind.PLAN}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has handed to a daemon, to be done once.

    Attributes:
        name: Its own, among all orders.
        job: As ``run.json`` would have it; empty where it brings none.
        known: The name of a job that the daemon knows; empty where it brings its own. Of an order that is
            about a run or a plan, the name of that one's job.
        of: The run, or the plan, that it is about; empty where it is about a job.
        at: When it is due, in UTC seconds.
        submitted: When it was handed over.
        by: Who did.
    """

    name: OrderName
    at: When
    job: dict[str, Any] = {}
    known: _Text = ""
    kind: OrderKind = OrderKind.JOB
    of: _RunOrNone = ""
    submitted: When
    by: _Text = ""


class OrderBook(Protocol):
    """An order that is being written; it is there once it is closed, and never by half."""

    def keep_list(self, name: str, content: BinaryIO) -> str:
        """Keep a copy of a list of pages; gives what a job names it by from then on.

        Raises:
            BadSetting: If that can't be written.
        """
        ...

    def close(self, order: Order) -> None:
        """The order itself; from now on it is found.

        Raises:
            BadSetting: If that can't be written.
        """
        ...


class Agenda(Protocol):
    """Of one store.

    One daemon serves a folder; a store that several hosts share has a daemon on each. What one of them changes
    in the plan the others hear of, and each firing is done by the one that has taken it up.
    """

    @property
    def place(self) -> str:
        """Where that is, for a person."""
        ...

    @property
    def lists(self) -> str:
        """Below which the lists of orders are, on this machine."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several daemons may serve it, each with jobs of its own."""
        ...

    def serving(self, on_standstill: Callable[[], None]) -> AbstractContextManager[None]:
        """Held by a daemon while it is at work.

        Args:
            on_standstill: Called, in any thread, where this process stood still for so long that others may
                have taken up what it does, and they have.

        Raises:
            RunBusy: If another process has it, and it is not shared.
            BadSetting: If it can't be kept.
        """
        ...

    @property
    def is_served(self) -> bool:
        """Whether a daemon is at work."""
        ...

    def read_slots(self) -> dict[str, Slot]:
        """The plan, by the names of jobs and orders; empty where there is none.

        Raises:
            BadJournal: If it is damaged.
        """
        ...

    def read_changes(self) -> Mapping[str, Slot]:
        """What other daemons have changed since the plan was read here last.

        Raises:
            BadJournal: If that can't be read now.
        """
        ...

    def write_slots(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot] = NO_SLOTS
    ) -> Mapping[str, Slot | None]:
        """Change these in the plan, all at once.

        Args:
            gone: Those that leave it, as they were read.

        Returns:
            Those that are written, in the editions that they are now, and None for those that are gone. What
            another daemon has changed since the edition that is given here is not among them, and stays.

        Raises:
            JournalLost: If that can't be written; what was there before is still there.
        """
        ...

    def take_up(self, names: Collection[str], most: int) -> Collection[str]:
        """Those of *names* that this daemon does from now on, *most* at most: nobody else does them.

        Raises:
            BadJournal: If that can't be told now.
        """
        ...

    def let_go(self, name: str) -> None:
        """Do it no more: it has ended, or others may go on with it."""
        ...

    def still_does(self, name: str) -> bool:
        """Whether this daemon does *name*, which it has taken up; where nobody was heard of for long, it is asked.

        Raises:
            JournalLost: If that can't be told now.
        """
        ...

    def has_lost(self, name: str) -> bool:
        """Whether *name* is known to be another daemon's since it was taken up here; nothing is asked."""
        ...

    def read_told(self, job: str) -> Told:
        """What people were told of *job*; nothing where that is damaged, with a line in the log."""
        ...

    def write_told(self, job: str, told: Told) -> None:
        """Replace it; any process may, also while a daemon is at work.

        Raises:
            JournalLost: If that can't be written.
        """
        ...

    def order(self, name: str) -> AbstractContextManager[OrderBook]:
        """A new order; what is not closed when the block ends is not there.

        Raises:
            BadSetting: If nothing can be written.
        """
        ...

    def orders(self) -> Sequence[Order]:
        """Those that are there, the oldest first; damaged ones are passed over, with a line in the log."""
        ...

    def remove_order(self, name: str) -> None:
        """It was done; what was kept for it goes, too."""
        ...


def with_part(firing: Firing, portal: str, part: Part) -> Firing:
    """*firing* with *part* on *portal*."""
    return msgspec.structs.replace(firing, parts={**firing.parts, portal: part})


def runs_of(firing: Firing) -> Iterator[str]:
    """The runs that it has begun."""
    return (part.run for part in firing.parts.values() if part.run)
