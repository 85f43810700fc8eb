"""What is shown while a run goes on: redrawn in a terminal, lines in a pipe.

An observer of the run: it is told what happens and never slows it. A terminal is redrawn a few
times a second by a thread of its own; a pipe gets a line now and then, and one for each long wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bulk_publisher.app.publishing import Started
from bulk_publisher.cli.output import Output
from bulk_publisher.clock import Clock
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.model import Fault, Mono, Outcome, SiteId
from bulk_publisher.report.fold import Totals
from bulk_publisher.report.text import in_words, pages_in_words
from bulk_publisher.runner.ports import Observer

_LINE_EVERY = 30.0
"""Seconds between two lines in a pipe."""
_LONG = 5.0
"""Seconds of waiting that are worth a line."""
_REDRAWS = 4
"""A second, in a terminal."""


class Progress(Observer):
    """An observer that shows what it sees."""

    def start(self, started: Started) -> None:
        """The run begins."""

    def finish(self) -> None:
        """The run has ended; nothing is redrawn any more."""


def progress_for(output: Output) -> "Progress":
    """What suits where the words go."""
    if output.verbosity < 0:
        return _Told(output)
    return _Redrawn(output) if output.is_terminal else _Lines(output)


class _Told(Progress):
    """What every kind shares: warnings are said, pages are counted."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._totals = Totals()
        self._total: int | None = None
        self._wait: WaitUntil | None = None
        self._clock: Clock | None = None
        self._began_at = Mono(0.0)

    def start(self, started: Started) -> None:
        self._clock = started.session.clock
        self._began_at = self._clock.now()
        self._total = started.selected.total

    def on_settled(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._totals.add(outcome)

    def on_waiting(self, decision: WaitUntil) -> None:
        self._wait = decision

    def on_sending(self) -> None:
        self._wait = None

    def on_site_stopped(self, site: SiteId, fault: Fault) -> None:
        self._output.complain(f"Site {site} is left: {fault.code}. {fault.hint}", colour="yellow")

    def on_warning(self, text: str) -> None:
        self._output.complain(text, colour="yellow")

    def _now(self) -> Mono:
        return Mono(0.0) if self._clock is None else self._clock.now()

    def _status(self) -> str:
        """``1,204 of 5,000 pages, 12 failed, 8.4 a second, done in about 7 min``."""
        done, seconds = self._totals.pages, self._now() - self._began_at
        parts = [
            f"{done:,} of {pages_in_words(self._total)}" if self._total else pages_in_words(done)
        ]
        if self._totals.bad:
            parts.append(f"{self._totals.bad:,} failed")
        if done and seconds > 1:
            parts.append(f"{done / seconds:.1f} a second")
            if self._total and done < self._total:
                parts.append(f"done in about {in_words((self._total - done) * seconds / done)}")
        return ", ".join(parts)

    def _waiting(self) -> str:
        """``waiting 4 min 10 s (until 14:32) for operating time (479 of 480 s used)``; or nothing."""
        wait, now = self._wait, self._now()
        if wait is None or self._clock is None or wait.at - now < 1 or wait.at == float("inf"):
            return ""
        until = datetime.fromtimestamp(self._clock.epoch()).astimezone() + timedelta(
            seconds=wait.at - now
        )
        return f"waiting {in_words(wait.at - now)} (until {until:%H:%M:%S}) for {_reason(wait)}"


class _Lines(_Told):
    """A line every half a minute, and one for each long wait."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._said_at = Mono(0.0)
        self._said_wait: Mono | None = None

    def start(self, started: Started) -> None:
        super().start(started)
        self._said_at = self._now()

    def on_settled(self, outcomes: Sequence[Outcome]) -> None:
        super().on_settled(outcomes)
        if self._now() - self._said_at >= _LINE_EVERY:
            self._say(self._status())

    def on_waiting(self, decision: WaitUntil) -> None:
        super().on_waiting(decision)
        if (
            self._said_wait != decision.at
            and decision.at - self._now() >= _LONG
            and self._waiting()
        ):
            self._said_wait = decision.at
            self._say(f"{self._status()}; {self._waiting()}")

    def _say(self, text: str) -> None:
        self._said_at = self._now()
        self._output.say(text)


class _Redrawn(_Told):
    """Two lines at the bottom of a terminal, which go when the run ends."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._console = Console(stderr=True, no_color=not output.has_colour, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=_REDRAWS,
            transient=True,
        )

    def start(self, started: Started) -> None:
        super().start(started)
        self._live.start()

    def finish(self) -> None:
        self._live.stop()

    def on_site_stopped(self, site: SiteId, fault: Fault) -> None:
        self._above(f"Site {site} is left: {fault.code}. {fault.hint}")

    def on_warning(self, text: str) -> None:
        self._above(text)

    def _above(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"))

    def _drawn(self) -> Text:
        drawn = Text()
        if self._total:
            width = max(10, min(40, self._console.width - 60))
            full = width * self._totals.pages // self._total
            drawn.append("━" * full, style="green").append("━" * (width - full) + " ", style="dim")
        drawn.append(self._status())
        waiting = self._waiting()
        if waiting:
            drawn.append("\n" + waiting, style="dim")
        return drawn


def _reason(wait: WaitUntil) -> str:
    return f"the portal: {wait.because}" if wait.limit is Limit.OUTAGE else wait.because
