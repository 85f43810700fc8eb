"""What next? All that a run decides, without a loop: told what happened, it says what to do.

Rules: this file decides and remembers; it owns no task, never waits, writes, sends or logs, and is told
the time. *Tell* methods (``on_…``) give nothing back. ``next_step`` changes nothing. ``effects``
hands each effect out once.

How it works: a page comes from the source into the backlog. The governor is asked what may leave; what
leaves comes back as an answer or a fault, and the disposition puts each page where it belongs: back into
the backlog, into a line, or, where its answer was lost, among the doubts, which the portal's list is
asked about. Whoever drives this (``shell``) carries out, in this order, again and again:

1. the effects: lines to write, lost pages to look up, events to tell;
2. the step: send these pages now, wait until then, or it is over.

However a run ends - all pages settled, a stop by the portal, a lost journal, an interruption - what is
in flight is let finish and gets its lines, and what was not tried has none.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from bulk_publisher.engine.disposition import Disposition
from bulk_publisher.engine.events import Event, PagesSettled, RequestSent, WaitBegun, Warned
from bulk_publisher.engine.findings import Findings
from bulk_publisher.engine.outbox import Outbox
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.engine.requests import Request, Requests
from bulk_publisher.engine.streaks import Streaks
from bulk_publisher.engine.work import UNBOUND, Backlog
from bulk_publisher.errors import BulkPublisherError, JournalLost, StoppedByPortal
from bulk_publisher.limits.bounds import Waiting
from bulk_publisher.limits.decision import NEVER, Limit, Send, Stop, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Fault, Mono, Outcome, Page, PageId, SiteId
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer

BACKLOG = 2_000
"""Pages between the source and the portal: some ten batches for each of a few workers."""
_MOST_AHEAD = 12 * UNBOUND
"""Pages that are noted at once before they leave, where requests leave fast: forcing a note to disk is
what takes the time."""
_FAST = 1.0
"""Seconds between two notes below which they are too many."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is told.

    Attributes:
        max_failures: Pages that fail before the run stops; None for no such bound.
        has_found_pages: An earlier process of the run has found pages on the portal.
    """

    run_id: str
    host: str
    spec: ActionSpec
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


class Write(msgspec.Struct, frozen=True, gc=False):
    """Have the lines of these pages on disk; then ``on_written``, else ``on_journal_lost``."""

    outcomes: Sequence[Outcome]


class LookUp(msgspec.Struct, frozen=True, gc=False):
    """Ask the portal's list how these pages are now; then ``on_looked_up``."""

    group: Sequence[Lost]


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Tell whoever looks on."""

    event: Event


class End(msgspec.Struct, frozen=True, gc=False):
    """It is over: nothing is in flight, and every line is written."""


Effect = Write | LookUp | Tell
Step = Send | WaitUntil | Stop | End

_OVER = End()
_ENDING = WaitUntil(NEVER, Limit.WINDOW, "pages in flight are finishing")
_IN_DOUBT = WaitUntil(NEVER, Limit.OUTAGE, "the portal does not list the pages of lost requests")


class Core:
    """One run. Invariant: a page is in the backlog, in flight, in doubt, or has exactly one line."""

    def __init__(
        self,
        settings: RunSettings,
        governor: Governor,
        *,
        portal_clock: PortalClock,
        basetime: float,
        rng: random.Random,
        can_look: bool,
    ) -> None:
        """No page has come yet.

        Args:
            can_look: The portal's list may be asked for pages whose answer was lost.
            basetime: UTC seconds at which our clock was 0.
        """
        self._governor = governor
        self._requests = Requests(settings.spec, governor, portal_clock)
        self._findings = Findings(governor)
        self._backlog = Backlog()
        self._outbox = Outbox()
        self._disposition = Disposition(
            self._outbox,
            self._backlog,
            Streaks(max_failures=settings.max_failures, has_found_any=settings.has_found_pages),
            run_id=settings.run_id,
            host=settings.host,
            spec=settings.spec,
            can_look=can_look,
            basetime=basetime,
            rng=rng,
        )
        self._in_flight: dict[int, Request] = {}
        self._is_noting = False
        self._noted_at = Mono(float("-inf"))
        self._to_note = UNBOUND
        self._is_source_used_up = False
        self._is_draining = False
        self._idle: tuple[WaitUntil, Mono] | None = None
        self._ending = Ending()

    # ask

    def next_step(self, *, now: Mono) -> Step:
        """What to do now; it is carried out by ``leave``, by waiting, or by ``on_given_up``."""
        # Before the limits are asked: of a run that is drained they could still say that it has to stop.
        if self._is_over:
            return _ENDING if self._in_flight or self._outbox.lines.are_out else _OVER
        decision = self._governor.next_decision(self._waiting(), now=now)
        is_of_source = isinstance(decision, WaitUntil) and decision.limit is Limit.SOURCE
        if is_of_source and not self._in_flight and self._outbox.doubts:
            return _IN_DOUBT
        return decision

    def due_at(self) -> Mono:
        """When there is something to do at the latest, whatever the decision was."""
        return min(self._outbox.due_at, self._backlog.next_ready_at())

    @property
    def room(self) -> int:
        """How many more pages the backlog takes from the source."""
        return max(0, BACKLOG - len(self._backlog))

    @property
    def in_flight(self) -> int:
        """Requests that are out."""
        return len(self._in_flight)

    @property
    def requests(self) -> Requests:
        """How a request is written for the portal."""
        return self._requests

    def ending(self, *, seconds: float) -> Ending:
        """How it ended, once it is over."""
        ending = self._ending
        ending.seconds = seconds
        stopped = self._disposition.stopped_sites.items()
        ending.stopped_sites = [StoppedSite(*entry) for entry in stopped]
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

    # carry out

    def effects(self, *, now: Mono) -> Iterator[Effect]:
        """What is to be done now beside the decision; each is given once."""
        # First, so that the decision that follows knows the pages whose pause is over.
        self._backlog.wake(now)
        yield from self.events()
        is_last = self._is_over and not self._in_flight
        lines = self._outbox.lines.next_group(now=now, is_last=is_last)
        if lines:
            yield Write(lines)
        group = self._outbox.doubts.next_group(now=now)
        if group:
            yield LookUp(group)

    def events(self) -> Iterator[Tell]:
        """What happened since it was asked last."""
        return map(Tell, self._outbox.take_events())

    def leave(self, send: Send, *, now: Mono) -> Request:
        """The request that was decided: its pages are noted where the run is kept, then it leaves."""
        # Taken before it is reserved: of one scope there may be fewer pages than were decided.
        works = self._backlog.take(send.pages, send.lane)
        permit = self._governor.reserve(Send(len(works), send.lane), now=now)
        request = Request(permit, works)
        self._in_flight[permit.number] = request
        self._outbox.tell(RequestSent(len(works)))
        return request

    def to_note(self, wait: WaitUntil, *, ahead: int, now: Mono) -> Sequence[Page]:
        """Pages to note while all are in flight that may be: then they leave without delay.

        Args:
            ahead: Pages that are noted and have not left yet.
        """
        is_worth_it = wait.limit in {Limit.WINDOW, Limit.QUESTION} and not self._is_over
        if not is_worth_it or self._is_noting or ahead > self._to_note // 2:
            return ()
        is_fast = now - self._noted_at < _FAST
        self._to_note = min(_MOST_AHEAD, 2 * self._to_note) if is_fast else UNBOUND
        pages = self._backlog.next_together(self._to_note)
        if pages:
            self._is_noting, self._noted_at = True, now
        return pages

    def lines_left(self) -> Sequence[Outcome]:
        """What is settled and not written, for who leaves at once."""
        return self._outbox.lines.take_all()

    # tell

    def on_page(self, page: Page, *, now: Mono) -> None:
        """The source has named *page*."""
        self._disposition.accept(page, now=now)

    def on_source_ended(self, error: BulkPublisherError | None) -> None:
        """The source names no more: there are none, or *error*."""
        if error is None:
            self._is_source_used_up = True
        else:
            self._stop(error)

    def on_drain(self, error: BulkPublisherError | None = None) -> None:
        """The run is asked to end: no more pages leave; *error* says why where it is no interruption."""
        if error is not None:
            self._stop(error)
        elif not self._is_draining:
            self._ending.is_interrupted = True
            self._is_draining = True

    def on_turn_lost(self, error: StoppedByPortal) -> None:
        """Another run has the turn, and does not give it."""
        self._stop(error)

    def on_given_up(self, because: str) -> None:
        """The limits say that nothing more may leave in this run."""
        self._stop(StoppedByPortal(because, "Resume the run when the portal answers again."))

    def on_noted_ahead(self, error: JournalLost | None) -> None:
        """What ``to_note`` gave is noted, or it can't be."""
        self._is_noting = False
        self._stop(error)

    def on_kept_back(self, request: Request, error: JournalLost) -> None:
        """*request* did not leave: its pages could not be noted."""
        del self._in_flight[request.permit.number]
        self._governor.on_kept_back(request.permit)
        self._backlog.add_first(request.works)
        self._stop(error)

    def on_answered(
        self, request: Request, answer: Answer | BatchAnswer | Fault, *, now: Mono
    ) -> None:
        """*answer* is what came back of *request*."""
        # The limits are told first, whatever becomes of the pages: each permit ends, and ends once.
        replies = self._requests.replies(request, answer, now=now)
        self._disposition.take(request.works, replies, now=now)
        del self._in_flight[request.permit.number]
        for text in self._findings.news(now):
            self._outbox.tell(Warned(text))
        self._stop(self._disposition.error)

    def on_looked_up(
        self, group: Sequence[Lost], listed: Mapping[PageId, Page] | None, *, now: Mono
    ) -> None:
        """The pages of *group* as the portal lists them now; None where it does not tell."""
        for lost in group:
            self._disposition.learn(lost, listed, now=now)
        self._outbox.doubts.on_looked_up(now)
        self._stop(self._disposition.error)

    def on_written(self, outcomes: Sequence[Outcome], *, now: Mono) -> None:
        """These lines are on disk."""
        self._outbox.lines.on_written(now)
        self._outbox.tell(PagesSettled(outcomes))

    def on_journal_lost(self, error: JournalLost, *, now: Mono) -> None:
        """No line can be written any more: what is answered from now on is done again by a resume."""
        self._outbox.lines.are_lost = True
        self._outbox.lines.on_written(now)
        self._ending.error = error
        self._is_draining = True

    def on_wait_begun(self, wait: WaitUntil, *, now: Mono) -> None:
        """Nothing is decided before *wait* is over, or something happens."""
        # While requests are in flight their answers may make room long before.
        if wait.limit.is_idle and not self._in_flight:
            self._idle = wait, now
            self._outbox.tell(WaitBegun(wait))

    def on_wait_ended(self, *, now: Mono) -> None:
        """It is over."""
        if self._idle is not None and not self._in_flight:
            wait, since = self._idle
            seconds = now - since
            self._governor.on_waited(wait.limit, seconds)
            self._ending.waited[wait.limit] = self._ending.waited.get(wait.limit, 0.0) + seconds
        self._idle = None

    # how

    @property
    def _is_over(self) -> bool:
        """Whether nothing more leaves."""
        if self._is_draining:
            return True
        return self._is_source_used_up and not self._in_flight and not self._pages_left

    @property
    def _pages_left(self) -> int:
        return len(self._backlog) + len(self._outbox.doubts)

    def _waiting(self) -> Waiting:
        together, company = self._backlog.together, self._backlog.company
        if company < self._governor.bounds.batch_size:
            together = min(together, company)
        return Waiting(together, self._backlog.alone, self._is_source_used_up, self._unlisted)

    @property
    def _unlisted(self) -> int:
        """Pages that are not listed and are to be sent: many at once, while there are others to send."""
        backlog = self._backlog
        is_due = backlog.is_unlisted_due or self._is_source_used_up
        return backlog.unlisted if is_due or not backlog.together else 0

    def _stop(self, error: BulkPublisherError | None) -> None:
        if error is not None:
            self._ending.error = self._ending.error or error
            self._is_draining = True
