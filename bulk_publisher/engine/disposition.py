"""What is done with each page that comes in or comes back: a line, another attempt, or neither.

Rules: told the time, and given the dice; nothing waits, and nothing is written here.

How it works: ``settle`` and ``reconcile`` say what is to become of a page; here it is put where it
belongs: pages go into the backlog, lines and lost requests into the outbox.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeGuard

import msgspec

from bulk_publisher.engine.events import Refused, RequestLost, SiteStopped, UnlistedDone, Warned
from bulk_publisher.engine.outbox import Outbox
from bulk_publisher.engine.reconcile import Lost, reconcile
from bulk_publisher.engine.requests import Reply
from bulk_publisher.engine.settle import (
    ATTEMPTS,
    Again,
    Patience,
    Released,
    Settled,
    StopRun,
    StopSite,
    Verdict,
    settle,
    spare,
    strike,
    untraced,
)
from bulk_publisher.engine.streaks import Streaks, scope_question
from bulk_publisher.engine.work import Backlog, Work
from bulk_publisher.errors import BulkPublisherError, LimitReached, PortalUnusable
from bulk_publisher.limits.backoff import delay
from bulk_publisher.model import (
    Epoch,
    Fault,
    FaultClass,
    Mono,
    Outcome,
    Page,
    PageId,
    SiteId,
    Status,
)
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.wire import Answer
from bulk_publisher.utc import as_utc


class Disposition:
    """Sorts pages into those that are settled, those that are sent again, and those left out."""

    def __init__(
        self,
        outbox: Outbox,
        backlog: Backlog,
        streaks: Streaks,
        *,
        run_id: str,
        host: str,
        spec: ActionSpec,
        can_look: bool,
        basetime: float,
        rng: random.Random,
    ) -> None:
        """No page has come yet.

        Args:
            can_look: The portal's list may be asked for pages whose answer was lost.
            basetime: UTC seconds at which our clock was 0.
        """
        self._outbox = outbox
        self._backlog = backlog
        self._streaks = streaks
        self._run_id = run_id
        self._host = host
        self._spec = spec
        self._can_look = can_look
        self._basetime = basetime
        self._rng = rng
        self._patience = Patience()
        self._has_asked_for_scope = False
        self._has_told_of_unlisted = False
        self.stopped_sites: dict[SiteId, Fault] = {}
        self.left_out = 0
        """Pages without a line that are not sent again: those of sites that were given up."""
        self.error: BulkPublisherError | None = None
        """Why no page can be published any more; None as long as some can."""

    def accept(self, page: Page, *, now: Mono) -> None:
        """The source has named *page*."""
        if page.skip is not None or page.is_missing is False:
            self._streaks.on_found()
        # Before its site is looked at: nothing is sent for it, so it has its line on any.
        if page.skip is not None:
            skipped = self._outcome(self._time(now), Work(page), None, Status.SKIPPED, None)
            self._outbox.lines.add([skipped])
        elif page.site is None or page.site not in self.stopped_sites:
            sent = page.may_be_done
            self._backlog.add(Work(page, may_be_done=sent, leaves_trace=not sent))
        else:
            self.left_out += 1

    def take(self, works: Sequence[Work], replies: Sequence[Reply], *, now: Mono) -> None:
        """One request ended with these replies."""
        self._tell_of_unlisted(works, replies)
        if all(reply.is_done for reply in replies):
            self._take_done(works, replies, now)
            return
        # As patient as before this request: its own loss must not excuse its own pages.
        attempts, was_alone = self._patience.attempts, len(works) == 1
        whole = _lost_whole(replies)
        if whole is None or whole.code not in faults.NOT_CONNECTED:
            self._patience.on_request(works, is_lost=whole is not None)
        verdicts = [
            settle(work, reply.answer, self._spec, attempts=attempts, was_alone=was_alone)
            for work, reply in zip(works, replies, strict=True)
        ]
        if whole is not None and any(
            self._is_to_be_asked(work, whole, verdict)
            for work, verdict in zip(works, verdicts, strict=True)
        ):
            self._outbox.doubts.add(Lost(works, whole, is_whole=True), now)
        else:
            self._settle_each(works, replies, verdicts, now)
        self._tell(replies)

    def learn(self, lost: Lost, listed: Mapping[PageId, Page] | None, *, now: Mono) -> None:
        """The list was asked for pages that were lost; None where it did not tell."""
        time, fault, attempts = self._time(now), lost.fault, self._patience.attempts
        was_alone = lost.is_whole and len(lost.works) == 1
        strike_one = partial(strike, fault=fault, attempts=attempts, was_alone=was_alone)
        spare_one = partial(spare, fault=fault, attempts=attempts)
        settled: list[Outcome] = []
        verdicts: list[tuple[Work, Settled | Again]] = []
        if listed is None:
            # A portal that answers nothing at all gives no page up.
            for work in [untraced(work, fault) for work in lost.works]:
                verdict = strike_one(work)
                verdicts.append((work, verdict if isinstance(verdict, Again) else spare_one(work)))
        else:
            found = reconcile(lost, listed, self._spec, tells=self._tells)
            settled += [self._found_done(time, work, fault) for work in found.done]
            verdicts += [(work, strike_one(work)) for work in found.suspects]
            verdicts += [(work, spare_one(work)) for work in found.innocents]
        for work, verdict in verdicts:
            outcome = self._carry_out(time, work, Reply(work.page, fault), verdict, now)
            if outcome is not None:
                settled.append(outcome)
        self._outbox.lines.add(settled)

    def _is_to_be_asked(self, work: Work, fault: Fault, verdict: Verdict) -> bool:
        """Whether the portal is asked before *work* is sent again, or before it is given up."""
        if isinstance(verdict, Settled):
            return True
        # A fault of one page's own, in the middle of its work, leaves its end open whatever is listed.
        return fault.may_be_done and not fault.is_alone and self._tells(work.page)

    def _tells(self, page: Page) -> bool:
        """Whether a list can show that *page* was done, on its site and in this run."""
        return self._can_look and self._spec.can_prove(page) and self._streaks.has_done(page.site)

    def _settle_each(
        self,
        works: Sequence[Work],
        replies: Sequence[Reply],
        verdicts: Sequence[Verdict],
        now: Mono,
    ) -> None:
        time = self._time(now)
        released: list[Work] = []
        settled: list[Outcome] = []
        for work, reply, verdict in zip(works, replies, verdicts, strict=True):
            answer = reply.answer
            if _is_transient(answer) and self._is_to_be_asked(work, answer, verdict):
                self._outbox.doubts.add(Lost([work], answer, is_whole=False), now)
                continue
            match verdict:
                case Settled() | Again():
                    outcome = self._carry_out(time, work, reply, verdict, now)
                    if outcome is not None:
                        settled.append(outcome)
                case Released():
                    released.append(work)
                case StopSite(site=site, fault=fault):
                    released.append(work)
                    self._stop_site(site, fault)
                case StopRun(fault=fault):
                    released.append(work)
                    self._stop(_ending_error(fault))
        # Not in the loop: a later page of the request may have been the one that stopped their site.
        kept = [work for work in released if work.page.site not in self.stopped_sites]
        self.left_out += len(released) - len(kept)
        self._backlog.add_first(kept)
        self._outbox.lines.add(settled)

    def _take_done(self, works: Sequence[Work], replies: Sequence[Reply], now: Mono) -> None:
        """Hardly a request ends otherwise: what holds for all of its pages is done once."""
        self._patience.on_request(works, is_lost=False)
        self._streaks.on_done({work.page.site for work in works})
        time, status = self._time(now), self._spec.done
        self._outbox.lines.add(
            [
                self._outcome(time, work, reply, status, None)
                for work, reply in zip(works, replies, strict=True)
            ]
        )

    def _carry_out(
        self, time: str, work: Work, reply: Reply, verdict: Settled | Again, now: Mono
    ) -> Outcome | None:
        """The page's line; None where it is sent again."""
        if isinstance(verdict, Again):
            self._send_later(verdict.work, now)
            return None
        if verdict.fault is None and reply.is_doubtful:
            return self._doubt(time, work, reply, now)
        return self._settle(time, work, reply, verdict.status, verdict.fault)

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

    def _doubt(self, time: str, work: Work, reply: Reply, now: Mono) -> Outcome | None:
        """The portal said ``true`` where that may not be so: asked alone, it says what is."""
        asked_again = msgspec.structs.replace(
            work, attempts=work.attempts + 1, company=1, may_be_done=True, leaves_trace=False
        )
        is_given_up = asked_again.counted >= ATTEMPTS
        if is_given_up or work.page.site in self.stopped_sites:
            return self._settle(time, work, reply, Status.UNKNOWN, _DOUBTFUL)
        self._send_later(asked_again, now)
        return None

    def _found_done(self, time: str, work: Work, fault: Fault) -> Outcome:
        reply = Reply(work.page, fault)
        outcome = self._settle(time, work, reply, self._spec.done, None)
        return msgspec.structs.replace(outcome, hint=_LISTED)

    def _send_later(self, work: Work, now: Mono) -> None:
        if work.page.site in self.stopped_sites:
            self.left_out += 1
        else:
            pause = delay(max(1, work.counted), self._rng)
            self._backlog.add_later(work, Mono(now + pause))

    def _stop_site(self, site: SiteId, fault: Fault) -> None:
        if site in self.stopped_sites:
            return
        self.stopped_sites[site] = fault
        self.left_out += self._backlog.drop_site(site)
        self._outbox.tell(SiteStopped(site, fault))

    def _stop(self, error: BulkPublisherError) -> None:
        self.error = self.error or error

    def _tell(self, replies: Sequence[Reply]) -> None:
        fault = next((reply.answer for reply in replies if isinstance(reply.answer, Fault)), None)
        if fault is not None and fault.kind in {FaultClass.RATE, FaultClass.OPERATING}:
            self._outbox.tell(Refused(fault, len(replies)))
        elif fault is not None and fault.kind is FaultClass.TRANSIENT:
            self._outbox.tell(RequestLost(fault, len(replies)))
        if self._streaks.is_nothing_found and not self._has_asked_for_scope:
            self._has_asked_for_scope = True
            self._outbox.tell(Warned(scope_question(replies[0].page.scope)))

    def _tell_of_unlisted(self, works: Sequence[Work], replies: Sequence[Reply]) -> None:
        # A request has none of them, or nothing else.
        if not works[0].is_unlisted:
            return
        done = [reply.page.id for reply in replies if reply.is_done]
        if not done:
            return
        self._outbox.tell(UnlistedDone(done))
        if not self._has_told_of_unlisted:
            self._has_told_of_unlisted = True
            text = (
                f"The portal does not list all of its pages: page {done[0]} is not listed, and was"
            )
            self._outbox.tell(Warned(f"{text} {self._spec.done} all the same."))

    def _time(self, now: Mono) -> str:
        return as_utc(Epoch(self._basetime + now))

    def _outcome(
        self, time: str, work: Work, reply: Reply | None, status: Status, fault: Fault | None
    ) -> Outcome:
        """The line of a page; *reply* is None for one that was not sent."""
        page = work.page
        timing = None if reply is None else reply.timing
        # In the order of its fields: by their names it takes five times as long, and all that a page
        # costs us a tenth longer.
        return Outcome(
            time,
            self._run_id,
            self._host,
            page.scope,
            page.id,
            self._spec.action,
            status,
            None if fault is None else fault.code,
            None if fault is None else fault.description,
            page.skip if fault is None else _hint(fault, status),
            work.attempts + (reply is not None),
            None if timing is None else timing.duration,
            None if reply is None else reply.operating,
            page.site,
            page.folder,
            page.title,
            page.url,
            page.was_active,
            page.source,
            page.row,
        )


_LISTED = "The answer was lost; the portal lists the page as done."
_LOOK = "Check the page to see whether it was done."
_DOUBTFUL = faults.own_fault(
    faults.SITE_CHECKED_ONCE,
    "The portal said that it is done, after a check of its site had failed in the same request.",
    sent=True,
)


def _hint(fault: Fault, status: Status) -> str | None:
    """What to do about *fault*; a page of which nobody can say what became of it can be looked at."""
    if status is Status.UNKNOWN:
        return f"{fault.hint} {_LOOK}".lstrip()
    return fault.hint or None


def _is_transient(answer: Answer | Fault) -> TypeGuard[Fault]:
    return isinstance(answer, Fault) and answer.kind is FaultClass.TRANSIENT


def _lost_whole(replies: Sequence[Reply]) -> Fault | None:
    """The fault with which the whole request was lost; None where pages have fates of their own."""
    first = replies[0].answer
    if not _is_transient(first) or any(reply.answer is not first for reply in replies):
        return None
    return first


def _ending_error(fault: Fault) -> BulkPublisherError:
    if fault.kind is FaultClass.PORTAL:
        return LimitReached(fault.words, fault.hint)
    return PortalUnusable(fault.words, fault.hint)
