"""What will be done in the next 24 hours, when, how long, and where does it meet something else?

How it works:
    Each time that the plan names becomes an entry, with the hours in which its run may send laid over it. A
    job that is due every few minutes is one entry. Then each is held against those that begin while it is
    being done: on one portal, runs send in turns.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bulk_publisher.client.pace import Pace
from bulk_publisher.clock import local_zone
from bulk_publisher.jobs.cron import Cron
from bulk_publisher.model import Epoch
from bulk_publisher.operations.course import course_of
from bulk_publisher.operations.deadlines import hours_of
from bulk_publisher.operations.predicting import estimate_of, pace_of
from bulk_publisher.store.agenda import Slot
from bulk_publisher.web.views.known_runs import KnownRuns, name_of_order
from bulk_publisher.web.views.predictions import LastRuns, Prediction, Predictions
from bulk_publisher.web.views.wording import shortened

A_DAY = 86_400.0
_A_MINUTE = 60.0
_MOST_TIMES = 24
"""Times of a job in a day that are entries of their own."""
_MOST_LOOKED_AT = 1_500
"""Times of a job in a day: one each minute."""
_MOST_MET = 5
"""Others that are named with an entry."""
_MOST_PORTALS = 5


class EntryKind(StrEnum):
    """Why something is done then."""

    DUE = "due"
    """Its schedule says so."""
    ORDER = "order"
    """Somebody has submitted it."""
    GOES_ON = "goes on"
    """A run that has stopped goes on."""
    AT_WORK = "at work"
    """It has begun already."""


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """Another entry that is done at the same time on the same portal."""

    job: str
    portal: str
    at: float


class NightEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will be done.

    Attributes:
        at: When it is due, in UTC seconds.
        times: How often, where it is due more often than a list can show.
        last_at: When it is due for the last time; *at* for once.
        portals: Some of those that it is about.
        portals_count: How many these are.
        begins: When it begins to send: later than *at* where its hours are closed then.
        ends: When it will be done; None where nobody knows.
        seconds: Of work; None where nobody knows. Of several portals the longest.
        basis: What that rests on, in words.
        hours: In which it may send, in words; empty for all.
        rests: How often it rests meanwhile, because these are over.
        meets: What is done at the same time on one of its portals: they send in turns.
        is_due_again: Whether it is due again before it will be done.
    """

    job: str
    kind: EntryKind
    at: float
    times: int = 1
    last_at: float
    portals: tuple[str, ...] = ()
    portals_count: int = 0
    begins: float
    ends: float | None
    seconds: float | None = None
    basis: str = ""
    hours: str = ""
    rests: int = 0
    meets: tuple[Meeting, ...] = ()
    is_due_again: bool = False


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The next 24 hours.

    Attributes:
        begins: UTC seconds; so is *ends*.
        is_served: Whether a daemon is at work that will do it.
        entries: In the order in which they are due.
    """

    begins: float
    ends: float
    is_served: bool
    entries: tuple[NightEntry, ...]


class _Coming(msgspec.Struct, kw_only=True):
    """An entry that is being made, with all of its portals."""

    entry: NightEntry
    portals: frozenset[str]


def night_of(runs: KnownRuns, predictions: Predictions) -> Night:
    """What the daemon's plan says of the 24 hours from the last look on."""
    begins = runs.looked_at
    ends = Epoch(begins + A_DAY)
    last = LastRuns(runs)
    coming = [
        one
        for name, slot in runs.plan.slots.items()
        for one in _of_slot(name, slot, runs, last, predictions)
        if one.entry.at < ends
    ]
    coming.sort(key=lambda one: (one.entry.at, one.entry.job))
    entries = tuple(with_meetings(coming))
    return Night(begins=begins, ends=ends, is_served=runs.plan.is_served, entries=entries)


def _of_slot(
    name: str, slot: Slot, runs: KnownRuns, last: LastRuns, predictions: Predictions
) -> Iterator[_Coming]:
    order = runs.plan.orders.get(name)
    job = name if order is None else name_of_order(order)
    portals = last.portals_of(job)
    of_portals = [(portal, predictions.of(last, job, portal)) for portal in portals]
    pace = _pace(last, job) if order is None or not order.job else pace_of(order.job)
    yield from _under_way(job, slot, runs)
    times = list(_times(slot, runs.looked_at))
    kind = EntryKind.DUE if order is None else EntryKind.ORDER
    if len(times) > _MOST_TIMES:
        entry = _entry(job, kind, times[0], of_portals, pace)
        yield _Coming(
            entry=msgspec.structs.replace(entry, times=len(times), last_at=times[-1]),
            portals=frozenset(),
        )
        return
    for at in times:
        yield _Coming(entry=_entry(job, kind, at, of_portals, pace), portals=frozenset(portals))


