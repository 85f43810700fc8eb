"""What has each job done? Its last runs, how the newest compares with those before, and what fails again and again.

How it works:
    Runs are taken from the newest to the oldest, each journal once and line by line. A page's streak begins
    with its newest line, if that is a failure, and goes back through the runs that have a line of it until
    one in which it was done. Of pages whose streak has ended only their IDs are kept, in a ``PageSet``; of
    those that fail the first so many.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Epoch, PageId
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.report.past import How, PastRun, past_runs
from bulk_publisher.store.protocol import KeptRun, Store

MOST_STREAKS = 100_000
"""Failing pages that are followed through the runs of a job on a portal; others are not told."""
_COMPARABLE = frozenset({How.DONE, How.FAILED})
_ENDED = _COMPARABLE | {How.STOPPED, How.INTERRUPTED}
_MOST_READ = 5_000
"""Runs that are looked through for the last of each job: a second."""
_LEAST = 2
"""Runs before, from which there is a median to speak of."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The newest run of a job on a portal, beside those before it that came to their end.

    Attributes:
        run: Its name.
        seconds: How long it took.
        bad: Its pages that failed or are unknown.
        compared: So many runs before it.
    """

    portal: str
    run: str
    seconds: float
    median_seconds: float
    bad: int
    median_bad: float
    compared: int

    @property
    def change_share(self) -> float | None:
        """By how much longer it took, of what was usual: 0.5 for half as long again; None where that was no time."""
        return self.seconds / self.median_seconds - 1 if self.median_seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A page that fails again and again.

    Attributes:
        code: Of its newest failure.
        runs: In how many in a row it failed, of those that have a line of it.
    """

    portal: str
    page: PageId
    code: str
    runs: int


@dataclass(frozen=True, slots=True)
class JobHistory:
    """What a job has done.

    Attributes:
        runs: The newest first; of each portal so many as were asked for.
        trends: One for each portal whose newest run can be compared.
        repeats: The longest streak first.
        unread: Why journals could not be read; their runs are left out of the repeats.
    """

    job: str
    runs: tuple[PastRun, ...]
    trends: tuple[Trend, ...]
    repeats: tuple[Repeat, ...]
    unread: tuple[str, ...]


def read_histories(
    store: Store, *, job: str | None, portal: str | None, last: int
) -> Iterator[JobHistory]:
    """What the jobs of *store* have done, the one with the newest run first.

    Args:
        job: As ``past_runs``; so is *portal*.
        last: So many runs of each job on each portal.
    """
    jobs: dict[str, dict[str, list[PastRun]]] = {}
    for past in past_runs(store, job=job, portal=portal):
        if past.is_rollback or past.how is How.DAMAGED:
            continue
        runs = jobs.setdefault(past.job, {}).setdefault(past.portal, [])
        if len(runs) < last:
            runs.append(past)
    for name, portals in jobs.items():
        yield _history(name, portals)


@dataclass(frozen=True, slots=True)
class LastRun:
    """How a job was done the last time on a portal.

    Attributes:
        succeeded_at: When a run of it last ended with every page done; None where none of those read did.
    """

    newest: PastRun
    succeeded_at: Epoch | None


def read_last(store: Store, jobs: Collection[str]) -> dict[tuple[str, str], LastRun]:
    """The last run that ended of each of *jobs* on each portal, among the newest runs of *store*."""
    found: dict[tuple[str, str], LastRun] = {}
    for past in islice(past_runs(store), _MOST_READ):
        if past.job not in jobs or past.is_rollback or past.how not in _ENDED:
            continue
        known = found.get((past.job, past.portal))
        success = past.ended_at if past.how is How.DONE else None
        if known is None:
            found[past.job, past.portal] = LastRun(past, success)
        elif known.succeeded_at is None and success is not None:
            found[past.job, past.portal] = LastRun(known.newest, success)
    return found


def _history(job: str, portals: dict[str, list[PastRun]]) -> JobHistory:
    trends: list[Trend] = []
    repeats: list[Repeat] = []
    unread: list[str] = []
    for portal, runs in portals.items():
        trend = trend_of(portal, runs)
        trends.extend([] if trend is None else [trend])
        if any(past.bad for past in runs):
            repeats.extend(repeats_of(portal, [past.kept for past in runs], unread))
    newest_first = sorted(
        (past for runs in portals.values() for past in runs),
        key=lambda past: past.kept.name,
        reverse=True,
    )
    repeats.sort(key=lambda repeat: (-repeat.runs, repeat.portal, repeat.page))
    return JobHistory(job, tuple(newest_first), tuple(trends), tuple(repeats), tuple(unread))


def trend_of(portal: str, runs: Sequence[PastRun]) -> Trend | None:
    """How the newest of *runs* compares with the others; None where too few came to their end.

    A retry is no time of its job: it is passed over.

    Args:
        runs: The newest first.
    """
    ended = [past for past in runs if past.how in _COMPARABLE and not past.follows]
    if len(ended) <= _LEAST:
        return None
    newest, *before = ended
    return Trend(
        portal,
        newest.kept.name,
        newest.seconds or 0.0,
        median(past.seconds or 0.0 for past in before),
        newest.bad,
        median(past.bad for past in before),
        len(before),
    )


def repeats_of(portal: str, runs: Sequence[KeptRun], unread: list[str]) -> Iterator[Repeat]:
    """The pages that failed in their two newest lines or more.

    Args:
        runs: The newest first; each journal is read once.
        unread: Takes why a journal can't be read.
    """
    streaks = _Streaks()
    for kept in runs:
        try:
            streaks.go_through(kept)
        except BadJournal as error:
            unread.append(error.message)
    for page, (code, count) in streaks.found():
        if count > 1:
            yield Repeat(portal, page, code, count)


class _Streaks:
    """Streaks of failures, from the newest run back. Invariant: a page has a streak, has ended, or had no line yet."""

    def __init__(self) -> None:
        self._ended = PageSet()
        self._codes: dict[PageId, str] = {}
        self._counts: dict[PageId, int] = {}
        self._over: dict[PageId, int] = {}

    def go_through(self, kept: KeptRun) -> None:
        """The next older run.

        Raises:
            BadJournal: If its journal can't be read to its end.
        """
        if not kept.has_journal:
            return
        in_this = PageSet()
        for mark in kept.marks():
            page = mark.page
            if mark.run != kept.run_id or not is_page_id(page) or page in self._ended:
                continue
            if not in_this.add(page):
                # Of a page the first line of a run counts.
                continue
            if mark.status.is_good:
                self._ended.add(page)
                if page in self._counts:
                    self._over[page] = self._counts.pop(page)
            elif page in self._counts:
                self._counts[page] += 1
            elif len(self._codes) < MOST_STREAKS:
                self._codes[page] = mark.error or mark.status.value
                self._counts[page] = 1

    def found(self) -> Iterator[tuple[PageId, tuple[str, int]]]:
        """Each page whose newest line is a failure, with its code and how often it failed in a row."""
        for page, count in (*self._counts.items(), *self._over.items()):
            yield page, (self._codes[page], count)
