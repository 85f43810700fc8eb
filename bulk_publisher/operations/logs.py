"""The log: events as lines of JSON in the run's folder, and on stderr as far as asked for.

No secret is in them: it is taken out of every value, wherever that came from.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from structlog.typing import EventDict, Processor

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.operations import crash
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.store.files import open_own
from bulk_publisher.text.escaping import json_text, printable
from bulk_publisher.text.redaction import Redactor
from bulk_publisher.utc import as_utc

_LEVELS = {0: logging.CRITICAL, 1: logging.INFO, 2: logging.DEBUG}
"""What goes to stderr, by how often ``-v`` was given."""
_LEVEL_OF = logging.getLevelNamesMapping()

Render = Callable[[object, str, EventDict], object]
Write = Callable[[str], object]


class _FanOut:
    """The last processor: an event goes to the file, if there is one, and to stderr if wanted."""

    def __init__(self) -> None:
        self.file: int | None = None
        self.redactor: Redactor | None = None
        self.clock: Clock | None = None
        self.stderr_level = logging.CRITICAL
        self.render: Render = _json
        self.write: Write = _to_stderr

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        if self.clock is not None:
            event = {"time": as_utc(self.clock.epoch()), **event}
        if self.redactor is not None:
            event = {key: self._redacted(value) for key, value in event.items()}
        if self.file is not None:
            self._append(self.file, self._rendered(_json, method, event))
        if _LEVEL_OF[method.upper()] >= self.stderr_level:
            self.write(self._rendered(self.render, method, event))
        raise structlog.DropEvent

    def add_crash(self, error: Exception) -> bool:
        """A fault of ours to the file alone; whether it stands there. stderr gets a line of it at the end."""
        if self.file is None:
            return False
        moment = {} if self.clock is None else {"time": as_utc(self.clock.epoch())}
        event = {
            **moment,
            **structlog.contextvars.get_contextvars(),
            "event": "run.crashed",
            "level": "error",
            "error": crash.words_of(error),
            "traceback": crash.traceback_of(error),
        }
        self._append(self.file, self._rendered(_json, "error", event))
        return self.file is not None

    def _rendered(self, render: Render, method: str, event: EventDict) -> str:
        return f"{render(None, method, dict(event))}\n"

    def _redacted(self, value: object) -> object:
        """*value* without the secret; one that is no data as it would be written down."""
        if self.redactor is None or value is None or isinstance(value, int | float):
            return value
        is_data = isinstance(value, str | dict | list | tuple)
        return self.redactor.value(value if is_data else repr(value))

    def _append(self, file: int, line: str) -> None:
        try:
            os.write(file, line.encode("utf-8", "replace"))
        except OSError:
            # The journal decides whether the run can go on; a log that can't be written does not.
            self.file = None


def _json(_logger: object, _method: str, event: EventDict) -> str:
    return json_text(event)


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)


def _console(render: Render) -> Render:
    """*render*, with texts of others in it that a terminal can show as they are."""

    def rendered(logger: object, method: str, event: EventDict) -> object:
        return render(logger, method, {name: _shown(value) for name, value in event.items()})

    return rendered


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
        say = _log.error if record.levelno >= logging.ERROR else _log.warning
        say("library.said", logger=record.name, text=crash.redacted(record.getMessage()), **told)


_log = structlog.get_logger()
_libraries = _Libraries(logging.WARNING)
_fan_out = _FanOut()
_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _fan_out,
]


def configure_log(
    *, verbosity: int, is_json: bool, has_colour: bool, write: Write = _to_stderr
) -> None:
    """Say once how much of the log goes to stderr, in which form, and by what it is written there."""
    _fan_out.stderr_level = _LEVELS.get(min(verbosity, 2), logging.CRITICAL)
    _fan_out.render = (
        _json if is_json else _console(structlog.dev.ConsoleRenderer(colors=has_colour))
    )
    _fan_out.write = write
    structlog.configure(processors=_PROCESSORS, cache_logger_on_first_use=True)
    # The same one again is not added twice.
    logging.getLogger().addHandler(_libraries)


@contextmanager
def log_to(path: Path, webhook: Webhook, clock: Clock, *, run: str) -> Iterator[None]:
    """Write every event of this run to *path*, a line each, as long as the disk takes them."""
    try:
        file = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        file = None
    _fan_out.file, _fan_out.redactor, _fan_out.clock = file, webhook.redactor, clock
    crash.hide(webhook.redactor)
    try:
        with (
            structlog.contextvars.bound_contextvars(run=run, portal=webhook.host),
            _crashes_told(path),
        ):
            yield
    finally:
        _fan_out.file, _fan_out.clock = None, None
        if file is not None:
            os.close(file)


@contextmanager
def _crashes_told(path: Path) -> Iterator[None]:
    """A fault of ours stands in the log in *path* before it goes on its way."""
    try:
        yield
    except Exception as error:
        is_ours = not isinstance(crash.innermost(error), BulkPublisherError)
        if is_ours and _fan_out.add_crash(error):
            crash.is_logged(error, path)
        raise
