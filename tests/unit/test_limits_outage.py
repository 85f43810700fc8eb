"""When the portal does not answer."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.outage import Drought, Outage
from bulk_publisher.model import Mono


@pytest.fixture
def outage():
    return Outage(rng=random.Random(1))


def test_two_lost_requests_are_no_outage(outage):
    outage.on_lost(Mono(10.0))
    outage.on_lost(Mono(20.0))

    assert (outage.is_on, outage.lasted(Mono(30.0)), outage.until) == (False, 0.0, float("-inf"))


def test_three_in_a_row_are_one_that_began_with_the_first(outage):
    outage.on_lost(Mono(10.0))
    outage.on_lost(Mono(20.0))
    outage.on_lost(Mono(30.0))

    assert (outage.is_on, outage.lasted(Mono(70.0))) == (True, 60.0)
    assert 30.5 <= outage.until <= 31.0


def test_three_at_once_make_a_pause_and_no_outage(outage):
    for moment in (10.0, 11.0, 12.0):
        outage.on_lost(Mono(moment))

    assert (outage.is_on, outage.lasted(Mono(12.0))) == (False, 2.0)
    assert 12.5 <= outage.until <= 13.0


def test_losses_that_go_on_for_a_while_become_an_outage(outage):
    for moment in (10.0, 11.0, 12.0, 25.0):
        outage.on_lost(Mono(moment))

    assert outage.is_on


def test_each_lost_request_makes_the_next_pause_longer(outage):
    outage.on_lost(Mono(0.0))
    outage.on_lost(Mono(0.0))
    outage.on_lost(Mono(0.0))
    outage.on_lost(Mono(0.0))
    outage.on_lost(Mono(0.0))

    assert 2.0 <= outage.until <= 4.0


def test_any_answer_ends_it(outage):
    outage.on_lost(Mono(1.0))
    outage.on_lost(Mono(2.0))
    outage.on_lost(Mono(3.0))

    outage.on_answer()

    assert (outage.is_on, outage.lasted(Mono(99.0)), outage.until) == (False, 0.0, float("-inf"))


def test_an_answer_in_between_begins_the_row_anew(outage):
    outage.on_lost(Mono(1.0))
    outage.on_lost(Mono(2.0))
    outage.on_answer()

    outage.on_lost(Mono(3.0))

    assert not outage.is_on


def test_a_portal_that_answers_lists_may_lose_more_before_it_is_an_outage(outage):
    for moment in range(9):
        outage.on_sign_of_life(Mono(moment * 10.0))
        outage.on_lost(Mono(moment * 10.0))
    before = (outage.is_on, outage.until)

    outage.on_lost(Mono(90.0))

    assert before == (False, float("-inf"))
    assert (outage.is_on, outage.lasted(Mono(90.0))) == (True, 90.0)


def test_where_the_portal_answers_lists_pauses_stay_short(outage):
    for number in range(30):
        outage.on_sign_of_life(Mono(number * 10.0))
        outage.on_lost(Mono(number * 10.0 + 1.0))

    assert outage.is_on
    assert 291.0 < outage.until <= 291.0 + 3.0


def test_a_sign_of_life_is_soon_forgotten(outage):
    outage.on_sign_of_life(Mono(0.0))
    for moment in (1.0, 2.0, 70.0):
        outage.on_lost(Mono(moment))

    assert outage.is_on


def test_no_sign_of_life_ends_an_outage(outage):
    for moment in range(12):
        outage.on_lost(Mono(moment * 10.0))
    until = outage.until

    outage.on_sign_of_life(Mono(110.0))

    assert (outage.is_on, outage.until) == (True, until)


# giving up


def test_patience_ends_after_its_seconds_and_not_before():
    drought = Drought(patience=900.0)

    drought.on_unanswered(Mono(100.0), "refuses")
    drought.on_unanswered(Mono(1000.0), "refuses")
    assert not drought.is_over_patience

    drought.on_unanswered(Mono(1000.1), "is silent")
    assert (drought.is_over_patience, drought.instead) == (True, "is silent")


def test_an_answer_begins_patience_anew():
    drought = Drought(patience=900.0)

    drought.on_unanswered(Mono(100.0), "refuses")
    drought.on_answered()
    drought.on_unanswered(Mono(1100.0), "refuses")

    assert (drought.lasted, drought.is_over_patience) == (0.0, False)


def test_what_is_waited_by_choice_does_not_count_and_before_anything_was_asked_nothing_does():
    drought = Drought(patience=900.0)

    drought.on_chosen_wait(5_000.0)
    drought.on_unanswered(Mono(5_000.0), "refuses")
    drought.on_chosen_wait(3_000.0)
    drought.on_unanswered(Mono(8_900.0), "refuses")

    assert drought.lasted == 900.0
    assert not drought.is_over_patience


def test_who_was_put_to_sleep_has_not_asked_meanwhile():
    drought = Drought(patience=900.0)

    drought.on_answered()
    drought.on_unanswered(Mono(90_000.0), "is silent")

    assert not drought.is_over_patience


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unanswered", "unanswered", "answered", "choice", "time"]),
        st.integers(0, 400),
    ),
    max_size=40,
)


@given(STEPS)
def test_patience_is_over_when_more_than_its_seconds_were_asked_in_vain(steps):
    drought, now, in_vain = Drought(patience=900.0), 0, None
    for what, seconds in steps:
        now += seconds
        if in_vain is not None and what != "choice":
            in_vain += seconds
        match what:
            case "unanswered":
                in_vain = in_vain or 0
                drought.on_unanswered(Mono(now), "refuses")
                assert (drought.lasted, drought.is_over_patience) == (in_vain, in_vain > 900)
            case "answered":
                in_vain = None
                drought.on_answered()
            case "choice":
                drought.on_chosen_wait(seconds)
