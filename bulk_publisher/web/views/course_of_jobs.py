"""How has each job gone? Its last runs on each portal, how the newest compares, and what fails again and again."""

from collections.abc import Sequence

import msgspec

from bulk_publisher.report.history import Repeat, Trend, repeats_of, trend_of
from bulk_publisher.report.past import PastRun
from bulk_publisher.web.views.known_runs import Known, KnownRuns, row_as_known
from bulk_publisher.web.views.now import going_on_later, standing_of
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.wording import shortened

LAST = 20
"""Runs of a job on a portal that are compared."""
_LAST_READ = 8
"""Of these, whose journals are read for what fails again and again."""
_MOST_READ = 50
"""Portals of a job whose journals are read at once."""
_MOST_REPEATS = 200
_KEPT = 64


class PortalCourse(msgspec.Struct, frozen=True, kw_only=True):
    """How a job has gone on a portal.

    Attributes:
        runs: The newest first.
        trend: The newest, beside those before it; None where too few have come to their end.
        change_share: By how much longer it took than is usual; None where nobody can tell.
    """

    portal: str
    runs: tuple[RunRow, ...]
    trend: Trend | None
    change_share: float | None

    @property
    def newest(self) -> RunRow:
        """Its newest run."""
        return self.runs[0]


class JobCourse(msgspec.Struct, frozen=True, kw_only=True):
    """How a job has gone.

    Attributes:
        portals: The one with the newest run first.
    """

    job: str
    portals: tuple[PortalCourse, ...]


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that fail again and again.

    Attributes:
        rows: The longest streak first.
        count: Of all of them.
        runs_read: The most runs of a portal whose journals were read.
        portals_left: Portals whose journals were not read.
        unread: Why journals could not be read.
    """

    rows: tuple[Repeat, ...]
    count: int
    runs_read: int
    portals_left: int
    unread: tuple[str, ...]


def courses_of(runs: KnownRuns, *, job: str = "") -> list[JobCourse]:
    """How each job has gone, the one with the newest run first.

    Args:
        job: Only this one; empty for all.
    """
    goes_on, now = going_on_later(runs), runs.looked_at
    return [
        JobCourse(
            job=shortened(name),
            portals=tuple(
                _portal_course(
                    portal,
                    [known.past for known in its],
                    tuple(row_as_known(known, standing_of(known, goes_on, now)) for known in its),
                )
                for portal, its in portals.items()
            ),
        )
        for name, portals in last_runs(runs, job).items()
    ]


def last_runs(runs: KnownRuns, job: str = "") -> dict[str, dict[str, list[Known]]]:
    """The last runs of each job on each portal, the newest first; rollbacks left aside."""
    found: dict[str, dict[str, list[Known]]] = {}
    for known in runs:
        past = known.past
        if past.description is None or past.is_rollback or (job and shortened(known.job) != job):
            continue
        its = found.setdefault(known.job, {}).setdefault(known.portal, [])
        if len(its) < LAST:
            its.append(known)
    return found


def _portal_course(portal: str, pasts: Sequence[PastRun], rows: tuple[RunRow, ...]) -> PortalCourse:
    trend = trend_of(shortened(portal), pasts)
    change = None if trend is None else trend.change_share
    return PortalCourse(portal=shortened(portal), runs=rows, trend=trend, change_share=change)


class RepeatsRead:
    """Those that were found. Blocks as long as journals take, and is called by one thread at a time."""

    def __init__(self) -> None:
        """None was looked for yet."""
        self._found: dict[str, tuple[tuple[str, ...], Repeats]] = {}

    def of(self, runs: KnownRuns, job: str) -> Repeats:
        """What fails again and again of *job*."""
        portals = last_runs(runs, job).get(job) or {}
        with_bad = {
            portal: [known for known in its if not known.past.is_running][:_LAST_READ]
            for portal, its in portals.items()
            if any(known.past.bad for known in its)
        }
        mark = tuple(
            f"{known.kept.name} {known.past.pages}" for its in with_bad.values() for known in its
        )
        found = self._found.pop(job, None)
        if found is None or found[0] != mark:
            found = (mark, _repeats(with_bad))
        self._found[job] = found
        while len(self._found) > _KEPT:
            del self._found[next(iter(self._found))]
        return found[1]


def _repeats(portals: dict[str, list[Known]]) -> Repeats:
    unread: list[str] = []
    found: list[Repeat] = []
    for portal, its in [*portals.items()][:_MOST_READ]:
        found.extend(repeats_of(shortened(portal), [known.kept for known in its], unread))
    found.sort(key=lambda repeat: (-repeat.runs, repeat.portal, repeat.page))
    return Repeats(
        rows=tuple(
            Repeat(one.portal, one.page, shortened(one.code), one.runs)
            for one in found[:_MOST_REPEATS]
        ),
        count=len(found),
        runs_read=max(map(len, portals.values()), default=0),
        portals_left=max(0, len(portals) - _MOST_READ),
        unread=tuple(map(shortened, unread[:_MOST_READ])),
    )
