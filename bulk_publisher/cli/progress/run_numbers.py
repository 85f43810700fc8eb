"""What is counted of one run, and how it stands: as series that go when it has ended."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bulk_publisher.cli.progress.families import Families, Series
from bulk_publisher.engine.events import (
    Event,
    PagesSettled,
    Refused,
    RequestLost,
    RequestSent,
    WaitBegun,
)
from bulk_publisher.model import Epoch, Mono, Outcome
from bulk_publisher.operations.publishing import Started
from bulk_publisher.store.heard import Snapshot


class RunNumbers:
    """The numbers of a run that goes on. What is read of the limits is read in the loop."""

    def __init__(self, families: Families, job: str, portal: str, started: Started) -> None:
        """It goes on now."""
        self._families = families
        self._of = (job, portal)
        self._clock = started.session.clock
        self._watcher = started.watcher
        self._series = Series(job, portal, started.kept.run_id)
        self._waits_since: tuple[Mono, str] | None = None
        self._limits: set[str] = set()
        self._settle()

    def __call__(self, event: Event) -> None:
        """Something has happened in it."""
        families, of = self._families, self._of
        match event:
            case PagesSettled(outcomes):
                self._count(outcomes)
            case WaitBegun(wait):
                self._end_wait()
                self._waits_since = self._clock.now(), wait.limit.value
            case RequestSent():
                self._end_wait()
                families.requests.labels(*of).inc()
            case Refused(fault):
                families.refusals.labels(*of, families.code(fault.code)).inc()
            case RequestLost(fault):
                families.lost.labels(*of, families.code(fault.code)).inc()
            case _:
                pass

    def refresh(self) -> None:
        """Take over how it stands."""
        self.show(self._watcher.snapshot())

    def show(self, snapshot: Snapshot) -> None:
        """Take over what *snapshot* says."""
        families, series = self._families, self._series
        away = None if snapshot.arrives_at is None else snapshot.arrives_at - snapshot.time
        series.set(families.seconds, snapshot.seconds)
        series.set(families.selected, snapshot.total)
        series.set(families.left, snapshot.left)
        series.set(families.seconds_left, away)
        for status, count in snapshot.counts.items():
            series.set(families.run_pages, count, status)
        for name, bar in (("operating", snapshot.operating), ("requests", snapshot.requests)):
            if bar is not None:
                series.set(families.level, bar.level, name)
                series.set(families.limit, bar.limit, name)
        holds = None if snapshot.waiting is None else snapshot.waiting.limit
        self._limits |= {holds} if holds else set()
        for limit in self._limits:
            series.set(families.waiting, float(limit == holds), limit)

    def end(self) -> None:
        """It has ended, or rests: its own series go."""
        self._end_wait()
        self._series.forget()

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        families, of = self._families, self._of
        for status, count in Counter(outcome.status.value for outcome in outcomes).items():
            families.pages.labels(*of, status).inc(count)
        cost = families.cost.labels(*of)
        for outcome in outcomes:
            if outcome.duration is not None:
                cost.observe(outcome.duration)
        self._settle()

    def _settle(self) -> None:
        self._series.set(self._families.settled_at, self._clock.epoch())

    def _end_wait(self) -> None:
        if self._waits_since is not None:
            since, limit = self._waits_since
            self._families.waited.labels(*self._of, limit).inc(self._clock.now() - since)
        self._waits_since = None


class LastNumbers:
    """How the last run of each job on each portal ended."""

    def __init__(self, families: Families) -> None:
        """Nothing is known of any."""
        self._families = families
        self._series: dict[tuple[str, str], Series] = {}
        self._succeeded: dict[tuple[str, str], float] = {}

    def portals_of(self, job: str) -> list[str]:
        """Those of which something is known."""
        return [portal for name, portal in self._series if name == job]

    def know_success(self, job: str, portal: str, at: float) -> None:
        """A run last ended well at *at*; 0 where none ever did, so that who waits for one sees that."""
        at = max(at, self._succeeded.get((job, portal), 0.0))
        self._succeeded[job, portal] = at
        self._of(job, portal).set(self._families.last_success, at)

    def note(
        self,
        job: str,
        portal: str,
        *,
        status: int,
        at: Epoch,
        seconds: float | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """A run has ended.

        Args:
            seconds: At work on it; None where there was no run.
            counts: Its pages by their status; None for the same.
        """
        families, series = self._families, self._of(job, portal)
        series.set(families.last_end, at)
        series.set(families.last_status, status)
        if seconds is not None:
            series.set(families.last_seconds, seconds)
        for name, count in (counts or {}).items():
            series.set(families.last_pages, count, name)
        if counts is not None:
            series.keep(families.last_pages, *((name,) for name in counts))

    def forget(self, job: str, portal: str | None = None) -> None:
        """The job is no more; with *portal*, only what is said of it there."""
        for key in [one for one in self._series if one[0] == job and portal in {None, one[1]}]:
            self._series.pop(key).forget()
            self._succeeded.pop(key, None)

    def _of(self, job: str, portal: str) -> Series:
        return self._series.setdefault((job, portal), Series(job, portal))
