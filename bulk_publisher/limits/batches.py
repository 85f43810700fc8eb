"""Does the portal take requests of several pages?

Rules: told the time; no requests.

How it works: some say that they don't, and that is for good. Others, or what stands before them,
swallow such requests while a page's own is answered: after several in a row none are sent for a
while, and then one page asks in a request of that kind.
"""

from bulk_publisher.limits.decision import NEVER, Lane
from bulk_publisher.model import Mono

_IN_A_ROW = 8
"""Batches lost, with none answered in between, that show it: two volleys of the usual window."""
_AGAIN = 600.0
"""Seconds after which one asks again."""


class Batches:
    """Whether requests of several pages are sent."""

    def __init__(self) -> None:
        self._lost_in_a_row = 0
        self._not_before = Mono(float("-inf"))

    def are_taken(self, now: Mono) -> bool:
        """Whether to send any."""
        return now >= self._not_before

    @property
    def are_doubted(self) -> bool:
        """Whether so many were lost that the next one asks, alone and with one page."""
        return self._lost_in_a_row >= _IN_A_ROW

    def on_answered(self, lane: Lane, now: Mono) -> None:
        """A request was answered: by itself that says nothing of the other kind."""
        if lane is Lane.TOGETHER:
            self._lost_in_a_row = 0
            if self._not_before < NEVER:
                self._not_before = Mono(float("-inf"))
        elif self.are_doubted and self.are_taken(now):
            self._not_before = Mono(now + _AGAIN)

    def on_lost(self, lane: Lane) -> None:
        """A request was lost."""
        self._lost_in_a_row += lane is Lane.TOGETHER

    def on_refused(self) -> None:
        """The portal said that it takes none."""
        self._not_before = NEVER
