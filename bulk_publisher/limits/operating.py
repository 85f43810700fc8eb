"""Operating time: our mirror of a meter that the portal keeps, and what still fits under it.

Rules: told the time, never asks it; seconds and names of meters, nothing else.

How it works: the portal books a request's seconds when it ends, into the basket of the minute of its
own clock in which the request began, and a basket leaves the sum 600 s after the start of the first
request in it (on some portals up to a minute earlier). Our mirror does the same, and each answer corrects it: the sum that an answer tells
holds at least all that ended before this request began, and at most all that we know of. So after
each booking the mirror lies between what was told and what was told plus the bookings of requests
that ran beside this one. What is above the upper bound has left already, and is taken from the
oldest basket. What is missing below the lower bound was spent by others: it will have left 600 s
from now, and may leave ten minutes after the answer before, or when the portal says that its oldest
basket does. Between two answers others are expected to spend as fast as they did.

So there are two forecasts: by the careful one time is there for certain, by the hopeful one it may
be. A page that is sent on hope alone is a question, and its answer moves what has not left.

Before a request leaves its expected cost is reserved; when it ends, it is booked, or released.

Source: docs/bitrix24.md §6 "Operating time" [doc, source].
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bulk_publisher.limits.decision import NEVER, Reading
from bulk_publisher.limits.handover import BasketLeft, MeterLeft
from bulk_publisher.model import Mono

BASKET_LIFE = 600.0
"""Seconds from the start of a basket's first request until it has left the sum [doc, source]."""
FLOOR = 0.1
"""Seconds of a request up to which nothing is booked [source]."""
_MINUTE = 60.0
_WATCHED = 3600.0
"""Seconds for which it counts how fast others were seen to spend."""
_LONGEST_REQUEST = 120.0
"""Seconds after which no request can still be in flight."""
_TRIFLE = 1.0
"""Seconds that an answer tells above our mirror by rounding and overhead, not by others."""
_BLUR = 0.01
"""Seconds by which two clocks differ even when they agree: a basket has left a little later."""
_WHOLE_SECOND = 1.0
"""Seconds by which a moment can be wrong on portals that cut theirs to whole seconds."""
_DEARER = 3.0
"""Times what pages cost that those in flight may turn out to cost: others come than came so far."""
_APART = 5.0
"""Seconds between two moments of the portal from which they are two for certain."""


@dataclass(slots=True)
class _Basket:
    """Seconds that leave together.

    Attributes:
        others_since: Others began to spend them then, or later.
        is_guess: A request whose answer was lost may have cost them, or less.
        made_at: When the first request that is booked in it had ended; None if that is not ours.
    """

    minute: int | None
    spent: float
    leaves_at: Mono
    may_leave_at: Mono
    others_since: Mono | None = None
    is_guess: bool = False
    made_at: Mono | None = None

    def add(self, spent: float, leaves_at: Mono, *, made_at: Mono) -> None:
        """Another request of its minute; one that ended before the others is whose start it lives by."""
        self.spent += spent
        if self.made_at is not None and made_at < self.made_at:
            self.made_at = made_at
            self.leaves_at = self.may_leave_at = leaves_at


@dataclass(frozen=True, slots=True)
class _Watched:
    """Seconds that others have *spent* in the *seconds* up to *at*."""

    at: Mono
    seconds: float
    spent: float


