"""What happened when: outcomes folded into a bounded number of bins of time. Pure.

How it works: the bins begin narrow; whenever there would be too many, neighbours are joined and
each is twice as wide. So a run of ten seconds and one of five days take the same memory, and both
are as fine as a picture can show. Pages of one request stand in the journal within a few
milliseconds of each other: that is how its requests are counted.
"""

from dataclasses import dataclass, field

_MOST_BINS = 8192
_FIRST_WIDTH = 0.125
_ONE_REQUEST = 0.003
"""Seconds within which lines are of one request."""
_GAP = 10.0
"""Seconds in which nothing was settled that make a wait."""
BASKET_LIFE = 600.0
"""Seconds after which operating time has left the portal's sum [doc]."""


@dataclass(slots=True)
class Bin:
    """What was settled in one bin."""

    good: int = 0
    bad: int = 0
    operating: float = 0.0
    requests: int = 0
    waited: float = 0.0

    def join(self, other: "Bin") -> None:
        """Take *other* in."""
        self.good += other.good
        self.bad += other.bad
        self.operating += other.operating
        self.requests += other.requests
        self.waited += other.waited


@dataclass(slots=True)
class Timeline:
    """Bins of *width* seconds from *began_at*, in UTC seconds.

    Attributes:
        has_meter: Whether any line tells operating time.
        waited: Seconds in gaps in which nothing was settled.
    """

    began_at: float
    width: float = _FIRST_WIDTH
    bins: list[Bin] = field(default_factory=list)
    last_at: float = 0.0
    has_meter: bool = False
    waited: float = 0.0
    requests: int = 0

    def __post_init__(self) -> None:
        self.last_at = self.began_at

    @property
    def seconds(self) -> float:
        """From the beginning to the last line."""
        return self.last_at - self.began_at

    def add(self, at: float, *, is_good: bool, operating: float | None, was_sent: bool) -> None:
        """One more page, settled at *at*; the journal's order is that of time."""
        at = max(at, self.last_at)
        one = self._bin(at)
        if is_good:
            one.good += 1
        else:
            one.bad += 1
        if operating is not None:
            self.has_meter = True
            one.operating += operating
        if was_sent and (at - self.last_at > _ONE_REQUEST or not self.requests):
            one.requests += 1
            self.requests += 1
        if at - self.last_at >= _GAP:
            self._wait(self.last_at, at)
        self.last_at = at

    def coarse(self, most: int) -> "Timeline":
        """The same in at most *most* bins."""
        step = -(-len(self.bins) // most) if self.bins else 1
        joined = Timeline(self.began_at, self.width * step)
        for first in range(0, len(self.bins), step):
            one = Bin()
            for other in self.bins[first : first + step]:
                one.join(other)
            joined.bins.append(one)
        joined.last_at, joined.has_meter = self.last_at, self.has_meter
        joined.waited, joined.requests = self.waited, self.requests
        return joined

    def operating_sums(self) -> list[float]:
        """For each bin the operating seconds of the ten minutes up to its end."""
        span = max(1, round(BASKET_LIFE / self.width))
        sums, total = [], 0.0
        for place, one in enumerate(self.bins):
            total += one.operating
            if place >= span:
                total -= self.bins[place - span].operating
            sums.append(max(0.0, total))
        return sums

    def bucket_levels(self, drain: float) -> list[float]:
        """For each bin the requests in the portal's bucket, which drains *drain* a second."""
        levels, level = [], 0.0
        for one in self.bins:
            level = max(0.0, level + one.requests - drain * self.width)
            levels.append(level)
        return levels

    def _bin(self, at: float) -> Bin:
        place = int((at - self.began_at) / self.width)
        while place >= _MOST_BINS:
            self._join_neighbours()
            place = int((at - self.began_at) / self.width)
        while len(self.bins) <= place:
            self.bins.append(Bin())
        return self.bins[place]

    def _join_neighbours(self) -> None:
        for place in range(0, len(self.bins) - 1, 2):
            self.bins[place].join(self.bins[place + 1])
        self.bins = self.bins[::2]
        self.width *= 2

    def _wait(self, began_at: float, ended_at: float) -> None:
        self.waited += ended_at - began_at
        first = int((began_at - self.began_at) / self.width)
        last = int((ended_at - self.began_at) / self.width)
        for place in range(first, last + 1):
            left = self.began_at + place * self.width
            self.bins[place].waited += min(ended_at, left + self.width) - max(began_at, left)
