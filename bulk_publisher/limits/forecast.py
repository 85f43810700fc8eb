"""How long will it take, and which limit binds when? The real limits, run ahead in virtual time.

Pure: no socket, no clock, no loop. The governor that paces a run is asked and told here by a
portal of a few lines: requests take what their pages cost, and meters like our mirrors sum them up.

What a page costs must be told: an earlier run has measured it, or it is assumed.
"""

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from bulk_publisher.limits.bounds import Bounds, Waiting
from bulk_publisher.limits.decision import (
    Lane,
    Limit,
    Permit,
    Reading,
    Send,
    Stop,
    Usage,
    WaitUntil,
)
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.handover import Handover
from bulk_publisher.limits.operating import OperatingMeter
from bulk_publisher.model import Mono

_SPREAD = 0.4
"""Standard deviation of a page's cost as a share of it, as portals are measured."""
_FAILURE = 0.05
"""Seconds that a page takes which is not there."""
_BACKLOG = 2_000
"""Pages that a run holds ready: only when they are the last does it know that they are."""
_SLICES = 60
"""Slices of the time in which the limit that binds is looked for."""
_SEED = 1


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which one limit binds.

    Attributes:
        limit: Its name; ``concurrency`` while nothing of the portal's binds.
        pages: Pages settled in it.
    """

    limit: str
    begins: float
    ends: float
    pages: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would take. Seconds, unless said otherwise.

    Attributes:
        operating: Of the portal's operating time.
        cost: A page, as assumed.
        requests: In all, look-ups included.
    """

    seconds: float
    requests: int
    operating: float
    cost: float
    cost_from: str
    stages: tuple[Stage, ...]


class Billing(StrEnum):
    """Who pays operating time for a batch. Source: docs/bitrix24.md §6."""

    NOBODY = "nobody"
    """The portal shows no operating time."""
    COMMANDS = "commands"
    """Its commands, on the meter that single calls share."""
    BATCH = "batch"
    """The batch alone."""
    BOTH = "both"
    """The batch a half, and its commands on a meter of their own."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the estimate rests on.

    Attributes:
        together: Pages that are sent together.
        unlisted: Pages that are most likely not there, and are sent in requests of their own.
        look_ups: Lists that are asked for meanwhile.
        look_up_seconds: What each takes, way included.
        way: Seconds of a request beside the portal's work.
        billing: Who pays for a batch.
    """

    together: int
    unlisted: int
    look_ups: int
    look_up_seconds: float
    way: float
    billing: Billing
    cost: float
    cost_from: str


def _meter_left(left: Handover, name: str) -> OperatingMeter:
    meter = OperatingMeter()
    if name in left.meters:
        meter.take_over(left.meters[name], since=Mono(0.0))
    return meter


