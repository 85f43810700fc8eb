"""The portal's two limits: how often it is called, and for how long it works.

Rules. Pure: every method is told the time, on the portal's own clock, and nothing here sleeps.
Written from docs/bitrix24.md §6; it must never be shared with the client's own limits.

How it works. `LeakyBucket` counts HTTP requests. `OperatingLimiter` keeps one `Meter` of one-minute
baskets for each credential and method. A `Bill` is one request's view of them: the minute of its
first check decides which baskets it reads and into which it books, and what its own commands took
is told beside the baskets until it is booked at its end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

BASKETS = 10
BASKET_LIFE = 600
BAN = 300.0
FLOOR = 0.1

# A sliding window of X requests in X/Y seconds fills the bucket to exactly X: what an epoch as a
# float cannot tell apart must not refuse it.
_ROUNDING = 1e-5


class LeakyBucket:
    """The intensity limit: its level never exceeds its capacity.

    Source: docs/bitrix24.md §6 "Intensity" [doc]: each request adds 1, above X it is refused, Y
    drain each second.
    """

    __slots__ = ("_at", "_level", "capacity", "drain", "highest", "tenant_rate")

    def __init__(self, capacity: float, drain: float, *, tenant_rate: float = 0.0) -> None:
        """Starts empty.

        Args:
            capacity: X, in requests.
            drain: Y, in requests a second.
            tenant_rate: Requests a second that others send through the same bucket.
        """
        self.capacity = capacity
        self.drain = drain
        self.tenant_rate = tenant_rate
        self.highest = 0.0
        self._level = 0.0
        self._at: float | None = None

    def level(self, now: float) -> float:
        """How full it is at *now*."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        level = self._level + (self.tenant_rate - self.drain) * elapsed
        return min(self.capacity, max(0.0, level))

    def take(self, now: float) -> bool:
        """Adds one request at *now*, or refuses it and stays as it is."""
        level = self.level(now)
        self._at = now if self._at is None else max(now, self._at)
        self._level = level
        if level + 1.0 > self.capacity + _ROUNDING:
            return False
        self._level = level + 1.0
        self.highest = max(self.highest, self._level)
        return True


class MeterKey(NamedTuple):
    """Whose time is summed where."""

    credential: str
    method: str


@dataclass(slots=True)
class Basket:
    """One clock minute of a meter, and the start that made it."""

    minute: int
    first_at: float
    seconds: float

    @property
    def expires_at(self) -> int:
        """An expiry is a whole epoch second."""
        return int(self.first_at) + BASKET_LIFE


@dataclass(slots=True)
class Meter:
    """The operating seconds of one credential and method."""

    baskets: list[Basket] = field(default_factory=list)
    banned_until: float = 0.0


