"""All limits as one: when a request may leave, and with how many pages."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from bulk_publisher.limits.bounds import Bounds, Waiting
from bulk_publisher.limits.decision import (
    Lane,
    Limit,
    Permit,
    Reading,
    Send,
    Stop,
    Usage,
    WaitUntil,
)
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Mono

BOUNDS = Bounds(capacity=50.0, drain=2.0, operating_limit=480.0, operating_share=1.0)
MANY = Waiting(together=10_000, alone=0, is_all=False)
NEVER = float("inf")


class Played:
    """A governor, and a hand that tells it of requests without a portal behind."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.governor = Governor(
            bounds, together=("batch", "batch/m"), alone=("m",), rng=random.Random(1)
        )
        self.now = 0.0

    def decide(self, waiting: Waiting = MANY, *, at: float | None = None):
        self.now = self.now if at is None else at
        return self.governor.next_decision(waiting, now=Mono(self.now))

    def send(self, pages: int = 1, lane: Lane = Lane.BATCH) -> Permit:
        return self.governor.reserve(Send(pages, lane), now=Mono(self.now))

    def settle(
        self,
        permit: Permit,
        costs: Sequence[float],
        *,
        at: float,
        worked: float | None = None,
        operating: float | None = None,
        meter: str = "batch/m",
        failures: int = 0,
    ) -> None:
        """The pages cost *costs* seconds, the request *worked*; *operating* is what its meter tells."""
        self.now = at
        worked = sum(costs) if worked is None else worked
        reading = Reading(meter, operating or 0.0, worked, None)
        usage = Usage(
            finished_at=Mono(at),
            minute=int(at // 60),
            readings=() if operating is None else (reading,),
            costs=tuple(costs),
            failures=failures,
        )
        self.governor.on_settled(permit, usage, now=Mono(at))

    def begin(self, cost: float = 1.0, *, operating: float | None = 0.0, at: float = 0.0) -> None:
        """A first answer, of very many pages of *cost* seconds, with *operating* in the meter."""
        told = [cost] if operating is None else []
        self.settle(self.send(), told, worked=0.0, at=at, operating=operating)
        self.governor._sizing.learn((cost,) * 400)
        self.governor._sizing._weight = float("inf")

    def lose(self, permit: Permit, *, at: float) -> None:
        self.now = at
        self.governor.on_ignored(permit, may_be_done=False, now=Mono(at))

    def refuse(self, permit: Permit, *, at: float, done: tuple[float, ...] = ()) -> None:
        self.now = at
        self.governor.on_operating_refused(permit, done=done, in_command=True, now=Mono(at))


@pytest.fixture
def played():
    return Played()


# Before anything is known


def test_the_first_request_goes_alone_and_small(played):
    first = played.decide()

    played.send(5)

    assert first == Send(5, Lane.BATCH)
    assert played.decide() == WaitUntil(
        NEVER, Limit.QUESTION, "a probe asks whether the portal is back"
    )


def test_without_a_page_there_is_nothing_to_send(played):
    decision = played.decide(Waiting(together=0, alone=0, is_all=False))

    assert decision == WaitUntil(NEVER, Limit.SOURCE, "no page to send")


def test_meters_that_no_answer_shows_are_no_limit(played):
    played.begin(1.0, operating=None)

    sizes = [played.send(played.decide().pages).pages for _ in range(4)]

    assert (sizes, played.governor.levels(now=Mono(0.0)).operating) == ([20] * 4, None)


# Requests in flight


def test_no_more_requests_are_in_flight_than_the_window_has(played):
    played.begin()
    played.send()
    played.send()
    played.send()
    played.send()

    assert played.decide() == WaitUntil(NEVER, Limit.WINDOW, "4 requests are in flight")


def test_when_the_bucket_is_full_it_waits_until_one_more_fits():
    played = Played(replace(BOUNDS, capacity=2.0))
    played.begin()
    played.send()

    assert played.decide() == WaitUntil(Mono(0.5), Limit.INTENSITY, "requests (2 a second)")


def test_a_share_of_the_bucket_is_left_to_others():
    played = Played(replace(BOUNDS, capacity=4.0, intensity_share=0.5))
    played.begin()
    played.send()

    assert played.decide() == WaitUntil(Mono(1.0), Limit.INTENSITY, "requests (1 a second)")


def test_at_the_end_all_requests_in_flight_end_together(played):
    played.begin(1.0, operating=None)

    first = played.decide(Waiting(together=40, alone=0, is_all=True))
    played.send(10)
    second = played.decide(Waiting(together=30, alone=0, is_all=True))

    assert (first, second) == (Send(10, Lane.BATCH), Send(10, Lane.BATCH))


def test_more_pages_than_fit_in_flight_are_shared_out_over_equal_rounds(played):
    played.begin(1.0, operating=None)

    # 100 pages are 25 for each of four, in two rounds.
    assert played.decide(Waiting(together=100, alone=0, is_all=True)).pages == 13


def test_pages_in_flight_that_are_done_meanwhile_do_not_count(played):
    played.begin(1.0, operating=None)
    played.send(20)

    assert played.decide(Waiting(together=6, alone=0, is_all=True), at=18.0).pages == 2


def test_pages_that_cost_nothing_are_shared_out_too(played):
    played.begin(0.0, operating=None)
    played.send(20)

    assert played.decide(Waiting(together=40, alone=0, is_all=True), at=1.0).pages == 10


# Pages that go alone


def test_a_page_that_needs_a_request_of_its_own_goes_beside_the_others(played):
    played.begin(1.0, operating=None)
    both = Waiting(together=100, alone=3, is_all=False)

    first = played.decide(both)
    played.send(1, Lane.SINGLE)

    assert (first, played.decide(both)) == (Send(1, Lane.SINGLE), Send(20, Lane.BATCH))


def test_where_only_such_pages_are_left_they_fill_the_window(played):
    played.begin(1.0, operating=None)
    played.send(1, Lane.SINGLE)

    assert played.decide(Waiting(together=0, alone=3, is_all=True)) == Send(1, Lane.SINGLE)


def test_such_a_page_waits_for_the_meter_of_single_calls(played):
    played.begin(1.0)
    played.settle(played.send(1, Lane.SINGLE), [0.5], at=60.0, operating=480.0, meter="m")

    decision = played.decide(Waiting(together=0, alone=1, is_all=True))

    assert (decision.limit, decision.at) == (Limit.OPERATING, 660.0)
    assert decision.because == "operating time (480 of 480 s used)"


def test_a_portal_that_takes_no_batches_gets_single_calls(played):
    permit = played.send(5)

    played.governor.on_batch_refused(permit)

    assert played.decide() == Send(1, Lane.SINGLE)


def test_where_batches_are_lost_and_single_calls_answered_pages_go_alone_for_a_while(played):
    played.begin(0.05)
    for _ in range(8):
        played.lose(played.send(5), at=played.now + 1.0)
        played.settle(played.send(1, Lane.SINGLE), [0.05], at=played.now)

    meanwhile = played.decide()
    afterwards = played.decide(at=played.now + 600.0)

    assert (meanwhile, afterwards) == (Send(1, Lane.SINGLE), Send(1, Lane.BATCH))


def test_a_batch_that_is_answered_after_all_brings_them_back(played):
    played.begin(0.05)
    for _ in range(8):
        played.lose(played.send(5), at=played.now + 1.0)
        played.settle(played.send(1, Lane.SINGLE), [0.05], at=played.now)

    played.settle(played.send(1), [0.05], at=played.now + 600.0)
    played.send(1)

    decision = played.decide()
    assert (decision.lane, decision.pages > 1) == (Lane.BATCH, True)


def test_after_a_refusal_a_portal_that_takes_no_batches_is_asked_alone(played):
    played.governor.on_batch_refused(played.send(5))
    played.refuse(played.send(1, Lane.SINGLE), at=10.0)

    assert played.decide(at=400.0) == Send(1, Lane.SINGLE)


def test_batches_that_are_answered_now_and_then_go_on(played):
    played.begin(0.05)
    for _ in range(5):
        for _ in range(7):
            played.lose(played.send(5), at=played.now + 1.0)
            played.settle(played.send(1, Lane.SINGLE), [0.05], at=played.now)
        played.settle(played.send(5), [0.05] * 5, at=played.now)

    assert played.decide().lane is Lane.BATCH


def test_in_an_outage_pages_of_batches_ask_by_themselves_in_turns(played):
    played.begin(0.05)
    lanes = []
    for _ in range(6):
        played.lose(played.send(5), at=played.now + 30.0)
        lanes.append(played.decide(at=played.now + 60.0).lane)

    assert lanes[-2:] in ([Lane.BATCH, Lane.SINGLE], [Lane.SINGLE, Lane.BATCH])


def test_single_calls_of_such_a_portal_wait_for_their_meter(played):
    played.governor.on_batch_refused(played.send(5))
    played.settle(played.send(1, Lane.SINGLE), [], worked=9.0, at=60.0, operating=480.0, meter="m")

    assert played.decide().limit is Limit.OPERATING


# Operating time


def test_near_the_limit_fewer_pages_go(played):
    played.begin(1.0, operating=440.0)

    played.send()

    assert played.decide() == Send(13, Lane.BATCH)


def test_what_is_in_flight_is_held_against_the_limit(played):
    played.begin(1.0, operating=440.0)

    played.send(4)

    assert played.decide() == Send(10, Lane.BATCH)


def test_near_the_limit_all_in_flight_may_cost_three_times_as_much(played):
    played.begin(1.0, operating=440.0)

    permits = [played.send(4), played.send(10)]
    waits = played.decide()
    played.settle(permits[1], [3.0] * 10, at=30.0, operating=470.0)
    played.settle(permits[0], [3.0] * 4, at=30.0, operating=482.0)

    # What may pass the limit is a single page.
    assert (waits.at, waits.limit) == (NEVER, Limit.QUESTION)
    assert played.governor.levels(now=Mono(30.0)).operating.level <= 480.0 + 3.0


def test_while_what_is_in_flight_tells_whether_there_is_room_no_other_meter_is_tried(played):
    played.begin(1.0, operating=440.0)
    played.settle(played.send(1, Lane.SINGLE), [1.0], at=1.0, operating=0.0, meter="m")

    played.send(14)

    assert played.decide().limit is Limit.QUESTION


def test_when_it_must_wait_it_says_until_when_and_why(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=480.0, at=60.0, operating=480.0)
    # The single call that would tell whether its meter is another has been made.
    played.governor._meters.is_shared = True

    decision = played.decide()

    assert decision.at == pytest.approx(660.0, abs=0.02)
    assert decision.because == "operating time (480 of 480 s used)"


def test_after_a_pause_one_page_begins_the_basket_and_others_follow_at_once(played):
    played.begin(1.0)

    first = played.decide(at=50.0)
    played.send(first.pages)

    assert (first.pages, played.decide().pages) == (1, 20)


def test_after_a_longer_pause_others_follow_when_its_answer_has_told_the_meters(played):
    played.begin(1.0)

    first = played.send(played.decide(at=100.0).pages)
    meanwhile = played.decide()
    played.settle(first, [1.0], at=101.0, operating=400.0)
    played.send(played.decide().pages)

    assert (first.pages, meanwhile.limit) == (1, Limit.QUESTION)
    assert played.governor.levels(now=Mono(101.0)).operating.level > 400.0


def test_a_question_is_asked_as_soon_as_enough_may_have_left(played):
    played.governor.on_settled(
        played.send(),
        Usage(Mono(0.0), 0, (Reading("batch/m", 480.0, 0.0, Mono(50.0)),), (), 0),
        now=Mono(0.0),
    )
    played.governor._sizing.learn((1.0,) * 400)
    played.governor._meters.is_shared = True

    before = played.decide()
    question = played.decide(at=50.0)
    played.send()

    assert (before.at, question) == (50.0, Send(1, Lane.BATCH))
    assert isinstance(played.decide(), WaitUntil)


def test_a_page_that_is_dearer_than_the_limit_is_sent_all_the_same(played):
    played.begin(1000.0)

    assert played.decide(at=1.0) == Send(1, Lane.BATCH)


def test_what_others_have_spent_is_asked_about_when_it_may_have_left(played):
    """However fast they seemed to spend: that is feared for a minute."""
    played.begin(1.0)
    played.settle(played.send(), [], at=60.0, operating=470.0)
    played.governor._meters.is_shared = True

    decision = played.decide(at=200.0)

    assert (decision.limit, decision.at) == (Limit.OPERATING, 540.0)
    assert played.decide(at=540.0) == Send(1, Lane.BATCH)


# The other meter


def test_while_the_meter_of_batches_is_full_one_single_call_asks_whether_its_is_another():
    # It goes into the share that is left free.
    played = Played(replace(BOUNDS, operating_share=0.98))
    played.begin(1.0)
    played.settle(played.send(), [], worked=470.0, at=60.0, operating=470.0)

    first = played.decide()
    played.send(1, Lane.SINGLE)

    assert (first, played.decide().limit) == (Send(1, Lane.SINGLE), Limit.OPERATING)


def test_single_calls_go_on_where_theirs_is_another_meter(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=479.5, at=60.0, operating=479.5)
    played.settle(played.send(1, Lane.SINGLE), [1.0], at=61.0, operating=1.0, meter="m")

    assert played.decide() == Send(1, Lane.SINGLE)


def test_single_calls_wait_where_theirs_is_the_same_meter(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=478.0, at=60.0, operating=478.0)
    played.settle(played.send(1, Lane.SINGLE), [1.0], at=61.0, operating=479.0, meter="m")
    played.settle(played.send(), [0.8], at=62.0, operating=479.8)

    assert played.decide().limit is Limit.OPERATING


def test_single_calls_of_a_tenth_of_a_second_cost_nothing(played):
    played.begin(0.05)
    played.settle(played.send(), [], worked=480.0, at=60.0, operating=480.0)
    played.governor._meters.is_shared = True
    played.governor._sizing = Played().governor._sizing
    played.governor._sizing.learn((0.05,) * 400)

    assert played.decide() == Send(1, Lane.SINGLE)


# Refused for operating time


def test_after_a_refusal_one_page_asks_and_not_all(played):
    played.begin(1.0)
    played.refuse(played.send(), at=10.0)

    waiting = played.decide()
    question = played.decide(at=310.0)
    played.send()

    assert waiting == WaitUntil(
        Mono(310.0), Limit.OPERATING, "operating time (the portal refused at 480 s)"
    )
    assert question == Send(1, Lane.BATCH)
    assert played.decide() == WaitUntil(
        NEVER, Limit.OPERATING, "a probe asks whether there is time again"
    )


def test_the_question_is_a_single_call_where_no_page_may_go_together(played):
    played.begin(1.0)
    played.refuse(played.send(), at=10.0)

    assert played.decide(Waiting(0, 1, is_all=True), at=310.0) == Send(1, Lane.SINGLE)


def test_the_limit_is_learned_from_the_sum_at_which_the_last_page_passed(played):
    played.begin(1.0)
    permit = played.send(50)
    played.settle(permit, [1.0] * 40, at=60.0, operating=241.0)

    played.refuse(permit, at=60.0, done=(1.0,) * 40)

    assert played.governor.operating_limit == 240.0


def test_a_refusal_of_what_was_told_just_now_leaves_the_highest_sum_that_passed(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=10.0, at=60.0, operating=250.0)

    played.refuse(played.send(), at=61.0)

    assert played.governor.operating_limit == 240.0


def test_a_refusal_long_after_the_last_answer_is_the_doing_of_others(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=10.0, at=60.0, operating=250.0)

    played.refuse(played.send(), at=500.0)

    assert played.governor.operating_limit == 480.0
    assert played.governor.levels(now=Mono(500.0)).operating.level == 480.0


def test_a_refusal_of_a_meter_that_never_showed_teaches_nothing(played):
    played.begin(1.0, operating=None)

    played.refuse(played.send(), at=500.0)

    assert played.governor.operating_limit == 480.0


def test_a_refusal_before_any_page_has_passed_teaches_nothing(played):
    played.begin(1.0, operating=0.0)

    played.refuse(played.send(), at=1.0)

    assert played.governor.operating_limit == 480.0


def test_the_whole_volley_of_a_refusal_teaches_once(played):
    played.begin(1.0)
    first, second = played.send(), played.send()
    played.settle(played.send(), [], worked=10.0, at=60.0, operating=250.0)
    played.refuse(first, at=61.0)
    at = played.decide().at

    played.refuse(second, at=62.0)

    assert (played.decide().at, played.governor.operating_limit) == (at, 240.0)


def test_a_refused_envelope_is_held_against_the_meter_of_batches(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=10.0, at=60.0, operating=250.0, meter="batch")

    played.governor.on_operating_refused(played.send(), done=(), in_command=False, now=Mono(61.0))

    assert played.governor.operating_limit == 240.0


def test_a_portal_that_still_refuses_when_a_ban_would_have_ended_lets_go_by_baskets(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=240.0, at=50.0, operating=240.0)
    played.settle(played.send(), [1.0], at=51.0, operating=241.0)
    played.refuse(played.send(), at=60.0)
    played.decide(at=360.0)

    played.refuse(played.send(), at=360.0)

    assert played.governor._refusals.is_banning is False
    assert played.decide().at == pytest.approx(650.0, abs=1.1)


def test_a_portal_that_lets_pass_before_a_ban_could_have_ended_lets_go_by_baskets(played):
    played.begin(1.0)
    played.refuse(played.send(), at=60.0)
    played.governor._refusals.ask_at = Mono(100.0)

    played.now = 100.0
    played.settle(played.send(), [1.0], at=101.0, operating=1.0)

    assert played.governor._refusals.is_banning is False
    assert isinstance(played.decide(), Send)


def test_a_meter_that_is_empty_before_its_baskets_left_was_banned(played):
    played.begin(1.0)
    played.settle(played.send(), [], worked=470.0, at=50.0, operating=470.0)
    played.settle(played.send(), [1.0], at=51.0, operating=471.0)
    played.refuse(played.send(), at=60.0)
    played.decide(at=360.0)

    played.settle(played.send(), [1.0], at=361.0, operating=1.0)

    assert played.governor._refusals.is_banning is True
    assert isinstance(played.decide(), Send)


def test_a_portal_that_is_known_to_ban_is_asked_when_the_ban_has_ended(played):
    played.begin(1.0)
    played.governor._refusals.is_banning = True
    played.settle(played.send(), [], worked=470.0, at=50.0, operating=471.0)
    played.refuse(played.send(), at=640.0)

    first = played.decide().at
    played.now = first
    played.refuse(played.send(), at=940.0)

    assert (first, played.decide().at) == (940.0, 1240.0)


def test_where_nothing_tells_when_it_is_asked_again_in_a_minute(played):
    played.begin(1.0)
    played.governor._refusals.is_banning = False

    played.refuse(played.send(), at=60.0)

    assert played.decide().at == 120.0


def test_a_question_that_is_refused_early_is_asked_again_when_a_ban_would_end(played):
    played.begin(1.0)
    played.refuse(played.send(), at=60.0)
    played.governor._refusals.ask_at = Mono(100.0)
    played.now = 100.0

    played.refuse(played.send(), at=101.0)

    assert (played.governor._refusals.is_banning, played.decide().at) == (None, 360.0)


# Lost, and refused for other reasons


def test_a_lost_request_that_may_be_done_is_booked_as_expected(played):
    played.begin(1.0)
    permit = played.send(20)

    played.governor.on_ignored(permit, may_be_done=True, now=Mono(30.0))

    assert played.governor.levels(now=Mono(30.0)).operating.level == pytest.approx(20.0)


def test_what_a_lost_request_may_have_cost_counts_for_single_calls_too(played):
    played.begin(1.0)
    before = played.governor._meters.of("m").booked(Mono(30.0))

    played.governor.on_ignored(played.send(20), may_be_done=True, now=Mono(30.0))

    assert played.governor._meters.of("m").booked(Mono(30.0)) == pytest.approx(before + 20.0)


def test_a_list_that_is_answered_ends_no_outage(played):
    for at in range(1, 21):
        played.governor.on_ignored(played.send(), may_be_done=True, now=Mono(at))
    told(played, 1.0)
    played.governor.calls.on_refused(sent_at=Mono(20.0), now=Mono(20.3))

    assert played.decide(at=20.4).limit is Limit.OUTAGE
    played.governor.on_ignored(played.send(), may_be_done=True, now=Mono(1000.0))
    assert isinstance(played.decide(at=1000.0), Stop)


def test_in_an_outage_pages_that_go_alone_ask_in_turns_with_the_others(played):
    lanes = []
    both = Waiting(together=100, alone=3, is_all=False)
    for at in (1.0, 2.0, 20.0, 80.0, 140.0, 200.0):
        played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(at))
        lanes.append(played.decide(both, at=at + 60.0))

    assert [decision.lane for decision in lanes[2:]] == [Lane.BATCH, Lane.SINGLE] * 2
    assert {decision.pages for decision in lanes[2:]} == {1}


