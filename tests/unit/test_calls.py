"""Calls that are not about a page are asked again where that may help, and not for ever."""

import random
from collections.abc import Mapping

import pytest

from bulk_publisher.client.paced_calls import PacedCalls
from bulk_publisher.client.session import ask_plan
from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import PortalUnusable
from bulk_publisher.limits.backoff import ATTEMPTS_ALONE
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Fault, FaultClass
from bulk_publisher.portal import faults
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer

AWAY = Fault(FaultClass.TRANSIENT, "NOT_JSON", "HTTP 502", sent=None)
OWN = Fault(FaultClass.TRANSIENT, "SYSTEM_ERROR", "deadlock", sent=None, is_alone=True)
LISTED = Answer([], None)


class Scripted:
    """A portal that says one thing after another, and the last for ever."""

    host = "example.bitrix24.com"

    def __init__(self, *says: Answer | Fault) -> None:
        self.says = list(says)
        self.asked = 0

    async def call(self, method: str, params: Mapping[str, object]) -> Answer | Fault:
        self.asked += 1
        return self.says.pop(0) if len(self.says) > 1 else self.says[0]

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault:
        raise NotImplementedError


def calls_to(portal: Scripted) -> PacedCalls:
    return PacedCalls(
        portal,
        Governor(
            Bounds(50.0, 2.0, 480.0), together=("batch", "m"), alone=("m",), rng=random.Random(1)
        ),
        clock=LoopClock(),
        portal_clock=PortalClock(),
        rng=random.Random(1),
    )


async def test_a_fault_that_passes_is_waited_for() -> None:
    portal = Scripted(*[AWAY] * 7, LISTED)

    assert await calls_to(portal).call("list", {}) is LISTED


async def test_a_fault_that_stays_is_given_after_two_minutes() -> None:
    portal, clock = Scripted(AWAY), LoopClock()
    began_at = clock.now()

    assert await calls_to(portal).call("list", {}) is AWAY
    assert portal.asked == 8
    assert 60 < clock.now() - began_at < 180


async def test_a_fault_of_its_own_is_asked_again_a_few_times_whatever_was_lost_before() -> None:
    portal = Scripted(AWAY, AWAY, AWAY, OWN, AWAY, OWN, LISTED)

    assert await calls_to(portal).call("list", {}) is LISTED

    portal = Scripted(OWN)
    assert await calls_to(portal).call("list", {}) is OWN
    assert portal.asked == ATTEMPTS_ALONE


async def test_as_many_attempts_as_wanted_and_no_more() -> None:
    portal = Scripted(AWAY)

    assert await calls_to(portal).call("app.info", {}, attempts=2) is AWAY
    assert portal.asked == 2


async def test_with_patience_it_is_asked_until_that_is_over_and_said_once() -> None:
    portal, clock, told = Scripted(AWAY), LoopClock(), []
    began_at = clock.now()

    assert await calls_to(portal).patient(told.append).call("list", {}) is AWAY

    assert 900 <= clock.now() - began_at < 1000
    assert [("HTTP 502" in text, "15 min" in text) for text in told] == [(True, True)]


async def test_patience_is_not_for_faults_of_its_own() -> None:
    portal, told = Scripted(OWN), []

    assert await calls_to(portal).patient(told.append).call("list", {}) is OWN
    assert (portal.asked, told) == (ATTEMPTS_ALONE, [])


@pytest.mark.parametrize("kind", [FaultClass.RATE, FaultClass.OPERATING])
async def test_a_call_that_is_refused_for_ever_is_given_up_after_15_minutes(
    kind: FaultClass,
) -> None:
    refusal = Fault(kind, "QUERY_LIMIT_EXCEEDED")
    portal, clock = Scripted(refusal), LoopClock()
    began_at = clock.now()

    assert await calls_to(portal).call("list", {}) is refusal
    assert 900 <= clock.now() - began_at < 1000

    portal = Scripted(*[refusal] * 5, LISTED)
    assert await calls_to(portal).call("list", {}) is LISTED


async def test_refusals_and_losses_in_turns_end_as_well() -> None:
    refusal = Fault(FaultClass.RATE, "QUERY_LIMIT_EXCEEDED")
    portal, clock = Scripted(*[AWAY, refusal] * 2_000), LoopClock()
    began_at = clock.now()

    assert await calls_to(portal).patient(lambda _: None).call("list", {}) in {AWAY, refusal}
    assert clock.now() - began_at < 1000


async def test_a_first_question_that_is_refused_for_ever_ends_the_run() -> None:
    portal = Scripted(Fault(FaultClass.RATE, "QUERY_LIMIT_EXCEEDED", hint="Slowing down."))

    with pytest.raises(PortalUnusable, match="QUERY_LIMIT_EXCEEDED") as refused:
        await ask_plan(calls_to(portal), lambda _: None)

    assert refused.value.hint.startswith("Nothing was sent.")


async def test_a_network_that_comes_up_late_is_waited_for_at_the_start() -> None:
    late = faults.own_fault(faults.NO_NETWORK, "no way", sent=False)
    portal, clock, told = Scripted(*[late] * 6, LISTED), LoopClock(), []
    began_at = clock.now()

    await ask_plan(calls_to(portal), told.append)
    assert 10 < clock.now() - began_at < 120
    assert len(told) == 1

    with pytest.raises(PortalUnusable, match="NO_NETWORK"):
        await ask_plan(calls_to(Scripted(late)), lambda _: None)
    assert 120 <= clock.now() - began_at < 300


async def test_a_name_that_does_not_exist_ends_the_run_at_once() -> None:
    portal, clock = Scripted(faults.own_fault(faults.UNREACHABLE, "", sent=False)), LoopClock()
    began_at = clock.now()

    with pytest.raises(PortalUnusable):
        await ask_plan(calls_to(portal), lambda _: None)
    assert clock.now() - began_at < 5
