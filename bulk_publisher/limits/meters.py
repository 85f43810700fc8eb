"""The operating meters of one credential: which there are, and on which of them a request is booked.

Rules: told the time, never asks it. It knows lanes, names and seconds; what a request is expected to
cost is told, and whether one may leave is decided elsewhere.

How it works: who pays for a batch is not assumed. The meters of the envelope and of the commands are
mirrored apart, and a request has to fit under each that it may be booked on. A meter that no answer
shows is no limit; before the first answer each may be there. Whether a page's own request is booked
on the meter of pages in batches is learned from what the first of them tells; until then each of the
two holds what the other does.

Source: docs/bitrix24.md §6 "Who pays for a batch" [doc, source, measured].
"""

from collections.abc import Iterable

from bulk_publisher.limits.decision import NEVER, Lane, Permit, Reading, Usage
from bulk_publisher.limits.handover import MeterLeft
from bulk_publisher.limits.operating import BASKET_LIFE, OperatingMeter
from bulk_publisher.model import Mono

_SURE = 30.0
"""Booked seconds from which a meter that does not show them is certainly another one."""
_TOLD_NOTHING = 10
"""Answers without a page that was done and without its meter, after which there is none to wait for."""


class Meters:
    """All meters that a request may be booked on, by lane and by name.

    Attributes:
        has_answer: Whether an answer has told which meters there are.
        is_shared: Whether pages alone and together have one meter; None while that is not known.
    """

    def __init__(self, *, together: tuple[str, ...], alone: tuple[str, ...]) -> None:
        """Nothing is booked.

        Args:
            together: The meters on which a request of several pages may be booked: last the one
                of its pages.
            alone: The meters on which a page's own request may be booked.
        """
        self.has_answer = False
        self.is_shared: bool | None = None
        self._answered = 0
        self._names = {Lane.BATCH: together, Lane.SINGLE: alone, Lane.UNLISTED: together}
        self._meters = {name: OperatingMeter() for name in (*together, *alone)}

    # ask

    def told(self, name: str) -> OperatingMeter | None:
        """The meter of this name; None where no answer has shown it."""
        meter = self._meters.get(name)
        return None if meter is None or meter.told is None else meter

    def of(self, name: str) -> OperatingMeter:
        """The meter of this name: a new one, if there was none."""
        return self._meters.setdefault(name, OperatingMeter())

    def of_pages(self, lane: Lane) -> OperatingMeter:
        """The meter of the pages of a request."""
        return self._meters[self._names[lane][-1]]

    def of_request(self, lane: Lane) -> OperatingMeter:
        """The meter of a request itself."""
        return self._meters[self._names[lane][0]]

    def shown(self, lane: Lane) -> list[OperatingMeter]:
        """The meters that are there, as far as answers tell: before the first, all may be."""
        meters = [self._meters[name] for name in self._names[lane]]
        if lane is Lane.SINGLE and self.of_pages(lane).told is None:
            meters += self._twins(self._names[lane][-1])
        return [meter for meter in meters if meter.told is not None or not self.has_answer]

    def fits(self, lane: Lane, cost: float, *, limit: float, now: Mono) -> bool:
        """Whether *cost* seconds more are certain to fit under *limit* on each of them."""
        return all(meter.fits(cost, limit=limit, now=now) for meter in self.shown(lane))

    def bear(self, lane: Lane, cost: float, *, page: float, limit: float, now: Mono) -> bool:
        """Whether each bears *cost* seconds more, should pages turn dearer than a *page* is now."""
        shown = self.shown(lane)
        return all(meter.bears(cost, page=page, limit=limit, now=now) for meter in shown)

    def ready_at(self, lane: Lane, cost: float, *, limit: float, now: Mono) -> Mono:
        """When *cost* seconds more are certain to fit on each; infinite where that can't be told."""
        ready = [meter.ready_at(cost, limit=limit, now=now) for meter in self.shown(lane)]
        return max(ready, default=NEVER)

    def may_be_ready_at(self, lane: Lane, cost: float, *, limit: float, now: Mono) -> Mono:
        """When *cost* seconds more may fit on each: asking would tell."""
        ready = [meter.may_be_ready_at(cost, limit=limit, now=now) for meter in self.shown(lane)]
        return max(ready, default=NEVER)

    def fullest(self, lane: Lane, now: Mono) -> OperatingMeter | None:
        """The one that holds the most; None where there are none."""
        return max(self.shown(lane), key=lambda meter: meter.level(now), default=None)

    def highest(self, now: Mono) -> float | None:
        """Seconds in the fullest of all that were told; None where there are none."""
        told = (meter for meter in self._meters.values() if meter.told is not None)
        return max((meter.level(now) for meter in told), default=None)

    def is_emptied(self, readings: Iterable[Reading], *, limit: float, now: Mono) -> bool:
        """Whether an answer shows a meter that holds far less than we know of: it was emptied."""
        known = ((self._meters.get(reading.meter), reading) for reading in readings)
        return any(
            meter is not None and reading.operating < meter.booked(now) - limit / 2
            for meter, reading in known
        )

    # tell

    def reserve(self, permit: Permit, cost: float) -> None:
        """Hold *cost* seconds for a request that leaves."""
        for meter in self._may_be_booked_on(permit.lane):
            meter.reserve(permit.number, cost)

    def release(self, permit: Permit) -> None:
        """Hold nothing for it any more: it has ended."""
        for meter in self._meters.values():
            meter.release(permit.number)

    def settle(self, permit: Permit, usage: Usage, *, now: Mono) -> None:
        """Book what an answer tells."""
        # A page that failed tells of no meter, though there may be one.
        pages = self._names[permit.lane][-1]
        self._answered += 1
        self.has_answer |= (
            bool(usage.costs)
            or any(reading.meter == pages for reading in usage.readings)
            or self._answered >= _TOLD_NOTHING
        )
        for reading in usage.readings:
            self._settle_one(permit, usage, reading, now)
        if usage.untold:
            # Whether it is there nobody says; if it is, its sum is at least what we have booked.
            at_least = self.of(pages).booked(now) + usage.untold
            self._settle_one(permit, usage, Reading(pages, at_least, usage.untold, None), now)

    def guess(self, permit: Permit, cost: float, *, now: Mono) -> None:
        """Seconds that a request may have cost whose answer was lost."""
        twins = self._twins(self._names[permit.lane][-1])
        for meter in {*self.shown(permit.lane), *twins}:
            meter.guess(cost, sent_at=permit.sent_at, now=now)

    def on_resumed(self, spent: Iterable[tuple[Mono, float]], *, now: Mono) -> None:
        """An earlier process has spent these seconds at these moments.

        On which meter is not known: they count on each, until an answer tells less. What a meter
        holds by another's word is the oldest of them, and counts once.
        """
        names = {*self._names[Lane.BATCH], *self._names[Lane.SINGLE]}
        in_order = sorted(entry for entry in spent if now - entry[0] < BASKET_LIFE)
        for meter in (self._meters[name] for name in names):
            known = meter.booked(now)
            for at, seconds in in_order:
                meter.book(max(0.0, seconds - known), minute=None, finished_at=at, now=now)
                known = max(0.0, known - seconds)
            if in_order:
                meter.told = meter.booked(now)

    def hand_over(self, now: Mono) -> dict[str, MeterLeft]:
        """What is in each sum at *now*, for another run."""
        return {name: meter.hand_over(now) for name, meter in self._meters.items()}

    def take_over(self, left: dict[str, MeterLeft], since: Mono) -> None:
        """What another run has left at *since*."""
        for name, meter_left in left.items():
            self.of(name).take_over(meter_left, since)

    # how

    def _settle_one(self, permit: Permit, usage: Usage, reading: Reading, now: Mono) -> None:
        meter = self.of(reading.meter)
        if permit.lane is Lane.SINGLE and self.is_shared is None:
            self._learn_whether_shared(meter, reading, now)
        meter.settle(
            reading,
            minute=usage.minute,
            sent_at=permit.sent_at,
            started_at=usage.started_at,
            finished_at=usage.finished_at,
            now=now,
        )
        if meter is self.of_pages(permit.lane) and usage.costs and not usage.failures:
            meter.on_passed(usage.costs[-1])
        # Where it may be another meter its own baskets begin with its own bookings, and leave later.
        minute = usage.minute if self.is_shared else None
        for twin in self._twins(reading.meter):
            twin.book(
                reading.worked,
                minute=minute,
                started_at=usage.started_at,
                finished_at=usage.finished_at,
                now=now,
            )

    def _may_be_booked_on(self, lane: Lane) -> list[OperatingMeter]:
        names = self._names[lane]
        return [*(self._meters[name] for name in names), *self._twins(names[-1])]

    def _twins(self, name: str) -> list[OperatingMeter]:
        """The meter that may be the same one: a page's in a batch, and by itself."""
        together, alone = self._names[Lane.BATCH][-1], self._names[Lane.SINGLE][-1]
        other = {together: alone, alone: together}.get(name)
        return [] if other is None or self.is_shared is False else [self._meters[other]]

    def _learn_whether_shared(self, meter: OperatingMeter, reading: Reading, now: Mono) -> None:
        certain = meter.certain(now)
        if certain > _SURE:
            self.is_shared = reading.operating > certain / 2