@pytest.mark.parametrize(("seconds", "window", "size"), [(75.0, 2, 25), (30.0, 4, 50)])
def test_a_request_that_was_lost_for_its_length_halves_the_next(played, seconds, window, size):
    played.begin(0.2)
    played.now = 1.0
    permit = played.send(50)

    played.governor.on_ignored(permit, may_be_done=True, now=Mono(1.0 + seconds))

    snapshot = played.governor.levels(now=Mono(1.0 + seconds))
    assert (snapshot.window, snapshot.size) == (window, size)


def test_a_portal_that_answers_others_meanwhile_keeps_its_window(played):
    played.begin(1.0)
    lost = played.send(5)
    played.settle(played.send(5), [1.0] * 5, at=10.0)

    played.governor.on_ignored(lost, may_be_done=True, now=Mono(75.0))

    assert played.governor.levels(now=Mono(75.0)).window == 4


def test_where_pages_fail_requests_are_as_small_as_pays(played):
    played.begin(0.2)
    for _ in range(40):
        played.settle(played.send(10), [0.2] * 9, at=played.now + 1.0, failures=1, operating=1.0)
    played.send()

    # A tenth fails: fifty together would pay three times and more, and there are requests enough.
    assert played.decide() == Send(5, Lane.BATCH)


def test_an_answer_that_cannot_be_read_is_booked_as_expected_and_is_no_outage(played):
    played.begin(1.0, operating=100.0)

    played.governor.on_failed(played.send(10), may_be_done=True, now=Mono(10.0))

    assert played.governor.levels(now=Mono(10.0)).operating.level >= 110.0
    assert isinstance(played.decide(at=10.0), Send)


