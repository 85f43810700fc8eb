"""One request: pages out, and for each of them an answer or a fault.

Rules: what is sent, as the portal wants it, and what came back; no socket, told the time. It tells the
limits how the request ended - settled, ignored or refused, exactly once - and knows nothing of what
becomes of the pages.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bulk_publisher.client.usage import billed_evenly, usage_alone, usage_together
from bulk_publisher.engine.work import Work
from bulk_publisher.limits.decision import Lane, Permit
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.operating import FLOOR
from bulk_publisher.model import Fault, FaultClass, Mono, Page
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.faults import CHECKED_ONCE, MISSING_FROM_ANSWER, base_code
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import (
    Answer,
    BatchAnswer,
    Timing,
    encode_command,
    narrowed_answer,
    narrowed_batch,
    scope_param,
)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What a request said about one page.

    Attributes:
        is_doubtful: It says ``true``, but after a check that is made only once a request.
        is_alone: It is the answer to a request of its own.
    """

    page: Page
    answer: Answer | Fault
    is_doubtful: bool = False
    is_alone: bool = False

    @property
    def is_done(self) -> bool:
        """The page was done, beyond doubt."""
        answer = self.answer
        return isinstance(answer, Answer) and answer.result is True and not self.is_doubtful

    @property
    def operating(self) -> float | None:
        """Seconds that the page adds to the operating time, as far as can be told; None without a meter."""
        timing = self.timing
        if timing is None or timing.operating is None:
            return None
        return 0.0 if self.is_alone and timing.duration <= FLOOR else timing.duration

    @property
    def timing(self) -> Timing | None:
        """The portal's account of its time for this page."""
        return self.answer.timing if isinstance(self.answer, Answer) else None


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request: leave to send it, and the pages in it, which are of one scope."""

    permit: Permit
    works: Sequence[Work]

    @property
    def pages(self) -> list[Page]:
        """Its pages, in their order."""
        return [work.page for work in self.works]

    @property
    def is_alone(self) -> bool:
        """Whether it is one page's own, and no batch."""
        return self.permit.lane is Lane.SINGLE


