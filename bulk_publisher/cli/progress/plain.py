"""Progress in lines: for a pipe now and then, for programs as JSON."""

import msgspec

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.words import status_line, waiting_line
from bulk_publisher.engine.events import Event, WaitBegun
from bulk_publisher.model import Mono
from bulk_publisher.store.heard import Snapshot

_LINE_EVERY = 30.0
"""Seconds between two lines in a pipe."""
_JSON_EVERY = 1.0
"""Seconds between two lines for a program."""
_LONG = 5.0
"""Seconds of waiting that are worth a line."""


class PlainLines(Progress):
    """A line every half a minute, and one for each long wait."""

    every = _LINE_EVERY

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._said_wait: Mono | None = None

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.seconds >= 1:
            waiting = waiting_line(snapshot)
            self.output.say(
                f"{status_line(snapshot)}{'; ' if waiting else ''}{waiting}", event="progress"
            )

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, WaitBegun) and event.wait.at != self._said_wait:
            self._say_wait(event.wait.at)

    def _say_wait(self, at: Mono) -> None:
        snapshot = self.snapshot()
        if snapshot is None or snapshot.waiting is None or snapshot.waiting.until is None:
            return
        if snapshot.waiting.until - snapshot.time >= _LONG:
            self._said_wait = at
            self.output.say(f"{status_line(snapshot)}; {waiting_line(snapshot)}", event="progress")


class JsonLines(Progress):
    """A line of JSON every second."""

    every = _JSON_EVERY

    def show(self, snapshot: Snapshot) -> None:
        waiting = waiting_line(snapshot)
        text = f"{status_line(snapshot)}{'; ' if waiting else ''}{waiting}"
        self.output.event("progress", **msgspec.to_builtins(snapshot), text=text)

    def finish(self) -> None:
        snapshot = self.snapshot()
        if snapshot is not None:
            self.show(snapshot)
        super().finish()
