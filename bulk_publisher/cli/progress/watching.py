"""What is shown while a run goes on: redrawn in a terminal, lines in a pipe, JSON for programs.

An observer of the run: it is told what happens, and shows the run's own totals when its turn of the
loop comes - a few times a second in a terminal, seldom elsewhere. So a page costs it next to nothing,
and it never reads the limits while they change.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from bulk_publisher.cli.output import Output
from bulk_publisher.cli.progress.moment import (
    FILE,
    Bar,
    Moment,
    Wait,
    failure_line,
    write_moment,
)
from bulk_publisher.engine.ports import Observer
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.eta import NOT_FORESEEN, Arrival
from bulk_publisher.model import Fault, Mono, Outcome, SiteId
from bulk_publisher.operations.publishing import Started

_FILE_EVERY = 5.0
"""Seconds between two versions of the file that ``status`` reads."""
_TICK = 0.01
"""Seconds that a loop's timer may be early by its rounding."""
_LAST_FAILURES = 3


class Progress(Observer):
    """An observer that shows what it sees; this one shows warnings alone."""

    every = _FILE_EVERY
    """Seconds between two turns."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._failures: deque[str] = deque(maxlen=_LAST_FAILURES)
        self._wait: WaitUntil | None = None
        self._has_told_of_losses = False
        self._started: Started | None = None
        self._arrival: Arrival | None = None
        self._began_at = Mono(0.0)
        self._settled_before = 0
        self._filed = self._shown = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, started: Started) -> None:
        """The run begins."""
        self._started = started
        self._began_at = started.session.clock.now()
        self._settled_before = started.totals.pages
        self._arrival = Arrival(started.session.governor, self._began_at)
        self._turn()

    def finish(self) -> None:
        """The run has ended; nothing is shown any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._started is not None:
            with suppress(OSError):
                (self._started.folder.path / FILE).unlink(missing_ok=True)

    def show(self, moment: Moment) -> None:
        """It is time to show something."""

    def on_settled(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if not outcome.status.is_good:
                code = outcome.error or outcome.status.value
                self._failures.append(failure_line(outcome.page, code, outcome.title))

    def on_waiting(self, decision: WaitUntil) -> None:
        self._wait = decision

    def on_sending(self) -> None:
        is_out = self._wait is not None and self._wait.limit in NOT_FORESEEN
        if is_out and self._started is not None and self._arrival is not None:
            here = self._started.totals.pages - self._settled_before
            self._arrival.begin_anew(here, self._started.session.clock.now())
        self._wait = None

    def on_lost(self, fault: Fault, pages: int) -> None:
        if not self._has_told_of_losses:
            self._has_told_of_losses = True
            self.warn(
                f"A request was lost ({fault.words}). What became of its pages is looked up, and they are"
                " sent again if need be; the log tells of each."
            )

    def on_site_stopped(self, site: SiteId, fault: Fault) -> None:
        self.warn(f"Site {site} is left: {fault.code}. {fault.hint}")

    def on_warning(self, text: str) -> None:
        self.warn(text)

    def warn(self, text: str) -> None:
        """Something that a person should know now."""
        self.output.complain(text, colour="yellow")

    def moment(self) -> Moment | None:
        """The run as it is now; None before it has begun."""
        started = self._started
        if started is None:
            return None
        session = started.session
        now, epoch = session.clock.now(), session.clock.epoch()
        snapshot = session.governor.snapshot(now=now)
        totals, total = started.totals, started.count.total
        here, seconds = totals.pages - self._settled_before, now - self._began_at
        left = None if total is None else max(0, total - totals.pages)
        away = None
        if left is not None and self._arrival is not None:
            away = self._arrival.seconds_left(
                left, settled=here, wait=self._wait, snapshot=snapshot, now=now
            )
        worked = started.seconds + seconds
        operating = snapshot.operating
        return Moment(
            run=started.folder.run_id,
            portal=session.client.host,
            time=epoch,
            pages=totals.pages,
            total=total,
            counts={status.value: count for status, count in totals.counts.items()},
            errors={code: failures.count for code, failures in totals.failures.items()},
            bad=totals.bad,
            seconds=worked,
            rate=totals.pages / worked if totals.pages and worked > 1 else None,
            operating=None
            if operating is None
            else Bar(level=operating.level, limit=operating.limit),
            requests=None
            if snapshot.intensity.limit == float("inf")
            else Bar(level=snapshot.intensity.level, limit=snapshot.intensity.limit),
            waiting=self._waiting(epoch - now),
            arrives_at=None if away is None else epoch + away,
            last_failures=tuple(self._failures),
        )  # fmt: skip

    def _waiting(self, basetime: float) -> Wait | None:
        wait = self._wait
        if wait is None:
            return None
        because = (
            "the portal, which does not answer" if wait.limit is Limit.OUTAGE else wait.because
        )
        until = None if wait.at == float("inf") else basetime + wait.at
        return Wait(until=until, limit=wait.limit.value, because=because)

    def _turn(self) -> None:
        is_first = self._timer is None
        # First of all: what can't be shown once is shown the next time.
        pause = min(self.every, _FILE_EVERY)
        self._timer = asyncio.get_running_loop().call_later(pause, self._turn)
        moment = self.moment()
        if moment is not None and self._started is not None:
            if is_first or moment.seconds - self._filed >= _FILE_EVERY - _TICK:
                self._filed = moment.seconds
                write_moment(moment, self._started.folder.path)
            if is_first or moment.seconds - self._shown >= self.every - _TICK:
                self._shown = moment.seconds
                self.show(moment)
