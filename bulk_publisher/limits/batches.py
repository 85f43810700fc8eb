"""Does the portal take requests of several pages?

Rules: told the time; no requests.

How it works: some say that they don't, and that is for good. Others, or what stands before them,
swallow such requests while a page's own is answered. So after two of them were lost in a row a page
goes alone in between, and what is sent together after its answer, and lost all the same, is evidence: a
portal that was away answers both. After enough of it none are sent for a while, and then one page asks
in a request of that kind.
"""

from bulk_publisher.limits.decision import NEVER, Lane
from bulk_publisher.model import Mono

_IN_A_ROW = 2
"""Batches lost, with none answered in between, after which a page alone is to tell more."""
_EVIDENCE = 3
"""Times that a batch was lost after a page alone had been answered that show it."""
_AGAIN = 600.0
"""Seconds after which one asks again."""


class Batches:
    """Whether requests of several pages are sent."""

    def __init__(self) -> None:
        self._lost_in_a_row = 0
        self._evidence = 0
        self._alone_answered_at: Mono | None = None
        self._not_before = Mono(float("-inf"))

    def are_taken(self, now: Mono) -> bool:
        """Whether to send any."""
        return now >= self._not_before

    @property
    def are_suspected(self) -> bool:
        """Whether a page alone is to tell if it is they that are lost, or everything."""
        return self._lost_in_a_row >= _IN_A_ROW and self._alone_answered_at is None

    @property
    def are_doubted(self) -> bool:
        """Whether the next one asks, alone and with one page."""
        return self._evidence >= _EVIDENCE

    def on_answered(self, lane: Lane, now: Mono) -> None:
        """A request was answered: by itself that says nothing of the other kind."""
        if lane is not Lane.SINGLE:
            self._lost_in_a_row = self._evidence = 0
            self._alone_answered_at = None
            if self._not_before < NEVER:
                self._not_before = Mono(float("-inf"))
        elif self._lost_in_a_row:
            self._alone_answered_at = now
            if self.are_doubted and self.are_taken(now):
                self._not_before = Mono(now + _AGAIN)

    def on_lost(self, lane: Lane, sent_at: Mono) -> None:
        """A request was lost that was sent at *sent_at*."""
        if lane is Lane.SINGLE:
            return
        self._lost_in_a_row += 1
        if self._alone_answered_at is not None and sent_at >= self._alone_answered_at:
            self._evidence += 1
            self._alone_answered_at = None

    def on_refused(self) -> None:
        """The portal said that it takes none."""
        self._not_before = NEVER
