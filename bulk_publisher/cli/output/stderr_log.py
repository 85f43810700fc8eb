"""The log on stderr, as far as ``-v`` asks for it: the one thing of it that is the whole process's."""

import logging
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from bulk_publisher.cli.output.misplaced import of_environment
from bulk_publisher.log import EventDict, log, show_by
from bulk_publisher.operations import crash
from bulk_publisher.text.escaping import json_text, printable

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

_LEVELS = {0: logging.CRITICAL, 1: logging.INFO, 2: logging.DEBUG}
"""What goes to stderr, by how often ``-v`` was given."""
_LEVEL_OF = logging.getLevelNamesMapping()

Render = Callable[[EventDict], str]
Write = Callable[[str], object]


def to_stderr(line: str) -> None:
    """*line*, to the stream of that moment: while a screen is drawn, it is another."""
    sys.stderr.write(line)


def configure_log(
    *, verbosity: int, is_json: bool, has_colour: bool, write: Write = to_stderr
) -> None:
    """Say once how much of the log goes to stderr, in which form, and by what it is written there."""
    least = _LEVELS.get(min(verbosity, 2), logging.CRITICAL)
    render: Render = json_text if is_json else _console(has_colour=has_colour)

    redactor = of_environment()

    def show(event: EventDict) -> None:
        if _LEVEL_OF[event["level"].upper()] >= least:
            # What is told outside a run no credential has looked through.
            write(f"{render(redactor.value(event))}\n")

    show_by(show)
    # The same one again is not added twice.
    logging.getLogger().addHandler(_libraries)


def _console(*, has_colour: bool) -> Render:
    """For people: with texts of others in it that a terminal can show as they are."""

    def rendered(event: EventDict) -> str:
        render = _renderer(has_colour=has_colour)
        return str(render(None, "", {name: _shown(value) for name, value in event.items()}))

    return rendered


@cache
def _renderer(*, has_colour: bool) -> "ConsoleRenderer":
    # Mostly nothing is shown, and it takes as long to load as a short command does.
    from structlog.dev import ConsoleRenderer

    return ConsoleRenderer(colors=has_colour)


def _shown(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    # What is no text is shown by its repr, which escapes what can't be seen.
    return value


class _Libraries(logging.Handler):
    """What libraries have to say goes to the log as well, and to stderr only as far as that does."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = {} if error is None else {"traceback": crash.traceback_of(error)}
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say("library.said", logger=record.name, text=crash.redacted(record.getMessage()), **told)


_libraries = _Libraries(logging.WARNING)
