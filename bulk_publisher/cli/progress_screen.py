"""Progress in a terminal: a few lines at its bottom that are redrawn, and go when the run ends."""

import asyncio
import os
import signal

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bulk_publisher.app.publishing import Started
from bulk_publisher.cli.moment import Bar, Moment, status_line, waiting_line
from bulk_publisher.cli.output import Output
from bulk_publisher.cli.progress import Progress

_FULL = 0.9
"""Share of a budget from which its bar is shown in another colour."""


class Screen(Progress):
    """Redrawn four times a second, at whatever width the terminal has by then."""

    every = 0.25

    def __init__(self, output: Output, console: Console | None = None) -> None:
        super().__init__(output)
        self._console = console or Console(
            stderr=True, no_color=not output.has_colour, highlight=False
        )
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def start(self, started: Started) -> None:
        # Before the cursor is hidden.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, self._pause)
        self._live.start()
        super().start(started)

    def finish(self) -> None:
        self._live.stop()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTSTP)
        super().finish()

    def _pause(self) -> None:
        """Ctrl-Z: the shell gets its cursor back until the run goes on."""
        loop = asyncio.get_running_loop()
        self._console.show_cursor()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        # From here on it goes on.
        loop.add_signal_handler(signal.SIGTSTP, self._pause)
        self._console.show_cursor(show=False)

    def show(self, moment: Moment) -> None:
        self._live.update(drawn(moment, self._console.width), refresh=True)

    def warn(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"))


def drawn(moment: Moment, width: int) -> Group:
    """*moment* in lines that fit into *width* columns."""
    lines = [_clipped(Text(status_line(moment)), width)]
    if moment.total:
        share = min(1.0, moment.pages / moment.total)
        lines.insert(0, _bar(share, width - 7, "green").append(f" {share:>5.1%}"))
    budgets = Text()
    for name, bar, unit in (
        ("operating", moment.operating, " s"),
        ("requests", moment.requests, ""),
    ):
        if bar is not None:
            budgets.append_text(_budget(name, bar, unit, width))
    if budgets:
        lines.append(_clipped(budgets, width))
    waiting = waiting_line(moment)
    if waiting:
        lines.append(_clipped(Text(waiting, style="yellow"), width))
    failures = (Text(f"✗ {failure}", style="red") for failure in moment.last_failures)
    lines.extend(_clipped(failure, width) for failure in failures)
    return Group(*lines)


def _budget(name: str, bar: Bar, unit: str, width: int) -> Text:
    share = min(1.0, bar.level / bar.limit) if bar.limit else 1.0
    text = Text(f"{name} ", style="dim")
    colour = "yellow" if share >= _FULL else "cyan"
    text.append_text(_bar(share, max(6, min(20, width // 2 - 30)), colour))
    return text.append(f" {bar.level:.0f} of {bar.limit:.0f}{unit}   ")


def _bar(share: float, width: int, colour: str) -> Text:
    width = max(1, width)
    full = round(width * share)
    return Text("━" * full, style=colour).append("━" * (width - full), style="bright_black")


def _clipped(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text
