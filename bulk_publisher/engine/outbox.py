"""What has been decided and not been carried out yet: lines to write, pages to look up, events to tell.

Rules: it keeps things in their order and decides nothing; told the time.

How it works: lines go to disk in groups, one at a time, and what has come since the last one is the
next. Pages whose answer was lost are looked up in groups too: one list tells of 500 what to send them
again would cost minutes of operating time to learn.
"""

from collections.abc import Sequence

from bulk_publisher.engine.events import Event
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.limits.decision import NEVER
from bulk_publisher.model import Mono, Outcome, Page

_REST = 0.05
"""Seconds between two groups of lines: to force one to disk costs as much as to settle dozens of pages."""
_AT_ONCE = 500
"""Pages that one list tells of."""
_GATHER = 1.0
"""Seconds in which requests that are lost are looked up together."""
_LONG_AGO = Mono(float("-inf"))


class Lines:
    """Lines that wait to be written. Once the journal is lost nothing more is."""

    def __init__(self) -> None:
        self._waiting: list[Outcome] = []
        self._is_writing = False
        self._not_before = _LONG_AGO
        self.are_lost = False

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """These are settled, and to be written."""
        self._waiting.extend(outcomes)

    def next_group(self, *, now: Mono, is_last: bool) -> Sequence[Outcome]:
        """The lines to write now; empty where none are.

        Args:
            is_last: Nothing more will come: there is nothing to rest for.
        """
        if self._is_writing or not self._waiting or self.are_lost:
            return ()
        if now < self._not_before and not is_last:
            return ()
        group, self._waiting = self._waiting, []
        self._is_writing = True
        return group

    def on_written(self, now: Mono) -> None:
        """The last group is on disk, or will never be."""
        self._is_writing = False
        self._not_before = Mono(now + _REST)

    @property
    def are_out(self) -> bool:
        """Whether any are to be written, or being written."""
        return self._is_writing or (bool(self._waiting) and not self.are_lost)

    @property
    def due_at(self) -> Mono:
        """When the next group is to be written; infinite where something else comes first."""
        has_next = self._waiting and not self._is_writing and not self.are_lost
        return self._not_before if has_next else NEVER

    def take_all(self) -> Sequence[Outcome]:
        """What is left to be written, for who leaves at once."""
        group, self._waiting = self._waiting, []
        return () if self.are_lost else group


class Doubts:
    """Requests that were lost, until the portal's list has told of them."""

    def __init__(self) -> None:
        self._lost: list[Lost] = []
        self._asked: Sequence[Lost] = ()
        self._due_at = NEVER

    def __len__(self) -> int:
        """Pages of which it is not known yet."""
        return _pages(self._lost) + _pages(self._asked)

    def add(self, lost: Lost, now: Mono) -> None:
        """One more."""
        self._lost.append(lost)
        if self._due_at == NEVER:
            self._due_at = Mono(now + _GATHER)

    def next_group(self, *, now: Mono) -> Sequence[Lost]:
        """Those to look up now, the first ones first; empty where none are."""
        if self._asked or not self._lost or now < self._due_at:
            return ()
        group = [self._lost.pop(0)]
        while self._lost and _pages(group) + len(self._lost[0].works) <= _AT_ONCE:
            group.append(self._lost.pop(0))
        self._asked = group
        return group

    def on_looked_up(self, now: Mono) -> None:
        """The list has told of the last group, or does not tell."""
        self._asked = ()
        self._due_at = Mono(now + _GATHER) if self._lost else NEVER

    @property
    def due_at(self) -> Mono:
        """When the next group is to be looked up; infinite where something else comes first."""
        return self._due_at if self._lost and not self._asked else NEVER


class Outbox:
    """All of it, of one run."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.doubts = Doubts()
        self._events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Something happened."""
        self._events.append(event)

    def take_events(self) -> Sequence[Event]:
        """What happened since this was asked last."""
        events, self._events = self._events, []
        return events

    @property
    def due_at(self) -> Mono:
        """When something of it is to be carried out."""
        return min(self.lines.due_at, self.doubts.due_at)


def pages_of(group: Sequence[Lost]) -> list[Page]:
    """The pages of lost requests, in their order."""
    return [work.page for lost in group for work in lost.works]


def _pages(group: Sequence[Lost]) -> int:
    return sum(len(lost.works) for lost in group)
