"""What an answer says of its cost, in the terms of the limits.

It names the meters: a request on its own is booked on its method; a batch may be booked on
``batch``, on its commands' method, or on both, and the commands' meter may be another than the one
of single calls. So each is a meter of its own here.

Source: docs/bitrix24.md §6 "Who pays for a batch" [doc, source, measured].
"""

from collections.abc import Sequence

from bulk_publisher.limits.decision import Reading, Usage
from bulk_publisher.limits.operating import FLOOR
from bulk_publisher.model import Mono
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Timing

ENVELOPE = "batch"
"""The meter of whole batches."""

_MINUTE = 60.0
_EDGE = 1.0
"""Seconds before the turn of a minute from which a booking may fall into the next one: some
portals cut their times to whole seconds, so that the last is 59."""


def meters_together(method: str) -> tuple[str, ...]:
    """The meters on which a batch of *method* may be booked; last the one of its commands."""
    return (ENVELOPE, f"{ENVELOPE}/{method}")


def meters_alone(method: str) -> tuple[str, ...]:
    """The meters on which a single call of *method* may be booked."""
    return (method,)


def minute_of(timing: Timing | None) -> int | None:
    """The minute of the portal's clock in which a request was booked; None if that can't be told."""
    if timing is None or timing.finish % _MINUTE >= _MINUTE - _EDGE:
        return None
    return int(timing.finish // _MINUTE)


def reading_of(
    meter: str, timing: Timing | None, *, worked: float, clock: PortalClock
) -> Reading | None:
    """What *timing* tells of *meter*; None where the portal shows none."""
    if timing is None or timing.operating is None:
        return None
    reset_at = (
        None if timing.operating_reset_at is None else clock.to_mono(timing.operating_reset_at)
    )
    return Reading(meter, timing.operating, worked if worked > FLOOR else 0.0, reset_at)


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
    )


def usage_together(
    method: str,
    envelope: Timing | None,
    answered: Sequence[Timing],
    costs: Sequence[float],
    *,
    failures: int,
    refused: int = 0,
    untold: float = 0.0,
    clock: PortalClock,
    now: Mono,
) -> Usage:
    """What a batch has cost.

    Args:
        answered: The timings of its commands, in order.
        costs: Seconds of those that did what they should, in order.
        failures: Commands that were not done; *refused* of them for operating time.
        untold: Seconds that they took where none of them tells its own.
    """
    whole = 0.0 if envelope is None else envelope.duration
    worked = sum([timing.duration for timing in answered])
    meters = meters_together(method)
    # The last, not the highest: a basket may leave while a batch runs.
    last = next((timing for timing in reversed(answered) if timing.operating is not None), None)
    readings = (
        reading_of(meters[0], envelope, worked=whole, clock=clock),
        reading_of(meters[1], last, worked=worked, clock=clock),
    )
    return Usage(
        finished_at=finished_at(envelope, clock=clock, now=now),
        minute=minute_of(envelope),
        readings=tuple(reading for reading in readings if reading is not None),
        costs=tuple(costs),
        failures=failures,
        refused=refused,
        untold=untold,
    )
