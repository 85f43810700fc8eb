"""When a run looks again whether something may leave."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence

from bulk_publisher.clock import Clock, LoopClock
from bulk_publisher.engine.core import RunSettings
from bulk_publisher.engine.shell import Engine
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Action, Fault, Outcome, Page, PageId, PortalEpoch
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer, Timing

AWAY = (0.5, 240.0)
"""Seconds from the beginning between which the portal loses what it is sent."""
LOST = faults.own_fault(faults.NO_ANSWER, "No answer within 75 s.", sent=True)


class Portal:
    """Answers within a second what it does not lose; remembers when it was asked for how many pages."""

    host = "h"

    def __init__(self, clock: Clock) -> None:
        self.clock, self.began_at = clock, clock.now()
        self.sent: list[tuple[float, int]] = []

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault:
        answer = await self.call("", commands)
        if isinstance(answer, Fault):
            return answer
        return BatchAnswer(dict.fromkeys(commands, answer), answer.timing)

    async def call(self, _method: str, commands: Mapping[str, object]) -> Answer | Fault:
        now = self.clock.now() - self.began_at
        self.sent.append((now, len(commands)))
        if AWAY[0] < now < AWAY[1]:
            await asyncio.sleep(75)
            return LOST
        await asyncio.sleep(1)
        at = PortalEpoch(1e9 + now)
        return Answer(result=True, timing=Timing(at, PortalEpoch(at + 1), 0.05))


class Sink:
    """Takes everything."""

    ahead = 0

    async def note_sent(self, pages: Sequence[Page]) -> None: ...

    async def note_ahead(self, pages: Sequence[Page]) -> None: ...

    async def append(self, outcomes: Sequence[Outcome]) -> None: ...


async def test_in_an_outage_a_list_that_is_answered_lets_more_than_one_request_leave() -> None:
    clock, rng = LoopClock(), random.Random(1)
    bounds = Bounds(capacity=50, drain=2, operating_limit=480)
    governor = Governor(bounds, together=("batch", "batch/m"), alone=("m",), rng=rng)
    portal = Portal(clock)
    listed_at = 0.0

    async def listed() -> AsyncIterator[Page]:
        nonlocal listed_at
        for page in range(1, 400):
            yield Page(PageId(page))
        while [pages for _, pages in portal.sent][-1:] != [1]:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(1)
        now, listed_at = clock.now(), clock.now() - portal.began_at
        governor.calls.on_settled((), minute=None, sent_at=now, finished_at=now, now=now)
        for page in range(400, 800):
            yield Page(PageId(page))
        await asyncio.sleep(AWAY[1])

    run = Engine(
        RunSettings("r", "h", ACTIONS[Action.PUBLISH]),
        portal,
        governor,
        Sink(),
        clock=clock,
        portal_clock=PortalClock(),
        rng=rng,
    )
    await run.execute(listed())

    assert listed_at < AWAY[1]
    assert listed_at in [at for at, _ in portal.sent]
