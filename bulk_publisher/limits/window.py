"""How many requests are in flight: more while it costs nothing, fewer when the portal slows.

Rules: seconds and counts; no clock.

How it works: in the manner of TCP Vegas and of Netflix's gradient limit, but on what a page costs
instead of on a round trip. The first request is alone on the portal and gives the cost at ease. A
fading average over the last pages is compared with it: above a tolerance, the window shrinks by
the ratio of the two; below, it grows by one a window, up to its ceiling. When a smaller window has
not made pages cheaper, it was not our load that made them dear: what they cost now is taken for
the cost at ease. A request that was lost for its length, with nothing answered meanwhile, halves the
window, once for all that was in flight then.
"""

import math

from bulk_publisher.model import Mono

_TOLERANCE = 1.5
"""How many times the cost at ease a page may cost before the window shrinks."""
_MEMORY = 100
"""Pages that the fading average spans, and that are looked at before the window changes again."""
_HELPED = 0.9
"""A smaller window has helped if pages cost at most this share of what they did."""


class Window:
    """Requests allowed in flight, from 1 to a ceiling."""

    def __init__(self, *, ceiling: int) -> None:
        self.ceiling = ceiling
        self._size = float(ceiling)
        self._at_ease: float | None = None
        self._average = 0.0
        self._pages_since_change = 0
        self._shrunk_at_cost: float | None = None
        self._cut_at = Mono(float("-inf"))

    @property
    def size(self) -> int:
        """Requests that may be in flight."""
        return max(1, round(self._size))

    def on_settled(self, cost: float, *, pages: int, in_flight: int) -> None:
        """A request ended well.

        Args:
            cost: Seconds a page in it, on average.
            pages: Pages in it.
            in_flight: Requests that were in flight, this one included: a window that was not used
                says nothing about a larger one.
        """
        if self._at_ease is None:
            self._at_ease = self._average = cost
        self._average += (1 - math.exp(-pages / _MEMORY)) * (cost - self._average)
        self._pages_since_change += pages
        if self._pages_since_change < _MEMORY:
            return
        self._at_ease = min(self._at_ease, self._average)
        if self._average > _TOLERANCE * self._at_ease:
            self._shrink_or_accept(self._at_ease)
        elif in_flight * 2 >= self._size:
            self._shrunk_at_cost = None
            self._size = min(float(self.ceiling), self._size + 1 / self._size)

    def cut(self, sent_at: Mono, now: Mono) -> None:
        """A request was lost: half the window, once for all that was sent before the last cut."""
        if sent_at < self._cut_at:
            return
        self._size = max(1.0, self._size / 2)
        self._cut_at = now

    def _shrink_or_accept(self, at_ease: float) -> None:
        was = self._shrunk_at_cost
        if was is not None and self._average > _HELPED * was:
            self._at_ease = self._average
            self._shrunk_at_cost = None
            return
        self._shrunk_at_cost = self._average
        ratio = max(0.5, _TOLERANCE * at_ease / self._average)
        self._size = max(1.0, self._size * ratio)
        self._pages_since_change = 0