def test_a_lost_request_that_cannot_be_done_costs_nothing(played):
    played.begin(1.0)
    permit = played.send(20)

    played.governor.on_ignored(permit, may_be_done=False, now=Mono(30.0))

    assert played.governor.levels(now=Mono(30.0)).operating.level == 0.0


def test_a_lost_request_is_not_booked_on_a_meter_that_never_showed(played):
    played.begin(1.0, operating=None)

    played.governor.on_ignored(played.send(20), may_be_done=True, now=Mono(30.0))

    assert played.governor.levels(now=Mono(30.0)).operating is None


def test_in_an_outage_one_page_at_a_time_asks_with_pauses(played):
    played.begin(1.0)
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(1.0))
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(2.0))
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(20.0))

    pause = played.decide(at=20.0)
    question = played.decide(at=pause.at)
    played.send()

    assert (pause.limit, pause.because) == (Limit.OUTAGE, "the portal does not answer")
    assert (question, played.decide().limit) == (Send(1, Lane.BATCH), Limit.QUESTION)


def test_after_its_patience_it_stops(played):
    played.begin(1.0)
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(1.0))
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(2.0))
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(901.0))
    assert not isinstance(played.decide(at=901.0), Stop)

    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(902.0))
    assert played.decide(at=902.0) == Stop(
        "No page was answered for 15 min: the portal does not answer."
    )


