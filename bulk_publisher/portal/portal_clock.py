"""The portal's clock against ours: its moments become ours here, and nowhere else.

How it works: an answer says when the portal began and ended, by its clock; we know when we sent and
when we received, by ours. It began after we sent and ended before we received, so the offset lies
between two bounds, which each answer can only tighten. Moments are turned into the latest moment of
ours that they can be: a basket is never taken for gone too early.
"""

from bulk_publisher.model import Mono, PortalEpoch
from bulk_publisher.portal.wire import Timing

_DRIFT = 1.0
"""Seconds by which the bounds may contradict each other before they are begun anew."""


class PortalClock:
    """The offset between the portal's clock and ours."""

    def __init__(self) -> None:
        self._low: float | None = None
        self._high = float("inf")

    def observe(self, timing: Timing, *, sent_at: Mono, received_at: Mono) -> None:
        """An answer came."""
        low, high = timing.finish - received_at, timing.began_at - sent_at
        if self._low is not None:
            low_so_far, high_so_far = max(self._low, low), min(self._high, high)
            if low_so_far <= high_so_far + _DRIFT:
                low, high = low_so_far, high_so_far
        self._low, self._high = low, high

    def to_mono(self, moment: PortalEpoch) -> Mono | None:
        """The latest moment of our clock that *moment* can be; None before the first answer."""
        return None if self._low is None else Mono(moment - self._low)

    def offset(self, *, basetime: float) -> float | None:
        """Seconds that the portal's clock is ahead of ours; None before the first answer.

        Args:
            basetime: UTC seconds at which our clock was 0.
        """
        return None if self._low is None else self._low - basetime
