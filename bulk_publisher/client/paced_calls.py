"""Calls that are not about a page - lists, look-ups, the plan - within the same limits.

A call waits until the limits let it through, is asked again after a fault that may pass, and gives
the answer or the fault that is left. The lists that a run lives on are asked for as long as its pages,
and nothing is asked for longer, whatever comes instead of an answer.

A look-up is not a page, so what it meets says nothing about one: it never uses a page's attempts.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.raw_portal import RawPortal
from bulk_publisher.client.usage import (
    ENVELOPE,
    finished_at,
    meters_together,
    minute_of,
    reading_of,
    started_at,
    usage_together,
)
from bulk_publisher.clock import Clock
from bulk_publisher.limits.backoff import ATTEMPTS_ALONE, delay
from bulk_publisher.limits.decision import Limit, Send, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.outage import Drought
from bulk_publisher.model import Fault, FaultClass, Mono
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer, narrowed_answer, narrowed_batch

_ATTEMPTS = 8
"""Attempts of a call: with the pauses between them about two minutes, as a portal's restart takes."""

_COST = 2.0
"""Seconds of the portal's time that a call may take."""

_Reply = TypeVar("_Reply", Answer, BatchAnswer)


class PacedCalls:
    """A portal that is asked within its limits, and again where that may help."""

    def __init__(
        self,
        portal: RawPortal,
        governor: Governor,
        *,
        clock: Clock,
        portal_clock: PortalClock,
        rng: random.Random,
        patience: float = 0.0,
        warn: Warn = say_nothing,
    ) -> None:
        """Nothing is asked yet.

        Args:
            patience: Seconds for which a lost call is asked again, where its attempts end sooner.
            warn: Told when they do.
        """
        self._portal = portal
        self._governor = governor
        self._clock = clock
        self._portal_clock = portal_clock
        self._rng = rng
        self._patience = patience
        self._warn = warn

    def patient(self, warn: Warn, patience: float | None = None) -> Self:
        """The same, but a lost call is asked again for *patience* seconds; None as long as pages are."""
        return type(self)(
            self._portal,
            self._governor,
            clock=self._clock,
            portal_clock=self._portal_clock,
            rng=self._rng,
            patience=self._governor.bounds.patience if patience is None else patience,
            warn=warn,
        )

    async def call(
        self, method: str, params: Mapping[str, Any], *, attempts: int = _ATTEMPTS
    ) -> Answer | Fault:
        """*method* in a request of its own; a fault that may pass is asked again, *attempts* in all."""

        async def send() -> Answer | Fault:
            return await self._send(method, params)

        return await self._answer(send, (method,), _COST, attempts)

    async def batch_of(
        self, method: str, commands: Mapping[str, str], *, cost: float
    ) -> BatchAnswer | Fault:
        """*commands*, each of *method*, in one request, which is asked as ``call`` asks.

        Args:
            cost: Seconds that they may take together.
        """

        async def send() -> BatchAnswer | Fault:
            return await self._send_batch(method, commands)

        return await self._answer(send, meters_together(method), cost, _ATTEMPTS)

    async def _answer(
        self,
        send: Callable[[], Awaitable[_Reply | Fault]],
        meters: Sequence[str],
        cost: float,
        attempts: int,
    ) -> _Reply | Fault:
        lost: list[Fault] = []
        began_at = self._clock.now()
        drought = Drought(patience=self._governor.bounds.patience)
        while True:
            drought.on_chosen_wait(await self._wait(*meters, cost=cost))
            reply = await send()
            if not isinstance(reply, Fault):
                return reply
            drought.on_unanswered(self._clock.now(), reply.code)
            if drought.is_over_patience:
                return reply
            match reply.kind:
                case FaultClass.RATE:
                    continue
                case FaultClass.OPERATING:
                    # What a list costs is little: a minute from now its oldest basket may be gone.
                    await self.pause(60.0)
                case FaultClass.TRANSIENT:
                    if not lost:
                        began_at = self._clock.now()
                    lost.append(reply)
                    if not self._may_pass(lost, attempts, began_at):
                        return reply
                    if len(lost) == attempts:
                        self._warn(_still_asking(reply, self._patience))
                    await self.pause(delay(len(lost), self._rng))
                case _:
                    return reply

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault:
        """*commands* in one request, asked once: for what can be left out if it is not answered."""
        await self._wait(ENVELOPE)
        sent_at = self._clock.now()
        self._governor.calls.on_sent(now=sent_at)
        reply = await self._portal.batch(commands)
        if isinstance(reply, Fault) and reply.kind is FaultClass.RATE:
            self._governor.calls.on_refused(
                sent_at=sent_at, now=self._clock.now(), retry_after=reply.retry_after
            )
        return reply

    def _may_pass(self, lost: Sequence[Fault], attempts: int, began_at: Mono) -> bool:
        """Whether the last of the faults of a call may pass."""
        if lost[-1].is_alone:
            # Of a list it hardly ever does: a field that the portal does not know.
            return sum(fault.is_alone for fault in lost) < min(attempts, ATTEMPTS_ALONE)
        return len(lost) < attempts or self._clock.now() - began_at < self._patience

    async def _wait(self, *meters: str, cost: float = _COST) -> float:
        """Wait until the limits let a call through; gives the seconds for a meter whose end is known."""
        for_meter = 0.0
        while True:
            now = self._clock.now()
            match self._governor.calls.next_decision(*meters, now=now, cost=cost):
                case Send():
                    return for_meter
                case WaitUntil(at=at, limit=limit):
                    await self._clock.sleep_until(at)
                    for_meter += (self._clock.now() - now) * (limit is Limit.OPERATING)

    async def _send(self, method: str, params: Mapping[str, Any]) -> Answer | Fault:
        sent_at = self._clock.now()
        self._governor.calls.on_sent(now=sent_at)
        reply = await self._portal.call(method, params)
        now = self._clock.now()
        if isinstance(reply, Answer):
            timing = narrowed_answer(reply, seconds=now - sent_at).timing
            if timing is not None:
                self._portal_clock.observe(timing, sent_at=sent_at, received_at=now)
            worked = 0.0 if timing is None else timing.duration
            reading = reading_of(method, timing, worked=worked, clock=self._portal_clock)
            self._governor.calls.on_settled(
                () if reading is None else (reading,),
                minute=minute_of(timing),
                sent_at=sent_at,
                started_at=started_at(timing, clock=self._portal_clock, now=now),
                finished_at=finished_at(timing, clock=self._portal_clock, now=now),
                now=now,
            )
        elif reply.kind is FaultClass.RATE:
            self._governor.calls.on_refused(sent_at=sent_at, now=now, retry_after=reply.retry_after)
        return reply

    async def _send_batch(self, method: str, commands: Mapping[str, str]) -> BatchAnswer | Fault:
        sent_at = self._clock.now()
        self._governor.calls.on_sent(now=sent_at)
        reply = await self._portal.batch(commands)
        now = self._clock.now()
        if isinstance(reply, Fault):
            if reply.kind is FaultClass.RATE:
                self._governor.calls.on_refused(
                    sent_at=sent_at, now=now, retry_after=reply.retry_after
                )
            return reply
        whole = narrowed_batch(reply, seconds=now - sent_at)
        if whole.timing is not None:
            self._portal_clock.observe(whole.timing, sent_at=sent_at, received_at=now)
        told = (answer.timing for answer in whole.commands.values() if isinstance(answer, Answer))
        timings = [timing for timing in told if timing is not None]
        usage = usage_together(
            method, whole.timing, timings, (), failures=0, clock=self._portal_clock, now=now
        )
        self._governor.calls.on_settled(
            usage.readings,
            minute=usage.minute,
            sent_at=sent_at,
            started_at=usage.started_at,
            finished_at=usage.finished_at,
            now=now,
        )
        return whole

    @property
    def cap(self) -> float:
        """Seconds of operating time in ten minutes that may be used on a meter."""
        return self._governor.calls.cap

    async def pause(self, seconds: float) -> None:
        """Ask nothing for so long."""
        await self._clock.sleep_until(Mono(self._clock.now() + seconds))


def _still_asking(fault: Fault, patience: float) -> str:
    return (
        f"The portal is not answering ({fault.words}). Retrying for up to {patience / 60:.0f} min."
    )
