"""PHP's workers: how many requests are worked on at once, how slowly, and until when.

It waits, and knows no HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import cast

from bulk_publisher.sandbox.handling import Handling
from bulk_publisher.sandbox.portal import Answer
from bulk_publisher.sandbox.scenario import Scenario

Clock = Callable[[], float]


class Gone(Exception):
    """The connection, and the PHP process behind it, are no more."""


class Workers:
    """All of PHP.

    Attributes:
        busy: Requests that are being worked on, or wait for a worker.
    """

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.busy = 0
        self.now = clock
        self.generation = 0
        self._scenario = scenario
        self._free = asyncio.Semaphore(scenario.php_workers)

    def kill(self) -> None:
        """A deploy: whatever is being worked on stops where it is."""
        self.generation += 1

    def slowdown(self) -> float:
        """By how much work takes longer than it should, as more than half of PHP is busy."""
        load = self.busy / self._scenario.php_workers
        return 1.0 + self._scenario.overload * max(0.0, 2.0 * load - 1.0)

    @asynccontextmanager
    async def work(self, handling: Handling, until: float) -> AsyncIterator["Work"]:
        """A worker for one request, as soon as one is free, but not after *until*."""
        self.busy += 1
        work = Work(self, handling)
        try:
            if not await self._take(until):
                yield work
                return
            work.has_worker = True
            try:
                yield work
            finally:
                self._free.release()
        finally:
            self.busy -= 1

    async def _take(self, until: float) -> bool:
        if not self._free.locked():
            return await self._free.acquire()
        try:
            async with asyncio.timeout(max(0.0, until - self.now())):
                return await self._free.acquire()
        except TimeoutError:
            return False


class Work:
    """Waits out the work of one request.

    Attributes:
        has_worker: Without one, nothing is ever done.
    """

    def __init__(self, workers: Workers, handling: Handling) -> None:
        self.has_worker = False
        self._workers = workers
        self._handling = handling
        self._generation = workers.generation
        self._steps: Generator[float, float, Answer] = handling.steps()
        self._seconds: float | None = None

    async def on(self, until: float) -> Answer | None:
        """The answer, or None if the work is not over at *until*.

        Raises:
            Gone: A deploy has ended it.
        """
        if not self.has_worker:
            return None
        now = self._workers.now
        try:
            if self._seconds is None:
                self._handling.now = now()
                self._seconds = next(self._steps) * self._workers.slowdown()
            while True:
                left = max(0.0, until - now())
                if self._seconds > left:
                    await self._sleep(left)
                    self._seconds -= left
                    return None
                await self._sleep(self._seconds)
                self._seconds = self._steps.send(now()) * self._workers.slowdown()
        except StopIteration as done:
            return cast("Answer", done.value)

    def cut(self) -> None:
        """Ends the work where it is; what it has done and spent stays, and nobody hears of it."""
        self._handling.now = self._workers.now()
        self._steps.close()
        self._handling.lose_answer()

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)
        if self._generation != self._workers.generation:
            self.cut()
            raise Gone
