"""Hours in seconds: a loop of virtual time, and what else must keep to it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import Any, TypeVar

import looptime

T = TypeVar("T")


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


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of virtual time, which begins at 0."""
    # Looks at the sockets before time moves on. What is sent to this machine is there at once, and each
    # look that finds something begins the count anew.
    return looptime.new_event_loop(start=0, noop_cycles=10)
