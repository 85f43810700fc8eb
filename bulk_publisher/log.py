"""Where events go: into the log of the run that they belong to, and to stderr as far as asked for.

Rules: a run binds its log in the context that its tasks inherit, so that two runs in one loop share
nothing. What happens in no run has no log. The one thing that is the whole process's, whether stderr
is told too, is for the command line to say, once.

How it works: ``log`` makes a mapping of each event and hands it on, which takes no library: structlog takes
longer to load than a short command does. It shows events to people (``cli``). How the program around has
configured structlog or logging changes nothing of a run's log, and is not changed by it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from bulk_publisher.clock import Clock
from bulk_publisher.text.escaping import json_text
from bulk_publisher.text.redaction import Redactor
from bulk_publisher.utc import as_utc

EventDict = dict[str, Any]
"""An event: its fields, then what it is called (``event``) and its level (``level``)."""
Show = Callable[[EventDict], None]
"""Shows an event, which names its level."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class LineSink(Protocol):
    """Where a run's log goes; a store has it."""

    def write(self, line: bytes) -> None:
        """One more line, with its newline; in the loop, and soon done.

        Raises:
            OSError: If it can't be kept. The journal decides whether the run goes on, and no log.
        """
        ...

    def close(self) -> None:
        """Write no more."""
        ...


class RunLog:
    """The log of one run. Invariant: what its credential keeps secret is in no event of it."""

    def __init__(
        self,
        redactor: Redactor,
        *,
        clock: Clock | None = None,
        sink: LineSink | None = None,
        fields: Mapping[str, str] = _NOTHING,
    ) -> None:
        """Nothing is told yet.

        Args:
            redactor: The credential's.
            clock: Says when an event was; None where that is not told.
            sink: Takes the lines, and is closed by ``close``; None where nothing keeps them.
            fields: Stand in every event.
        """
        self.redactor = redactor
        self._clock = clock
        self._sink = sink
        self._fields = fields

    def told(self, event: Mapping[str, object]) -> EventDict:
        """*event* as it is told: when, in which run, without the secret."""
        moment = {} if self._clock is None else {"time": as_utc(self._clock.epoch())}
        without = {name: self.redactor.value(value) for name, value in event.items()}
        return {**moment, **self._fields, **without}

    def append(self, event: EventDict) -> bool:
        """Write *event*, as it was told; whether it is kept."""
        if self._sink is None:
            return False
        try:
            self._sink.write(f"{json_text(event)}\n".encode("utf-8", "replace"))
        except OSError:
            # The journal decides whether the run can go on; a log that can't be written does not.
            self.close()
            return False
        return True

    def close(self) -> None:
        """Write no more: who still has this log in its context writes into no other's."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None


_bound: ContextVar[RunLog | None] = ContextVar("run_log", default=None)


class _Stderr:
    """How events are shown beside; what only the command line says."""

    show: ClassVar[Show | None] = None


def bound_log() -> RunLog | None:
    """The log of the run that this is part of; None for none."""
    return _bound.get()


@contextmanager
def bound(run_log: RunLog) -> Iterator[None]:
    """Tell *run_log* what happens in this block, and in the tasks that begin in it.

    It is left in the task that entered it.
    """
    token = _bound.set(run_log)
    try:
        yield
    finally:
        _bound.reset(token)


def show_by(show: Show | None) -> None:
    """Show every event of this process by *show* as well; None for none of them."""
    _Stderr.show = show


def _tell(level: str, event: str, fields: Mapping[str, object]) -> None:
    told: EventDict = {**fields, "event": event, "level": level}
    run_log = _bound.get()
    if run_log is not None:
        told = run_log.told(told)
        run_log.append(told)
    if _Stderr.show is not None:
        _Stderr.show(told)


class _Log:
    """What every room tells its events to: ``room.event`` in the past tense, and fields."""

    def debug(self, event: str, /, **fields: object) -> None:
        """Each request."""
        _tell("debug", event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """A change of state."""
        _tell("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """A refusal or a retry."""
        _tell("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """A fault of our own making."""
        _tell("error", event, fields)


log = _Log()
