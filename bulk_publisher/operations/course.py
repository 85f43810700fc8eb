"""When would a run be done? Its estimate among the hours in which it may send, and beside a daemon's jobs."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from bulk_publisher.client.pace import Pace
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs.hours import Hours
from bulk_publisher.jobs.moments import parse_moment
from bulk_publisher.limits.decision import Limit
from bulk_publisher.limits.forecast import Estimate
from bulk_publisher.model import Epoch
from bulk_publisher.operations.deadlines import hours_of, zone_of
from bulk_publisher.operations.plan_file import Course, OtherJob
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.store.agenda import Slot, runs_of
from bulk_publisher.store.protocol import Store
from bulk_publisher.utc import as_utc

WORKING_TIME = "Mon-Fri 08:00-18:00"
"""When people use a portal."""
_GENTLE = 0.5
"""The share of a limit up to which there is room for others."""
_MOST_WINDOWS = 1_000
"""Beyond them nobody plans."""

_Span = tuple[Epoch, Epoch]


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job of the daemon, as its plan and its last run tell.

    Attributes:
        due: None where it is being done.
        seconds: That its last run took; None where nobody knows.
        is_certain: Whether that run was on the portal in question.
    """

    name: str
    due: Epoch | None
    seconds: float | None
    is_certain: bool


def course_of(pace: Pace, estimate: Estimate, now: Epoch, others: Iterable[KnownJob]) -> Course:
    """When a run of *estimate* would be done that begins as soon as it may.

    Args:
        others: Jobs that it may meet.
    """
    spans = list(_spans_of(pace, estimate.seconds, now)) or [(now, now)]
    worked = sum(ends - begins for begins, ends in spans)
    begins, ends = spans[0][0], spans[-1][1]
    return Course(
        begins=as_utc(begins),
        ends=as_utc(ends),
        windows=len(spans),
        left=max(0.0, round(estimate.seconds - worked, 3)),
        busy=round(_busy_seconds(pace, estimate, spans), 3),
        others=tuple(
            OtherJob(
                name=other.name,
                due=None if other.due is None else as_utc(other.due),
                seconds=other.seconds,
                is_certain=other.is_certain,
            )
            for other in others
            if _meets(other, spans)
        ),
    )


def jobs_on(store: Store, host: str, *, without: str) -> Iterator[KnownJob]:
    """The jobs of the daemon of *store* that are, or may be, about the portal at *host*.

    Args:
        without: The name of the job that is planned.
    """
    try:
        slots = store.agenda.read_slots()
    except BulkPublisherError:
        # Whoever starts the daemon is told.
        return
    for name, slot in slots.items():
        portal, seconds = _last_of(store, slot)
        is_planned = slot.firing is not None or slot.next_due is not None
        if name != without and is_planned and portal in {None, host}:
            due = None if slot.firing is not None or slot.next_due is None else slot.next_due
            yield KnownJob(
                name, None if due is None else Epoch(due), seconds, is_certain=portal is not None
            )


def _last_of(store: Store, slot: Slot) -> tuple[str | None, float | None]:
    """The portal of the last run of a job, and how long it took, as far as that is known."""
    runs = [*(runs_of(slot.firing) if slot.firing else ()), *(slot.last.runs if slot.last else ())]
    for name in runs:
        try:
            description = store.find(name).read_description()
        except BulkPublisherError:
            continue
        return description.portal, description.final.seconds or None
    return None, None


def _spans_of(pace: Pace, seconds: float, now: Epoch) -> Iterator[_Span]:
    """From when to when it would send, until *seconds* are worked or nothing goes on by itself."""
    hours = hours_of(pace)
    always = [(now, Epoch(math.inf))]
    longest = math.inf if pace.max_duration is None else pace.max_duration
    left, stops = seconds, None
    for opens, closes in islice(hours.spans(now) if hours else always, _MOST_WINDOWS):
        # It is a moment from when the run begins: in later windows it is past.
        stops = _stops_at(pace, opens) if stops is None else math.inf
        done, over = opens + left, min(closes, opens + longest, stops)
        yield opens, Epoch(min(done, over))
        # Not by what is left: moments are too coarse for the last of its digits.
        if done <= over:
            return
        left -= over - opens


def _stops_at(pace: Pace, now: Epoch) -> float:
    if pace.stop_at is None:
        return math.inf
    moment = parse_moment(pace.stop_at, now=now, zone=zone_of(pace))
    return math.inf if isinstance(moment, Wrong) or moment <= now else moment


def _busy_seconds(pace: Pace, estimate: Estimate, spans: list[_Span]) -> float:
    """How long it is in working time at a limit of which it leaves little to others."""
    shares = {
        Limit.OPERATING.value: pace.operating_share,
        Limit.INTENSITY.value: pace.intensity_share,
    }
    working = Hours(WORKING_TIME, zone_of(pace))
    return math.fsum(
        _within(working, begins, ends)
        for stage in estimate.stages
        if shares.get(stage.limit, 0.0) > _GENTLE
        for begins, ends in _moments_of(stage.begins, stage.ends, spans)
    )


def _moments_of(begins: float, ends: float, spans: list[_Span]) -> Iterator[_Span]:
    """When seconds of work, counted from the first one, are done."""
    worked = 0.0
    for opens, closes in spans:
        length = closes - opens
        first, last = max(begins - worked, 0.0), min(ends - worked, length)
        if first < last:
            yield Epoch(opens + first), Epoch(opens + last)
        worked += length


def _within(hours: Hours, begins: Epoch, ends: Epoch) -> float:
    seconds = 0.0
    for opens, closes in hours.spans(begins):
        if opens >= ends:
            break
        seconds += min(ends, closes) - opens
    return seconds


def _meets(other: KnownJob, spans: list[_Span]) -> bool:
    """Whether *other* is done while this run sends; of what is being done nobody knows for how long."""
    if other.due is None:
        return True
    begins, ends = other.due, other.due + (other.seconds or 0.0)
    return any(opens <= ends and begins < closes for opens, closes in spans)