def _refused_for_rate(played, at):
    played.governor.on_rate_refused(played.send(), now=Mono(at))


def _refused_for_time(played, at):
    played.governor.on_operating_refused(played.send(), done=(), in_command=False, now=Mono(at))


def _left_out(played, at):
    usage = Usage(Mono(at), None, (), (), 1, is_answer=False)
    played.governor.on_settled(played.send(), usage, now=Mono(at))


def _lost(played, at):
    played.governor.on_ignored(played.send(), may_be_done=False, now=Mono(at))


INSTEAD = [_refused_for_rate, _refused_for_time, _left_out, _lost]


@pytest.mark.parametrize("instead", INSTEAD)
@pytest.mark.parametrize("before", INSTEAD)
def test_no_page_answered_for_15_minutes_ends_it_whatever_was_answered_instead(
    played, before, instead
):
    for at in range(0, 900, 30):
        before(played, at)
        assert not isinstance(played.decide(at=at), Stop)
        told(played, float(at))

    instead(played, 900.1)

    assert isinstance(played.decide(at=900.1), Stop)


@pytest.mark.parametrize("instead", INSTEAD)
def test_an_answer_for_a_page_begins_the_15_minutes_anew(played, instead):
    for at in range(0, 900, 30):
        instead(played, at)
    played.governor.on_settled(
        played.send(), Usage(Mono(900.0), None, (), (1.0,), 0), now=Mono(900.0)
    )

    instead(played, 900.1)

    assert not isinstance(played.decide(at=900.1), Stop)


