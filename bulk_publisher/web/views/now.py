"""What goes on now? A row for each portal: its run, its budgets, what comes next, and what is wrong.

How it works:
    Of a portal the run is shown that a process is at work on, or else the newest; of several at work the one
    that sends. What is planned is told by the daemon's slots: of a run that goes on later, or of the next
    time of a job that was done on this portal before.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from bulk_publisher.model import Epoch
from bulk_publisher.store.agenda import Slot, runs_of
from bulk_publisher.web.views.known_runs import Known, KnownRuns, name_of_order, row_as_known
from bulk_publisher.web.views.paging import Excerpt, excerpt
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.run_state import RunState, state_of
from bulk_publisher.web.views.wording import shortened

_UNUSABLE = 4
"""The exit status where a portal or its credential can't be used at all."""


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """What is planned next on a portal.

    Attributes:
        at: When, in UTC seconds; a job with jitter may begin later.
        run: The run that goes on then; empty where a new one begins.
    """

    job: str
    at: float
    run: str = ""


class PortalRow(RunRow, frozen=True, kw_only=True):
    """A portal, by the run that matters most on it.

    Attributes:
        others: Other runs on this portal that a process is at work on.
        next: What is planned next; None for nothing.
    """

    others: int = 0
    next: Upcoming | None = None


class NowOrder(StrEnum):
    """What the portals are sorted by."""

    TROUBLE = "trouble"
    """The worst first, and by name among these."""
    PORTAL = "portal"
    STATE = "state"
    PAGES = "pages"
    FAILED = "failed"
    LEFT = "left"
    ARRIVAL = "arrival"
    NEXT = "next"


class NowShow(StrEnum):
    """Which portals are shown."""

    ALL = "all"
    TROUBLE = "trouble"
    """Those somebody should look at."""
    WORK = "work"
    """Those on which a run is at work."""
    REST = "rest"
    """Those on which none is."""


class NowAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which portals, and in which order.

    Attributes:
        words: Parts of the names of portals, hosts, jobs and runs; all of them.
        is_reversed: From the other end.
    """

    words: str = ""
    show: NowShow = NowShow.ALL
    order: NowOrder = NowOrder.TROUBLE
    is_reversed: bool = False
    number: int = 1
    size: int = 50


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands.

    Attributes:
        at: When that was, in UTC seconds.
        is_served: Whether a daemon of this store is at work.
        why: The daemon's plan can't be read; empty where it can.
        portals: All that there are.
        at_work: On which a run is at work.
        in_trouble: At which somebody should look.
        next: What is planned first of all.
        excerpt: Those that were asked for.
    """

    at: float
    is_served: bool
    why: str
    portals: int
    at_work: int
    in_trouble: int
    next: Upcoming | None
    excerpt: Excerpt[PortalRow]


def now_of(runs: KnownRuns, rows: Sequence[PortalRow], asked: NowAsked) -> Now:
    """What *asked* for is of *rows*, which are all there are."""
    found = sorted_rows(filtered_rows(rows, asked), asked)
    upcoming = [row.next for row in rows if row.next is not None]
    return Now(
        at=runs.looked_at,
        is_served=runs.plan.is_served,
        why=runs.plan.why,
        portals=len(rows),
        at_work=sum(row.state.is_at_work for row in rows),
        in_trouble=sum(row.is_trouble for row in rows),
        next=min(upcoming, key=lambda one: one.at, default=None),
        excerpt=excerpt(found, asked.number, asked.size),
    )


def filtered_rows(rows: Sequence[PortalRow], asked: NowAsked) -> list[PortalRow]:
    """Those of *rows* that are asked for."""
    words = asked.words.lower().split()
    return [row for row in rows if _is_shown(row, asked.show) and row.has(words)]


def sorted_rows(rows: Sequence[PortalRow], asked: NowAsked) -> list[PortalRow]:
    """*rows* in the order that is asked for; what has no figure stands last, either way round."""
    by_name = sorted(rows, key=lambda row: row.portal)
    keyed = [(_key(row, asked.order), row) for row in by_name]
    told = [(key, row) for key, row in keyed if key is not None]
    told.sort(key=lambda one: one[0], reverse=asked.is_reversed)
    return [row for _, row in told] + [row for key, row in keyed if key is None]


def _is_shown(row: PortalRow, show: NowShow) -> bool:
    match show:
        case NowShow.ALL:
            return True
        case NowShow.TROUBLE:
            return row.is_trouble
        case NowShow.WORK:
            return row.state.is_at_work
        case NowShow.REST:
            return not row.state.is_at_work


def _key(row: PortalRow, order: NowOrder) -> tuple[float | str, ...] | None:
    """What *row* is sorted by; None where it has no such figure. Of pages the most stand first."""
    match order:
        case NowOrder.TROUBLE:
            return (not row.is_trouble, row.state.rank, -row.failed)
        case NowOrder.PORTAL:
            return (row.portal,)
        case NowOrder.STATE:
            return (row.state.rank,)
        case NowOrder.PAGES:
            return (-row.pages,)
        case NowOrder.FAILED:
            return (-row.failed,)
        case NowOrder.LEFT:
            return None if row.left is None else (-row.left,)
        case NowOrder.ARRIVAL:
            return None if row.arrives_at is None else (row.arrives_at,)
        case NowOrder.NEXT:
            return None if row.next is None else (row.next.at,)


