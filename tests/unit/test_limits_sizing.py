"""How many pages go into one request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.sizing import Sizing

costs = st.lists(st.floats(0.0, 60.0), min_size=1, max_size=50).map(tuple)


@pytest.fixture
def sizing():
    return Sizing(largest=50)


def test_the_first_request_is_small_and_takes_the_portal_for_a_slow_one(sizing):
    assert (sizing.is_known, sizing.size, sizing.cost) == (False, 5, 1.5)
    assert sizing.expected(5) == 7.5


def test_a_first_request_is_no_larger_than_the_largest_allowed():
    assert Sizing(largest=3).size == 3


def test_pages_that_cost_little_fill_the_request(sizing):
    sizing.learn((0.1,) * 5)

    assert sizing.size == 50


def test_pages_of_one_cost_are_expected_at_that_cost_and_a_doubt_that_shrinks(sizing):
    sizing.learn((2.0,) * 4)

    # 3·2 s, and as nothing varied only the doubt of four pages: 3·2/√4.
    assert sizing.expected(3) == pytest.approx(9.0)
    sizing.learn((2.0,) * 12)
    assert sizing.expected(3) == pytest.approx(7.5)


def test_the_spread_of_pages_is_part_of_the_margin(sizing):
    sizing.learn((1.0, 3.0) * 200)

    # The mean is 2, the deviation 1: 3·√4 deviations, and a doubt of 2·4/√400.
    assert sizing.margin(4) == pytest.approx(6.4, abs=0.1)


def test_a_request_ends_well_within_a_minute(sizing):
    sizing.learn((1.4,) * 400)

    # 1.4·n·(1 + 1/√400) ≤ 20
    assert sizing.size == 13


def test_a_page_that_is_dearer_than_a_request_may_take_goes_alone(sizing):
    sizing.learn((45.0,) * 10)

    assert sizing.size == 1


def test_a_portal_that_turns_slower_is_believed_at_once(sizing):
    sizing.learn((0.1,) * 1000)

    sizing.learn((1.0,) * 50)

    assert sizing.cost == 1.0
    assert sizing.size < 20


def test_a_portal_that_was_slow_for_a_while_is_trusted_again_slowly(sizing):
    sizing.learn((0.1,) * 1000)
    sizing.learn((1.0,) * 5)

    for _ in range(3):
        sizing.learn((0.1,) * 5)

    # What remains of 1.0 after three requests: 0.1 + 0.9·0.7³
    assert sizing.cost == pytest.approx(0.4087)


def test_what_a_request_costs_within_its_margin_moves_the_mean_alone(sizing):
    sizing.learn((0.2, 0.4) * 200)

    sizing.learn((0.4,) * 5)

    assert sizing.cost == pytest.approx(0.3 + 0.1 * (1 - (1 - 1 / 400) ** 5), rel=1e-3)


def test_a_timeout_halves_the_request_and_each_good_one_grows_it_by_a_page(sizing):
    sizing.learn((0.1,) * 50)

    sizing.halve()
    halved = sizing.size
    sizing.learn((0.1,))

    assert (halved, sizing.size) == (25, 26)


def test_however_many_timeouts_a_page_is_sent(sizing):
    sizing.halve()
    sizing.halve()
    sizing.halve()
    sizing.halve()
    sizing.halve()
    sizing.halve()
    sizing.halve()

    assert sizing.size == 1


@given(costs=costs, largest=st.integers(1, 50))
def test_a_request_has_a_page_and_never_more_than_the_largest(costs, largest):
    sizing = Sizing(largest=largest)

    sizing.learn(costs)

    assert 1 <= sizing.size <= largest


@given(costs=costs)
def test_more_pages_are_expected_to_take_longer(costs):
    sizing = Sizing(largest=50)

    sizing.learn(costs)

    assert sizing.expected(2) >= sizing.expected(1) >= sizing.cost >= 0.0
