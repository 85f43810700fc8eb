"""What goes wrong costs time too: pages that fail, and requests that are lost.

Rules: seconds and counts; no clock.

How it works: each command that fails in a batch lets the portal charge those after it once more, so
a batch is the dearer the larger it is; a request that is lost takes its seconds and does nothing, so
a page is the dearer the smaller its batch is. Between the two lies the size at which pages go
fastest. Both shares are averages that fade, a request at a time.

Source: docs/bitrix24.md §6 "Failures inflate the bill" [source].
"""

_FADING = 0.1
"""Weight of a new request in the averages."""
_HARDLY_ANY = 0.001
"""Share of pages that fail below which they make no others dearer to speak of."""
_BEARABLE = 1.15
"""Times the least cost that a page may have in a larger request."""


class Losses:
    """How much fails and is lost, and what that makes of the size of a request."""

    def __init__(self) -> None:
        self._failing = 0.0
        self._lost = 0.0
        self._lost_seconds = 0.0

    @property
    def are_some(self) -> bool:
        """Whether any request was lost."""
        return self._lost > 0

    def on_answered(self, *, pages: int, failures: int) -> None:
        """A request was answered for *pages* pages, of which *failures* failed."""
        self._lost -= _FADING * self._lost
        self._lost_seconds -= _FADING * self._lost_seconds
        self._failing += _FADING * (failures / max(pages, 1) - self._failing)

    def on_lost(self, seconds: float) -> None:
        """A request was lost after *seconds*."""
        self._lost += _FADING * (1 - self._lost)
        self._lost_seconds += _FADING * (seconds - self._lost_seconds)

    def inflation(self, pages: int) -> float:
        """How many times dearer *pages* pages are together than each by itself."""
        return 1 + self._failing * (pages - 1) / 2

    def best_size(self, largest: int, *, a_page: float, a_request: float, window: int) -> int:
        """The largest number of pages with which they hardly go slower than at best.

        Args:
            largest: Pages in a request at most.
            a_page: Seconds that the portal's operating time takes for each, failures apart.
            a_request: Seconds that its bucket takes for each request.
            window: Requests that are in flight at once.
        """
        if self._failing < _HARDLY_ANY:
            return largest
        a_request = max(a_request, self._lost_seconds / window) / max(_FADING, 1 - self._lost)

        def seconds_a_page(pages: int) -> float:
            return max(a_request / pages, a_page * self.inflation(pages))

        sizes = range(1, largest + 1)
        bearable = _BEARABLE * min(map(seconds_a_page, sizes))
        return max(pages for pages in sizes if seconds_a_page(pages) <= bearable)