@pytest.mark.parametrize(
    ("limit", "is_chosen"),
    [(Limit.TURN, True), (Limit.OPERATING, True), (Limit.INTENSITY, False), (Limit.OUTAGE, False)],
)
def test_what_is_waited_for_by_choice_is_no_part_of_the_15_minutes(played, limit, is_chosen):
    _lost(played, 1.0)
    played.governor.on_waited(limit, 800.0)
    _lost(played, 1000.0)

    assert isinstance(played.decide(at=1000.0), Stop) is not is_chosen


def test_a_wait_after_a_refusal_for_operating_time_is_part_of_them(played):
    _refused_for_time(played, 1.0)
    played.governor.on_waited(Limit.OPERATING, 800.0)
    _refused_for_time(played, 1000.0)

    assert isinstance(played.decide(at=1000.0), Stop)


def test_a_refusal_for_the_rate_fills_the_bucket_and_cuts_the_pace(played):
    played.begin(1.0)

    played.governor.on_rate_refused(played.send(), now=Mono(0.5))

    assert played.governor.levels(now=Mono(0.5)).intensity.level == 50.0
    assert played.decide(at=0.5) == WaitUntil(
        Mono(1.75), Limit.INTENSITY, "requests (0.8 a second)"
    )


def test_a_batch_with_failures_teaches_nothing_about_cost(played):
    played.begin(1.0, operating=None)

    played.settle(played.send(3), [50.0], at=1.0, failures=2)

    assert played.governor.levels(now=Mono(1.0)).cost == pytest.approx(1.0)


def test_a_share_of_failures_makes_a_request_dearer_than_its_pages(played):
    played.begin(1.0)
    before = played.governor._expected(Lane.BATCH, 11)

    played.settle(played.send(2), [], at=1.0, failures=2)

    # A tenth of the pages fail, as it seems: five of ten others are charged once more for each.
    assert played.governor._expected(Lane.BATCH, 11) == pytest.approx(before * 1.5)


def test_the_first_pages_teach_even_beside_failures(played):
    played.settle(played.send(2), [0.5], at=1.0, failures=1)

    assert played.governor.levels(now=Mono(1.0)).cost == 0.5


# Calls that are not about pages


def test_a_list_waits_for_the_bucket_alone_while_its_meter_never_showed():
    played = Played(replace(BOUNDS, capacity=2.0))
    first = played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0)
    played.governor.calls.on_sent(now=Mono(0.0))
    second = played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0)
    played.governor.calls.on_sent(now=Mono(0.0))

    third = played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0)

    assert (first, second) == (Send(1, Lane.SINGLE), Send(1, Lane.SINGLE))
    assert (third.limit, third.at) == (Limit.INTENSITY, 0.5)


