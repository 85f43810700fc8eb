"""Runs that an assistant has begun. They outlive the call: who stops waiting for one stops it in order."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from bulk_publisher.operations.afterwards import Afterwards
from bulk_publisher.operations.publishing import Started

T = TypeVar("T")


class Stopping:
    """How one run is asked to end."""

    def __init__(self) -> None:
        """It has not begun."""
        self.is_asked = False
        self._started: Started | None = None
        self._afterwards: Afterwards | None = None

    def starts(self, started: Started) -> None:
        """It has begun, or a run that follows it."""
        self._started = started
        if self.is_asked:
            started.engine.drain()

    def comes_after(self, afterwards: Afterwards) -> None:
        """It has ended, and this is seen to."""
        self._afterwards = afterwards

    def drain(self) -> bool:
        """Let what is in flight end, as the first Ctrl-C does; whether anything can have left."""
        self.is_asked = True
        if self._started is not None:
            self._started.engine.drain()
        if self._afterwards is not None:
            self._afterwards.drain()
        return self._started is not None


class Underway:
    """The runs that go on. Invariant: all have ended, in order, when its block is left."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: dict[asyncio.Task[None], Stopping] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drain()
        # Who is cancelled himself does not wait for what is in flight.
        if isinstance(error, asyncio.CancelledError):
            await self._group.__aexit__(kind, error, trace)
        else:
            await self._group.__aexit__(None, None, None)

    def drain(self) -> None:
        """Ask all of them to end."""
        for task, stopping in tuple(self._tasks.items()):
            _end(task, stopping)

    async def wait_for(self, work: Callable[[Stopping], Coroutine[Any, Any, T]]) -> T:
        """What *work* gives. Whoever is cancelled while waiting asks it to end, and leaves it to that."""
        stopping = Stopping()
        came: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(_carried(work(stopping), came))
        self._tasks[task] = stopping
        task.add_done_callback(self._tasks.pop)
        try:
            return await asyncio.shield(came)
        except asyncio.CancelledError:
            _end(task, stopping)
            raise


async def _carried(work: Coroutine[Any, Any, T], came: asyncio.Future[T]) -> None:
    """Hand on what *work* gives, or how it fails: that ends nothing else."""
    try:
        came.set_result(await work)
    except Exception as error:  # noqa: BLE001 - whoever waits is told
        came.set_exception(error)
        # Nobody may be left who waits.
        came.exception()
    finally:
        if not came.done():
            came.cancel()


def _end(task: asyncio.Task[None], stopping: Stopping) -> None:
    """Nothing has left of a run that has not begun: the portal may not answer for minutes."""
    if not stopping.drain():
        task.cancel()