class _Run:
    """A run that does not take place."""

    def __init__(
        self,
        expected: Expected,
        bounds: Bounds,
        left: Handover,
        *,
        together: tuple[str, ...],
        alone: tuple[str, ...],
    ) -> None:
        self.expected = expected
        self.together, self.alone = together, alone
        self.rng = random.Random(_SEED)
        self.governor = Governor(bounds, together=together, alone=alone, rng=self.rng)
        self.left, self.left_unlisted = expected.together, expected.unlisted
        self.now = 0.0
        self.governor.take_over(left, since=Mono(0.0), now=Mono(0.0))
        self.meters = {name: _meter_left(left, name) for name in (*together, *alone)}
        if expected.billing is Billing.COMMANDS:
            # One sum stands behind both: the fuller mirror knows more of it.
            self.meters[alone[-1]] = max(
                self.meters[alone[-1]],
                self.meters[together[-1]],
                key=lambda meter: meter.booked(Mono(0.0)),
            )
        self.in_flight: list[tuple[float, int, Permit, tuple[float, ...]]] = []
        self.requests = 0
        self.operating = 0.0
        self.held: list[tuple[float, float, str]] = []
        self.settled: list[tuple[float, int]] = []
        self.is_stopped = False

    def play(self) -> None:
        self._look_up_first()
        while (self.left or self.left_unlisted or self.in_flight) and not self.is_stopped:
            waiting = Waiting(
                together=min(self.left, _BACKLOG),
                alone=0,
                is_all=self.left + self.left_unlisted <= _BACKLOG,
                unlisted=min(self.left_unlisted, _BACKLOG),
            )
            match self.governor.next_decision(waiting, now=Mono(self.now)):
                case Send() as send:
                    self._send(send)
                case WaitUntil(at=at, limit=limit):
                    self._wait(at, limit)
                case Stop():
                    self.is_stopped = True

    def _look_up_first(self) -> None:
        expected = self.expected
        self.requests += expected.look_ups + 1
        # The lists are asked for in a row; the later ones overlap with what is being sent.
        for _ in range(min(expected.look_ups, math.ceil(_BACKLOG / 500))):
            self.governor.calls.on_sent(now=Mono(0.0))
        self.now = expected.way + (expected.look_up_seconds if expected.look_ups else 0.0)

    def _send(self, send: Send) -> None:
        is_missing = send.lane is Lane.UNLISTED or not self.left
        ready = self.left_unlisted if is_missing else self.left
        pages = min(send.pages, ready)
        if is_missing:
            self.left_unlisted -= pages
            costs: tuple[float, ...] = ()
            seconds = pages * _FAILURE
        else:
            self.left -= pages
            costs = tuple(self._costs(pages))
            seconds = sum(costs)
        permit = self.governor.reserve(Send(pages, send.lane), now=Mono(self.now))
        self.requests += 1
        heapq.heappush(
            self.in_flight,
            (self.now + seconds + self.expected.way, permit.number, permit, costs),
        )

    def _costs(self, pages: int) -> Iterator[float]:
        # Lognormal, with the mean that is told.
        sigma = math.sqrt(math.log(1 + _SPREAD**2))
        for _ in range(pages):
            yield self.expected.cost * math.exp(self.rng.gauss(-(sigma**2) / 2, sigma))

    def _wait(self, at: float, limit: Limit) -> None:
        next_end = self.in_flight[0][0] if self.in_flight else math.inf
        until = min(at, next_end)
        if until == math.inf:
            self.is_stopped = True
            return
        self.held.append((self.now, until, limit.value if limit.is_idle else "concurrency"))
        self.now = max(until, self.now)
        while self.in_flight and self.in_flight[0][0] <= self.now:
            _, _, permit, costs = heapq.heappop(self.in_flight)
            self._settle(permit, costs)

    def _settle(self, permit: Permit, costs: tuple[float, ...]) -> None:
        now, worked = Mono(self.now), sum(costs)
        if not costs and self.expected.billing is Billing.BATCH and permit.lane is Lane.UNLISTED:
            # Commands that fail are billed with nothing, and their batch with all of its time.
            worked = permit.pages * _FAILURE
        self.settled.append((self.now, permit.pages))
        readings: tuple[Reading, ...] = ()
        if worked and self.expected.billing is not Billing.NOBODY:
            self.operating += worked
            readings = tuple(self._book(permit.lane, worked))
        usage = Usage(now, int(now // 60), readings, costs, permit.pages - len(costs))
        self.governor.on_settled(permit, usage, now=now)

    def _book(self, lane: Lane, worked: float) -> Iterator[Reading]:
        """What the answer tells of each meter: its own name, and the sum that stands behind it."""
        envelope, commands = self.together[0], self.together[-1]
        if lane is Lane.SINGLE:
            yield self._read(self.alone[-1], self.alone[-1], worked)
            return
        match self.expected.billing:
            case Billing.BATCH:
                yield self._read(envelope, envelope, worked)
                # The commands show a meter that stays at 0, from which the governor learns.
                yield Reading(commands, 0.0, worked, None)
            case Billing.BOTH:
                yield self._read(envelope, envelope, worked / 2)
                yield self._read(commands, commands, worked)
            case _:
                yield self._read(commands, self.alone[-1], worked)

    def _read(self, name: str, sum_of: str, worked: float) -> Reading:
        meter, now = self.meters[sum_of], Mono(self.now)
        meter.book(worked, minute=int(now // 60), started_at=now, finished_at=now, now=now)
        return Reading(name, meter.booked(now), worked, meter.next_leaves_at(now))


def forecast(
    expected: Expected,
    bounds: Bounds,
    left: Handover,
    *,
    together: tuple[str, ...],
    alone: tuple[str, ...],
) -> Estimate:
    """What a run of *expected* within *bounds* would take.

    Args:
        left: How full everything is before it begins.
        together: The meters of requests of several pages; see ``Governor``.
        alone: The meters of a page's own request.
    """
    run = _Run(expected, bounds, left, together=together, alone=alone)
    run.play()
    return Estimate(
        seconds=run.now,
        requests=run.requests,
        operating=run.operating,
        cost=expected.cost,
        cost_from=expected.cost_from,
        stages=tuple(_stages(run)),
    )


def _stages(run: _Run) -> Iterator[Stage]:
    """Stretches in which one limit held longest, neighbours alike joined."""
    width = run.now / _SLICES
    if not width:
        return
    slices: list[dict[str, float]] = [{} for _ in range(_SLICES)]
    for begins, ends, limit in run.held:
        first, last = int(begins / width), min(_SLICES - 1, int(ends / width))
        for place in range(first, last + 1):
            seconds = min(ends, (place + 1) * width) - max(begins, place * width)
            slices[place][limit] = slices[place].get(limit, 0.0) + max(0.0, seconds)
    limits = [max(one, key=lambda name, one=one: one[name], default="concurrency") for one in slices]  # type: ignore[misc]  # fmt: skip # a default keeps the loop's variable
    begins_at = 0
    for place in range(1, _SLICES + 1):
        if place == _SLICES or limits[place] != limits[begins_at]:
            begins, ends = begins_at * width, place * width
            is_last = place == _SLICES
            pages = sum(n for at, n in run.settled if begins <= at and (at < ends or is_last))
            yield Stage(limit=limits[begins_at], begins=begins, ends=ends, pages=pages)
            begins_at = place
