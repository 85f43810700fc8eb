"""What the limits are told of a request: whether it was answered for any of its pages."""

import random

import pytest

from bulk_publisher.clock import LoopClock
from bulk_publisher.engine.requests import Requests
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.decision import Lane, Send
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Action, Fault, FaultClass, Mono, Page, PageId
from bulk_publisher.portal import faults
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer

MISSING = faults.own_fault(faults.MISSING_FROM_ANSWER, "", sent=None)


class Told(Governor):
    """Notes whether it was told of an answer."""

    def on_settled(self, permit, usage, *, now):
        self.is_answer = usage.is_answer
        super().on_settled(permit, usage, now=now)


class Scripted:
    host = "h"

    def __init__(self, *answers):
        self.answers = answers

    async def batch(self, commands):
        return BatchAnswer(dict(zip(commands, self.answers, strict=True)), None)


@pytest.mark.parametrize(
    ("answers", "is_answer"),
    [
        ([Answer(True, None), Answer(True, None)], True),
        ([Answer(None, None), MISSING], True),
        ([Fault(FaultClass.PAGE, "X"), Fault(FaultClass.OPERATING, "X")], True),
        ([MISSING, MISSING], False),
        ([Fault(FaultClass.OPERATING, "X"), Fault(FaultClass.RATE, "X")], False),
        ([Fault(FaultClass.TRANSIENT, "X"), Fault(FaultClass.BATCH, "X")], False),
    ],
)
async def test_a_batch_is_an_answer_where_it_says_anything_of_a_page(answers, is_answer):
    governor = Told(
        Bounds(50.0, 2.0, 480.0), together=("batch", "m"), alone=("m",), rng=random.Random(1)
    )
    requests = Requests(
        Scripted(*answers), governor, Action.PUBLISH, clock=LoopClock(), portal_clock=PortalClock()
    )
    permit = governor.reserve(Send(2, Lane.TOGETHER), now=Mono(0.0))

    await requests.send(permit, [Page(id=PageId(1)), Page(id=PageId(2))])

    assert governor.is_answer is is_answer
