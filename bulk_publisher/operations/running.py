"""A run in the hand: its outcomes one by one, how it stands, its end, and its result.

It joins a run to its client and to where it is kept; nothing else here knows how runs are kept.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bulk_publisher.client.client import Client
from bulk_publisher.engine.events import Event, Warned, Watcher
from bulk_publisher.errors import StoppedByPortal
from bulk_publisher.model import Outcome, Status
from bulk_publisher.operations.publishing import Finished, OnStart, Started


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        id: The run's; empty where there was nothing to begin one for.
        counts: Its pages by status, those of earlier processes included.
        is_whole: Every page of the selection is settled; otherwise the rest is for ``resume``.
        seconds: At work, all processes together.
    """

    id: str
    counts: Mapping[Status, int]
    is_whole: bool
    seconds: float

    @property
    def pages(self) -> int:
        """Pages that are settled."""
        return sum(self.counts.values())

    @property
    def is_good(self) -> bool:
        """Whether every page is settled well: what ends a command with 0."""
        return self.is_whole and all(status.is_good for status, n in self.counts.items() if n)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How a run stands.

    Attributes:
        id: The run's; empty before it has begun.
        total: Pages in all; None where nobody knows yet.
        counts: Settled pages by status, those of earlier processes included.
        seconds: At work.
        seconds_left: Until it will have ended; None where nobody can tell.
        waiting: Why nothing leaves just now; empty where something does.
        is_over: Whether it has ended.
    """

    id: str
    total: int | None
    counts: Mapping[Status, int]
    seconds: float
    seconds_left: float | None
    waiting: str
    is_over: bool

    @property
    def pages(self) -> int:
        """Pages that are settled."""
        return sum(self.counts.values())


class Operation(Protocol):
    """What a run is to do, once it is begun; a result where there is nothing to do."""

    def __call__(
        self, *, watch: Watcher, on_start: OnStart
    ) -> Coroutine[Any, Any, Finished | Result]: ...


class Run:
    """A run, which begins when its outcomes or its result are first asked for.

    Iterate it for its outcomes, each as soon as it is settled for good; who is slow to take them
    holds the run up. Leaving the loop early stops the run in order. Await it for its result. What
    ends it early is raised after the outcomes, and where it is awaited.
    """

    def __init__(self, client: Client, work: Operation) -> None:
        """Nothing is done yet."""
        self._client = client
        self._work = work
        self._warnings: list[str] = []
        self._is_begun = self._is_to_stop = self._is_taken = self._is_told = False
        self._has_started = asyncio.Event()
        self._is_over = asyncio.Event()
        self._started: Started | None = None
        self._result: Result | None = None
        self._error: Exception | None = None

    @property
    def id(self) -> str:
        """The run's id, by which it is resumed; empty before it has begun."""
        if self._result is not None:
            return self._result.id
        return "" if self._started is None else self._started.kept.run_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of it, so far."""
        return tuple(self._warnings)

    def __repr__(self) -> str:
        return f"<Run {self.id or 'that has not begun'} on {self._client.credential.host}>"

    def __aiter__(self) -> AsyncGenerator[Outcome, None]:  # noqa: PYI058 - it can be closed
        """Its outcomes from now on, until it is over; each is given to one taker, once.

        Raises:
            BulkPublisherError: After the outcomes, what ended it early.
        """
        return self._outcomes()

    async def _outcomes(self) -> AsyncGenerator[Outcome, None]:
        self._is_taken, are_all_taken = True, False
        try:
            self._begin()
            await self._has_started.wait()
            if self._started is not None:
                self._started.engine.outcomes.open()
                async for outcome in self._started.engine.outcomes:
                    yield outcome
            await self._is_over.wait()
            are_all_taken = True
        finally:
            if not are_all_taken:
                self.stop()
                if self._started is not None:
                    self._started.engine.outcomes.close()
        self._tell()

    def __await__(self) -> Generator[Any, None, Result]:
        """Its result; whoever is cancelled while he waits stops the run in order.

        Raises:
            BulkPublisherError: What ended it early.
        """
        return self._wait().__await__()

    async def _wait(self) -> Result:
        self._begin()
        try:
            await self._is_over.wait()
        except asyncio.CancelledError:
            self.stop()
            raise
        return self._tell()

    def stop(self) -> None:
        """Send no more pages, let what is in flight end and be recorded, and end."""
        self._is_to_stop = True
        if self._started is not None and not self._is_over.is_set():
            self._started.engine.drain()

    def untold(self) -> Exception | None:
        """What it ended with, where nobody was told of it."""
        return None if self._is_told else self._error

    def progress(self) -> RunProgress:
        """How it stands now."""
        if self._started is None or self._result is not None:
            result = self._result or Result("", {}, is_whole=False, seconds=0.0)
            return RunProgress(
                result.id,
                self._total,
                result.counts,
                result.seconds,
                None,
                "",
                self._is_over.is_set(),
            )
        snapshot = self._started.watcher.snapshot()
        away = None if snapshot.arrives_at is None else snapshot.arrives_at - snapshot.time
        return RunProgress(
            id=snapshot.run,
            total=snapshot.total,
            counts={Status(status): count for status, count in snapshot.counts.items()},
            seconds=snapshot.seconds,
            seconds_left=away,
            waiting="" if snapshot.waiting is None else snapshot.waiting.because,
            is_over=self._is_over.is_set(),
        )

    @property
    def _total(self) -> int | None:
        return None if self._started is None else self._started.count.total

    def _begin(self) -> None:
        if not self._is_begun:
            self._client.begin(self, self._do())
            self._is_begun = True

    async def _do(self) -> None:
        try:
            if self._is_to_stop:
                self._result = Result("", {}, is_whole=False, seconds=0.0)
                return
            finished = await self._work(watch=self._watch, on_start=self._on_start)
            if isinstance(finished, Finished):
                self._result = _result_of(finished)
                self._error = _what_ended(finished)
            else:
                self._result = finished
        except asyncio.CancelledError:
            self._error = RuntimeError("the run was stopped at once: resume it for the rest")
            self._is_told = True
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._error = error
        finally:
            self._is_over.set()
            self._has_started.set()

    def _watch(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warnings.append(event.text)

    def _on_start(self, started: Started) -> None:
        self._started = started
        if self._is_taken:
            started.engine.outcomes.open()
        if self._is_to_stop:
            self.stop()
        self._has_started.set()

    def _tell(self) -> Result:
        self._is_told = True
        if self._error is not None or self._result is None:
            raise self._error or RuntimeError("the run has not ended")
        return self._result


def _result_of(finished: Finished) -> Result:
    ending = finished.ending
    counts = dict(finished.totals.counts)
    return Result(finished.kept.run_id, counts, ending.is_whole, ending.seconds)


def _what_ended(finished: Finished) -> Exception | None:
    """What the command line would end with 2 to 5 for."""
    ending = finished.ending
    if ending.is_whole or ending.error is not None or ending.is_interrupted:
        return None if ending.is_whole else ending.error
    sites = ", ".join(f"{stop.site} ({stop.fault.code})" for stop in ending.stopped_sites)
    hint = ending.stopped_sites[0].fault.hint if ending.stopped_sites else ""
    return StoppedByPortal(f"Sites were stopped: {sites}.", hint)