def test_a_list_waits_for_its_meter_a_minute_at_a_time(played):
    told(played, 479.0)

    decision = played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0)

    assert (decision.limit, decision.at) == (Limit.OPERATING, 60.0)


def test_a_list_goes_where_its_meter_has_room(played):
    told(played, 470.0)

    assert played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0) == Send(
        1, Lane.SINGLE
    )


def test_a_list_that_tells_of_no_meter_holds_nothing_up(played):
    played.governor.calls.on_settled(
        (), minute=None, sent_at=Mono(0.0), finished_at=Mono(0.0), now=Mono(0.0)
    )

    assert played.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0) == Send(
        1, Lane.SINGLE
    )


def test_a_list_that_is_refused_fills_the_bucket(played):
    played.governor.calls.on_sent(now=Mono(0.0))

    played.governor.calls.on_refused(sent_at=Mono(0.0), now=Mono(0.5))

    assert played.governor.levels(now=Mono(0.5)).intensity.level == 50.0


def told(played: Played, operating: float) -> None:
    played.governor.calls.on_settled(
        (Reading("list", operating, 0.0, None),),
        minute=0,
        sent_at=Mono(0.0),
        finished_at=Mono(0.0),
        now=Mono(0.0),
    )


# What is learned from outside


def test_another_plan_changes_both_limits(played):
    bounds = replace(BOUNDS, capacity=250.0, drain=5.0, operating_limit=420.0)

    played.governor.set_bounds(bounds, now=Mono(0.0))

    assert played.governor.operating_limit == 420.0
    assert played.governor.levels(now=Mono(0.0)).intensity.limit == 250.0


def test_what_an_earlier_process_has_spent_counts_on_every_meter(played):
    played.governor.on_resumed(
        [(Mono(-500.0), 300.0), (Mono(-100.0), 100.0)], last_sent_at=Mono(-5.0), now=Mono(0.0)
    )

    snapshot = played.governor.levels(now=Mono(0.0))

    assert (snapshot.operating.level, snapshot.intensity.level) == (400.0, 40.0)


def test_it_says_how_many_pages_are_in_flight_and_for_how_long(played):
    assert played.governor.pending(now=Mono(0.0)) == (0, 0.0)
    played.settle(played.send(), [1.0], at=1.0)
    played.now = 2.0
    permit = played.send(5)

    pages, seconds = played.governor.pending(now=Mono(3.0))

    assert pages == permit.pages
    assert seconds >= permit.pages - 1.0
    assert played.governor.pending(now=Mono(1e6)) == (pages, 0.0)


# Taking turns with another run


def test_who_takes_over_knows_what_was_left(played):
    played.settle(played.send(), [], worked=300.0, at=60.0, operating=300.0)
    other = Played()

    left = played.governor.hand_over(now=Mono(60.0))
    other.governor.take_over(left, since=Mono(1000.0), now=Mono(1010.0))

    assert other.governor.levels(now=Mono(1010.0)).operating.level == 300.0
    assert other.governor.levels(now=Mono(1601.0)).operating.level == 0.0


def refused_at_240(played: Played) -> None:
    played.begin(1.0, operating=240.0)
    played.settle(played.send(), [1.0], at=10.0, operating=240.0)
    played.refuse(played.send(), at=11.0)


@pytest.mark.parametrize(("later", "limit"), [(600.0, 240.0), (4000.0, 480.0)])
def test_a_limit_that_a_refusal_showed_is_handed_over_for_an_hour(played, later, limit):
    refused_at_240(played)
    assert played.governor.operating_limit == pytest.approx(240.0, abs=1.0)
    other = Played()

    left = played.governor.hand_over(now=Mono(20.0))
    other.governor.take_over(left, since=Mono(20.0), now=Mono(later))

    assert other.governor.operating_limit == pytest.approx(limit, abs=1.0)


def test_a_limit_that_was_handed_over_outlasts_the_question_for_the_plan(played):
    refused_at_240(played)
    other = Played()
    other.governor.take_over(
        played.governor.hand_over(now=Mono(20.0)), since=Mono(20.0), now=Mono(30.0)
    )

    other.governor.set_bounds(BOUNDS, now=Mono(31.0))

    assert other.governor.operating_limit == pytest.approx(240.0, abs=1.0)


def test_what_a_run_was_told_to_keep_to_is_not_handed_over():
    told_less = Played(replace(BOUNDS, operating_limit=60.0))
    other = Played()

    other.governor.take_over(
        told_less.governor.hand_over(now=Mono(0.0)), since=Mono(0.0), now=Mono(1.0)
    )

    assert other.governor.operating_limit == 480.0


def test_pages_alone_hold_back_for_what_batches_in_flight_may_book(played):
    played.begin(2.0, operating=398.0)
    played.settle(played.send(1, Lane.SINGLE), [2.0], at=2.0, operating=400.0, meter="m")
    played.send(39)

    assert isinstance(played.decide(Waiting(0, 5, is_all=True)), WaitUntil)


def test_before_a_single_call_was_answered_the_meter_of_batches_holds_for_it(played):
    played.begin(6.0, operating=478.0)

    assert isinstance(played.decide(Waiting(0, 5, is_all=True)), WaitUntil)


def test_pages_alone_ask_as_soon_as_enough_may_have_left(played):
    played.begin(1.0, operating=0.0)
    permit = played.send(1, Lane.SINGLE)
    reading = Reading("m", 479.9, 1.0, Mono(30.0))
    usage = Usage(Mono(1.0), 0, (reading,), (1.0,), 0)
    played.governor.on_settled(permit, usage, now=Mono(1.0))
    alone = Waiting(0, 5, is_all=True)

    waits = played.decide(alone, at=1.0)

    assert isinstance(waits, WaitUntil)
    assert waits.at == 30.0
    assert played.decide(alone, at=30.0) == Send(1, Lane.SINGLE)


