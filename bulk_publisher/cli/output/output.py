"""Where words go: data to stdout, everything else to stderr.

Where a program reads stderr - ``--progress json``, ``--log-format json`` - each word there is a line of
JSON with its ``event``.
"""

import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from bulk_publisher.cli.output.alphabet import encoded, shown_by
from bulk_publisher.cli.output.misplaced import hidden
from bulk_publisher.cli.output.streams import PATIENCE, Data, ReaderGone, Words, utf8_file
from bulk_publisher.errors import BadSetting
from bulk_publisher.text.escaping import json_text, legible

_WIDEST = 80
"""Columns that a sentence takes at most, however wide the terminal is: lines beyond tire the eye."""
_EVENTS = {"red": "error", "yellow": "warning"}
"""What a word is, by the colour that it has for people."""


@dataclass(frozen=True, slots=True)
class Output:
    """How much is said, and how.

    Attributes:
        verbosity: -1 quiet, 0 as usual, 1 and 2 more.
        progress: What is shown of a run that goes on: auto, json or none.
        metrics_port: Where Prometheus may read the run's numbers; None for nowhere.
        metrics_file: Where the node exporter finds how it ended; None for nowhere.
        leaves_report: Whether a run leaves a report in its folder.
    """

    verbosity: int
    log_format: str
    is_plain: bool
    progress: str = "auto"
    metrics_port: int | None = None
    metrics_file: Path | None = None
    leaves_report: bool = True

    @property
    def has_colour(self) -> bool:
        """Whether stderr takes colours."""
        return sys.stderr.isatty() and self.may_colour

    @property
    def is_json(self) -> bool:
        """Whether a program reads stderr: nothing but lines of JSON go there."""
        return "json" in {self.log_format, self.progress}

    @property
    def is_terse(self) -> bool:
        """Whether of a run one line is said in all, and that only where it did not end well."""
        return self.verbosity < 0 and not self.is_json

    @property
    def may_colour(self) -> bool:
        """Whether colours are wanted at all; whether stdout takes them is another question."""
        return not self.is_plain and not os.environ.get("NO_COLOR")

    @property
    def colours_stdout(self) -> bool:
        """Whether stdout takes colours."""
        return sys.stdout.isatty() and self.may_colour

    @property
    def is_terminal(self) -> bool:
        """Whether stderr is a terminal that can be redrawn."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def open_log(self) -> None:
        """Say once how much of the log goes to stderr, and in which form."""
        from bulk_publisher.cli.output.stderr_log import configure_log, to_stderr

        configure_log(
            verbosity=self.verbosity,
            is_json=self.is_json,
            has_colour=self.has_colour,
            write=_put_line if self.is_json else to_stderr,
        )

    def put(self, line: str = "") -> None:
        """A line of what was asked for, on stdout.

        Raises:
            BadSetting: If it can't be written.
        """
        _stdout().put(_encoded_line(legible(line)))

    def put_data(self, text: str) -> None:
        """Something for programs on stdout: UTF-8, whatever the locale.

        Raises:
            BadSetting: If it can't be written.
        """
        _stdout().put(encoded(text, "utf-8"))

    def put_json(self, data: Any) -> None:
        """*data* on stdout as JSON.

        Raises:
            BadSetting: If it can't be written.
        """
        self.put_data(f"{json_text(data, indent=2)}\n")

    @contextmanager
    def data_file(self) -> Iterator[TextIO]:
        """A file that stands for stdout, for ``put_data`` in many small pieces."""
        file = utf8_file(_stdout())
        yield file
        file.flush()

    def tell(self, lines: Iterable[str], *, is_styled: bool = False) -> None:
        """How something has ended, on stdout. That it can't be said there does not change how.

        Args:
            is_styled: The lines have their colours, and nothing else that can't be seen.
        """
        stdout = _stdout()
        with suppress(ReaderGone, BadSetting):
            for line in lines:
                text = line if is_styled else legible(line)
                stdout.put(_encoded_line(text), patience=PATIENCE)

    def say(self, text: str, *, colour: str | None = None, event: str | None = None) -> None:
        """A line on stderr, unless quiet."""
        if self.verbosity >= 0:
            self.complain(text, colour=colour, event=event)

    def complain(self, text: str, *, colour: str | None = None, event: str | None = None) -> None:
        """A line on stderr, always; no secret is in it, whatever it repeats.

        Args:
            event: What it is for programs; by default as its colour says.
        """
        if self.is_json:
            self.event(event or _EVENTS.get(colour or "", "info"), text=text)
            return
        text = shown_by(sys.stderr, legible(hidden(text)))
        sys.stderr.write(f"{click.style(text, fg=colour) if self.has_colour else text}\n")

    def warn(self, text: str) -> None:
        """Sentences that somebody should know now."""
        self.explain(text, colour="yellow")

    def event(self, name: str, **fields: Any) -> None:
        """A line of JSON on stderr; empty ones say nothing."""
        if fields.get("text") != "":
            told = {
                key: hidden(one) if isinstance(one, str) else one for key, one in fields.items()
            }
            _put_line(json_text({"event": name, **told}))

    def explain(
        self, text: str, *, colour: str | None = None, indent: int = 0, event: str | None = None
    ) -> None:
        """Sentences on stderr, always; at a terminal in lines that fit it, in a pipe as they are."""
        if self.is_json:
            self.complain(text, colour=colour, event=event)
            return
        margin = " " * indent
        lines = [f"{margin}{line}" for line in text.split("\n")]
        if sys.stderr.isatty():
            lines = [
                part
                for line in lines
                for part in _wrapped(shown_by(sys.stderr, line), f"{margin}  ")
            ]
        self.complain("\n".join(lines), colour=colour)

    def ask(self, question: str) -> bool:
        """Ask on stderr; whether the answer on stdin is a yes. No answer is none.

        Raises:
            KeyboardInterrupt: If Ctrl-C is the answer.
        """
        if self.is_json:
            self.event("question", text=question)
        else:
            sys.stderr.write(shown_by(sys.stderr, f"{legible(question)} [y/N]: "))
        self.drain()
        try:
            answer = sys.stdin.readline()
        except (OSError, ValueError):
            answer = ""
        except KeyboardInterrupt:
            self._leave_question()
            raise
        if not answer.endswith("\n"):
            self._leave_question()
        return answer.strip().casefold() in {"y", "yes"}

    def ask_secret(self, question: str) -> str:
        """Ask on the terminal for what must not be seen there; what is typed is not shown.

        Raises:
            KeyboardInterrupt: If Ctrl-C is the answer, or there is none.
        """
        import getpass

        self.drain()
        try:
            return getpass.getpass(f"{question}: ").strip()
        except KeyboardInterrupt:
            self._leave_question()
            raise
        except EOFError as error:
            self._leave_question()
            raise KeyboardInterrupt from error

    def _leave_question(self) -> None:
        """End the line of a question that nobody has ended with Return."""
        if not self.is_json:
            sys.stderr.write("\n")

    def drain(self) -> None:
        """Wait a little for what was said to be read."""
        # While a screen is drawn, rich stands before it.
        stderr: object = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        if isinstance(stderr, Words):
            stderr.drain(PATIENCE)


def _encoded_line(text: str) -> bytes:
    return encoded(f"{text}\n", getattr(sys.stdout, "encoding", None) or "utf-8")


def _stdout() -> Data:
    stdout: object = sys.stdout
    return stdout if isinstance(stdout, Data) else Data(sys.stdout)


def _put_line(line: str) -> None:
    """A line of JSON on stderr."""
    stderr: object = sys.stderr
    line = line.rstrip("\n")
    if isinstance(stderr, Words):
        stderr.put_line(line)
    else:
        sys.stderr.write(f"{line}\n")


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