def _under_way(job: str, slot: Slot, runs: KnownRuns) -> Iterator[_Coming]:
    """What of it has begun: runs at work, and those that go on later, those of one minute together."""
    groups: dict[tuple[EntryKind, int], list[tuple[str, float, float | None]]] = {}
    for part in () if slot.firing is None else slot.firing.parts.values():
        known = runs.get(part.run)
        if known is None:
            continue
        portal, heard = known.portal, known.past.heard
        if part.goes_on_at is not None and part.goes_on_at >= runs.looked_at:
            key = (EntryKind.GOES_ON, int(part.goes_on_at // _A_MINUTE))
            groups.setdefault(key, []).append((portal, part.goes_on_at, None))
        elif known.past.is_running:
            ends = None if heard is None else heard.snapshot.arrives_at
            groups.setdefault((EntryKind.AT_WORK, 0), []).append((portal, runs.looked_at, ends))
    for (kind, _), parts in groups.items():
        yield _group(job, kind, parts)


def _group(job: str, kind: EntryKind, parts: Sequence[tuple[str, float, float | None]]) -> _Coming:
    at = min(at for _, at, _ in parts)
    ends = [ends for _, _, ends in parts if ends is not None]
    # One of which nobody knows is done last.
    last = max(ends) if len(ends) == len(parts) else None
    portals = [portal for portal, _, _ in parts]
    entry = NightEntry(
        job=shortened(job),
        kind=kind,
        at=at,
        last_at=at,
        begins=at,
        ends=last,
        seconds=None if last is None else max(0.0, last - at),
        basis="" if last is None else "as it goes now",
        portals=tuple(map(shortened, portals[:_MOST_PORTALS])),
        portals_count=len(portals),
    )
    return _Coming(entry=entry, portals=frozenset(portals))


def _times(slot: Slot, now: Epoch) -> Iterator[Epoch]:
    """When it is due in the next 24 hours."""
    if slot.next_due is None:
        return
    at: Epoch | None = Epoch(slot.next_due)
    cron = _cron(slot)
    for _ in range(_MOST_LOOKED_AT):
        if at is None or at >= now + A_DAY:
            return
        yield at
        at = None if cron is None else cron.after(at)


def _cron(slot: Slot) -> Cron | None:
    try:
        return Cron(slot.cron, zone_named(slot.timezone)) if slot.cron else None
    except ValueError:
        return None


def zone_named(name: str) -> tzinfo:
    """The time zone that a slot names; that of this machine where there is none of that name here."""
    try:
        return ZoneInfo(name) if name else local_zone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return local_zone()


def _pace(last: LastRuns, job: str) -> Pace:
    known = next(iter(last.portals_of(job).values()), None)
    description = None if known is None else known.past.description
    return pace_of(None if description is None else description.job_data)


def hours_in_words(last: LastRuns, job: str) -> str:
    """The hours in which *job* may send, by its newest run; empty for all."""
    try:
        hours = hours_of(_pace(last, job))
    except ValueError:
        return ""
    return "" if hours is None else shortened(f"{hours.text} ({hours.zone})")


def _entry(
    job: str,
    kind: EntryKind,
    at: Epoch,
    of_portals: Sequence[tuple[str, Prediction | None]],
    pace: Pace,
) -> NightEntry:
    known = [prediction for _, prediction in of_portals if prediction is not None]
    longest = max(known, key=lambda one: one.seconds, default=None)
    begins, ends, rests, hours = _laid_over_hours(pace, at, longest)
    return NightEntry(
        job=shortened(job),
        kind=kind,
        at=at,
        last_at=at,
        portals=tuple(shortened(portal) for portal, _ in islice(of_portals, _MOST_PORTALS)),
        portals_count=len(of_portals),
        begins=begins,
        ends=ends,
        seconds=None if longest is None else longest.seconds,
        basis="" if longest is None else longest.words,
        hours=hours,
        rests=rests,
    )


def _laid_over_hours(
    pace: Pace, at: Epoch, prediction: Prediction | None
) -> tuple[float, float | None, int, str]:
    """When it begins to send and ends, how often it rests meanwhile, and its hours in words."""
    try:
        hours = hours_of(pace)
    except ValueError:
        hours = None
    words = "" if hours is None else shortened(f"{hours.text} ({hours.zone})")
    opens = at if hours is None else hours.opens_at(at)
    if prediction is None:
        return opens, None, 0, words
    course = course_of(pace, estimate_of(prediction.seconds), at, ())
    begins, ends = (
        datetime.fromisoformat(told).timestamp() for told in (course.begins, course.ends)
    )
    # What does not fit goes on when somebody says so: then nobody knows.
    return begins, None if course.left else ends, max(0, course.windows - 1), words


def with_meetings(coming: Sequence[_Coming]) -> Iterator[NightEntry]:
    """Entries with what they meet.

    Args:
        coming: In the order in which they are due.
    """
    open_now: list[_Coming] = []
    met: dict[int, list[Meeting]] = {}
    again: set[int] = set()
    numbers = {id(one): number for number, one in enumerate(coming)}
    for one in sorted(coming, key=lambda one: one.entry.begins):
        begins = one.entry.begins
        open_now = [other for other in open_now if (other.entry.ends or 0.0) > begins]
        for other in open_now:
            shared = one.portals & other.portals
            if not shared:
                continue
            if one.entry.job == other.entry.job:
                again.add(numbers[id(other)])
                continue
            portal = shortened(min(shared))
            for this, that in ((one, other), (other, one)):
                met.setdefault(numbers[id(this)], []).append(
                    Meeting(job=that.entry.job, portal=portal, at=that.entry.begins)
                )
        open_now.append(one)
    for number, one in enumerate(coming):
        yield msgspec.structs.replace(
            one.entry,
            meets=tuple(met.get(number, ())[:_MOST_MET]),
            is_due_again=number in again,
        )
