"""How does a run stand? Told what happens in it, it says so at any moment; it shows nothing."""

from collections import deque
from collections.abc import Sequence

from bulk_publisher.client.session import Session
from bulk_publisher.engine.events import Event, PagesSettled, RequestSent, WaitBegun
from bulk_publisher.limits.bounds import Gauge
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.eta import NOT_FORESEEN, Eta
from bulk_publisher.model import Epoch, Outcome
from bulk_publisher.operations.counting import Count
from bulk_publisher.store.heard import Bar, Snapshot, Wait
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.totals import Totals
from bulk_publisher.text.escaping import printable

_LAST_FAILURES = 3
_UNBOUND = float("inf")


class RunWatcher:
    """A watcher that knows how its run stands.

    It keeps the run's own totals in sight instead of counting: a page costs it next to nothing, and the
    limits are read in the loop, where they do not change meanwhile.
    """

    def __init__(
        self,
        kept: KeptRun,
        session: Session,
        count: Count,
        totals: Totals,
        seconds: float,
        portal_name: str | None,
        *,
        stops_at: Epoch | None = None,
    ) -> None:
        """The run begins.

        Args:
            seconds: That earlier processes took.
            portal_name: What the portal is called; None where it has no name.
            stops_at: When this process has to end; None where it never has to.
        """
        self._kept = kept
        self._session = session
        self._count = count
        self._totals = totals
        self._seconds = seconds
        self._portal_name = portal_name
        self._stops_at = stops_at
        self._began_at = session.clock.now()
        self._settled_before = totals.pages
        self._eta = Eta(session.governor, self._began_at)
        self._wait: WaitUntil | None = None
        self._failures: deque[str] = deque(maxlen=_LAST_FAILURES)

    def __call__(self, event: Event) -> None:
        """Something has happened."""
        match event:
            case PagesSettled(outcomes):
                self._note_failures(outcomes)
            case WaitBegun(wait):
                self._wait = wait
            case RequestSent():
                if self._wait is not None and self._wait.limit in NOT_FORESEEN:
                    self._eta.begin_anew(self._settled_here, self._session.clock.now())
                self._wait = None
            case _:
                pass

    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        session, totals = self._session, self._totals
        now, epoch = session.clock.now(), session.clock.epoch()
        limits = session.governor.levels(now=now)
        total = self._count.total
        away = None
        if total is not None:
            left = max(0, total - totals.pages)
            away = self._eta.seconds_left(
                left, settled=self._settled_here, wait=self._wait, levels=limits, now=now
            )
        worked = self._seconds + now - self._began_at
        return Snapshot(
            run=self._kept.run_id,
            portal=session.client.host,
            time=epoch,
            pages=totals.pages,
            total=total,
            counts={status.value: count for status, count in totals.counts.items()},
            errors={code: failures.count for code, failures in totals.failures.items()},
            bad=totals.bad,
            seconds=worked,
            rate=totals.pages / worked if totals.pages and worked > 1 else None,
            operating=_bar(limits.operating),
            requests=None if limits.intensity.limit == _UNBOUND else _bar(limits.intensity),
            waiting=_waiting(self._wait, epoch - now),
            arrives_at=None if away is None else epoch + away,
            last_failures=tuple(self._failures),
            portal_name=self._portal_name,
            stops_at=self._stops_at,
        )

    @property
    def _settled_here(self) -> int:
        """Pages that this process has settled."""
        return self._totals.pages - self._settled_before

    def _note_failures(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if not outcome.status.is_good:
                code = outcome.error or outcome.status.value
                title = f" “{outcome.title}”" if outcome.title else ""
                self._failures.append(printable(f"page {outcome.page}: {code}{title}"))


def _bar(gauge: Gauge | None) -> Bar | None:
    return None if gauge is None else Bar(level=gauge.level, limit=gauge.limit)


def _waiting(wait: WaitUntil | None, basetime: float) -> Wait | None:
    if wait is None:
        return None
    because = "the portal, which does not answer" if wait.limit is Limit.OUTAGE else wait.because
    until = None if wait.at == _UNBOUND else basetime + wait.at
    return Wait(until=until, limit=wait.limit.value, because=because)