class OperatingMeter:
    """One running sum of the portal. Its level is never below the sum, as far as answers tell."""

    def __init__(self) -> None:
        self._baskets: list[_Basket] = []
        self._reserved: dict[int, float] = {}
        self._recent: deque[tuple[Mono, float]] = deque()
        self._watched: deque[_Watched] = deque()
        self._watched_seconds = 0.0
        self._watched_spent = 0.0
        self._unclear_until = Mono(float("-inf"))
        self._first_told_at: Mono | None = None
        self.told: float | None = None
        """The sum as last told; None while no answer has shown this meter."""
        self.told_at = Mono(float("-inf"))
        """When the portal had ended the request whose answer told it."""
        self.highest_passed = 0.0
        """The highest sum at which the portal is known to have let a page begin."""

    # ask

    def booked(self, now: Mono) -> float:
        """Seconds in the sum at *now*."""
        return sum(basket.spent for basket in self._baskets if basket.leaves_at > now)

    def next_leaves_at(self, now: Mono) -> Mono | None:
        """When the oldest basket leaves the sum; None where there is none."""
        return min((one.leaves_at for one in self._baskets if one.leaves_at > now), default=None)

    def certain(self, now: Mono) -> float:
        """Seconds that are in the sum at *now* for sure: not guessed, and not about to leave."""
        return sum(
            basket.spent
            for basket in self._baskets
            if basket.leaves_at > now + _MINUTE and not basket.is_guess
        )

    def level(self, now: Mono) -> float:
        """Seconds in the sum at *now*, and those of requests in flight."""
        return self.booked(now) + sum(self._reserved.values())

    def others_rate(self, now: Mono) -> float:
        """Seconds a second that others spend while they can, as far as is known."""
        if self._first_told_at is None:
            return 0.0
        watched = 0.0
        if self._watched and now - self.told_at < BASKET_LIFE:
            watched = self._watched_spent / max(_MINUTE, self._watched_seconds)
        theirs = sum(
            basket.spent
            for basket in self._baskets
            if basket.others_since is not None and basket.leaves_at > now
        )
        # They may have begun since we could watch them.
        return max(watched, theirs / min(BASKET_LIFE, max(_MINUTE, now - self._first_told_at)))

    def fits(self, cost: float, *, limit: float, now: Mono) -> bool:
        """Whether *cost* seconds more are certain to fit under *limit* at *now*."""
        return self.ready_at(cost, limit=limit, now=now) <= now

    def bears(self, cost: float, *, page: float, limit: float, now: Mono) -> bool:
        """Whether *cost* seconds more pass *limit* by a page at most, should all pages turn dearer.

        What is in flight beside them turns dearer with them; a *page* is what one is expected to
        cost. Where that is all there is, nothing can be had more carefully.
        """
        in_flight = sum(self._reserved.values()) + cost
        return self.booked(now) + _DEARER * (in_flight - page) <= limit

    def ready_at(self, cost: float, *, limit: float, now: Mono) -> Mono:
        """The first moment at which *cost* seconds more are certain to fit under *limit*.

        Infinite where only answers of requests in flight can make room.
        """
        return self._first_fit(cost, limit, now, lambda basket: basket.leaves_at, NEVER)

    def may_be_ready_at(self, cost: float, *, limit: float, now: Mono) -> Mono:
        """The first moment at which *cost* seconds more may fit under *limit*: asking would tell.

        That others go on as fast as they seemed to is feared for a minute, and then asked about.
        """
        return self._first_fit(cost, limit, now, lambda basket: basket.may_leave_at, _MINUTE)

    def is_resting(self, now: Mono) -> bool:
        """Whether nothing was booked for a minute, so that the next booking begins a basket."""
        return self.told is not None and (not self._recent or self._recent[-1][0] < now - _MINUTE)

    def passed_before(self, cost: float) -> float:
        """The sum when a page of *cost* seconds began, with which the request last told ended.

        What other requests booked while it ran is in the sum as told, and was not when it began.
        """
        since = self.told_at - cost
        beside = sum(spent for ended_at, spent in self._recent if since < ended_at < self.told_at)
        return (self.told or 0.0) - cost - beside

    # tell

    def reserve(self, number: int, cost: float) -> None:
        """Hold *cost* seconds for the request *number*."""
        self._reserved[number] = cost

    def release(self, number: int) -> None:
        """Hold nothing for the request *number* any more."""
        self._reserved.pop(number, None)

    def guess(self, spent: float, *, sent_at: Mono, now: Mono) -> None:
        """Seconds that a request may have cost whose answer was lost at *now*."""
        # What answers told since it was sent may have been its own doing, and what the next tells.
        while self._watched and self._watched[-1].at > sent_at:
            self._forget(self._watched.pop())
        self._unclear_until = now
        self.book(spent, minute=None, finished_at=now, now=now)
        if spent > FLOOR:
            self._baskets[-1].is_guess = True

    def book(
        self,
        spent: float,
        *,
        minute: int | None,
        finished_at: Mono,
        now: Mono,
        started_at: Mono | None = None,
    ) -> None:
        """Seconds that a request has cost.

        Args:
            minute: The minute of the portal's clock in whose basket they are: that in which the
                request began; None where that is not known, which gives them a basket that
                certainly leaves no earlier.
            started_at: When it began, or later: what its basket lives by, if it is the first in it.
                None if not told: before it ended.
        """
        self._baskets = [
            basket for basket in self._baskets if basket.leaves_at > now - _LONGEST_REQUEST
        ]
        if spent <= FLOOR:
            return
        self._recent.append((finished_at, spent))
        lives_by = finished_at if started_at is None else started_at
        leaves_at = Mono(lives_by + BASKET_LIFE + _BLUR)
        for basket in self._baskets:
            if minute is not None and basket.minute == minute and basket.leaves_at > now:
                basket.add(spent, leaves_at, made_at=finished_at)
                return
        self._baskets.append(_Basket(minute, spent, leaves_at, leaves_at, made_at=finished_at))

    def settle(
        self,
        reading: Reading,
        *,
        minute: int | None,
        sent_at: Mono,
        finished_at: Mono,
        now: Mono,
        started_at: Mono | None = None,
    ) -> None:
        """Book what an answer tells of this meter, and bring the mirror to what it told."""
        while self._recent and self._recent[0][0] < finished_at - _LONGEST_REQUEST:
            self._recent.popleft()
        # Before its own seconds are among them.
        beside = sum(spent for ended_at, spent in self._recent if ended_at > sent_at)
        self.book(
            reading.worked, minute=minute, started_at=started_at, finished_at=finished_at, now=now
        )
        self.highest_passed = max(self.highest_passed, reading.operating - reading.worked - beside)
        # What the portal says of its baskets comes before what is concluded from its sums.
        self._drop_what_has_left(reading.reset_at)
        if self.booked(now) < reading.operating - _ROUNDING:
            self._bring_back(reading.operating, finished_at, now)
        booked = self.booked(now)
        if booked > reading.operating + beside:
            self._take_away(booked - reading.operating - beside, finished_at)
        elif booked < reading.operating:
            self._add_others(reading.operating - booked, reset_at=reading.reset_at, now=now)
        added = max(0.0, reading.operating - booked)
        # Before this answer is the last one: how fast others spend is counted from the one before it.
        self._watch(added, finished_at)
        self._move_what_has_not_left(reading.reset_at, sent_at, now)
        if self._first_told_at is None:
            self._first_told_at = now
        self.told = reading.operating
        self.told_at = max(self.told_at, finished_at)

    def on_passed(self, cost: float) -> None:
        """The request last told ended well, with a page of *cost* seconds."""
        self.highest_passed = max(self.highest_passed, self.passed_before(cost))

    def fill_up(self, limit: float, *, now: Mono) -> None:
        """The portal has refused although we know of less: others have used the rest."""
        missing = limit - self.booked(now)
        if missing > 0:
            self._add_others(missing, reset_at=None, now=now)
        # Had what may have left by now done so, the page would have passed.
        self._move_what_has_not_left(None, now, now)

    def hand_over(self, now: Mono) -> MeterLeft:
        """What is in the sum at *now*, for another run."""
        baskets = tuple(
            BasketLeft(
                spent=basket.spent,
                leaves_in=basket.leaves_at - now,
                may_leave_in=basket.may_leave_at - now,
            )
            for basket in self._baskets
            if basket.leaves_at > now
        )
        return MeterLeft(told=self.told, baskets=baskets)

    def take_over(self, left: MeterLeft, since: Mono) -> None:
        """What another run has left at *since*: it knows of all that we have spent, too."""
        if left.told is None:
            return
        self.told = left.told
        self._baskets = [
            _Basket(
                None,
                basket.spent,
                Mono(since + basket.leaves_in),
                Mono(since + basket.may_leave_in),
            )
            for basket in left.baskets
        ]

    # how

    def _first_fit(
        self,
        cost: float,
        limit: float,
        now: Mono,
        leaves: Callable[[_Basket], Mono],
        feared_for: float,
    ) -> Mono:
        # A page that costs more than the whole limit fits where nothing else is.
        left = limit - min(cost, limit) - sum(self._reserved.values())
        rate = self.others_rate(now) if self.told is not None else 0.0
        baskets = sorted((basket for basket in self._baskets if leaves(basket) > now), key=leaves)
        level = sum(basket.spent for basket in baskets)
        for at, leaving in [(now, 0.0), *((leaves(basket), basket.spent) for basket in baskets)]:
            level -= leaving
            foreseen = rate * min(feared_for, max(0.0, at - self.told_at)) if rate else 0.0
            if level + foreseen <= left + _ROUNDING:
                return at
        return NEVER

    def _watch(self, spent: float, finished_at: Mono) -> None:
        """Learn how fast others spend, from answers that come close together.

        In a long pause of ours the meter is full and others are refused as well. And while baskets
        leave, what is missing may be theirs or one of ours that we took for gone.
        """
        seconds = finished_at - self.told_at
        if self.told_at <= self._unclear_until or any(
            self.told_at - _MINUTE < basket.leaves_at < finished_at + _MINUTE
            for basket in self._baskets
        ):
            return
        if seconds > _MINUTE:
            return
        # An answer that was late tells of a time that was counted before.
        self._watched.append(_Watched(finished_at, max(0.0, seconds), spent))
        while self._watched[0].at <= finished_at - _WATCHED:
            self._forget(self._watched.popleft())
        self._watched_seconds += max(0.0, seconds)
        self._watched_spent += spent

    def _forget(self, watched: _Watched) -> None:
        self._watched_seconds -= watched.seconds
        self._watched_spent -= watched.spent

    def _drop_what_has_left(self, reset_at: Mono | None) -> None:
        """The portal says when its oldest basket leaves: older ones have, for others began them."""
        if reset_at is not None:
            oldest = reset_at - _APART
            self._baskets = [basket for basket in self._baskets if basket.leaves_at >= oldest]

    def _bring_back(self, told: float, finished_at: Mono, now: Mono) -> None:
        """A basket that we thought had just left was still in the sum."""
        missing = told - self.booked(now)
        for basket in self._baskets:
            if missing > _ROUNDING and finished_at - _WHOLE_SECOND < basket.leaves_at <= now:
                basket.leaves_at = basket.may_leave_at = Mono(now + _WHOLE_SECOND)
                missing -= basket.spent

    def _take_away(self, excess: float, finished_at: Mono) -> None:
        # What was taken for others' a moment ago may have been this request: its answer was late.
        # Else the oldest goes first, though a guess may have been too much: what stays leaves later,
        # and that is the careful way to be wrong.
        def order(basket: _Basket) -> tuple[bool, Mono]:
            is_late = basket.others_since is not None and self.told_at > finished_at
            return (not is_late, basket.may_leave_at)

        for basket in sorted(self._baskets, key=order):
            taken = min(basket.spent, excess)
            basket.spent -= taken
            excess -= taken
        self._baskets = [basket for basket in self._baskets if basket.spent > _ROUNDING]

    def _add_others(self, spent: float, *, reset_at: Mono | None, now: Mono) -> None:
        leaves_at = Mono(now + BASKET_LIFE)
        newest = max(self._baskets, key=lambda basket: basket.leaves_at, default=None)
        if newest is not None and newest.others_since is None and spent < _TRIFLE:
            newest.spent += spent
        elif self._first_told_at is None:
            # Spent before we came: how fast, nobody knows.
            may_leave_at = leaves_at if reset_at is None else max(now, min(reset_at, leaves_at))
            self._baskets.append(_Basket(None, spent, leaves_at, may_leave_at))
        elif newest is not None and self._is_begun_with(newest):
            newest.spent += spent
            newest.leaves_at = leaves_at
        else:
            since = max(self._first_told_at, self.told_at)
            may_leave_at = Mono(max(now, since + BASKET_LIFE - _MINUTE))
            self._baskets.append(_Basket(None, spent, leaves_at, may_leave_at, others_since=since))

    def _is_begun_with(self, basket: _Basket) -> bool:
        """Whether others spent what is in *basket* within the minute before the last answer."""
        return basket.others_since is not None and self.told_at < basket.others_since + _MINUTE

    def _move_what_has_not_left(self, reset_at: Mono | None, sent_at: Mono, now: Mono) -> None:
        next_at = Mono(now + _MINUTE) if reset_at is None or reset_at <= now else reset_at
        for basket in self._baskets:
            if basket.may_leave_at <= sent_at:
                basket.may_leave_at = min(basket.leaves_at, next_at)


_ROUNDING = 1e-9
