"""What is shown while a run goes on: redrawn in a terminal, lines in a pipe, JSON for programs.

Told what happens, it shows how the run stands when its turn of the loop comes - a few times a second in a
terminal, seldom elsewhere.
"""

import asyncio

from bulk_publisher.cli.output.output import Output
from bulk_publisher.engine.events import Event, RequestLost, SiteStopped, Warned
from bulk_publisher.operations.publishing import Started
from bulk_publisher.store.heard import Snapshot

_SELDOM = 5.0
"""Seconds between two turns at least."""
_TICK = 0.01
"""Seconds that a loop's timer may be early by its rounding."""


class Progress:
    """A watcher that shows what it is told; this one shows warnings alone."""

    every = _SELDOM
    """Seconds between two turns."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._started: Started | None = None
        self._has_told_of_losses = False
        self._shown = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, started: Started) -> None:
        """The run begins."""
        self._started = started
        self._turn()

    def finish(self) -> None:
        """The run has ended; nothing is shown any more."""
        if self._timer is not None:
            self._timer.cancel()

    def end(self, status: int, job: str) -> None:
        """The command ends with *status*, whether its run has begun or not.

        Args:
            job: The name of what was to be done.
        """

    def show(self, snapshot: Snapshot) -> None:
        """It is time to show something."""

    def __call__(self, event: Event) -> None:
        """Something has happened."""
        match event:
            case RequestLost(fault) if not self._has_told_of_losses:
                self._has_told_of_losses = True
                self.warn(
                    f"A request was lost ({fault.words}). Its pages are looked up and sent"
                    " again if needed; the log has the details."
                )
            case SiteStopped(site, fault):
                self.warn(f"Site {site} is stopped: {fault.code}. {fault.hint}")
            case Warned(text):
                self.warn(text)
            case _:
                pass

    def warn(self, text: str) -> None:
        """Something that a person should know now."""
        if not self.output.is_terse:
            self.output.complain(text, colour="yellow")

    def snapshot(self) -> Snapshot | None:
        """The run as it is now; None before it has begun."""
        return None if self._started is None else self._started.watcher.snapshot()

    def _turn(self) -> None:
        is_first = self._timer is None
        # First of all: what can't be shown once is shown the next time.
        pause = min(self.every, _SELDOM)
        self._timer = asyncio.get_running_loop().call_later(pause, self._turn)
        snapshot = self.snapshot()
        if snapshot is None:
            return
        if is_first or snapshot.seconds - self._shown >= self.every - _TICK:
            self._shown = snapshot.seconds
            self.show(snapshot)