class Bill:
    """What the commands of one request took, by meter, and which minute it counts for.

    The start of every command is noted, the end only of those that succeed, and the two are paired
    by their place: after m failures each success is charged from the start of the command m before.

    Attributes:
        minute: The clock minute of the first check in the request; None before.

    Source: docs/bitrix24.md §6 "Failures inflate the bill", "Booking" [source].
    """

    __slots__ = ("_ends", "_starts", "_weigh", "minute")

    def __init__(self, weigh: Callable[[MeterKey], float] = lambda _key: 1.0) -> None:
        """Nothing has begun.

        Args:
            weigh: The share of its time that a meter pays: half for ``batch``, nothing for one that
                the portal does not keep.
        """
        self.minute: int | None = None
        self._weigh = weigh
        self._starts: dict[MeterKey, list[float]] = {}
        self._ends: dict[MeterKey, list[float]] = {}

    def minute_at(self, now: float) -> int:
        """Its minute, which is that of *now* where nothing was checked yet."""
        if self.minute is None:
            self.minute = int(now // 60)
        return self.minute

    def start(self, key: MeterKey, now: float) -> None:
        """A command of this meter begins."""
        self._starts.setdefault(key, []).append(now)

    def end(self, key: MeterKey, now: float) -> None:
        """A command of this meter succeeded."""
        self._ends.setdefault(key, []).append(now)

    def first_start(self, key: MeterKey) -> float | None:
        """When the first command of this meter began; None: none did."""
        starts = self._starts.get(key)
        return starts[0] if starts else None

    def hits(self, key: MeterKey) -> list[float]:
        """The seconds of each pair of a start and an end, by the weight of their meter."""
        weight = self._weigh(key)
        pairs = zip(self._starts.get(key, ()), self._ends.get(key, ()), strict=False)
        return [(ended - started) * weight for started, ended in pairs]

    def running(self, key: MeterKey) -> float:
        """Seconds that count already while the request runs: single hits above the floor."""
        return sum(hit for hit in self.hits(key) if hit > FLOOR)

    def totals(self) -> dict[MeterKey, float]:
        """Seconds to book at the end: all hits of a meter, if together above the floor."""
        sums = {key: sum(self.hits(key)) for key in self._ends}
        return {key: total for key, total in sums.items() if total > FLOOR}


class OperatingLimiter:
    """All meters of the portal.

    Source: docs/bitrix24.md §6 "Operating time", "The newest source bans" [doc, source].
    """

    def __init__(
        self,
        limit: float,
        *,
        ban: bool,
        by_minute: bool,
        expires: bool,
        on_booked: Callable[[MeterKey, float], None] | None = None,
    ) -> None:
        """Starts with every meter at nothing.

        Args:
            limit: Seconds; a meter above it blocks.
            ban: Over the limit: refuse for 300 s and empty the baskets (newest source).
            by_minute: A request sees the baskets of its own minute and the nine before (both
                sources); else those of all minutes, until they expire (the documentation).
            expires: A basket is gone 600 s after its first start (newest source, documentation);
                else it leaves with its minute alone (older source).
            on_booked: Is told the sum of a meter after each booking.
        """
        self.limit = limit
        self._ban = ban
        self._by_minute = by_minute
        self._expires = expires
        self._on_booked = on_booked
        self._meters: dict[MeterKey, Meter] = {}

    def total(self, key: MeterKey, now: float) -> float:
        """The seconds that a request which began at *now* would find."""
        return self._stored(Bill(), key, now)

    def is_blocked(self, bill: Bill, key: MeterKey, now: float) -> bool:
        """The verdict on a command of *bill* that is about to start; it may begin a ban."""
        bill.minute_at(now)
        if self._is_banned(key, now):
            return True
        if self._sum(bill, key, now) <= self.limit:
            return False
        if self._ban:
            # Stored first, then the baskets go.
            meter = self._meters.setdefault(key, Meter())
            meter.banned_until = now + BAN
            meter.baskets.clear()
        return True

    def told(self, bill: Bill, key: MeterKey, now: float) -> tuple[float, int]:
        """``operating`` and ``operating_reset_at``, as ``time`` tells them to *bill*."""
        return self._sum(bill, key, now), self._reset_at(bill, key, now)

    def settle(self, bill: Bill, now: float) -> None:
        """Books a finished request."""
        minute = bill.minute_at(now)
        for key, seconds in bill.totals().items():
            first_at = bill.first_start(key)
            self.book(key, seconds, minute, now if first_at is None else first_at)
            if self._on_booked is not None:
                self._on_booked(key, self.total(key, now))

    def spend(self, key: MeterKey, seconds: float, start: float, now: float) -> None:
        """A request of another program, from *start* to *now*, if it is let in."""
        bill = Bill()
        if not self.is_blocked(bill, key, start):
            bill.start(key, now - seconds)
            bill.end(key, now)
            self.settle(bill, now)

    def book(self, key: MeterKey, seconds: float, minute: int, first_at: float) -> None:
        """Adds *seconds* to the basket of *minute*; if it makes it, *first_at* is what it lives by."""
        meter = self._meters.setdefault(key, Meter())
        for basket in meter.baskets:
            if basket.minute == minute:
                basket.seconds += seconds
                return
        meter.baskets.append(Basket(minute=minute, first_at=first_at, seconds=seconds))
        meter.baskets.sort(key=lambda basket: basket.minute)

    def _sum(self, bill: Bill, key: MeterKey, now: float) -> float:
        return self._stored(bill, key, now) + bill.running(key)

    def _stored(self, bill: Bill, key: MeterKey, now: float) -> float:
        return sum(basket.seconds for basket in self._seen(bill, key, now))

    def _seen(self, bill: Bill, key: MeterKey, now: float) -> list[Basket]:
        meter = self._meters.get(key)
        if meter is None:
            return []
        self._forget(meter, now)
        if not self._by_minute:
            return meter.baskets
        newest = bill.minute_at(now)
        return [one for one in meter.baskets if newest - BASKETS < one.minute <= newest]

    def _forget(self, meter: Meter, now: float) -> None:
        if self._expires:
            meter.baskets = [basket for basket in meter.baskets if now < basket.expires_at]
        else:
            # No request lives long enough to see them any more.
            oldest = int(now // 60) - 2 * BASKETS
            meter.baskets = [basket for basket in meter.baskets if basket.minute > oldest]

    def _is_banned(self, key: MeterKey, now: float) -> bool:
        meter = self._meters.get(key)
        return meter is not None and now < meter.banned_until

    def _reset_at(self, bill: Bill, key: MeterKey, now: float) -> int:
        if self._is_banned(key, now):
            # The store tells how long it lasts, rounded, and this second is cut.
            return int(now) + math.floor(self._meters[key].banned_until - now + 0.5)
        seen = self._seen(bill, key, now)
        if seen:
            return int(seen[0].first_at + BASKET_LIFE)
        first_at = bill.first_start(key)
        return int((now if first_at is None else first_at) + BASKET_LIFE)