def portal_rows(runs: KnownRuns) -> list[PortalRow]:
    """A row for each portal that any run was on, or is planned on."""
    by_portal: dict[str, list[Known]] = {}
    for known in runs:
        if known.past.description is not None:
            by_portal.setdefault(known.portal, []).append(known)
    planned = _Planned(runs)
    now = runs.looked_at
    rows = [
        _row(portal, its_runs, planned, now) for portal, its_runs in by_portal.items() if portal
    ]
    rows.extend(_damaged_rows(runs, now))
    rows.extend(planned.rows_without_runs(by_portal.keys()))
    return rows


class _Planned:
    """What the daemon's plan says of portals and runs."""

    def __init__(self, runs: KnownRuns) -> None:
        self.goes_on = going_on_later(runs)
        """By the run."""
        self.next: dict[str, Upcoming] = {}
        """By the portal: the first thing there."""
        self.unusable: dict[str, str] = {}
        """By the portal: the job that could not be done there the last time."""
        self._unbegun: dict[str, Upcoming] = {}
        for upcoming in self.goes_on.values():
            if (known := runs.get(upcoming.run)) is not None:
                self._plan(known.portal, upcoming)
        done_on = _portals_of_jobs(runs)
        for name, slot in runs.plan.slots.items():
            job = job_of_slot(runs, name)
            self._take_unbegun(job, slot)
            portals = _portals_of(runs, slot) or done_on.get(job, set())
            if slot.next_due is not None:
                for portal in portals:
                    self._plan(portal, Upcoming(job=job, at=slot.next_due))
            if slot.last is not None and slot.last.status == _UNUSABLE and not slot.last.runs:
                self.unusable.update(dict.fromkeys(portals, job))

    def _take_unbegun(self, job: str, slot: Slot) -> None:
        """Portals of a firing on which no run has begun."""
        if slot.firing is None:
            return
        for portal, part in slot.firing.parts.items():
            if portal and not part.run and part.status is None:
                self._unbegun[shortened(portal)] = Upcoming(job=job, at=slot.firing.due)

    def _plan(self, portal: str, upcoming: Upcoming) -> None:
        before = self.next.get(portal)
        if before is None or upcoming.at < before.at:
            self.next[portal] = upcoming

    def rows_without_runs(self, known: Container[str]) -> Iterator[PortalRow]:
        """Portals that a job has come to, and no run yet."""
        for portal, upcoming in self._unbegun.items():
            if portal not in known:
                yield PortalRow(
                    portal=portal, job=upcoming.job, state=RunState.PLANNED, next=upcoming
                )


def _portals_of(runs: KnownRuns, slot: Slot) -> set[str]:
    """The portals of what *slot* is doing, or has done the last time, as far as its runs tell."""
    names = (*(runs_of(slot.firing) if slot.firing else ()), *(slot.last.runs if slot.last else ()))
    found = (runs.get(name) for name in names)
    return {known.portal for known in found if known is not None and known.portal}


def _portals_of_jobs(runs: KnownRuns) -> dict[str, set[str]]:
    done: dict[str, set[str]] = {}
    for known in runs:
        if known.portal:
            done.setdefault(known.job, set()).add(known.portal)
    return done


def _row(portal: str, its_runs: Sequence[Known], planned: _Planned, now: Epoch) -> PortalRow:
    at_work = [known for known in its_runs if known.past.is_running]
    states = {known.kept.name: standing_of(known, planned.goes_on, now) for known in at_work}
    # Who sends comes before who waits for a turn; the newest first among these.
    shown = min(
        at_work, key=lambda known: states[known.kept.name] is RunState.TURN, default=its_runs[0]
    )
    state = states.get(shown.kept.name) or standing_of(shown, planned.goes_on, now)
    row = row_as_known(shown, state)
    unusable = planned.unusable.get(portal)
    troubles = row.troubles
    if unusable is not None:
        troubles += (f"{unusable} could not be done: the portal or its credential can't be used.",)
    told: dict[str, Any] = msgspec.structs.asdict(row) | {"troubles": troubles}
    return PortalRow(**told, others=max(0, len(at_work) - 1), next=planned.next.get(portal))


def going_on_later(runs: KnownRuns) -> dict[str, Upcoming]:
    """Runs that a daemon means to go on with, and when."""
    return {
        part.run: Upcoming(job=job_of_slot(runs, name), at=part.goes_on_at, run=part.run)
        for name, slot in runs.plan.slots.items()
        if slot.firing is not None
        for part in slot.firing.parts.values()
        if part.goes_on_at is not None and part.run
    }


def job_of_slot(runs: KnownRuns, name: str) -> str:
    """What the job of the slot *name* is called."""
    order = runs.plan.orders.get(name)
    return shortened(name if order is None else name_of_order(order))


def standing_of(known: Known, goes_on: Mapping[str, Upcoming], now: Epoch) -> RunState:
    """How *known* stands."""
    upcoming = goes_on.get(known.kept.name)
    goes_on_at = None if upcoming is None else upcoming.at
    return state_of(known.past, known.steering, goes_on_at=goes_on_at, now=now)


def _damaged_rows(runs: KnownRuns, now: Epoch) -> Iterator[PortalRow]:
    for known in runs:
        if known.past.description is None:
            state = standing_of(known, {}, now)
            told: dict[str, Any] = msgspec.structs.asdict(row_as_known(known, state))
            yield PortalRow(**told)
