"""What is due? The plan of next runs, and what becomes of it as time goes on. Pure.

Rules:
    A job that is due gets a firing before anything of it begins, and its next time with it: a daemon that
    dies in between neither repeats that time nor forgets it. The firing stands until all of it has ended.

How it works:
    Each function takes slots as they are kept and gives them as they are to be kept, with what happened.
"""

import hashlib
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from bulk_publisher.jobs.cron import Cron
from bulk_publisher.jobs.job import Overlap, Schedule
from bulk_publisher.model import Epoch
from bulk_publisher.store.agenda import Ended, Firing, Order, Slot, runs_of

PUNCTUAL = 60.0
"""Seconds by which a daemon that is at work may be late: its loop, or the machine, was busy."""

_SET_RIGHT = 86_400.0
"""Seconds: a clock that is set back by more was wrong before, and a plan by it would stall for as long.
One that is set back by less would have what names its hours done twice."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A job was due: it begins, or waits for its own last time to end."""

    due: Epoch


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A job was due while nobody looked, or the clock was set on; it begins now, once."""

    due: Epoch


@dataclass(frozen=True, slots=True)
class Missed:
    """A job was due while nobody looked, and is not caught up with."""

    due: Epoch


@dataclass(frozen=True, slots=True)
class Skipped:
    """A job was due while it was still being done; it waits for its next time."""

    due: Epoch


@dataclass(frozen=True, slots=True)
class Queued:
    """A job was due while it was still being done; it is done once more afterwards."""

    due: Epoch


Happened = Fired | CaughtUp | Missed | Skipped | Queued


def planned(slot: Slot | None, schedule: Schedule | None, *, now: Epoch, zone: tzinfo) -> Slot:
    """The slot of a job whose file was just read; its next time is found anew where the schedule is another.

    Args:
        zone: Of the schedule.
    """
    slot = slot or Slot()
    if schedule is None:
        return msgspec.structs.replace(slot, cron="", timezone="", next_due=None)
    name = zone_name(schedule, zone)
    cron = Cron(schedule.cron, zone)
    is_same = (slot.cron, slot.timezone) == (schedule.cron, name)
    if is_same and not _was_ahead(slot, cron, now):
        return slot
    due = cron.after(now)
    return msgspec.structs.replace(slot, cron=schedule.cron, timezone=name, next_due=due)


def _was_ahead(slot: Slot, cron: Cron, now: Epoch) -> bool:
    """Whether the next time was found when the clock was ahead of *now*: there are others before it."""
    before = cron.after(Epoch(now + (_SET_RIGHT if cron.goes_by_wall else PUNCTUAL)))
    return slot.next_due is not None and before is not None and before < slot.next_due


def ordered(slot: Slot | None, order: Order) -> Slot:
    """The slot of an order: *slot*, which it has already, unless that is of one before it of the same name."""
    if slot is not None and (slot.firing or slot.next_due is not None or is_done(slot, order)):
        return slot
    return Slot(next_due=order.at)


def is_done(slot: Slot, order: Order) -> bool:
    """Whether *order*, whose slot this is, has come to its end; one before it may have had the same name."""
    is_over = slot.last is not None and slot.firing is None and slot.next_due is None
    return is_over and slot.last is not None and slot.last.due == order.at


def begins_at(name: str, slot: Slot, schedule: Schedule | None) -> Epoch | None:
    """When *slot* is looked at next: its time, and the jitter of that time, the same after a restart."""
    if slot.next_due is None or schedule is None or not schedule.jitter:
        return None if slot.next_due is None else Epoch(slot.next_due)
    return Epoch(slot.next_due + schedule.jitter * _share(name, slot.next_due))


def fall_due(
    name: str,
    slot: Slot,
    schedule: Schedule | None,
    *,
    now: Epoch,
    zone: tzinfo,
    punctual: float = PUNCTUAL,
) -> tuple[Slot, Happened | None]:
    """*slot* at *now*, and what has happened to it; None where it is not due.

    Args:
        schedule: None for an order.
        punctual: Seconds of lateness that are none.
    """
    begins = begins_at(name, slot, schedule)
    if begins is None or begins > now or slot.next_due is None:
        return slot, None
    due, following = Epoch(slot.next_due), None
    is_late = now - begins > punctual
    if schedule is not None:
        cron = Cron(schedule.cron, zone)
        due = cron.latest(Epoch(now - (begins - due)), since=due) or due
        following = cron.after(due)
        is_late = now - due > punctual + schedule.jitter
    slot = msgspec.structs.replace(slot, next_due=following)
    if is_late and schedule is not None and not schedule.catch_up:
        return slot, Missed(due)
    if slot.firing is None:
        fired = msgspec.structs.replace(slot, firing=Firing(due=due))
        return fired, CaughtUp(due) if is_late else Fired(due)
    if schedule is not None and schedule.overlap is Overlap.QUEUE:
        return msgspec.structs.replace(slot, queued=due), Queued(due)
    return slot, Skipped(due)


def submitted_again(slot: Slot, *, now: Epoch) -> tuple[Slot, Happened]:
    """*slot* of a job that is to be done now, whatever its schedule says."""
    if slot.firing is None:
        return msgspec.structs.replace(slot, firing=Firing(due=now)), Fired(now)
    return msgspec.structs.replace(slot, queued=now), Queued(now)


def ended(slot: Slot, *, status: int, now: Epoch) -> Slot:
    """*slot* whose firing has ended; one that was queued takes its place."""
    firing = slot.firing
    if firing is None:
        return slot
    last = Ended(due=firing.due, at=now, status=status, runs=tuple(runs_of(firing)))
    queued = None if slot.queued is None else Firing(due=slot.queued)
    return msgspec.structs.replace(slot, firing=queued, queued=None, last=last)


def zone_name(schedule: Schedule, zone: tzinfo) -> str:
    """What tells the time zone of *schedule* from others."""
    return schedule.timezone or str(zone)


def _share(name: str, due: float) -> float:
    """A number from 0 to 1, another one for each job and each time."""
    digest = hashlib.sha256(f"{name} {due:.0f}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
