"""All runs of a store, as many as a person can look through at once."""

from enum import StrEnum

import msgspec

from bulk_publisher.web.views.known_runs import KnownRuns, row_as_known
from bulk_publisher.web.views.now import going_on_later, standing_of
from bulk_publisher.web.views.paging import Excerpt, excerpt
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.run_state import RunState


class RunsShow(StrEnum):
    """Which runs are shown."""

    ALL = "all"
    TROUBLE = "trouble"
    """Those somebody should look at."""
    WORK = "work"
    """Those that a process is at work on."""
    DONE = "done"
    """Those that have come to their end, whatever has failed."""


class RunsOrder(StrEnum):
    """What runs are sorted by; the newest, longest or most stand first."""

    STARTED = "started"
    DURATION = "duration"
    PAGES = "pages"
    FAILED = "failed"


class RunsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, and in which order.

    Attributes:
        words: Parts of the names of portals, hosts, jobs and runs; all of them.
        job: Its name; empty for all.
        portal: Its name, or its host; empty for all.
        is_reversed: From the other end.
    """

    words: str = ""
    job: str = ""
    portal: str = ""
    show: RunsShow = RunsShow.ALL
    order: RunsOrder = RunsOrder.STARTED
    is_reversed: bool = False
    number: int = 1
    size: int = 50


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    """Runs.

    Attributes:
        at: How they stood then, in UTC seconds.
        runs: All that there are.
        excerpt: Those that were asked for.
    """

    at: float
    runs: int
    excerpt: Excerpt[RunRow]


def run_rows(runs: KnownRuns) -> list[RunRow]:
    """A row for each run, the newest first."""
    goes_on, now = going_on_later(runs), runs.looked_at
    return [row_as_known(known, standing_of(known, goes_on, now)) for known in runs]


def run_list(at: float, rows: list[RunRow], asked: RunsAsked) -> RunList:
    """What *asked* for is of *rows*, which are all there are, the newest first."""
    words = asked.words.lower().split()
    found = [row for row in rows if _is_wanted(row, asked) and row.has(words)]
    if asked.order is not RunsOrder.STARTED:
        found.sort(key=lambda row: _figure(row, asked.order), reverse=True)
    if asked.is_reversed:
        found.reverse()
    return RunList(at=at, runs=len(rows), excerpt=excerpt(found, asked.number, asked.size))


def _is_wanted(row: RunRow, asked: RunsAsked) -> bool:
    if asked.job and row.job != asked.job:
        return False
    if asked.portal and asked.portal not in {row.portal, row.host}:
        return False
    match asked.show:
        case RunsShow.ALL:
            return True
        case RunsShow.TROUBLE:
            return row.is_trouble
        case RunsShow.WORK:
            return row.state.is_at_work
        case RunsShow.DONE:
            return row.state in {RunState.DONE, RunState.FAILED}


def _figure(row: RunRow, order: RunsOrder) -> float:
    match order:
        case RunsOrder.STARTED:
            return row.started_at or 0.0
        case RunsOrder.DURATION:
            return row.seconds or 0.0
        case RunsOrder.PAGES:
            return row.pages
        case RunsOrder.FAILED:
            return row.failed
