"""How many pages go into one request: from what a page has cost so far.

Rules: seconds and counts; no clock.

How it works: the mean and the spread of a page's cost are kept with weights that fade, so that a
portal that turns slower is noticed within a few requests; one that was dearer than its margin
allows is believed at once, and forgotten slowly. A request of n pages is expected to take
``n·mean``, and hardly ever more than that plus a margin: the spread of a sum, and a share that
shrinks as the estimate firms up. A request must end well within 60 s, so n is what fits into a third
of that: longer ones would also be booked later, and so leave the portal's sum later. A timeout
halves the ceiling; each good request grows it back a little.

Source: docs/bitrix24.md §1 (60 s) and §6 "Failures inflate the bill" [doc, source].
"""

import math

_TARGET = 20.0
"""Seconds that a request may take, margin included: well within the portal's 60."""
_MEMORY = 400.0
"""Pages that the estimate spans: older costs fade."""
_PRIOR_COST = 1.5
"""Seconds a page before anything is known: a slow portal."""
_FIRST = 5
"""Pages of the first request, which teaches what a page costs."""
_RELIEF = 0.3
"""Weight of a new request in what dearer ones have cost."""
_DEVIATIONS = 3.0
"""Standard deviations that a margin covers."""


class Sizing:
    """What a page costs, and how many fit into a request."""

    def __init__(self, *, largest: int) -> None:
        """Nothing is known yet.

        Args:
            largest: Pages in a request at most, 1…50.
        """
        self.largest = largest
        self._ceiling = float(largest)
        self._weight = 0.0
        self._mean = 0.0
        self._variance = 0.0
        self._dearer = 0.0
        # Asked many times for each request, and changed once by it.
        self._size: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether any page has told its cost."""
        return self._weight > 0

    @property
    def cost(self) -> float:
        """Seconds that a page takes, as expected."""
        return max(self._mean, self._dearer) if self.is_known else _PRIOR_COST

    def expected(self, pages: int) -> float:
        """Seconds that *pages* pages take, margin included."""
        return pages * self.cost + self.margin(pages)

    def margin(self, pages: int) -> float:
        """Seconds above the expected cost that *pages* pages hardly ever exceed."""
        if not self.is_known:
            return 0.0
        doubt = self.cost * pages / math.sqrt(self._weight)
        return _DEVIATIONS * math.sqrt(self._variance * pages) + doubt

    @property
    def size(self) -> int:
        """Pages for one request, 1 or more."""
        if self._size is None:
            self._size = self._found_size()
        return self._size

    def _found_size(self) -> int:
        if not self.is_known:
            return max(1, min(_FIRST, int(self._ceiling)))
        pages = int(self._ceiling)
        while pages > 1 and self.expected(pages) > _TARGET:
            pages -= 1
        return pages

    def learn(self, costs: tuple[float, ...]) -> None:
        """Pages that were done, with the seconds of each. A request with failures teaches nothing."""
        total, pages = sum(costs), len(costs)
        # Against what was expected of them, before they are part of that.
        if self.is_known and total > self.expected(pages):
            self._dearer = total / pages
        else:
            self._dearer += _RELIEF * (total / pages - self._dearer)
        weight, mean, variance = self._weight, self._mean, self._variance
        for cost in costs:
            weight = min(weight + 1, _MEMORY)
            off = cost - mean
            mean += off / weight
            variance += (off * (cost - mean) - variance) / weight
        self._weight, self._mean, self._variance = weight, mean, variance
        self._ceiling = min(float(self.largest), self._ceiling + 1)
        self._size = None

    def halve(self) -> None:
        """A request took too long: half as many pages from now on."""
        self._ceiling = max(1.0, self._ceiling / 2)
        self._size = None
