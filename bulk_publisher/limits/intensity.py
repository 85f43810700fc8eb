"""The leaky bucket of requests, as the portal keeps it, and the pace that suits it.

Rules: told the time, never asks it. No requests, no names; numbers alone.

How it works: each request adds 1 to a bucket of *capacity* that drains *drain* a second. Others may
be filling the same bucket unseen. A refusal tells that it is full; and since it was last known to
be full, or empty, the requests that we sent are all that others left us: the pace is cut to a
little under that, and recovers slowly, the faster the longer nothing is refused.

Source: docs/bitrix24.md §6 "Intensity" [doc].
"""

from bulk_publisher.model import Mono

_CUT = 0.8
"""Of the pace that others left: the bucket empties a little, and so is not soon full again."""
_FLOOR = 0.02
"""Of the plan's drain: what we still send, however full the bucket seems."""
_RECOVERY = 0.0005
"""Of the plan's drain, added for each request that went through."""
_PROVEN_CAPACITY, _PROVEN_DRAIN = 50.0, 2.0
"""Of the portals whose bucket is the smallest [doc]."""
_LONGEST_WISH = 300.0
"""Seconds that a portal's wish to be left alone is followed at most."""
_RECOVERY_PERIOD = 300.0
"""Seconds without a refusal after which recovery is twice as fast: the others may have left."""


class LeakyBucket:
    """How full the portal's bucket of requests is, as far as we know, and when one more fits.

    The level is brought up to *now* at the old pace before the pace is changed.
    """

    def __init__(self, *, capacity: float, drain: float, jitter: float = 0.0) -> None:
        """A bucket that is empty.

        Args:
            capacity: Requests that it holds, 1 or more; infinite for no limit.
            drain: Requests a second that leave it, above 0.
            jitter: Seconds by which a request may be longer on its way than the next: they come
                closer together than they left, and what would drain meanwhile is kept free.
        """
        self._jitter = jitter
        self.capacity = capacity
        self.drain = drain
        self._pace = drain
        self._level = 0.0
        self._at = Mono(0.0)
        self._sent_since_known = 0
        self._known_at: Mono | None = None
        self._known_level = 0.0
        self._cut_at = Mono(float("-inf"))
        self._closed_until = Mono(float("-inf"))

    @property
    def pace(self) -> float:
        """Requests a second that we take for ours."""
        return self._pace

    def level(self, now: Mono) -> float:
        """Requests in the bucket at *now*."""
        return max(0.0, self._level - (now - self._at) * self._pace)

    def ready_at(self, now: Mono) -> Mono:
        """The first moment at which one more request fits."""
        above = self.level(now) + 1 - max(1.0, self.capacity - self._jitter * self.drain)
        ready_at = Mono(now + above / self._pace) if above > 1e-9 else now
        return max(ready_at, self._closed_until)

    def on_sent(self, now: Mono) -> None:
        """One request left."""
        if self._known_at is None:
            self._known_at = now
        self._settle_level(now)
        self._level += 1
        self._sent_since_known += 1

    def raise_to(self, level: float, now: Mono) -> None:
        """Others have filled it to *level*, or it holds more by what we know."""
        self._settle_level(now)
        self._level = max(self._level, min(level, self.capacity))

    def on_accepted(self, now: Mono) -> None:
        """One request went through: recover a little."""
        if self._pace >= self.drain:
            return
        self._settle_level(now)
        age = max(0.0, now - self._cut_at)
        step = self.drain * _RECOVERY * (1 + age / _RECOVERY_PERIOD)
        self._pace = min(self.drain, self._pace + step)

    def on_refused(self, sent_at: Mono, now: Mono, *, retry_after: float | None = None) -> None:
        """A request was refused: the bucket is full. Cuts once for all that was sent before a cut.

        Args:
            retry_after: Seconds after which the portal wants to be asked again, where it says so.
        """
        if retry_after is not None:
            wanted = Mono(now + min(retry_after, _LONGEST_WISH))
            self._closed_until = max(self._closed_until, wanted)
        if self.capacity == float("inf"):
            # A refusal proves that there is a bucket after all: take the smallest that is known.
            self.set_limit(capacity=_PROVEN_CAPACITY, drain=_PROVEN_DRAIN, now=now)
            self._pace = _PROVEN_DRAIN
        self._settle_level(now)
        self._level = self.capacity
        if sent_at < self._cut_at:
            return
        self._pace = max(self.drain * _FLOOR, min(self._pace, self._what_others_leave(now)) * _CUT)
        self._cut_at = now
        self._known_at = now
        self._known_level = self.capacity
        self._sent_since_known = 0

    def on_full_at(self, at: Mono, now: Mono) -> None:
        """It may have been full at *at*: an earlier process was sending then."""
        if self.capacity != float("inf"):
            self._settle_level(now)
            self._level = max(self._level, self.capacity - max(0.0, now - at) * self._pace)

    def set_limit(self, *, capacity: float, drain: float, now: Mono) -> None:
        """The plan turned out to be another."""
        self._settle_level(now)
        self._pace = drain * self._pace / self.drain
        self.capacity, self.drain = capacity, drain

    def _what_others_leave(self, now: Mono) -> float:
        """Requests a second that would have kept the bucket from running full."""
        if self._known_at is None or now - self._known_at < 1.0:
            return self._pace / 2
        filled = self.capacity - self._known_level
        ours = self._sent_since_known - filled
        if filled and ours <= 0:
            # It was not as empty as we took it for when we began: that says nothing of others now.
            return self._pace
        return max(0.0, ours) / (now - self._known_at)

    def _settle_level(self, now: Mono) -> None:
        self._level = self.level(now)
        self._at = now
