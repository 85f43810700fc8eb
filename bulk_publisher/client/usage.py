"""What an answer says of its cost, in the terms of the limits.

It names the meters: a request on its own is booked on its method; a batch may be booked on
``batch``, on its commands' method, or on both, and the commands' meter may be another than the one
of single calls. So each is a meter of its own here.

Source: docs/bitrix24.md §6 "Who pays for a batch" [doc, source, measured].
"""

from collections.abc import Iterator, Sequence

from bulk_publisher.limits.decision import Reading, Usage
from bulk_publisher.limits.operating import FLOOR
from bulk_publisher.model import Mono, PortalEpoch
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Timing

ENVELOPE = "batch"
"""The meter of whole batches."""

_MINUTE = 60.0
_WHOLE_SECOND = 1.0
"""Seconds by which a start that is cut to a whole one may be too early."""


def meters_together(method: str) -> tuple[str, ...]:
    """The meters on which a batch of *method* may be booked; last the one of its commands."""
    return (ENVELOPE, f"{ENVELOPE}/{method}")


def meters_alone(method: str) -> tuple[str, ...]:
    """The meters on which a single call of *method* may be booked."""
    return (method,)


def minute_of(timing: Timing | None) -> int | None:
    """The minute of the portal's clock in which a request was booked; None if that can't be told.

    It is that of its first check, and so of its start [source]. A start that is cut to a whole
    second is of the same minute.
    """
    return None if timing is None else int(timing.start // _MINUTE)


def reading_of(
    meter: str, timing: Timing | None, *, worked: float, clock: PortalClock, untold: float = 0.0
) -> Reading | None:
    """What *timing* tells of *meter*; None where the portal shows none.

    Args:
        untold: Seconds of *worked* that are not in the sum that it tells, and are booked all the same.
    """
    if timing is None or timing.operating is None:
        return None
    reset_at = (
        None if timing.operating_reset_at is None else clock.to_mono(timing.operating_reset_at)
    )
    booked, untold = (worked, untold) if worked > FLOOR else (0.0, 0.0)
    return Reading(meter, timing.operating + untold, booked, reset_at)


def started_at(timing: Timing | None, *, clock: PortalClock, now: Mono) -> Mono | None:
    """When the portal began on a request, by our clock, at the latest; None where it does not tell."""
    if timing is None:
        return None
    moment = clock.to_mono(PortalEpoch(min(timing.began_at + _WHOLE_SECOND, timing.finish)))
    return None if moment is None else Mono(min(now, moment))


def finished_at(timing: Timing | None, *, clock: PortalClock, now: Mono) -> Mono:
    """When the portal had ended a request, by our clock; *now* where it does not tell."""
    moment = None if timing is None else clock.to_mono(timing.finish)
    return now if moment is None else Mono(min(now, moment))


def usage_alone(
    method: str, timing: Timing | None, *, is_done: bool, clock: PortalClock, now: Mono
) -> Usage:
    """What a page's own request has cost."""
    duration = 0.0 if timing is None else timing.duration
    reading = reading_of(method, timing, worked=duration, clock=clock)
    return Usage(
        finished_at=finished_at(timing, clock=clock, now=now),
        minute=minute_of(timing),
        readings=() if reading is None else (reading,),
        costs=(duration,) if is_done and timing is not None else (),
        failures=0 if is_done else 1,
        started_at=started_at(timing, clock=clock, now=now),
    )


def usage_together(
    method: str,
    envelope: Timing | None,
    commands: Sequence[Timing | None],
    costs: Sequence[float],
    *,
    failures: int,
    refused: int = 0,
    untold: float = 0.0,
    is_answer: bool = True,
    clock: PortalClock,
    now: Mono,
) -> Usage:
    """What a batch has cost.

    Args:
        commands: The timings of its commands, in order; None for one that began and failed.
        costs: Seconds of those that did what they should, in order.
        failures: Commands that were not done; *refused* of them for operating time.
        untold: Seconds that they took where none of them tells its own.
        is_answer: Whether any of them was answered.
    """
    return Usage(
        finished_at=finished_at(envelope, clock=clock, now=now),
        minute=minute_of(envelope),
        readings=tuple(_readings_together(method, envelope, commands, clock)),
        costs=tuple(costs),
        failures=failures,
        refused=refused,
        untold=untold,
        started_at=started_at(envelope, clock=clock, now=now),
        is_answer=is_answer,
    )


def billed_evenly(ended: Sequence[bool], seconds: float) -> float:
    """Seconds that the commands of a batch are billed with where none tells its own time.

    Args:
        ended: Whether each of them, in order, did not fail; one at least did not.
        seconds: What all of them took.
    """
    a_command = seconds / sum(ended)
    starts = [a_command * sum(ended[:place]) for place in range(len(ended))]
    ends = [a_command * (place + 1) for place in range(sum(ended))]
    return sum(end - start for start, end in zip(starts, ends, strict=False))


def _readings_together(
    method: str, envelope: Timing | None, commands: Sequence[Timing | None], clock: PortalClock
) -> Iterator[Reading]:
    whole = 0.0 if envelope is None else envelope.duration
    answered = [timing for timing in commands if timing is not None]
    if len(answered) == len(commands):
        billed = [timing.duration for timing in answered]
    else:
        billed = _billed(commands, answered, envelope)
    worked = sum(billed)
    # A request is told of its own commands only those that took over the floor by themselves.
    short = sum([seconds for seconds in billed if seconds <= FLOOR])
    meters = meters_together(method)
    # The last, not the highest: a basket may leave while a batch runs.
    last = next((timing for timing in reversed(answered) if timing.operating is not None), None)
    for reading in (
        reading_of(meters[0], envelope, worked=whole, clock=clock),
        reading_of(meters[1], last, worked=worked, clock=clock, untold=short),
    ):
        if reading is not None:
            yield reading


def _billed(
    commands: Sequence[Timing | None], answered: Sequence[Timing], envelope: Timing | None
) -> list[float]:
    """Seconds that each command which did not fail is billed with, where some did.

    The starts of all are paired with the ends of these, by place: after m failures each is billed from
    the start of the command m places before. When one that failed began nobody tells: when the one
    before it had ended, at the earliest.

    Source: docs/bitrix24.md §6 "Failures inflate the bill" [source].
    """
    starts: list[float] = []
    first = answered[0].finish - answered[0].duration if answered else 0.0
    ended_at = first if envelope is None else min(first, envelope.began_at)
    for timing in commands:
        if timing is None:
            starts.append(ended_at)
        else:
            starts.append(timing.finish - timing.duration)
            ended_at = timing.finish
    pairs = zip(starts, answered, strict=False)
    return [max(0.0, timing.finish - started) for started, timing in pairs]
