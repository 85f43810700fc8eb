"""Operating time: our mirror of a meter that the portal keeps, and what still fits under it.

Rules: told the time, never asks it; seconds and names of meters, nothing else.

How it works: the portal books a request's seconds when it ends, into the basket of that minute of
its own clock, and a basket leaves the sum 600 s after its first booking (on some portals up to a
minute earlier). Our mirror does the same, and each answer corrects it: the sum that an answer tells
holds at least all that ended before this request began, and at most all that we know of. So after
each booking the mirror lies between what was told and what was told plus the bookings of requests
that ran beside this one. What is above the upper bound has left already, and is taken from the
oldest basket; what is missing below the lower bound was spent by others, and is put into a basket
that may leave when the portal said that its oldest does, and will have left 600 s from now.

Before a request leaves its expected cost is reserved; when it ends, it is booked, or released.

Source: docs/bitrix24.md §6 "Operating time" [doc, source].
"""

from collections import deque
from dataclasses import dataclass

from bulk_publisher.limits.decision import Reading
from bulk_publisher.model import Mono

BASKET_LIFE = 600.0
"""Seconds from a basket's first booking until it has left the sum [doc]."""
FLOOR = 0.1
"""Seconds of a request up to which nothing is booked [source]."""
_LONGEST_REQUEST = 120.0
"""Seconds after which no request can still be in flight."""
_TRIFLE = 1.0
"""Seconds that an answer tells above our mirror by rounding and overhead, not by others."""


@dataclass(slots=True)
class _Basket:
    minute: int | None
    spent: float
    leaves_at: Mono
    may_leave_at: Mono


class OperatingMeter:
    """One running sum of the portal. Its level is never below the sum, as far as answers tell."""

    def __init__(self) -> None:
        self._baskets: list[_Basket] = []
        self._reserved: dict[int, float] = {}
        self._recent: deque[tuple[Mono, float]] = deque()
        self.told: float | None = None
        """The sum as last told; None while no answer has shown this meter."""
        self.highest_passed = 0.0
        """The highest sum at which the portal is known to have let a page begin."""

    def booked(self, now: Mono) -> float:
        """Seconds in the sum at *now*."""
        return sum(basket.spent for basket in self._baskets if basket.leaves_at > now)

    def level(self, now: Mono) -> float:
        """Seconds in the sum at *now*, and those of requests in flight."""
        return self.booked(now) + sum(self._reserved.values())

    def ready_at(self, cost: float, *, limit: float, now: Mono) -> Mono:
        """The first moment at which *cost* seconds more fit under *limit*.

        Infinite where only answers of requests in flight can make room.
        """
        level = self.level(now)
        if level + cost <= limit:
            return now
        for basket in sorted(self._baskets, key=lambda basket: basket.leaves_at):
            if basket.leaves_at <= now:
                continue
            level -= basket.spent
            if level + cost <= limit:
                return basket.leaves_at
        return Mono(float("inf"))

    def next_leave_at(self, now: Mono) -> Mono:
        """When the next basket has left, or may have left; infinite where there is none."""
        moments = [basket.may_leave_at for basket in self._baskets if basket.leaves_at > now]
        return min(moments, default=Mono(float("inf")))

    def may_have_left(self, now: Mono) -> bool:
        """Whether some basket that still counts may have left already: asking would tell."""
        return any(basket.may_leave_at <= now < basket.leaves_at for basket in self._baskets)

    def reserve(self, number: int, cost: float) -> None:
        """Hold *cost* seconds for the request *number*."""
        self._reserved[number] = cost

    def release(self, number: int) -> None:
        """Hold nothing for the request *number* any more."""
        self._reserved.pop(number, None)

    def book(self, spent: float, *, minute: int | None, finished_at: Mono, now: Mono) -> None:
        """Seconds that a request has cost.

        Args:
            minute: The minute of the portal's clock in whose basket they are; None where that is
                not known, which gives them a basket that certainly leaves no earlier.
        """
        self._baskets = [basket for basket in self._baskets if basket.leaves_at > now]
        if spent <= FLOOR:
            return
        self._recent.append((finished_at, spent))
        for basket in self._baskets:
            if minute is not None and basket.minute == minute:
                basket.spent += spent
                return
        leaves_at = Mono(finished_at + BASKET_LIFE)
        self._baskets.append(_Basket(minute, spent, leaves_at, leaves_at))

    def settle(
        self, reading: Reading, *, minute: int | None, sent_at: Mono, finished_at: Mono, now: Mono
    ) -> None:
        """Book what an answer tells of this meter, and bring the mirror to what it told."""
        while self._recent and self._recent[0][0] < finished_at - _LONGEST_REQUEST:
            self._recent.popleft()
        beside = sum(spent for ended_at, spent in self._recent if ended_at > sent_at)
        self.book(reading.worked, minute=minute, finished_at=finished_at, now=now)
        self.told = reading.operating
        self.highest_passed = max(self.highest_passed, reading.operating - reading.worked)
        booked = self.booked(now)
        if booked > reading.operating + beside:
            self._take_away(booked - reading.operating - beside)
        elif booked < reading.operating:
            self._add_foreign(reading.operating - booked, reset_at=reading.reset_at, now=now)

    def forget_all(self) -> None:
        """The portal has emptied the meter."""
        self._baskets.clear()
        self._recent.clear()

    def _take_away(self, excess: float) -> None:
        for basket in sorted(self._baskets, key=lambda basket: basket.may_leave_at):
            taken = min(basket.spent, excess)
            basket.spent -= taken
            excess -= taken
        self._baskets = [basket for basket in self._baskets if basket.spent > 1e-9]

    def _add_foreign(self, spent: float, *, reset_at: Mono | None, now: Mono) -> None:
        newest = max(self._baskets, key=lambda basket: basket.leaves_at, default=None)
        if newest is not None and spent < _TRIFLE:
            newest.spent += spent
            return
        leaves_at = Mono(now + BASKET_LIFE)
        may_leave_at = leaves_at if reset_at is None else max(now, min(reset_at, leaves_at))
        self._baskets.append(_Basket(None, spent, leaves_at, may_leave_at))
