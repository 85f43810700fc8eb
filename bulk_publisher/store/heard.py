"""What a run says of itself while it goes on, for whoever asks elsewhere how it stands. Pure."""

from typing import Annotated, NamedTuple

import msgspec

from bulk_publisher.store.description import Count, Seconds, When

_SILENT = 15.0
"""Seconds without a word after which what was said is old: one comes every five."""

_Figure = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a budget is used."""

    level: _Figure
    limit: _Figure


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing leaves.

    Attributes:
        until: UTC seconds; None where only an event can end it.
    """

    until: When | None
    limit: str
    because: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run at one moment. Moments of time are UTC seconds.

    What is counted is of the whole run: earlier processes are included wherever they are not
    excluded here.

    Attributes:
        portal_name: What the portal is called; None where it has no name.
        pages: Settled.
        total: None where only the portal knows.
        counts: Of the settled pages, by status.
        errors: Of the bad ones, by code.
        seconds: At work.
        rate: Pages for each of those seconds; None in the first one.
        arrives_at: When it will have ended, as far as can be told.
        last_failures: Of this process, the newest last.
        stops_at: When it ends, whatever is left; None where that is not planned.
    """

    run: str
    portal: str
    time: When
    pages: Count
    total: Count | None
    counts: dict[str, Count]
    errors: dict[str, Count]
    bad: Count
    seconds: Seconds
    rate: _Figure | None
    operating: Bar | None
    requests: Bar | None
    waiting: Wait | None
    arrives_at: When | None
    last_failures: tuple[str, ...]
    portal_name: str | None = None
    stops_at: When | None = None

    @property
    def left(self) -> int | None:
        """Pages that are not settled; None where nobody knows."""
        return None if self.total is None else max(0, self.total - self.pages)


class Heard(NamedTuple):
    """What a run has said of itself, and how many seconds ago."""

    snapshot: Snapshot
    age: float

    @property
    def is_silent(self) -> bool:
        """Whether it should have said more by now: its process is stopped, or can't write."""
        return self.age >= _SILENT


def heard(snapshot: Snapshot, age: float) -> Heard:
    """*snapshot*, said *age* seconds ago.

    Of a run that is silent nothing is promised: neither when it ends, nor what it waits for.
    """
    found = Heard(snapshot, age)
    if not found.is_silent:
        return found
    return Heard(msgspec.structs.replace(snapshot, arrives_at=None, waiting=None), age)
