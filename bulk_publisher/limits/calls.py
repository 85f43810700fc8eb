"""May a call that is not about pages leave now: a list, a look-up, the plan?

Rules: told the time, never asks it; asking changes nothing.

How it works: such calls take room in the same bucket of requests as pages do, and are booked on
meters of their own, by method. They wait for both, and for nothing else: how the portal takes pages
says little of lists.

Source: docs/bitrix24.md §6.
"""

from collections.abc import Sequence

from bulk_publisher.limits import waits
from bulk_publisher.limits.decision import Lane, Reading, Send, WaitUntil
from bulk_publisher.limits.intensity import LeakyBucket
from bulk_publisher.limits.meters import Meters
from bulk_publisher.limits.outage import Outage
from bulk_publisher.limits.refusals import ASK_AGAIN, Refusals
from bulk_publisher.model import Mono


class CallLimits:
    """The part of the limits that such calls share with pages."""

    def __init__(
        self, bucket: LeakyBucket, meters: Meters, outage: Outage, refusals: Refusals
    ) -> None:
        """No call has been sent."""
        self._bucket = bucket
        self._meters = meters
        self._outage = outage
        self._refusals = refusals

    def next_decision(self, *meters: str, now: Mono, cost: float) -> Send | WaitUntil:
        """Whether a call that may be booked on any of *meters* may leave now.

        Args:
            cost: Seconds that it may take.
        """
        ready_at = self._bucket.ready_at(now)
        if ready_at > now:
            return waits.for_intensity(ready_at, self._bucket)
        for meter in filter(None, map(self._meters.told, meters)):
            ready_at = meter.ready_at(cost, limit=self._refusals.cap, now=now)
            if ready_at > now:
                ready_at = min(ready_at, Mono(now + ASK_AGAIN))
                return waits.for_operating(ready_at, meter.level(now), self._refusals.limit)
        return Send(1, Lane.SINGLE)

    @property
    def cap(self) -> float:
        """Seconds of operating time that may be used on a meter."""
        return self._refusals.cap

    def on_sent(self, *, now: Mono) -> None:
        """A call leaves now."""
        self._bucket.on_sent(now)

    def on_settled(
        self,
        readings: Sequence[Reading],
        *,
        minute: int | None,
        sent_at: Mono,
        finished_at: Mono,
        now: Mono,
        started_at: Mono | None = None,
    ) -> None:
        """A call was answered."""
        self._outage.on_sign_of_life(now)
        self._bucket.on_accepted(now)
        for reading in readings:
            meter = self._meters.of(reading.meter)
            meter.settle(
                reading,
                minute=minute,
                sent_at=sent_at,
                started_at=started_at,
                finished_at=finished_at,
                now=now,
            )

    def on_refused(self, *, sent_at: Mono, now: Mono, retry_after: float | None = None) -> None:
        """A call was refused: too many requests; the portal may say when to ask again."""
        self._outage.on_sign_of_life(now)
        self._bucket.on_refused(sent_at, now, retry_after=retry_after)
