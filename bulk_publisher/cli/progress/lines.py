"""Progress in lines: for a pipe now and then, for programs as JSON."""

import msgspec

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.words import status_line, waiting_line
from bulk_publisher.engine.events import Event, WaitBegun
from bulk_publisher.model import Mono
from bulk_publisher.store.heard import Moment

_LINE_EVERY = 30.0
"""Seconds between two lines in a pipe."""
_JSON_EVERY = 1.0
"""Seconds between two lines for a program."""
_LONG = 5.0
"""Seconds of waiting that are worth a line."""


class Lines(Progress):
    """A line every half a minute, and one for each long wait."""

    every = _LINE_EVERY

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._said_wait: Mono | None = None

    def show(self, moment: Moment) -> None:
        if moment.seconds >= 1:
            waiting = waiting_line(moment)
            self.output.say(
                f"{status_line(moment)}{'; ' if waiting else ''}{waiting}", event="progress"
            )

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, WaitBegun) and event.wait.at != self._said_wait:
            self._say_wait(event.wait.at)

    def _say_wait(self, at: Mono) -> None:
        moment = self.moment()
        if moment is None or moment.waiting is None or moment.waiting.until is None:
            return
        if moment.waiting.until - moment.time >= _LONG:
            self._said_wait = at
            self.output.say(f"{status_line(moment)}; {waiting_line(moment)}", event="progress")


class JsonLines(Progress):
    """A line of JSON every second."""

    every = _JSON_EVERY

    def show(self, moment: Moment) -> None:
        waiting = waiting_line(moment)
        text = f"{status_line(moment)}{'; ' if waiting else ''}{waiting}"
        self.output.event("progress", **msgspec.to_builtins(moment), text=text)

    def finish(self) -> None:
        moment = self.moment()
        if moment is not None:
            self.show(moment)
        super().finish()
