"""The loop around the core: it sends, writes, looks up and waits as the core says, and decides nothing.

How it works: one task drives the core. What takes time - a request, a group of lines, a look-up - is a
task of its own in one group, which tells the core when it has ended and wakes the driver. The source is
read by another task, which waits while the backlog is full. Whoever takes the outcomes one by one holds
the run up when he is slow: nothing leaves while too many of them wait for him.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from bulk_publisher.client.raw_portal import RawPortal
from bulk_publisher.client.turns import Turns
from bulk_publisher.clock import Clock, wait_until
from bulk_publisher.engine.core import (
    BACKLOG,
    Core,
    Effect,
    End,
    Ending,
    LookUp,
    RunSettings,
    Tell,
    Write,
)
from bulk_publisher.engine.events import (
    Event,
    PagesSettled,
    Refused,
    RequestLost,
    SiteStopped,
    UnlistedDone,
    WaitBegun,
    Watcher,
    watch_nothing,
)
from bulk_publisher.engine.outbox import pages_of
from bulk_publisher.engine.ports import Look, Sink
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.engine.requests import Request
from bulk_publisher.errors import BulkPublisherError, JournalLost, StoppedByPortal
from bulk_publisher.limits.decision import NEVER, Limit, Send, Stop, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.log import log
from bulk_publisher.model import Fault, Mono, Outcome, Page
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer
from bulk_publisher.store.sharing import Turn

_MOST_UNTAKEN = 1_000
"""Outcomes that may wait for who takes them before nothing more leaves."""


class Outflow:
    """Outcomes on their way to who takes them one by one; of no effect while nobody does."""

    def __init__(self, on_taken: Callable[[], None]) -> None:
        """Nobody takes any.

        Args:
            on_taken: Told when there is room again.
        """
        self._on_taken = on_taken
        self._outcomes: deque[Outcome] = deque()
        self._some = asyncio.Event()
        self._is_open = False
        self._is_over = False

    @property
    def is_full(self) -> bool:
        """Whether so many wait to be taken that nothing more should leave."""
        return len(self._outcomes) >= _MOST_UNTAKEN

    def open(self) -> None:
        """From now on somebody takes them."""
        self._is_open = True

    def close(self) -> None:
        """Nobody takes them any more."""
        self._is_open = False
        self._outcomes.clear()
        self._on_taken()

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """These are on disk."""
        if self._is_open:
            self._outcomes.extend(outcomes)
            self._some.set()

    def end(self) -> None:
        """No more will come."""
        self._is_over = True
        self._some.set()

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        """Each of them once, until the run is over."""
        while self._outcomes or not self._is_over:
            if not self._outcomes:
                self._some.clear()
                await self._some.wait()
                continue
            outcome = self._outcomes.popleft()
            if len(self._outcomes) == _MOST_UNTAKEN - 1:
                self._on_taken()
            yield outcome


class Engine:
    """Does one action to the pages of one source on one portal."""

    def __init__(
        self,
        settings: RunSettings,
        portal: RawPortal,
        governor: Governor,
        sink: Sink,
        *,
        clock: Clock,
        portal_clock: PortalClock,
        rng: random.Random,
        watch: Watcher = watch_nothing,
        look: Look | None = None,
        turn: Turn | None = None,
    ) -> None:
        """A run that has not begun.

        Args:
            watch: Told of each event.
            look: Asks the portal how pages are; None where it is not to be asked.
            turn: Among the runs of this machine that share the credential; None for no others.
        """
        self._portal = portal
        self._sink = sink
        self._clock = clock
        self._watch = watch
        self._look = look
        self._turns = Turns(turn, governor, clock)
        self._core = Core(
            settings,
            governor,
            portal_clock=portal_clock,
            basetime=clock.epoch() - clock.now(),
            rng=rng,
            can_look=look is not None,
        )
        self._changed, self._room = asyncio.Event(), asyncio.Event()
        self._is_page_wanted = True
        self._looking_up: asyncio.Task[None] | None = None
        self.outcomes = Outflow(self._changed.set)
        """The outcomes as they are settled, for who opens it."""

    async def execute(self, pages: AsyncIterator[Page]) -> Ending:
        """Run until every page is settled, or something ends it; never raises what ends a run."""
        began_at = self._clock.now()
        try:
            async with asyncio.TaskGroup() as group:
                source = group.create_task(self._read(pages))
                await self._drive(group)
                # Before the rest is left: another run need not wait for a look-up that nobody needs.
                self._turns.give()
                source.cancel()
                if self._looking_up is not None:
                    self._looking_up.cancel()
        finally:
            # Whoever leaves at once still writes what is answered.
            await self._write_rest()
            self.outcomes.end()
        return self._core.ending(seconds=self._clock.now() - began_at)

    def drain(self, error: BulkPublisherError | None = None) -> None:
        """Take no more pages, let what is in flight finish, and end.

        Args:
            error: What to end with; None for an interruption.
        """
        self._core.on_drain(error)
        self._wake()

    # the source

    async def _read(self, pages: AsyncIterator[Page]) -> None:
        error: BulkPublisherError | None = None
        try:
            room = BACKLOG
            async for page in pages:
                if not room:
                    room = await self._room_for_pages()
                room -= 1
                self._core.on_page(page, now=self._clock.now())
                if self._is_page_wanted or page.skip is not None:
                    self._changed.set()
        except BulkPublisherError as caught:
            error = caught
        self._core.on_source_ended(error)
        self._wake()

    async def _room_for_pages(self) -> int:
        """How many more pages the backlog takes, once it takes any."""
        while not self._core.room:
            self._room.clear()
            await self._room.wait()
        return self._core.room

    # the driver

    async def _drive(self, group: asyncio.TaskGroup) -> None:
        while True:
            now = self._clock.now()
            for effect in self._core.effects(now=now):
                self._carry_out(effect, group)
            step = self._core.next_step(now=now)
            if isinstance(step, End):
                return
            await self._take(step, group, now)

    def _carry_out(self, effect: Effect, group: asyncio.TaskGroup) -> None:
        match effect:
            case Tell(event=event):
                self._tell(event)
            case Write(outcomes=outcomes):
                group.create_task(self._write(outcomes))
            case LookUp(group=lost):
                self._looking_up = group.create_task(self._look_up(lost))

    async def _take(
        self, step: Send | WaitUntil | Stop, group: asyncio.TaskGroup, now: Mono
    ) -> None:
        match step:
            case Send():
                await self._send_in_turn(step, group, now)
            case WaitUntil():
                ahead = self._core.to_note(step, ahead=self._sink.ahead, now=now)
                if ahead:
                    group.create_task(self._note_ahead(ahead))
                self._turns.give_while(step, in_flight=self._core.in_flight)
                await self._wait(step)
            case Stop(because=because):
                self._core.on_given_up(because)

    async def _send_in_turn(self, send: Send, group: asyncio.TaskGroup, now: Mono) -> None:
        try:
            wait = self._obstacle()
        except StoppedByPortal as error:
            self._core.on_turn_lost(error)
            return
        if wait is None:
            group.create_task(self._send(self._core.leave(send, now=now)))
            self._room.set()
        else:
            # Who is slow to take the outcomes keeps no other run waiting.
            self._turns.give_while(wait, in_flight=self._core.in_flight)
            await self._wait(wait)

    def _obstacle(self) -> WaitUntil | None:
        """What keeps a request from leaving that the core knows nothing of."""
        if self.outcomes.is_full:
            return WaitUntil(NEVER, Limit.READER, "the program that takes the outcomes")
        return self._turns.wait_for(in_flight=self._core.in_flight)

    async def _wait(self, wait: WaitUntil) -> None:
        self._core.on_wait_begun(wait, now=self._clock.now())
        for told in self._core.events():
            self._tell(told.event)
        # While all is in flight that may be, one page more changes nothing.
        self._is_page_wanted = wait.limit is not Limit.WINDOW
        await wait_until(self._clock, self._changed, min(wait.at, self._core.due_at()))
        self._core.on_wait_ended(now=self._clock.now())

    def _wake(self) -> None:
        """Something has changed: there may be pages to send, or room for more."""
        self._changed.set()
        self._room.set()

    def _tell(self, event: Event) -> None:
        _log_event(event)
        self._watch(event)

    # what takes time

    async def _send(self, request: Request) -> None:
        pages = request.pages
        try:
            # On disk before it leaves: what a kill leaves behind is known to a resume.
            await self._sink.note_sent(pages)
        except JournalLost as error:
            self._core.on_kept_back(request, error)
        else:
            answer = await self._ask(request)
            self._core.on_answered(request, answer, now=self._clock.now())
        self._wake()

    async def _ask(self, request: Request) -> Answer | BatchAnswer | Fault:
        requests = self._core.requests
        if request.is_alone:
            return await self._portal.call(*requests.call(request.pages[0]))
        return await self._portal.batch(requests.commands(request.pages))

    async def _note_ahead(self, pages: Sequence[Page]) -> None:
        try:
            await self._sink.note_ahead(pages)
        except JournalLost as error:
            self._core.on_noted_ahead(error)
            self._wake()
        else:
            self._core.on_noted_ahead(None)

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        try:
            await self._sink.append(outcomes)
        except JournalLost as error:
            self._core.on_journal_lost(error, now=self._clock.now())
        else:
            self._core.on_written(outcomes, now=self._clock.now())
            self.outcomes.put(outcomes)
        self._wake()

    async def _write_rest(self) -> None:
        rest = self._core.lines_left()
        if rest:
            with suppress(JournalLost):
                await self._sink.append(rest)
                self._tell(PagesSettled(rest))

    async def _look_up(self, group: Sequence[Lost]) -> None:
        listed = None
        with suppress(BulkPublisherError):
            listed = {} if self._look is None else await self._look(pages_of(group))
        self._core.on_looked_up(group, listed, now=self._clock.now())
        self._wake()


def _log_event(event: Event) -> None:
    """What of it belongs into the log."""
    match event:
        case WaitBegun(wait=wait):
            log.debug("pace.waiting", limit=wait.limit.value, because=wait.because)
        case Refused(fault=fault, pages=pages):
            log.warning("portal.refused", code=fault.code, pages=pages)
        case RequestLost(fault=fault, pages=pages):
            log.warning("request.lost", code=fault.code, reason=fault.description, pages=pages)
        case SiteStopped(site=site, fault=fault):
            log.warning("site.stopped", site=site, code=fault.code)
        case UnlistedDone(pages=pages):
            log.info("unlisted.done", pages=pages)
        case _:
            pass
