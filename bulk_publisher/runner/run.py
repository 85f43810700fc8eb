"""One run: a producer, a dispatcher, bounded workers and one writer, from the first page to the last.

How it works: the producer moves pages from the source into a bounded backlog; when that is full it
waits, and so does the source. The dispatcher asks the governor what may leave and starts a worker
for each request; there are never more of them than the governor's window. What a worker gets for its
pages goes to the disposition: back into the backlog, on to the recorder, which alone writes, or to
the asker, which asks the portal's list for pages whose answer was lost.

However a run ends - all pages settled, a stop by the portal, a lost journal, an interruption - what
is in flight is let finish and recorded, and what was not tried has no line.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import structlog

from bulk_publisher.clock import Clock, wait_until
from bulk_publisher.errors import BulkPublisherError, JournalLost, StoppedByPortal
from bulk_publisher.limits.bounds import Waiting
from bulk_publisher.limits.decision import NEVER, Limit, Permit, Send, Stop, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Action, Fault, Mono, Page, SiteId
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.runner.asker import Asker
from bulk_publisher.runner.disposition import Disposition
from bulk_publisher.runner.doubts import Found, Lost
from bulk_publisher.runner.findings import Findings
from bulk_publisher.runner.ports import Look, Observer, Portal, Sink, Turn
from bulk_publisher.runner.recorder import Recorder
from bulk_publisher.runner.requests import Requests
from bulk_publisher.runner.streaks import Streaks
from bulk_publisher.runner.turns import Turns
from bulk_publisher.runner.work import UNBOUND, Backlog, Work

_BACKLOG = 2_000
"""Pages between the source and the portal: some ten batches for each of a few workers."""
_MOST_AHEAD = 12 * UNBOUND
"""Pages that are noted at once before they leave, where requests leave fast: forcing a note to disk is
what takes the time."""
_FAST = 1.0
"""Seconds between two notes below which they are too many."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is told.

    Attributes:
        max_failures: Pages that fail before the run stops; None for no such bound.
        has_found_pages: An earlier process of the run has found pages on the portal.
    """

    run_id: str
    action: Action
    max_failures: int | None = None
    has_found_pages: bool = False


@dataclass(frozen=True, slots=True)
class StoppedSite:
    """A site of which no page can be published, and why."""

    site: SiteId
    fault: Fault


@dataclass(slots=True)
class Ending:
    """How a run ended.

    Attributes:
        error: What ended it early; None where the source was used up or the run interrupted.
        is_interrupted: It was asked to end.
        is_whole: Every page of the selection has a line.
        stopped_sites: Sites that were given up.
        waited: Seconds in which nothing could leave, by the limit that held it.
    """

    error: BulkPublisherError | None = None
    is_interrupted: bool = False
    is_whole: bool = False
    stopped_sites: list[StoppedSite] = field(default_factory=list)
    waited: dict[Limit, float] = field(default_factory=dict)
    seconds: float = 0.0


class Run:
    """Publishes, or takes down, the pages of one source on one portal."""

    def __init__(
        self,
        settings: RunSettings,
        portal: Portal,
        governor: Governor,
        sink: Sink,
        observer: Observer,
        *,
        clock: Clock,
        portal_clock: PortalClock,
        rng: random.Random,
        look: Look | None = None,
        turn: Turn | None = None,
    ) -> None:
        """A run that has not begun.

        Args:
            look: Asks the portal how pages are; None where it is not to be asked.
            turn: Among the runs of this machine that share the credential; None for no others.
        """
        self._governor = governor
        self._sink = sink
        self._observer = observer
        self._clock = clock
        self._requests = Requests(
            portal, governor, settings.action, clock=clock, portal_clock=portal_clock
        )
        self._turns = Turns(turn, governor, clock)
        self._findings = Findings(governor, observer)
        self._backlog = Backlog()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._recorder = Recorder(sink, observer, self._on_journal_lost, clock=clock)
        streaks = Streaks(max_failures=settings.max_failures)
        if settings.has_found_pages:
            streaks.on_found()
        self._asker = Asker(look, settings.action, has_done=streaks.has_done, clock=clock)
        self._disposition = Disposition(
            run_id=settings.run_id,
            host=portal.host,
            action=settings.action,
            backlog=self._backlog,
            recorder=self._recorder,
            asker=self._asker,
            streaks=streaks,
            observer=observer,
            stop=self._stop,
            clock=clock,
            rng=rng,
        )
        self._in_flight = 0
        self._is_noting = False
        self._noted_at = Mono(float("-inf"))
        self._to_note = UNBOUND
        self._is_page_wanted = True
        self._is_source_used_up = False
        self._is_draining = False
        self._ending = Ending()

    async def execute(self, pages: AsyncIterator[Page]) -> Ending:
        """Run until every page is settled, or something ends it; never raises what ends a run."""
        began_at = self._clock.now()
        async with asyncio.TaskGroup() as group:
            producer = group.create_task(self._produce(pages))
            recorder = group.create_task(self._recorder.record())
            asker = group.create_task(self._asker.ask_on(self._learn))
            await self._dispatch(group)
            producer.cancel()
            asker.cancel()
            self._recorder.end()
            await recorder
        ending = self._ending
        ending.seconds = self._clock.now() - began_at
        ending.stopped_sites = [
            StoppedSite(*entry) for entry in self._disposition.stopped_sites.items()
        ]
        ending.is_whole = (
            self._is_source_used_up
            and not self._pages_left
            and not self._disposition.left_out
            and not isinstance(ending.error, JournalLost)
        )
        if ending.is_whole:
            # What was to end it came with its last pages.
            ending.error = None
        return ending

    def drain(self) -> None:
        """Take no more pages, let what is in flight finish, and end."""
        if not self._is_draining:
            self._ending.is_interrupted = True
            self._stop(None)

    # the producer

    async def _produce(self, pages: AsyncIterator[Page]) -> None:
        try:
            room = _BACKLOG
            async for page in pages:
                if not room:
                    room = await self._room_for_pages()
                room -= 1
                self._observer.on_page(page)
                self._disposition.accept(page)
                if self._is_page_wanted:
                    self._changed.set()
            self._is_source_used_up = True
        except BulkPublisherError as error:
            self._stop(error)
        self._changed.set()

    async def _room_for_pages(self) -> int:
        """How many more pages the backlog takes, once it takes any."""
        while len(self._backlog) >= _BACKLOG:
            self._room.clear()
            await self._room.wait()
        return _BACKLOG - len(self._backlog)

    # the dispatcher

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self._is_draining:
            now = self._clock.now()
            self._backlog.wake(now)
            if self._is_source_used_up and not self._in_flight and not self._pages_left:
                break
            match self._governor.next_decision(self._waiting(), now=now):
                case Send() as send:
                    await self._send_in_turn(send, group, began_at=now)
                case WaitUntil() as wait:
                    if wait.limit in {Limit.WINDOW, Limit.QUESTION}:
                        self._note_ahead(group)
                    self._turns.give_while(wait, in_flight=self._in_flight)
                    await self._wait(wait, began_at=now)
                case Stop(because=because):
                    self._stop(
                        StoppedByPortal(because, "Resume the run when the portal answers again.")
                    )
        while self._in_flight:
            await wait_until(self._clock, self._changed, NEVER)
        self._turns.give()

    async def _send_in_turn(self, send: Send, group: asyncio.TaskGroup, *, began_at: Mono) -> None:
        try:
            wait = self._turns.wait_for(in_flight=self._in_flight)
        except StoppedByPortal as error:
            self._stop(error)
            return
        if wait is None:
            self._start(send, group)
        else:
            await self._wait(wait, began_at=began_at)

    @property
    def _pages_left(self) -> int:
        return len(self._backlog) + len(self._asker)

    def _waiting(self) -> Waiting:
        together, company = self._backlog.together, self._backlog.company
        if company < self._governor.bounds.batch_size:
            together = min(together, company)
        return Waiting(together, self._backlog.alone, self._is_source_used_up)

    def _note_ahead(self, group: asyncio.TaskGroup) -> None:
        """While all are in flight that may be, the next are noted: they leave without delay then."""
        if self._sink.ahead > self._to_note // 2 or self._is_noting:
            return
        now = self._clock.now()
        is_fast = now - self._noted_at < _FAST
        self._to_note = min(_MOST_AHEAD, 2 * self._to_note) if is_fast else UNBOUND
        pages = self._backlog.next_together(self._to_note)
        if pages:
            self._is_noting, self._noted_at = True, now
            group.create_task(self._note(pages))

    async def _note(self, pages: Sequence[Page]) -> None:
        try:
            await self._sink.note_ahead(pages)
        except JournalLost as error:
            self._stop(error)
        self._is_noting = False

    def _start(self, send: Send, group: asyncio.TaskGroup) -> None:
        works = self._backlog.take(send.pages, send.lane)
        permit = self._governor.reserve(Send(len(works), send.lane), now=self._clock.now())
        self._in_flight += 1
        self._room.set()
        self._observer.on_sending()
        group.create_task(self._work(permit, works))

    async def _wait(self, wait: WaitUntil, *, began_at: Mono) -> None:
        if wait.limit is Limit.SOURCE and not self._in_flight and len(self._asker):
            wait = WaitUntil(
                NEVER, Limit.OUTAGE, "the portal does not list what became of lost pages"
            )
        # While requests are in flight their answers may make room long before.
        is_idle = wait.limit.is_idle and not self._in_flight
        if is_idle:
            self._observer.on_waiting(wait)
            _log.debug("pace.waiting", limit=wait.limit.value, because=wait.because)
        # While all is in flight that may be, one page more changes nothing.
        self._is_page_wanted = wait.limit is not Limit.WINDOW
        await wait_until(self._clock, self._changed, min(wait.at, self._backlog.next_ready_at()))
        if is_idle and not self._in_flight:
            seconds = self._clock.now() - began_at
            self._governor.on_waited(wait.limit, seconds)
            self._ending.waited[wait.limit] = self._ending.waited.get(wait.limit, 0.0) + seconds

    def _stop(self, error: BulkPublisherError | None) -> None:
        if self._ending.error is None:
            self._ending.error = error
        self._is_draining = True
        self._wake()

    # a worker

    async def _work(self, permit: Permit, works: Sequence[Work]) -> None:
        pages = [work.page for work in works]
        try:
            await self._sink.note_sent(pages)
        except JournalLost as error:
            self._governor.on_kept_back(permit)
            self._backlog.add_first(works)
            self._stop(error)
        else:
            self._disposition.take(works, await self._requests.send(permit, pages))
            self._findings.tell(self._clock.now())
        self._in_flight -= 1
        self._wake()

    def _learn(self, lost: Lost, found: Found | None) -> None:
        self._disposition.learn(lost, found)
        self._wake()

    def _wake(self) -> None:
        """Something has changed: there may be pages to send, or room for more."""
        self._changed.set()
        self._room.set()

    def _on_journal_lost(self, error: JournalLost) -> None:
        self._ending.error = error
        self._stop(error)
