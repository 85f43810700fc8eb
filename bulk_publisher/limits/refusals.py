"""After a refusal for operating time: what it teaches, and when to ask again.

Rules: told the time, never asks it. It knows meters, and neither requests nor pages.

How it works: where the limit is not what we took it for, the first refusal shows it: it is the
highest sum at which a page still passed, of all requests that the refusal met in flight - unless
nothing was told for a minute: then others have spent the rest. Nothing says whether the portal
refuses for a fixed 300 s and empties the meter (a ban), or lets go as baskets leave. So one page asks
at the first moment at which either may be over, and the answer tells.

Source: docs/bitrix24.md §6 "The newest source bans" [source].
"""

from typing import NamedTuple

from bulk_publisher.limits.decision import NEVER
from bulk_publisher.limits.handover import LimitLeft
from bulk_publisher.limits.operating import OperatingMeter
from bulk_publisher.model import Mono

BAN = 300.0
"""Seconds for which the newest portals refuse a method [source]."""
ASK_AGAIN = 60.0
"""Seconds between two questions where nothing tells when something may change."""
_FRESH = 60.0
"""Seconds after which what a meter told says little of what others have spent on it."""
_REMEMBERED = 3600.0
"""Seconds for which runs tell each other of a limit that was learned."""


class LimitLearned(NamedTuple):
    """Seconds of operating time that the portal allowed at most, as a refusal showed."""

    limit: float
    at: Mono


class Refusals:
    """Whether the portal refuses just now, what limit it shows, and when to ask."""

    def __init__(self, limit: float, *, share: float) -> None:
        """Nothing was refused yet.

        Args:
            limit: Seconds of operating time that the portal is taken to allow.
            share: Of it, what we may use.
        """
        self.granted = limit
        """Seconds of operating time that the portal is taken to allow."""
        self.learned: LimitLearned | None = None
        """A lower limit that a refusal has shown."""
        self.share = share
        self.ask_at = Mono(float("-inf"))
        """When to ask, while it refuses."""
        self.is_banning: bool | None = None
        """Whether it refuses for a fixed time; None while that is not known."""
        self._refused_at: Mono | None = None
        self._limit_before = limit

    @property
    def limit(self) -> float:
        """Seconds of operating time that the portal allows, as far as is known."""
        return self.granted if self.learned is None else min(self.granted, self.learned.limit)

    @property
    def cap(self) -> float:
        """Seconds of operating time that we may use."""
        return self.limit * self.share

    @property
    def is_on(self) -> bool:
        """Whether the portal refused, and no page has passed since."""
        return self._refused_at is not None

    def is_answer(self, sent_at: Mono) -> bool:
        """Whether a request that was sent at *sent_at* is the question."""
        return self.is_on and sent_at >= self.ask_at

    def on_refused(
        self,
        meter: OperatingMeter,
        *,
        done: tuple[float, ...],
        sent_at: Mono,
        cost: float,
        now: Mono,
    ) -> None:
        """Pages were refused, or their request.

        Args:
            meter: The one that is full.
            done: Seconds of each page of the request that was done before.
            cost: Seconds of the page that will ask.
        """
        # The first of a volley teaches the limit, others of it only that it is higher; later ones were the
        # question, and tell how long the portal refuses.
        if self._refused_at is None:
            self._limit_before = self.limit
            self._learn_limit(meter, done, now)
            self._refused_at = now
        elif sent_at < self._refused_at:
            # Of the same volley: perhaps it came closer to the limit.
            if done:
                self._learn_limit(meter, done, now)
            return
        elif now >= self._refused_at + BAN:
            # A ban would have ended. Where the portal is known to ban, it has begun another.
            self.is_banning = self.is_banning or False
            self._refused_at = now if self.is_banning else self._refused_at
        self._plan_to_ask(meter, self._refused_at, cost, now)

    def on_passed(self, *, is_emptied: bool, now: Mono) -> None:
        """A page passed again: after a ban the meter is empty, and before its end none passes."""
        if self._refused_at is not None and now < self._refused_at + BAN:
            self.is_banning = False
        if is_emptied:
            self.is_banning = True
        self._refused_at = None

    def hand_over(self, now: Mono) -> LimitLeft | None:
        """The limit that a refusal has shown, for another run; None where none did."""
        learned = self.learned
        return None if learned is None else LimitLeft(limit=learned.limit, ago=now - learned.at)

    def take_over(self, left: LimitLeft | None, since: Mono, now: Mono) -> None:
        """What another run has learned; what was learned long ago may have been others' doing."""
        if left is None or (self.learned is not None and self.learned.limit <= left.limit):
            return
        at = Mono(since - left.ago)
        if now - at < _REMEMBERED:
            self.learned = LimitLearned(left.limit, at)

    def _learn_limit(self, meter: OperatingMeter, done: tuple[float, ...], now: Mono) -> None:
        if meter.told is None:
            return
        passed = meter.highest_passed
        if done:
            passed = max(passed, meter.passed_before(done[-1]))
        elif now - meter.told_at > _FRESH:
            # It passed at as much before: others have spent since.
            meter.fill_up(self.limit, now=now)
            return
        if passed > 0:
            is_first = self.limit == self._limit_before
            known = passed if is_first else max(passed, self.limit)
            self.learned = LimitLearned(min(self._limit_before, known), now)

    def _plan_to_ask(self, meter: OperatingMeter, refused_at: Mono, cost: float, now: Mono) -> None:
        moments = []
        if self.is_banning is not False:
            moments.append(Mono(refused_at + BAN))
        if self.is_banning is not True:
            moments.append(meter.may_be_ready_at(cost, limit=self.cap, now=now))
        self.ask_at = min((at for at in moments if now < at < NEVER), default=Mono(now + ASK_AGAIN))
