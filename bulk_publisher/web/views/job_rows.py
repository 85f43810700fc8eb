"""Which jobs are there, when are they due, and how were they done? By the daemon's plan, and by their runs."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from bulk_publisher.store.agenda import Part, Slot
from bulk_publisher.web.views.known_runs import Known, KnownRuns, name_of_order, row_as_known
from bulk_publisher.web.views.night import hours_in_words
from bulk_publisher.web.views.now import Upcoming, going_on_later, standing_of
from bulk_publisher.web.views.predictions import LastRuns, Prediction, Predictions
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.wording import shortened

_RECENT = 8
"""Runs of a job that are listed with it."""
_MOST_PARTS = 10
"""Portals of what is going on that are listed with it, the worst first."""
_STATUSES = {
    0: "done",
    1: "some pages failed",
    2: "bad configuration",
    3: "stopped early",
    4: "the portal or its credential can't be used",
    5: "another process had it",
    70: "a fault of ours",
    75: "the leases were lost",
}


class JobKind(StrEnum):
    """How a job comes to be done."""

    SCHEDULED = "scheduled"
    """When it is due."""
    BY_HAND = "by hand"
    """When somebody submits it."""
    ORDER = "order"
    """It was submitted, and is done once."""
    UNPLANNED = "unplanned"
    """The daemon does not know it: its runs were begun otherwise."""


class LastEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a job was done the last time that the daemon did it.

    Attributes:
        due: UTC seconds; so is *at*, when it had ended.
        status: The exit status that a command would have.
        words: The same in words.
    """

    due: float
    at: float
    status: int
    words: str


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """What of a job is going on.

    Attributes:
        due: UTC seconds.
        portals: Of this time.
        ended: Of these, on which it has ended.
        runs: Some that have not ended, the worst first.
        goes_on_at: When the first of those goes on that rest; None where none does.
    """

    due: float
    portals: int
    ended: int
    runs: tuple[RunRow, ...]
    goes_on_at: float | None


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job.

    Attributes:
        name: Its own; of an order, that of the job that was submitted.
        slot: What the daemon calls it; empty where it does not know it.
        cron: Its schedule; empty where it has none.
        timezone: By which that goes.
        next_due: UTC seconds; None for never.
        queued: It was due once more while it was being done, in UTC seconds.
        hours: In which it may send, by its newest run; empty for all.
        by: Who submitted it; empty where it is no order.
        submitted: When, in UTC seconds.
        portals: On which it was done.
        recent: Its newest runs, the newest first; of all portals together.
        prediction: How long it will take the next time, the longest of its portals; None where nothing tells.
    """

    name: str
    slot: str = ""
    kind: JobKind
    cron: str = ""
    timezone: str = ""
    next_due: float | None = None
    queued: float | None = None
    hours: str = ""
    by: str = ""
    submitted: float | None = None
    last: LastEnd | None = None
    under_way: UnderWay | None = None
    portals: int = 0
    recent: tuple[RunRow, ...] = ()
    prediction: Prediction | None = None

    @property
    def can_be_submitted(self) -> bool:
        """Whether the daemon does it where it is named."""
        return self.kind in {JobKind.SCHEDULED, JobKind.BY_HAND}


def job_rows(runs: KnownRuns, predictions: Predictions) -> list[JobRow]:
    """A row for each job that the daemon knows, was given, or that runs name; what is due first stands first."""
    last, goes_on = LastRuns(runs), going_on_later(runs)
    recent = _recent(runs, goes_on)
    made = [
        msgspec.structs.replace(
            _of_slot(name, slot, runs, last, predictions, recent),
            under_way=_under_way(slot, runs, goes_on),
        )
        for name, slot in runs.plan.slots.items()
    ]
    known = {row.name for row in made}
    for job, newest in recent.items():
        if shortened(job) not in known:
            row = _of_job(job, last, predictions, newest)
            made.append(msgspec.structs.replace(row, kind=JobKind.UNPLANNED))
    return sorted(made, key=_first_due)


def _first_due(row: JobRow) -> tuple[bool, float, str]:
    at = row.under_way.due if row.under_way is not None else row.next_due
    newest = row.recent[0].started_at if row.recent else None
    return (at is None, -(newest or 0.0) if at is None else at, row.name)


def _recent(runs: KnownRuns, goes_on: Mapping[str, Upcoming]) -> dict[str, list[RunRow]]:
    now = runs.looked_at
    found: dict[str, list[RunRow]] = {}
    for known in runs:
        if known.past.description is None:
            continue
        its = found.setdefault(known.job, [])
        if len(its) < _RECENT:
            its.append(row_as_known(known, standing_of(known, goes_on, now)))
    return found


def _of_slot(
    name: str,
    slot: Slot,
    runs: KnownRuns,
    last: LastRuns,
    predictions: Predictions,
    recent: dict[str, list[RunRow]],
) -> JobRow:
    order = runs.plan.orders.get(name)
    job = name if order is None else name_of_order(order)
    row = _of_job(job, last, predictions, recent.get(job, []))
    kind = JobKind.ORDER if order is not None else JobKind.SCHEDULED
    return msgspec.structs.replace(
        row,
        slot=name,
        kind=JobKind.BY_HAND if order is None and not slot.cron else kind,
        cron=shortened(slot.cron),
        timezone=shortened(slot.timezone),
        next_due=slot.next_due,
        queued=slot.queued,
        by="" if order is None else shortened(order.by),
        submitted=None if order is None else order.submitted,
        last=_last_end(slot),
    )


def _of_job(job: str, last: LastRuns, predictions: Predictions, recent: list[RunRow]) -> JobRow:
    portals = last.portals_of(job)
    told = (predictions.of(last, job, portal) for portal in portals)
    longest = max(
        (one for one in told if one is not None), key=lambda one: one.seconds, default=None
    )
    return JobRow(
        name=shortened(job),
        kind=JobKind.UNPLANNED,
        hours=hours_in_words(last, job),
        portals=len(portals),
        recent=tuple(recent),
        prediction=longest,
    )


def _last_end(slot: Slot) -> LastEnd | None:
    if slot.last is None:
        return None
    status = slot.last.status
    words = _STATUSES.get(status, f"exit status {status}")
    return LastEnd(due=slot.last.due, at=slot.last.at, status=status, words=words)


def _under_way(slot: Slot, runs: KnownRuns, goes_on: Mapping[str, Upcoming]) -> UnderWay | None:
    if slot.firing is None:
        return None
    parts = slot.firing.parts.values()
    later = [part.goes_on_at for part in parts if part.goes_on_at is not None]
    rows = sorted(
        _rows_of(runs, list(parts), goes_on), key=lambda row: (row.state.rank, row.portal)
    )
    return UnderWay(
        due=slot.firing.due,
        portals=len(parts),
        ended=sum(part.status is not None for part in parts),
        runs=tuple(rows[:_MOST_PARTS]),
        goes_on_at=min(later, default=None),
    )


def _rows_of(
    runs: KnownRuns, parts: list[Part], goes_on: Mapping[str, Upcoming]
) -> Iterator[RunRow]:
    now = runs.looked_at
    for part in parts:
        known: Known | None = runs.get(part.run)
        if known is not None and part.status is None:
            yield row_as_known(known, standing_of(known, goes_on, now))
