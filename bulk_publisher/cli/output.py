"""Where words go: data to stdout, everything else to stderr; and how an error is said."""

import os
import shlex
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from bulk_publisher.cli.misplaced import hidden
from bulk_publisher.errors import BadSource, BulkPublisherError

_P = ParamSpec("_P")
_R = TypeVar("_R")

_WIDEST = 80
"""Columns that a sentence takes at most, however wide the terminal is: lines beyond tire the eye."""


@dataclass(frozen=True, slots=True)
class Output:
    """How much is said, and how.

    Attributes:
        verbosity: -1 quiet, 0 as usual, 1 and 2 more.
        progress: What is shown of a run that goes on: auto, json or none.
        metrics_port: Where Prometheus may read the run's numbers; None for nowhere.
        leaves_report: Whether a run leaves a report in its folder.
    """

    verbosity: int
    log_format: str
    is_plain: bool
    progress: str = "auto"
    metrics_port: int | None = None
    leaves_report: bool = True

    @property
    def has_colour(self) -> bool:
        """Whether stderr takes colours."""
        return sys.stderr.isatty() and self.may_colour

    @property
    def may_colour(self) -> bool:
        """Whether colours are wanted at all; whether stdout takes them is another question."""
        return not self.is_plain and not os.environ.get("NO_COLOR")

    @property
    def is_terminal(self) -> bool:
        """Whether stderr is a terminal that can be redrawn."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def open_log(self) -> None:
        """Say once how much of the log goes to stderr, and in which form."""
        from bulk_publisher.app.logs import configure_log

        configure_log(
            verbosity=self.verbosity,
            is_json=self.log_format == "json",
            has_colour=self.has_colour,
        )

    def say(self, text: str, *, colour: str | None = None) -> None:
        """A line on stderr, unless quiet."""
        if self.verbosity >= 0:
            self.complain(text, colour=colour)

    def complain(self, text: str, *, colour: str | None = None) -> None:
        """A line on stderr, always; no secret is in it, whatever it repeats."""
        text = hidden(text)
        click.echo(click.style(text, fg=colour) if self.has_colour else text, err=True)

    def explain(self, text: str, *, colour: str | None = None, indent: int = 0) -> None:
        """Sentences on stderr, always; at a terminal in lines that fit it, in a pipe as they are."""
        margin = " " * indent
        lines = [f"{margin}{line}" for line in text.split("\n")]
        if sys.stderr.isatty():
            lines = [part for line in lines for part in _wrapped(line, f"{margin}  ")]
        self.complain("\n".join(lines), colour=colour)


def _wrapped(line: str, margin: str) -> list[str]:
    """*line* in lines of up to 80 columns, the later ones *margin* in; a path stays in one piece."""
    return textwrap.wrap(
        line,
        min(_WIDEST, _columns()),
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def _columns() -> int:
    """How wide the terminal is that stderr is; some say nothing of it."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _WIDEST
    except (OSError, ValueError):
        return _WIDEST


@contextmanager
def errors_said(output: Output) -> Iterator[None]:
    """Say what ends a command in a line or two, and exit with its status."""
    try:
        yield
    except BulkPublisherError as error:
        say_error(output, error)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        # Before a run has begun, or in a command that only looks: nothing is left half done.
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Who read it has enough: not an error, and nothing more to say there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        output.complain(
            f"Error: {error.filename or 'the output'} can't be written: {error.strerror}."
        )
        sys.exit(1)


def say_error(output: Output, error: BulkPublisherError) -> None:
    """An error in a line or two: what is wrong, where, and what to do."""
    output.explain(f"Error: {error.message}", colour="red")
    if isinstance(error, BadSource):
        for problem in error.problems:
            output.explain(problem, indent=2)
    if error.hint:
        output.explain(error.hint)


def says_errors(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """A command whose errors are said by ``errors_said``."""

    @wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with errors_said(click.get_current_context().obj):
            return command(*args, **kwargs)

    return wrapped


def name_for_commands(path: Path) -> str:
    """How a run's folder is named in a command that can be copied: by its ID where that is found."""
    runs = Path(os.environ.get("BULK_PUBLISHER_RUNS") or "runs")
    return path.name if path.parent in {runs, runs.resolve()} else shlex.quote(str(path))


def path_from_here(path: Path) -> str:
    """How a file is named in a command that can be copied: from the current folder where that is short."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
