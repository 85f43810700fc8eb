"""The one writer: outcomes go to the sink in groups; what has come since the last one is the next.

An outcome counts, and the observer is told, when it is on disk. Once the journal is lost nothing
more is written: what is answered from then on has no line, and is done again by a resume.
"""

import asyncio
from collections.abc import Callable, Sequence

from bulk_publisher.clock import Clock, wait_until
from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Mono, Outcome
from bulk_publisher.runner.ports import Observer, Sink

_REST = 0.05
"""Seconds between two groups: to force one to disk costs as much as to settle dozens of pages."""


class Recorder:
    """Writes what it is handed, until it is told that there is no more."""

    def __init__(
        self,
        sink: Sink,
        observer: Observer,
        on_lost: Callable[[JournalLost], None],
        *,
        clock: Clock,
    ) -> None:
        """Nothing is to be written yet.

        Args:
            on_lost: Told, once, that the journal can't be written any more.
        """
        self._sink = sink
        self._observer = observer
        self._on_lost = on_lost
        self._clock = clock
        self._waiting: list[Outcome] = []
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_over = False
        self._is_lost = False

    def hand_on(self, outcomes: Sequence[Outcome]) -> None:
        """These are settled, and to be written."""
        self._waiting.extend(outcomes)
        self._changed.set()

    def end(self) -> None:
        """No more will come."""
        self._is_over = True
        self._changed.set()
        self._ended.set()

    async def record(self) -> None:
        """Write until the end."""
        try:
            while not self._is_over:
                await self._changed.wait()
                self._changed.clear()
                await self._write()
                await wait_until(self._clock, self._ended, Mono(self._clock.now() + _REST))
        finally:
            # Whoever leaves at once still writes what is answered.
            await self._write()

    async def _write(self) -> None:
        outcomes, self._waiting = self._waiting, []
        if not outcomes or self._is_lost:
            return
        try:
            await self._sink.append(outcomes)
        except JournalLost as error:
            self._is_lost = True
            self._on_lost(error)
            return
        self._observer.on_settled(outcomes)
