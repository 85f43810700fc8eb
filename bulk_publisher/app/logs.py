"""The run's log: events as lines of JSON, without a secret in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from bulk_publisher.portal.credentials import Webhook

_HIDDEN = "***"


@contextmanager
def log_to(path: Path, webhook: Webhook, *, run: str) -> Iterator[None]:
    """Write every event of this run to *path*, a line each."""
    with path.open("a", encoding="utf-8", buffering=1) as file:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _Redaction(webhook.secret),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=False,
        )
        with structlog.contextvars.bound_contextvars(run=run, portal=webhook.host):
            try:
                yield
            finally:
                structlog.reset_defaults()


class _Redaction:
    """A processor that takes the secret out of every text."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(
        self, _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        return {
            name: value.replace(self._secret, _HIDDEN) if isinstance(value, str) else value
            for name, value in event.items()
        }
