"""The log: events as lines of JSON in the run's folder, and on stderr as far as asked for.

No secret is in them: it is taken out of every value, wherever that came from.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from structlog.typing import EventDict, Processor

from bulk_publisher.clock import Clock, as_utc
from bulk_publisher.journal.files import open_own
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.portal.redaction import Redactor

_LEVELS = {0: logging.CRITICAL, 1: logging.INFO, 2: logging.DEBUG}
"""What goes to stderr, by how often ``-v`` was given."""
_LEVEL_OF = logging.getLevelNamesMapping()

Render = Callable[[object, str, EventDict], object]


class _FanOut:
    """The last processor: an event goes to the file, if there is one, and to stderr if wanted."""

    def __init__(self) -> None:
        self.file: int | None = None
        self.redactor: Redactor | None = None
        self.clock: Clock | None = None
        self.stderr_level = logging.CRITICAL
        self.render: Render = _json

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        if self.clock is not None:
            event = {"time": as_utc(self.clock.epoch()), **event}
        if self.redactor is not None:
            event = {key: self._redacted(value) for key, value in event.items()}
        if self.file is not None:
            self._append(self.file, self._rendered(_json, method, event))
        if _LEVEL_OF[method.upper()] >= self.stderr_level:
            sys.stderr.write(self._rendered(self.render, method, event))
        raise structlog.DropEvent

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


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)


def _json(_logger: object, _method: str, event: EventDict) -> str:
    return _ENCODER.encode(event)


_fan_out = _FanOut()
_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _fan_out,
]


def configure_log(*, verbosity: int, is_json: bool, has_colour: bool) -> None:
    """Say once how much of the log goes to stderr, and in which form."""
    _fan_out.stderr_level = _LEVELS.get(min(verbosity, 2), logging.CRITICAL)
    _fan_out.render = _json if is_json else structlog.dev.ConsoleRenderer(colors=has_colour)
    structlog.configure(processors=_PROCESSORS, cache_logger_on_first_use=True)


@contextmanager
def log_to(path: Path, webhook: Webhook, clock: Clock, *, run: str) -> Iterator[None]:
    """Write every event of this run to *path*, a line each, as long as the disk takes them."""
    try:
        file = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        file = None
    _fan_out.file, _fan_out.redactor, _fan_out.clock = file, webhook.redactor, clock
    try:
        with structlog.contextvars.bound_contextvars(run=run, portal=webhook.host):
            yield
    finally:
        _fan_out.file, _fan_out.clock = None, None
        if file is not None:
            os.close(file)
