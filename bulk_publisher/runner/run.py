"""One run: a producer, a dispatcher, bounded workers and one writer, from the first page to the last.

How it works: the producer moves pages from the source into a bounded backlog; when that is full it
waits, and so does the source. The dispatcher asks the governor what may leave and starts a worker
for each request; there are never more of them than the governor's window. A worker sends, gets a
verdict for each page, puts back what is to be sent again and hands on what is settled. Of pages whose
answer was lost the asker asks the portal's list first, where that can tell. The recorder alone
writes.

However a run ends - all pages settled, a stop by the portal, a lost journal, an interruption - what
is in flight is let finish and recorded, and what was not tried has no line.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import msgspec
import structlog

from bulk_publisher.clock import Clock, as_utc, wait_until
from bulk_publisher.errors import (
    BulkPublisherError,
    JournalLost,
    LimitReached,
    PortalUnusable,
    StoppedByPortal,
)
from bulk_publisher.limits.backoff import delay
from bulk_publisher.limits.bounds import Waiting
from bulk_publisher.limits.decision import Limit, Permit, Send, Stop, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import (
    Action,
    Fault,
    FaultClass,
    Mono,
    Outcome,
    Page,
    SiteId,
    Status,
)
from bulk_publisher.portal import faults
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer
from bulk_publisher.runner.doubts import Doubts, Found, Lost
from bulk_publisher.runner.ports import Look, Observer, Portal, Sink, Turn
from bulk_publisher.runner.recorder import Recorder
from bulk_publisher.runner.requests import Reply, Requests
from bulk_publisher.runner.settle import (
    ATTEMPTS,
    DONE,
    Again,
    Released,
    Settled,
    StopRun,
    StopSite,
    patience,
    settle,
    spare,
    strike,
)
from bulk_publisher.runner.streaks import Streaks, scope_question
from bulk_publisher.runner.turns import Turns
from bulk_publisher.runner.work import UNBOUND, Backlog, Work

_BACKLOG = 2_000
"""Pages between the source and the portal: some ten batches for each of a few workers."""

_FADING = 0.05
"""Weight of a new request in the share of those that are lost."""
_GATHER = 1.0
"""Seconds in which answers that are lost are asked for together."""

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
        self._settings = settings
        self._host = portal.host
        self._governor = governor
        self._sink = sink
        self._observer = observer
        self._clock = clock
        self._rng = rng
        self._requests = Requests(
            portal, governor, settings.action, clock=clock, portal_clock=portal_clock
        )
        self._turns = Turns(turn, governor, clock)
        self._backlog = Backlog()
        self._doubts = Doubts(look, settings.action)
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._recorder = Recorder(sink, observer, self._on_journal_lost)
        self._streaks = Streaks(max_failures=settings.max_failures)
        if settings.has_found_pages:
            self._streaks.on_found()
        self._stopped_sites: dict[SiteId, Fault] = {}
        self._in_flight = 0
        self._share_lost = 0.0
        self._is_noting = False
        self._is_source_used_up = False
        self._is_draining = False
        self._left_out = 0
        self._has_asked_for_scope = False
        self._ending = Ending()

    async def execute(self, pages: AsyncIterator[Page]) -> Ending:
        """Run until every page is settled, or something ends it; never raises what ends a run."""
        began_at = self._clock.now()
        async with asyncio.TaskGroup() as group:
            producer = group.create_task(self._produce(pages))
            recorder = group.create_task(self._recorder.record())
            asker = group.create_task(self._ask())
            await self._dispatch(group)
            producer.cancel()
            asker.cancel()
            self._recorder.end()
            await recorder
        ending = self._ending
        ending.seconds = self._clock.now() - began_at
        ending.stopped_sites = [StoppedSite(*entry) for entry in self._stopped_sites.items()]
        ending.is_whole = (
            self._is_source_used_up
            and not len(self._backlog)
            and not len(self._doubts)
            and not self._left_out
            and not isinstance(ending.error, JournalLost)
        )
        return ending

    def drain(self) -> None:
        """Take no more pages, let what is in flight finish, and end."""
        if not self._is_draining:
            self._ending.is_interrupted = True
            self._stop(None)

    # the producer

    async def _produce(self, pages: AsyncIterator[Page]) -> None:
        try:
            async for page in pages:
                while len(self._backlog) >= _BACKLOG:
                    self._room.clear()
                    await self._room.wait()
                self._observer.on_page(page)
                self._accept(page)
            self._is_source_used_up = True
        except BulkPublisherError as error:
            self._stop(error)
        self._changed.set()

    def _accept(self, page: Page) -> None:
        if page.skip is not None or page.is_missing is False:
            self._streaks.on_found()
        if page.skip is not None:
            time = as_utc(self._clock.epoch())
            self._recorder.hand_on([self._outcome(time, Work(page), None, Status.SKIPPED, None)])
        elif page.site is None or page.site not in self._stopped_sites:
            # A page that the portal does not list would make its whole batch dearer.
            company = 1 if page.is_missing else UNBOUND
            self._backlog.add(Work(page, company=company, may_be_done=page.may_be_done))
            self._changed.set()
        else:
            self._left_out += 1

    # the dispatcher

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self._is_draining:
            now = self._clock.now()
            self._backlog.wake(now)
            if self._is_source_used_up and not self._in_flight and not self._pages_left:
                break
            match self._governor.next_decision(self._waiting(), now=now):
                case Send() as send:
                    wait = self._turns.wait_for(in_flight=self._in_flight)
                    if wait is None:
                        self._start(send, group)
                    else:
                        await self._wait(wait, began_at=now)
                case WaitUntil() as wait:
                    if wait.limit is Limit.WINDOW and not self._is_noting:
                        group.create_task(self._note_ahead())
                    self._turns.give_while(wait, in_flight=self._in_flight)
                    await self._wait(wait, began_at=now)
                case Stop(because=because):
                    self._stop(
                        StoppedByPortal(because, "Resume the run when the portal answers again.")
                    )
        while self._in_flight:
            await wait_until(self._clock, self._changed, Mono(float("inf")))
        self._turns.give()

    @property
    def _pages_left(self) -> int:
        return len(self._backlog) + len(self._doubts)

    def _waiting(self) -> Waiting:
        return Waiting(
            together=min(self._backlog.together, self._backlog.company)
            if self._backlog.company < self._governor.bounds.batch_size
            else self._backlog.together,
            alone=self._backlog.alone,
            is_all=self._is_source_used_up,
        )

    async def _note_ahead(self) -> None:
        """While all are in flight that may be, the next are noted: they leave without delay then."""
        self._is_noting = True
        try:
            await self._sink.note_ahead(self._backlog.next_together())
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
        is_idle = wait.limit is not Limit.SOURCE and not (
            wait.limit is Limit.WINDOW and self._in_flight
        )
        if is_idle:
            self._observer.on_waiting(wait)
            _log.debug("pace.waiting", limit=wait.limit.value, because=wait.because)
        await wait_until(self._clock, self._changed, min(wait.at, self._backlog.next_ready_at()))
        if is_idle and not self._in_flight:
            waited = self._ending.waited.get(wait.limit, 0.0)
            self._ending.waited[wait.limit] = waited + self._clock.now() - began_at

    def _stop(self, error: BulkPublisherError | None) -> None:
        if not self._is_draining or self._ending.error is None:
            self._ending.error = error if self._ending.error is None else self._ending.error
        self._is_draining = True
        self._changed.set()
        self._room.set()

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
            self._take(works, await self._requests.send(permit, pages))
        self._in_flight -= 1
        self._changed.set()

    def _take(self, works: Sequence[Work], replies: Sequence[Reply]) -> None:
        """Settle what was answered, and keep the rest for later."""
        released: list[Work] = []
        settled: list[Outcome] = []
        doubted: dict[Fault, list[Work]] = {}
        is_lost = all(_is_transient(reply.answer) for reply in replies)
        self._share_lost += _FADING * (is_lost - self._share_lost)
        attempts = patience(self._share_lost)
        time = as_utc(self._clock.epoch())
        for work, reply in zip(works, replies, strict=True):
            if _is_transient(reply.answer) and self._is_worth_asking(work, reply.answer):
                doubted.setdefault(reply.answer, []).append(work)
                continue
            match settle(work, reply.answer, self._settings.action, attempts=attempts):
                case Settled(fault=None) if reply.is_doubtful:
                    settled += self._doubt(time, work, reply)
                case Settled(status=status, fault=fault):
                    settled.append(self._settle(time, work, reply, status, fault))
                case Released():
                    released.append(work)
                case Again(work=again):
                    self._send_later(again)
                case StopSite(site=site, fault=fault):
                    released.append(work)
                    self._stop_site(site, fault)
                case StopRun(fault=fault):
                    released.append(work)
                    self._stop(_ending_error(fault))
        kept = [work for work in released if work.page.site not in self._stopped_sites]
        self._left_out += len(released) - len(kept)
        self._backlog.add_first(kept)
        self._recorder.hand_on(settled)
        for fault, lost in doubted.items():
            self._doubts.add(Lost(lost, fault, is_whole=len(lost) == len(replies)))
        self._tell(replies)

    def _settle(
        self, time: str, work: Work, reply: Reply, status: Status, fault: Fault | None
    ) -> Outcome:
        match self._streaks.on_settled(work.page, status, fault):
            case None:
                pass
            case StopSite(site=site, fault=site_fault):
                self._stop_site(site, site_fault)
            case error:
                self._stop(error)
        return self._outcome(time, work, reply, status, fault)

    def _doubt(self, time: str, work: Work, reply: Reply) -> list[Outcome]:
        """The portal said ``true`` where that may not be so: asked alone, it says what is."""
        attempts = work.attempts + 1
        if attempts >= ATTEMPTS or work.page.site in self._stopped_sites:
            return [self._settle(time, work, reply, Status.UNKNOWN, _DOUBTFUL)]
        self._send_later(Work(work.page, attempts, company=1, may_be_done=True))
        return []

    def _send_later(self, work: Work) -> None:
        if work.page.site in self._stopped_sites:
            self._left_out += 1
        else:
            pause = delay(max(1, work.attempts - work.spared), self._rng)
            self._backlog.add_later(work, Mono(self._clock.now() + pause))

    def _stop_site(self, site: SiteId, fault: Fault) -> None:
        if site in self._stopped_sites:
            return
        self._stopped_sites[site] = fault
        self._left_out += self._backlog.drop_site(site)
        self._room.set()
        self._observer.on_site_stopped(site, fault)
        _log.warning("site.stopped", site=site, code=fault.code)

    def _tell(self, replies: Sequence[Reply]) -> None:
        fault = next((reply.answer for reply in replies if isinstance(reply.answer, Fault)), None)
        if fault is not None and fault.kind in {FaultClass.RATE, FaultClass.OPERATING}:
            self._observer.on_refused(fault)
            _log.warning("portal.refused", code=fault.code, pages=len(replies))
        elif fault is not None and fault.kind is FaultClass.TRANSIENT:
            self._observer.on_lost(fault, len(replies))
            _log.warning(
                "request.lost", code=fault.code, reason=fault.description, pages=len(replies)
            )
        if self._streaks.is_nothing_found and not self._has_asked_for_scope:
            self._has_asked_for_scope = True
            self._observer.on_warning(scope_question(replies[0].page.scope))

    def _outcome(
        self, time: str, work: Work, reply: Reply | None, status: Status, fault: Fault | None
    ) -> Outcome:
        """The line of a page; *reply* is None for one that was not sent."""
        page = work.page
        timing = None if reply is None else reply.timing
        return Outcome(
            time=time,
            run=self._settings.run_id,
            portal=self._host,
            scope=page.scope,
            page=page.id,
            action=self._settings.action,
            status=status,
            error=None if fault is None else fault.code,
            error_description=None if fault is None else fault.description,
            hint=page.skip if fault is None else fault.hint or None,
            attempts=work.attempts + (reply is not None),
            duration=None if timing is None else timing.duration,
            operating=None if reply is None else reply.operating,
            site=page.site,
            folder=page.folder,
            title=page.title,
            url=page.url,
            was_active=page.was_active,
            source=page.source,
        )

    # the asker

    def _is_worth_asking(self, work: Work, fault: Fault) -> bool:
        return (
            fault.may_be_done
            and self._doubts.can_tell(work.page)
            and self._streaks.has_done(work.page.site)
        )

    async def _ask(self) -> None:
        while True:
            await self._doubts.wait()
            # What is lost at the same moment is asked for with it.
            await self._clock.sleep_until(Mono(self._clock.now() + _GATHER))
            for lost, found in await self._doubts.ask():
                self._learn(lost, found)
            self._changed.set()

    def _learn(self, lost: Lost, found: Found | None) -> None:
        time = as_utc(self._clock.epoch())
        attempts = patience(self._share_lost)
        done = () if found is None else found.done
        suspects = lost.works if found is None else found.suspects
        innocents = () if found is None else found.innocents
        settled = [self._found_done(time, work, lost.fault) for work in done]
        verdicts = [(work, strike(work, lost.fault, attempts=attempts)) for work in suspects]
        verdicts += [(work, spare(work, lost.fault)) for work in innocents]
        for work, verdict in verdicts:
            match verdict:
                case Again(work=again):
                    self._send_later(again)
                case Settled(status=status, fault=fault):
                    reply = Reply(work.page, lost.fault)
                    settled.append(self._settle(time, work, reply, status, fault))
        self._recorder.hand_on(settled)

    def _found_done(self, time: str, work: Work, fault: Fault) -> Outcome:
        reply = Reply(work.page, fault)
        outcome = self._settle(time, work, reply, DONE[self._settings.action], None)
        return msgspec.structs.replace(outcome, hint=_LISTED)

    def _on_journal_lost(self, error: JournalLost) -> None:
        self._ending.error = error
        self._stop(error)


_LISTED = "The answer was lost; the portal lists the page as done."
_DOUBTFUL = faults.own_fault(
    faults.SITE_CHECKED_ONCE,
    "The portal said that it is done, after a check of its site had failed in the same request.",
    sent=True,
)


def _is_transient(answer: Answer | Fault) -> TypeGuard[Fault]:
    return isinstance(answer, Fault) and answer.kind is FaultClass.TRANSIENT


def _ending_error(fault: Fault) -> BulkPublisherError:
    if fault.kind is FaultClass.PORTAL:
        return LimitReached(fault.words, fault.hint)
    return PortalUnusable(fault.words, fault.hint)
