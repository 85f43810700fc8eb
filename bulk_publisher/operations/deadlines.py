"""When a run has to end: where its hours do, at the time to stop at, or after the time that it may take."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

import msgspec

from bulk_publisher.client.pace import Pace
from bulk_publisher.clock import Clock, local_zone, utc_now
from bulk_publisher.errors import BadSetting, HoursOver
from bulk_publisher.jobs import Job
from bulk_publisher.jobs.hours import Hours
from bulk_publisher.jobs.moments import moment_in_words, parse_moment
from bulk_publisher.jobs.values import is_timezone
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.report.text import in_words
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.utc import as_utc

_LOOK_EVERY = 30.0
"""Seconds between two looks at the clock on the wall."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a process of a run has to end, and what it ends with."""

    at: Epoch
    error: HoursOver


def zone_of(pace: Pace) -> tzinfo:
    """The time zone of the times in *pace*."""
    return local_zone() if pace.timezone is None else ZoneInfo(pace.timezone)


def hours_of(pace: Pace) -> Hours | None:
    """The hours in which a run may send; None for all."""
    hours = None if pace.between is None else Hours(pace.between, zone_of(pace))
    return None if hours is None or hours.is_always else hours


def with_moments(job: Job, now: Epoch, *, forgets_past: bool = False) -> Job:
    """*job* as it is to be written down: what ``06:00`` means does not depend on when it is read.

    Args:
        forgets_past: A time to stop at that is over is none any more.

    Raises:
        BadSetting: If the time to stop at is over, unless that is forgotten.
    """
    pace = job.pace
    zone = zone_of(pace)
    if pace.timezone is None and (pace.between or pace.stop_at) and is_timezone(str(zone)):
        # Another machine may go on with it.
        pace = msgspec.structs.replace(pace, timezone=str(zone))
    if pace.stop_at is not None:
        stop_at = parse_moment(pace.stop_at, now=now, zone=zone)
        if isinstance(stop_at, Wrong):
            raise BadSetting(f"The time to stop at {stop_at.why}.")
        if stop_at <= now and not forgets_past:
            raise BadSetting(f"The time to stop at, {pace.stop_at}, is past.")
        pace = msgspec.structs.replace(pace, stop_at=as_utc(stop_at) if stop_at > now else None)
    return msgspec.structs.replace(job, pace=pace)


def check_hours(pace: Pace, now: Epoch) -> None:
    """See that a run may send at *now*.

    Raises:
        HoursOver: If it may not; it says when it may.
    """
    hours = hours_of(pace)
    if hours is not None and not hours.is_open(now):
        opens = hours.opens_at(now)
        raise HoursOver(
            f"It is outside of the window {_named(hours)}, which opens {_when(hours, opens)}, "
            f"in {in_words(opens - now)}.",
            "Nothing was sent. Try again then, or run it at once with --between always.",
            opens_at=opens,
        )


def deadline_of(pace: Pace, now: Epoch) -> Deadline | None:
    """When a process that begins to send at *now* has to end; None where it never has to."""
    hours = hours_of(pace)
    closes = None if hours is None else hours.closes_at(now)
    ends: list[tuple[Epoch, str]] = []
    if hours is not None and closes is not None:
        ends.append((closes, f"The window {_named(hours)} has closed."))
    if pace.stop_at is not None:
        stop_at = parse_moment(pace.stop_at, now=now, zone=zone_of(pace))
        if not isinstance(stop_at, Wrong):
            told = moment_in_words(stop_at, zone_of(pace))
            ends.append((stop_at, f"The run was to stop on {told}."))
    if pace.max_duration is not None:
        told = f"The run has taken the {in_words(pace.max_duration)} that it may."
        ends.append((Epoch(now + pace.max_duration), told))
    if not ends:
        return None
    at, why = min(ends)
    if hours is None or closes is None:
        return Deadline(at, HoursOver(why))
    # Whatever has ended it, it is for the next window: this one would only end it again.
    opens = hours.opens_at(closes)
    again = "It opens again" if at == closes else f"The window {_named(hours)} opens again"
    return Deadline(at, HoursOver(f"{why} {again} {_when(hours, opens)}.", opens_at=opens))


async def end_in_time(deadline: Deadline, drain: Callable[[HoursOver], None], clock: Clock) -> None:
    """End a run by *drain* at its deadline; nothing leaves afterwards, and what is in flight ends."""
    # The loop's clock stands still while the machine sleeps, and that on the wall goes on.
    while (left := deadline.at - utc_now()) > 0:
        await clock.sleep_until(Mono(clock.now() + min(left, _LOOK_EVERY)))
    log.info("hours.over", why=deadline.error.message)
    drain(deadline.error)


def _named(hours: Hours) -> str:
    return f"{hours.text} ({hours.zone})"


def _when(hours: Hours, at: Epoch) -> str:
    return f"on {moment_in_words(at, hours.zone)}"
