"""The portal's two limits: how often it is called, and for how long it works.

Rules. Pure: every method is told the time, on the portal's own clock, and nothing here sleeps.
Written from docs/bitrix24.md §6; it must never be shared with the client's own limits.

How it works. `LeakyBucket` counts HTTP requests. `OperatingLimiter` keeps one `Meter` of one-minute
baskets for each credential and method; a `Bill` collects what the commands of one request took, and
is booked when that request ends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

BASKET_SPAN = 600.0
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
    """One clock minute of a meter."""

    minute: int
    first_at: float
    seconds: float


@dataclass(slots=True)
class Meter:
    """The operating seconds of one credential and method."""

    baskets: list[Basket] = field(default_factory=list)
    banned_until: float = 0.0


class Bill:
    """What the commands of one request took, by meter.

    The start of every command is noted, the end only of those that succeed, and the two are paired
    by their place: after m failures each success is charged from the start of the command m before.

    Source: docs/bitrix24.md §6 "Failures inflate the bill" [source].
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: dict[MeterKey, list[float]] = {}
        self._ends: dict[MeterKey, list[float]] = {}

    def start(self, key: MeterKey, now: float) -> None:
        """A command of this meter begins."""
        self._starts.setdefault(key, []).append(now)

    def end(self, key: MeterKey, now: float) -> None:
        """A command of this meter succeeded."""
        self._ends.setdefault(key, []).append(now)

    def hits(self, key: MeterKey) -> list[float]:
        """The seconds of each pair of a start and an end."""
        pairs = zip(self._starts.get(key, ()), self._ends.get(key, ()), strict=False)
        return [ended - started for started, ended in pairs]

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
        leaves_with_minute: bool,
        on_booked: Callable[[MeterKey, float], None] | None = None,
    ) -> None:
        """Starts with every meter at nothing.

        Args:
            limit: Seconds; a meter above it blocks.
            ban: Over the limit: refuse for 300 s and empty the baskets (newest portals).
            leaves_with_minute: A basket leaves when its minute is ten minutes old, if that is
                before 600 s after its first booking.
            on_booked: Is told the sum of a meter after each booking.
        """
        self.limit = limit
        self.ban = ban
        self.leaves_with_minute = leaves_with_minute
        self._on_booked = on_booked
        self._meters: dict[MeterKey, Meter] = {}

    def total(self, key: MeterKey, now: float) -> float:
        """The seconds in the baskets that still count at *now*."""
        meter = self._meters.get(key)
        if meter is None:
            return 0.0
        meter.baskets = [basket for basket in meter.baskets if now < self._leaves_at(basket)]
        return sum(basket.seconds for basket in meter.baskets)

    def is_blocked(self, key: MeterKey, now: float, *, running: float = 0.0) -> bool:
        """The verdict on a call that is about to start; it may begin a ban.

        Args:
            key: The meter of the call.
            now: The portal's clock.
            running: Seconds the current request has already spent on this meter.
        """
        meter = self._meters.get(key)
        if meter is not None and now < meter.banned_until:
            return True
        if self.total(key, now) + running <= self.limit:
            return False
        if self.ban:
            meter = self._meters.setdefault(key, Meter())
            meter.banned_until = now + BAN
            meter.baskets.clear()
        return True

    def book(self, key: MeterKey, seconds: float, now: float) -> None:
        """Adds *seconds* to the basket of the minute of *now*."""
        meter = self._meters.setdefault(key, Meter())
        before = self.total(key, now)
        minute = int(now // 60)
        if not meter.baskets or meter.baskets[-1].minute != minute:
            meter.baskets.append(Basket(minute=minute, first_at=now, seconds=0.0))
        meter.baskets[-1].seconds += seconds
        if self._on_booked is not None:
            self._on_booked(key, before + seconds)

    def settle(self, bill: Bill, now: float, *, weights: Callable[[MeterKey], float]) -> None:
        """Books a finished request."""
        for key, seconds in bill.totals().items():
            weight = weights(key)
            if weight > 0:
                self.book(key, seconds * weight, now)

    def reset_at(self, key: MeterKey, now: float) -> int:
        """What the portal says as ``operating_reset_at``: epoch seconds, cut to whole ones."""
        meter = self._meters.get(key)
        if meter is not None and now < meter.banned_until:
            return int(meter.banned_until)
        self.total(key, now)
        if meter is None or not meter.baskets:
            return int(now + BASKET_SPAN)
        return int(meter.baskets[0].first_at + BASKET_SPAN)

    def _leaves_at(self, basket: Basket) -> float:
        after_first = basket.first_at + BASKET_SPAN
        if not self.leaves_with_minute:
            return after_first
        return min(after_first, basket.minute * 60 + BASKET_SPAN)