def test_pages_that_fail_do_not_tell_that_there_is_no_meter(played):
    played.settle(played.send(5), [], failures=5, at=1.0)
    played.send(5)

    waits = played.decide()

    assert isinstance(waits, WaitUntil)
    assert waits.limit is Limit.QUESTION


def test_a_portal_whose_answers_never_tell_of_a_page_is_not_asked_for_ever(played):
    for at in range(1, 11):
        played.settle(played.send(5), [], failures=5, at=float(at))
    played.send(5)

    assert isinstance(played.decide(), Send)


def test_what_a_run_that_is_left_has_in_flight_is_waited_for_and_asked_about(played):
    played.begin(1.0, operating=100.0)
    played.send(10)
    other = Played()
    other.begin(1.0, operating=100.0)

    left = played.governor.hand_over(now=Mono(4.0))
    other.governor.take_over(left, since=Mono(4.0), now=Mono(5.0))

    waits = other.decide(at=5.0)
    assert isinstance(waits, WaitUntil)
    assert (waits.limit, waits.at) == (Limit.TURN, 10.0)
    assert isinstance(other.decide(at=10.0), Send)
    other.send()
    assert other.decide().limit is Limit.QUESTION


def test_after_a_run_that_was_killed_one_small_request_asks_half_a_minute_later(played):
    played.begin(1.0, operating=100.0)

    played.governor.on_left_without_word(now=Mono(5.0))

    assert played.decide(at=5.0).at == 35.0
    assert isinstance(played.decide(at=35.0), Send)
    played.send()
    assert played.decide().limit is Limit.QUESTION


def test_the_bucket_has_drained_since_it_was_handed_over(played):
    played.send()
    played.send()
    played.send()
    other = Played()

    left = played.governor.hand_over(now=Mono(0.0))
    other.governor.take_over(left, since=Mono(100.0), now=Mono(101.0))

    assert other.governor.levels(now=Mono(101.0)).intensity.level == 1.0


def test_what_a_run_knows_of_a_meter_is_not_forgotten_for_one_that_never_saw_it(played):
    played.begin(1.0, operating=50.0)

    played.governor.take_over(
        Played().governor.hand_over(now=Mono(0.0)), since=Mono(0.0), now=Mono(0.0)
    )

    assert played.governor.levels(now=Mono(0.0)).operating.level == 50.0


def test_a_meter_that_only_the_other_run_knows_is_known_from_then_on(played):
    played.governor.calls.on_sent(now=Mono(0.0))
    told(played, 479.0)
    other = Played()

    other.governor.take_over(
        played.governor.hand_over(now=Mono(0.0)), since=Mono(0.0), now=Mono(0.0)
    )

    assert (
        other.governor.calls.next_decision("list", now=Mono(0.0), cost=2.0).limit is Limit.OPERATING
    )


# Asking


def test_a_permit_that_ended_once_frees_its_place_once(played):
    played.begin(1.0)
    permit, other = played.send(), played.send()

    played.settle(permit, [1.0], at=1.0, operating=1.0)
    played.refuse(permit, at=1.0, done=(1.0,))

    assert played.governor.levels(now=Mono(1.0)).in_flight == 1
    played.settle(other, [1.0], at=1.0, operating=2.0)
    assert played.governor.levels(now=Mono(1.0)).in_flight == 0


def test_where_the_bucket_is_nearly_full_no_request_is_short():
    played = Played(replace(BOUNDS, capacity=6.0))
    played.begin(1.0)

    with_room = played.decide(at=10.0)
    played.settle(played.send(), [], at=10.0, operating=0.0)
    played.settle(played.send(), [], at=10.0, operating=0.0)
    without = played.decide()

    assert (with_room.pages, without.pages) == (1, 20)


def test_with_one_request_at_a_time_only_a_rest_of_a_minute_is_followed_by_a_short_one():
    played = Played(replace(BOUNDS, concurrency=1))
    played.begin(1.0)
    played.settle(played.send(), [], worked=1.0, at=30.0, operating=1.0)

    assert [played.decide(at=at).pages for at in (30.0, 90.0, 91.0)] == [20, 20, 1]


# Against a portal


@dataclass
class Flight:
    permit: Permit
    costs: list[float]

    @property
    def ends_at(self) -> float:
        return self.permit.sent_at + sum(self.costs)