class Requests:
    """Requests of one action: what is sent, and what the limits are told of the answer."""

    def __init__(self, spec: ActionSpec, governor: Governor, portal_clock: PortalClock) -> None:
        self._spec = spec
        self._governor = governor
        self._portal_clock = portal_clock

    def call(self, page: Page) -> tuple[str, dict[str, Any]]:
        """The method and the parameters of a page's own request."""
        return self._spec.method, {**scope_param(page.scope), self._spec.parameter: page.id}

    def commands(self, pages: Sequence[Page]) -> dict[str, str]:
        """The commands of a batch of *pages*, by key."""
        prefix = {**scope_param(pages[0].scope), self._spec.parameter: ""}
        command = encode_command(self._spec.method, prefix)
        return {_key(page): f"{command}{page.id}" for page in pages}

    def replies(
        self, request: Request, answer: Answer | BatchAnswer | Fault, *, now: Mono
    ) -> list[Reply]:
        """What *answer* says of each page of *request*; the limits are told, exactly once."""
        if isinstance(answer, BatchAnswer):
            return self._replies_of_batch(request, answer, now)
        pages = request.pages
        if not request.is_alone:
            if isinstance(answer, Fault):
                self._tell_fault(request.permit, answer, now)
            return [Reply(page, answer) for page in pages]
        return [self._reply_alone(request.permit, pages[0], answer, now)]

    def _replies_of_batch(self, request: Request, whole: BatchAnswer, now: Mono) -> list[Reply]:
        whole = narrowed_batch(whole, seconds=now - request.permit.sent_at)
        self._observe(request.permit, whole.timing, now)
        pages = request.pages
        answers = [whole.commands[_key(page)] for page in pages]
        self._tell_batch(request.permit, whole, answers, now)
        return _with_doubts(pages, answers)

    def _reply_alone(self, permit: Permit, page: Page, answer: Answer | Fault, now: Mono) -> Reply:
        if isinstance(answer, Fault) and answer.kind is FaultClass.BATCH:
            # There was no batch to refuse: released, the page would come back for ever.
            answer = replace(answer, kind=FaultClass.PAGE)
        if isinstance(answer, Fault) and answer.kind is not FaultClass.PAGE:
            self._tell_fault(permit, answer, now)
            return Reply(page, answer)
        if isinstance(answer, Answer):
            answer = narrowed_answer(answer, seconds=now - permit.sent_at)
        timing = answer.timing if isinstance(answer, Answer) else None
        self._observe(permit, timing, now)
        is_done = isinstance(answer, Answer) and answer.result is True
        usage = usage_alone(
            self._spec.method, timing, is_done=is_done, clock=self._portal_clock, now=now
        )
        self._governor.on_settled(permit, usage, now=now)
        return Reply(page, answer, is_alone=True)

    def _observe(self, permit: Permit, timing: Timing | None, now: Mono) -> None:
        if timing is not None:
            self._portal_clock.observe(timing, sent_at=permit.sent_at, received_at=now)

    def _tell_fault(self, permit: Permit, fault: Fault, now: Mono) -> None:
        """The whole request ended with *fault*."""
        match fault.kind:
            case FaultClass.RATE:
                self._governor.on_rate_refused(permit, now=now, retry_after=fault.retry_after)
            case FaultClass.OPERATING:
                self._governor.on_operating_refused(permit, done=(), in_command=False, now=now)
            case FaultClass.BATCH:
                self._governor.on_batch_refused(permit)
            # One that is a page's own came with an answer: the portal is there, and nothing was lost.
            case FaultClass.TRANSIENT if not fault.is_alone:
                self._governor.on_ignored(permit, may_be_done=fault.may_be_done, now=now)
            case _:
                self._governor.on_failed(permit, may_be_done=fault.may_be_done, now=now)

    def _tell_batch(
        self,
        permit: Permit,
        whole: BatchAnswer,
        answers: Sequence[Answer | Fault],
        now: Mono,
    ) -> None:
        answered = [answer for answer in answers if isinstance(answer, Answer)]
        faults = [answer for answer in answers if isinstance(answer, Fault)]
        missing = sum(fault.code == MISSING_FROM_ANSWER for fault in faults)
        refused = sum(fault.kind is FaultClass.OPERATING for fault in faults)
        done = [answer for answer in answered if answer.result is True]
        costs = [answer.timing.duration for answer in done if answer.timing is not None]
        untold = 0.0
        if done and not costs and whole.timing is not None:
            # A portal that tells no times of commands still tells that of their request.
            costs = [whole.timing.duration / len(done)] * len(done)
            if whole.timing.operating is not None and whole.timing.duration > FLOOR:
                ended = [isinstance(answer, Answer) for answer in answers]
                untold = billed_evenly(ended, whole.timing.duration)
        usage = usage_together(
            self._spec.method,
            whole.timing,
            _timings(answers),
            costs,
            failures=len(answers) - len(done) - missing,
            refused=refused,
            untold=untold,
            is_answer=len(faults) < len(answers) or any(map(_is_of_page, faults)),
            clock=self._portal_clock,
            now=now,
        )
        # What was done is booked before the refusal: the limit is learned from the sum at which it passed.
        self._governor.on_settled(permit, usage, now=now)
        if refused:
            self._governor.on_operating_refused(permit, done=usage.costs, in_command=True, now=now)
        if any(fault.kind is FaultClass.BATCH for fault in faults):
            self._governor.on_batch_refused(permit)


def _is_of_page(fault: Fault) -> bool:
    """Whether *fault* answers for a page: others say that it was not taken up, or may be done later."""
    return fault.kind not in _NO_ANSWER


_NO_ANSWER = {FaultClass.RATE, FaultClass.OPERATING, FaultClass.TRANSIENT, FaultClass.BATCH}


def _timings(answers: Sequence[Answer | Fault]) -> list[Timing | None]:
    """Those of the commands that began; None for one that failed, whose end is not billed."""
    timings: list[Timing | None] = []
    for answer in answers:
        if isinstance(answer, Fault):
            if answer.code != MISSING_FROM_ANSWER and answer.kind not in _NOT_BEGUN:
                timings.append(None)
        elif answer.timing is not None:
            timings.append(answer.timing)
    return timings


_NOT_BEGUN = {FaultClass.RATE, FaultClass.OPERATING, FaultClass.BATCH}


def _key(page: Page) -> str:
    return f"p{page.id}"


def _with_doubts(pages: Sequence[Page], answers: Sequence[Answer | Fault]) -> list[Reply]:
    if not any(isinstance(answer, Fault) for answer in answers):
        return list(map(Reply, pages, answers))
    replies: list[Reply] = []
    doubted: set[object] = set()
    for page, answer in zip(pages, answers, strict=True):
        is_doubtful = bool(doubted) and (
            page.site in doubted or page.site is None or None in doubted
        )
        if isinstance(answer, Fault) and base_code(answer.code) in CHECKED_ONCE:
            doubted.add(page.site)
        replies.append(Reply(page, answer, is_doubtful))
    return replies
