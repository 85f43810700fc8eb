"""One request: pages out, and for each of them an answer or a fault.

It tells the limits how the request ended - settled, ignored or refused, exactly once - and knows
nothing of what becomes of the pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from bulk_publisher.clock import Clock
from bulk_publisher.limits.decision import Lane, Permit
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.operating import FLOOR
from bulk_publisher.model import Action, Fault, FaultClass, Page
from bulk_publisher.portal.faults import MISSING_FROM_ANSWER, base_code
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
from bulk_publisher.runner.ports import Portal
from bulk_publisher.runner.usage import usage_alone, usage_together

METHODS: Mapping[Action, str] = {
    Action.PUBLISH: "landing.landing.publication",
    Action.UNPUBLISH: "landing.landing.unpublic",
}
"""The portal's method for each action."""

_SITE_CHECKED_ONCE = {"PUBLIC_SITE_REACHED", "PUBLIC_SITE_REACHED_FREE", "FREE_DOMAIN_IS_NOT_ALLOWED", "ACCESS_DENIED"}  # fmt: skip
"""Codes of a check that the portal makes once a site and request: after one of them, what later
pages of that site are answered in the same request cannot be believed [source]."""


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


class Requests:
    """Sends pages of one action to one portal."""

    def __init__(
        self,
        portal: Portal,
        governor: Governor,
        action: Action,
        *,
        clock: Clock,
        portal_clock: PortalClock,
    ) -> None:
        self._portal = portal
        self._governor = governor
        self._method = METHODS[action]
        self._clock = clock
        self._portal_clock = portal_clock

    async def send(self, permit: Permit, pages: Sequence[Page]) -> list[Reply]:
        """A reply for each of *pages*, which are of one scope, in their order."""
        if permit.lane is Lane.ALONE:
            return [await self._send_alone(permit, pages[0])]
        keys = [f"p{page.id}" for page in pages]
        command = encode_command(self._method, {**scope_param(pages[0].scope), "lid": ""})
        commands = [f"{command}{page.id}" for page in pages]
        whole = await self._portal.batch(dict(zip(keys, commands, strict=True)))
        now = self._clock.now()
        if isinstance(whole, Fault):
            self._tell_fault(permit, whole)
            return [Reply(page, whole) for page in pages]
        whole = narrowed_batch(whole, seconds=now - permit.sent_at)
        if whole.timing is not None:
            self._portal_clock.observe(whole.timing, sent_at=permit.sent_at, received_at=now)
        answers = [whole.commands[key] for key in keys]
        self._tell_batch(permit, whole, answers)
        return _with_doubts(pages, answers)

    async def _send_alone(self, permit: Permit, page: Page) -> Reply:
        answer = await self._portal.call(self._method, {**scope_param(page.scope), "lid": page.id})
        if isinstance(answer, Fault) and answer.kind is FaultClass.BATCH:
            # There was no batch to refuse: released, the page would come back for ever.
            answer = replace(answer, kind=FaultClass.PAGE)
        now = self._clock.now()
        if isinstance(answer, Fault) and answer.kind is not FaultClass.PAGE:
            self._tell_fault(permit, answer)
            return Reply(page, answer)
        if isinstance(answer, Answer):
            answer = narrowed_answer(answer, seconds=now - permit.sent_at)
        timing = answer.timing if isinstance(answer, Answer) else None
        if timing is not None:
            self._portal_clock.observe(timing, sent_at=permit.sent_at, received_at=now)
        is_done = isinstance(answer, Answer) and answer.result is True
        usage = usage_alone(
            self._method, timing, is_done=is_done, clock=self._portal_clock, now=now
        )
        self._governor.on_settled(permit, usage, now=now)
        return Reply(page, answer, is_alone=True)

    def _tell_fault(self, permit: Permit, fault: Fault) -> None:
        """The whole request ended with *fault*."""
        now = self._clock.now()
        match fault.kind:
            case FaultClass.RATE:
                self._governor.on_rate_refused(permit, now=now, retry_after=fault.retry_after)
            case FaultClass.OPERATING:
                self._governor.on_operating_refused(permit, done=(), in_command=False, now=now)
            case FaultClass.BATCH:
                self._governor.on_batch_refused(permit)
            case FaultClass.TRANSIENT if not fault.is_alone:
                self._governor.on_ignored(permit, may_be_done=fault.may_be_done, now=now)
            case _:
                self._governor.on_failed(permit, may_be_done=fault.may_be_done, now=now)

    def _tell_batch(
        self, permit: Permit, whole: BatchAnswer, answers: Sequence[Answer | Fault]
    ) -> None:
        now = self._clock.now()
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
            has_meters = whole.timing.operating is not None
            untold = whole.timing.duration if has_meters and whole.timing.duration > FLOOR else 0.0
        usage = usage_together(
            self._method,
            whole.timing,
            [answer.timing for answer in answered if answer.timing is not None],
            costs,
            failures=len(answers) - len(done) - missing,
            refused=refused,
            untold=untold,
            is_answer=len(faults) < len(answers) or any(map(_is_of_page, faults)),
            clock=self._portal_clock,
            now=now,
        )
        self._governor.on_settled(permit, usage, now=now)
        if refused:
            self._governor.on_operating_refused(permit, done=usage.costs, in_command=True, now=now)
        if any(fault.kind is FaultClass.BATCH for fault in faults):
            self._governor.on_batch_refused(permit)


def _is_of_page(fault: Fault) -> bool:
    """Whether *fault* answers for a page: others say that it was not taken up, or may be done later."""
    return fault.kind not in _NO_ANSWER


_NO_ANSWER = {FaultClass.RATE, FaultClass.OPERATING, FaultClass.TRANSIENT, FaultClass.BATCH}


def _with_doubts(pages: Sequence[Page], answers: Sequence[Answer | Fault]) -> list[Reply]:
    if not any(isinstance(answer, Fault) for answer in answers):
        return list(map(Reply, pages, answers))
    replies: list[Reply] = []
    doubted: set[object] = set()
    for page, answer in zip(pages, answers, strict=True):
        is_doubtful = bool(doubted) and (
            page.site in doubted or page.site is None or None in doubted
        )
        if isinstance(answer, Fault) and base_code(answer.code) in _SITE_CHECKED_ONCE:
            doubted.add(page.site)
        replies.append(Reply(page, answer, is_doubtful))
    return replies
