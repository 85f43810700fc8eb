"""How many pages that the portal does not list go into one request, and what that may be billed with.

Rules: seconds and counts; no clock.

How it works: hardly any of them is there, and one that fails is hardly billed. But one that is done
after m that failed is billed from the start of the command m places before: a third that fail, then
fifty that are done, may be billed with hundreds of pages. Nobody knows which come first, so what is
held for such a request is the worst that can be, and it has so many pages that this is a small part of
the limit. Where some were done they may be so few that they go fastest: the more pages a request has,
the more each is billed with, and the fewer, the more requests it takes. Where all were, they go as any.

Source: docs/bitrix24.md §6 "Failures inflate the bill" [source].
"""

from collections.abc import Callable
from functools import cache

_FAILURE = 0.05
"""Seconds that a page takes which is not there, before one has told."""
_FADING = 0.3
"""Weight of a new request in the averages: pages that are alike stand side by side in lists."""
_SHARE = 1 / 8
"""Of the limit, what such a request may be billed with at worst."""
_BEARABLE = 1.15
"""Times the least cost that a page may have in a larger request."""
_FIRST = 5
"""Pages of the first request, which teaches what such a page takes."""
_TARGET = 20.0
"""Seconds that a request may take in which none is there."""
_TEN_MINUTES = 600.0


class Unlisted:
    """What became of such pages so far, and what that makes of the size of a request."""

    def __init__(self) -> None:
        """None was sent."""
        self._done_share = 0.0
        self._failure = _FAILURE
        self._is_known = False

    def on_answered(self, *, pages: int, done: int, seconds: float) -> None:
        """A request of *pages* such pages was answered after *seconds*, and *done* of them were done."""
        self._is_known = True
        self._done_share += _FADING * (done / pages - self._done_share)
        if not done:
            # At the end it is a mean of many, and at once it is as much as the last.
            self._failure = max(seconds / pages, self._failure * (1 - _FADING))

    def worst(self, pages: int, seconds: float) -> float:
        """Seconds that *pages* pages may be billed with, whichever of them are done, in any order.

        Args:
            seconds: What they take if all are done, margin included.
        """
        a_page = seconds / pages
        return max(
            a_page * _overlaps(failed, pages - failed) + self._failure * failed * (pages - failed)
            for failed in range(pages)
        )

    def size(
        self, largest: int, expected: Callable[[int], float], *, limit: float, a_request: float
    ) -> int:
        """Pages for one request, 1 or more.

        Args:
            largest: Pages in a request at most: that many may all be done in one.
            expected: Seconds that so many pages take if all are done, margin included.
            limit: Seconds of operating time per ten minutes; infinite where there is none.
            a_request: Seconds that the portal's bucket takes for each request.
        """
        if not self._is_known:
            return min(_FIRST, largest)
        largest = max(1, min(largest, int(_TARGET / self._failure)))
        while largest > 1 and self.worst(largest, expected(largest)) > _SHARE * limit:
            largest -= 1
        a_page = self._done_share * expected(1) * _TEN_MINUTES / limit
        mixed = self._done_share * (1 - self._done_share)

        def seconds_a_page(pages: int) -> float:
            return max(a_request / pages, a_page * (1 + mixed * (pages - 1) / 2))

        sizes = range(1, largest + 1)
        bearable = _BEARABLE * min(map(seconds_a_page, sizes))
        return max(pages for pages in sizes if seconds_a_page(pages) <= bearable)


@cache
def _overlaps(failed: int, done: int) -> int:
    """Times that a page is billed in all, where *done* come after *failed*: one after another.

    The first begins with the first command, each later one *failed* places before its own.
    """
    return sum(min(place, failed + 1) for place in range(1, done + 1))