class NaivePortal:
    """Written from the text, without a thought for speed: it remembers everything, and adds up."""

    def __init__(self, billing: str, limit: float, capacity: float, drain: float) -> None:
        self.billing, self.limit = billing, limit
        self.capacity, self.drain = capacity, drain
        self.requests: list[float] = []
        self.bookings: list[tuple[str, float, float]] = []
        self.refused = 0
        self.highest = 0.0

    def takes(self, at: float) -> bool:
        level, last = 0.0, at
        for moment in self.requests:
            level = max(0.0, level - (moment - last) * self.drain) + 1
            last = moment
        level = max(0.0, level - (at - last) * self.drain)
        if level + 1 > self.capacity + 1e-6:
            return False
        self.requests.append(at)
        return True

    def total(self, meter: str, at: float) -> float:
        booked = [(when, spent) for name, when, spent in self.bookings if name == meter]
        return sum(
            spent
            for when, spent in booked
            if when <= at
            and at < min(first for first, _ in booked if first // 60 == when // 60) + 600.0
        )

    def meters(self, lane: Lane) -> list[tuple[str, float]]:
        """Where a request of *lane* is booked, and with which share."""
        if lane is Lane.SINGLE:
            return [("m", 1.0)]
        return {
            "method": [("m", 1.0)],
            "batch": [("batch", 1.0)],
            "both": [("batch", 0.5), ("nested", 1.0)],
        }[self.billing]

    def end(self, flight: Flight) -> None:
        """Checks each page of *flight* as it began, and books it."""
        lane = flight.permit.lane
        for name, share in self.meters(lane):
            at, spent = float(flight.permit.sent_at), 0.0
            for cost in flight.costs:
                own = 0.0 if name == "batch" else spent * share
                checked_at = flight.permit.sent_at if name == "batch" else at
                self.refused += self.total(name, checked_at) + own > self.limit
                at, spent = at + cost, spent + cost
            if spent > 0.1:
                self.bookings.append((name, flight.ends_at, spent * share))
            self.highest = max(self.highest, self.total(name, flight.ends_at))

    def readings(self, flight: Flight) -> tuple[Reading, ...]:
        worked = sum(flight.costs)
        worked = worked if worked > 0.1 else 0.0
        at = flight.ends_at
        if flight.permit.lane is Lane.SINGLE:
            return (Reading("m", self.total("m", at), worked, None),)
        inner = {"method": "m", "batch": "batch", "both": "nested"}[self.billing]
        return (
            Reading("batch", self.total("batch", at), worked, None),
            Reading("batch/m", self.total(inner, at), worked, None),
        )


class AgainstAPortal(RuleBasedStateMachine):
    """Our governor against a naive portal: never over a limit, never refused, never idle for ever."""

    @initialize(
        billing=st.sampled_from(["method", "batch", "both"]),
        limit=st.sampled_from([60.0, 240.0, 480.0]),
        mean=st.floats(0.02, 5.0),
        spread=st.floats(0.0, 0.5),
        concurrency=st.integers(1, 6),
        seed=st.integers(0, 2**32),
    )
    def begin(
        self, billing: str, limit: float, mean: float, spread: float, concurrency: int, seed: int
    ) -> None:
        self.now = 0.0
        self.mean, self.spread, self.rng = mean, spread, random.Random(seed)
        self.flights: list[Flight] = []
        self.ended: list[Flight] = []
        self.has_tenants = False
        self.portal = NaivePortal(billing, limit, 50.0, 2.0)
        self.governor = Governor(
            Bounds(50.0, 2.0, limit, concurrency=concurrency, patience=1e9),
            together=("batch", "batch/m"),
            alone=("m",),
            rng=random.Random(seed),
        )

    def decide(self):
        return self.governor.next_decision(MANY, now=Mono(self.now))

    @rule(most=st.integers(1, 8))
    def send_when_allowed(self, most: int) -> None:
        for _ in range(most):
            decision = self.decide()
            if not isinstance(decision, Send):
                return
            permit = self.governor.reserve(decision, now=Mono(self.now))
            if not self.portal.takes(self.now):
                assert self.has_tenants
                self.governor.on_rate_refused(permit, now=Mono(self.now))
                continue
            costs = [
                self.mean * (1 + self.spread * self.rng.uniform(-1, 1)) for _ in range(permit.pages)
            ]
            self.flights.append(Flight(permit, costs))

    @rule(seconds=st.floats(0.0, 90.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for flight in sorted(self.flights, key=lambda flight: flight.ends_at):
            if flight.ends_at <= self.now:
                self.portal.end(flight)
                self.flights.remove(flight)
                self.ended.append(flight)

    @rule()
    def wait_as_told(self) -> None:
        decision = self.decide()
        if isinstance(decision, WaitUntil) and decision.at < NEVER:
            self.time_passes(decision.at - self.now)
        elif self.flights:
            ends_at = min(flight.ends_at for flight in self.flights)
            self.time_passes(max(0.0, ends_at - self.now))

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def answer_late(self, data: st.DataObject) -> None:
        self._answer(self.ended.pop(data.draw(st.integers(0, len(self.ended) - 1))))

    @rule()
    def answer_all(self) -> None:
        while self.ended:
            self._answer(self.ended.pop(0))

    def _answer(self, flight: Flight) -> None:
        usage = Usage(
            finished_at=Mono(flight.ends_at),
            minute=int(flight.ends_at // 60),
            readings=self.portal.readings(flight),
            costs=tuple(flight.costs),
            failures=0,
        )
        self.governor.on_settled(flight.permit, usage, now=Mono(self.now))

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def lose_an_answer(self, data: st.DataObject) -> None:
        flight = self.ended.pop(data.draw(st.integers(0, len(self.ended) - 1)))
        self.governor.on_ignored(flight.permit, may_be_done=True, now=Mono(self.now))

    @rule(requests=st.integers(1, 30))
    def another_tenant_sends(self, requests: int) -> None:
        self.has_tenants = True
        for _ in range(requests):
            self.portal.takes(self.now)

    @precondition(lambda self: not self.flights and not self.ended)
    @rule()
    def rest(self) -> None:
        self.now += 1300.0
        assert isinstance(self.decide(), Send), "idle, although everything would fit"

    @invariant()
    def no_meter_is_above_its_limit_by_more_than_a_page(self) -> None:
        assert self.portal.highest <= self.portal.limit + self.mean * (1 + self.spread)

    @invariant()
    def the_portal_never_refuses(self) -> None:
        assert self.portal.refused == 0

    @invariant()
    def asking_changes_nothing_and_a_wait_has_an_end(self) -> None:
        decision = self.decide()
        assert self.decide() == decision
        if isinstance(decision, WaitUntil):
            assert decision.at > self.now
            assert decision.at < NEVER or self.flights or self.ended


TestAgainstAPortal = AgainstAPortal.TestCase
TestAgainstAPortal.settings = settings(
    max_examples=60,
    stateful_step_count=40,
)
