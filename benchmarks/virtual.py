"""Hours in seconds: a loop of virtual time, and what else must keep to it."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import Any, TypeVar

T = TypeVar("T")

_MICROSECONDS = 1_000_000
_LOOKS = 5
"""At the sockets, before time moves on: what is sent to this machine is there at once, or almost."""


class AtOnce(Executor):
    """No thread: virtual time would not wait for one."""

    def __init__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done


def patches() -> dict[str, object]:
    """What is to stand where, while a loop of virtual time runs: by dotted name."""
    return {
        # It reads a clock of its own: here it reads the loop's, as all others do.
        "asyncio_throttle.throttler.time": SimpleNamespace(
            monotonic=lambda: asyncio.get_running_loop().time()
        ),
        "bulk_publisher.store.disk.ThreadPoolExecutor": AtOnce,
    }


class _Waits(selectors.DefaultSelector):
    """Moves the time on where a loop would wait for it; only what comes from outside is waited for.

    Attributes:
        now: Seconds, in whole microseconds: sums of fractions would go astray.
        threads: Calls that threads have not answered yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        self._moved = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.threads:
            # Nothing in the loop can go on: a socket of another process, or a thread, must.
            ready = super().select(timeout)
        else:
            for _ in range(_LOOKS):
                if ready := super().select(0):
                    break
        if not ready and timeout is not None:
            # Less than a microsecond is one, or the loop would ask for ever.
            self._moved += max(1, round(timeout * _MICROSECONDS))
            self.now = self._moved / _MICROSECONDS
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time begins at 0, and goes on when nothing is left to be done before the next timer."""

    def __init__(self) -> None:
        """It has not begun."""
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self) -> float:
        """Seconds since it began."""
        return self._waits.now

    def run_in_executor(  # type: ignore[override]  # the loop's own are generic in ways that say no more
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """As any loop; while a thread is at work, time goes no faster than it does outside."""
        answer = super().run_in_executor(executor, func, *args)
        self._waits.threads += 1
        answer.add_done_callback(self._answered)
        return answer

    def _answered(self, _: object) -> None:
        self._waits.threads -= 1


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of virtual time, which begins at 0."""
    return VirtualLoop()
