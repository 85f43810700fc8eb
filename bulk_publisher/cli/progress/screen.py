"""Progress in a terminal: a few lines at its bottom that are redrawn, and go when the run ends."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console, Group, OverflowMethod
from rich.live import Live
from rich.text import Text

from bulk_publisher.cli.output.alphabet import shown_by
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.words import status_line, waiting_line
from bulk_publisher.operations.publishing import Started
from bulk_publisher.store.heard import Bar, Snapshot
from bulk_publisher.text.escaping import legible

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
        has_colour = self._console.color_system is not None and not self._console.no_color
        self._is_plain = not has_colour or self._as_shown("━") != "━"
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._pausing = until_continued(self._console, output)

    def start(self, started: Started) -> None:
        # Before the cursor is hidden.
        self._pausing.__enter__()
        self._live.start()
        super().start(started)

    def finish(self) -> None:
        self._live.stop()
        self._pausing.__exit__(None, None, None)
        super().finish()

    def show(self, snapshot: Snapshot) -> None:
        lines = drawn(snapshot, self._console.width, is_plain=self._is_plain, shown=self._as_shown)
        self._live.update(lines, refresh=True)

    def warn(self, text: str) -> None:
        self._console.print(Text(legible(self._as_shown(text)), style="yellow"))

    def _as_shown(self, text: str) -> str:
        return shown_by(self._console.file, text)


@contextmanager
def until_continued(console: Console, output: Output) -> Iterator[None]:
    """Ctrl-Z in this block: the shell gets its cursor back until it goes on."""
    loop = asyncio.get_running_loop()

    def pause() -> None:
        console.show_cursor()
        output.drain()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        # From here on it goes on.
        loop.add_signal_handler(signal.SIGTSTP, pause)
        console.show_cursor(show=False)

    loop.add_signal_handler(signal.SIGTSTP, pause)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTSTP)


def drawn(
    snapshot: Snapshot,
    width: int,
    *,
    is_plain: bool = True,
    shown: Callable[[str], str] = lambda text: text,
) -> Group:
    """*snapshot* in lines that fit into *width* columns.

    Args:
        is_plain: There are no colours to tell one part of a bar from the other.
        shown: How a text looks where it is shown.
    """
    # Three points in the place of one would not fit.
    overflow: OverflowMethod = "ellipsis" if shown("…") == "…" else "crop"
    clipped = partial(_clipped, width=width, overflow=overflow)
    lines = [clipped(Text(shown(status_line(snapshot))))]
    if snapshot.total:
        share = min(1.0, snapshot.pages / snapshot.total)
        pages = _bar(share, width - 7, "green", is_plain=is_plain)
        lines.insert(0, pages.append(f" {share:>5.1%}"))
    budgets = Text()
    for name, bar, unit in (
        ("operating", snapshot.operating, " s"),
        ("requests", snapshot.requests, ""),
    ):
        if bar is not None:
            budgets.append_text(_budget(name, bar, unit, width, is_plain=is_plain))
    if budgets:
        lines.append(clipped(budgets))
    waiting = waiting_line(snapshot)
    if waiting:
        lines.append(clipped(Text(shown(waiting), style="yellow")))
    failures = (Text(shown(f"✗ {failure}"), style="red") for failure in snapshot.last_failures)
    lines.extend(clipped(failure) for failure in failures)
    return Group(*lines)


def _budget(name: str, bar: Bar, unit: str, width: int, *, is_plain: bool) -> Text:
    share = min(1.0, bar.level / bar.limit) if bar.limit else 1.0
    text = Text(f"{name} ", style="dim")
    colour = "yellow" if share >= _FULL else "cyan"
    text.append_text(_bar(share, max(6, min(20, width // 2 - 30)), colour, is_plain=is_plain))
    return text.append(f" {bar.level:.0f} of {bar.limit:.0f}{unit}   ")


def _bar(share: float, width: int, colour: str, *, is_plain: bool) -> Text:
    width = max(1, width)
    full = round(width * share)
    filled, empty = ("█", "░") if is_plain else ("━", "━")
    return Text(filled * full, style=colour).append(empty * (width - full), style="bright_black")


def _clipped(text: Text, width: int, overflow: OverflowMethod) -> Text:
    text.truncate(width, overflow=overflow)
    text.no_wrap = True
    return text
