"""What the limits are told of a request: whether it was answered for any of its pages."""

import random

import pytest

from bulk_publisher.engine.requests import Request, Requests
from bulk_publisher.engine.work import Work
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.decision import Lane, Send
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Action, Fault, FaultClass, Mono, Page, PageId
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer

MISSING = faults.own_fault(faults.MISSING_FROM_ANSWER, "", sent=None)


class Told(Governor):
    """Notes whether it was told of an answer."""

    def on_settled(self, permit, usage, *, now):
        self.is_answer = usage.is_answer
        super().on_settled(permit, usage, now=now)


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
def test_a_batch_is_an_answer_where_it_says_anything_of_a_page(answers, is_answer):
    governor = Told(
        Bounds(50.0, 2.0, 480.0), together=("batch", "m"), alone=("m",), rng=random.Random(1)
    )
    requests = Requests(ACTIONS[Action.PUBLISH], governor, PortalClock())
    permit = governor.reserve(Send(2, Lane.BATCH), now=Mono(0.0))
    works = [Work(Page(PageId(1))), Work(Page(PageId(2)))]
    whole = BatchAnswer(dict(zip(["p1", "p2"], answers, strict=True)), None)

    requests.replies(Request(permit, works), whole, now=Mono(1.0))

    assert governor.is_answer is is_answer
