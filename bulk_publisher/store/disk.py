"""The disk beside the loop: what is written is on disk when the wait for it is over.

To force a line to disk takes milliseconds, in which the loop answers and sends. So files are
written in threads of their own, and what comes while a group is written is the next group.
"""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Generic, TypeVar

from bulk_publisher.errors import JournalLost
from bulk_publisher.store.closing import Closing

T = TypeVar("T")

_FILES = 2
"""Written at once: the journal, and the note of what leaves."""


def _nothing() -> None:
    """Files need no telling: they are written, or fail."""


def _look_at(done: "asyncio.Future[object]") -> None:
    if not done.cancelled():
        done.exception()


class Disk(Closing):
    """Does what waits for the disk. A context manager: its threads end with it."""

    def __init__(self, give_up: Callable[[], None] = _nothing) -> None:
        """Its threads begin when they are needed.

        Args:
            give_up: Called when a task that waits is cancelled, from the loop: what is done for it ends soon.
        """
        self._threads = ThreadPoolExecutor(_FILES, "disk")
        self._give_up = give_up

    async def do(self, work: Callable[[], object]) -> None:
        """Return when *work* is done; where the waiting task is cancelled, not before that either.

        Whoever is cancelled leaves, and is not told whether it was done.

        Raises:
            JournalLost: If *work* does.
        """
        # What it has to tell belongs into the log of the run that asks.
        handed_over = self._threads.submit(contextvars.copy_context().run, work)
        # The shield keeps a cancelled wait from taking work back that no thread has begun.
        done = asyncio.wrap_future(handed_over)
        waited_for = asyncio.shield(done)
        try:
            await waited_for
        except asyncio.CancelledError:
            # Whoever leaves is not told of a failure, and the loop is not to ask who was.
            done.add_done_callback(_look_at)
            self._give_up()
            wait([handed_over])
            raise

    def close(self) -> None:
        """Let what is begun end, and begin no more."""
        self._threads.shutdown()


class Groups(Generic[T]):
    """Writes what several tasks hand over, as much at once as has come while it wrote."""

    def __init__(self, disk: Disk, write: Callable[[Sequence[T]], None]) -> None:
        self._disk = disk
        self._write = write
        self._next: list[T] = []
        self._number = 0
        self._lost: JournalLost | None = None
        self._turn = asyncio.Lock()

    async def add(self, items: Sequence[T]) -> None:
        """Return when *items* are on disk.

        Raises:
            JournalLost: If they are not, or if that was so for an earlier group.
        """
        self._next.extend(items)
        await self.wait()

    async def wait(self) -> None:
        """Return when all that was added before is on disk.

        Raises:
            JournalLost: If it is not.
        """
        number = self._number
        async with self._turn:
            if self._next and self._lost is None and number == self._number:
                await self._write_next()
        if self._lost is not None:
            raise self._lost

    async def _write_next(self) -> None:
        group, self._next = self._next, []
        self._number += 1
        try:
            await self._disk.do(partial(self._write, group))
        except JournalLost as error:
            self._lost = error
