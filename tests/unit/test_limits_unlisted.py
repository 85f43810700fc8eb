"""Pages that the portal does not list: how many go together, and what that may be billed with."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.unlisted import Unlisted


def billed(are_done, *, cost=1.0, failure=0.0):
    """What the portal bills: its starts, paired with the ends of those that did not fail, by place."""
    starts, ends, now = [], [], 0.0
    for is_done in are_done:
        starts.append(now)
        now += cost if is_done else failure
        if is_done:
            ends.append(now)
    return sum(end - start for start, end in zip(starts, ends, strict=False))


@pytest.fixture
def unlisted():
    """Of five pages none was there, and they took no time."""
    unlisted = Unlisted()
    for _ in range(50):
        unlisted.on_answered(pages=5, done=0, seconds=0.0)
    return unlisted


def size(unlisted, *, cost=0.28, largest=50, limit=480.0, a_request=0.5):
    return unlisted.size(largest, lambda pages: pages * cost, limit=limit, a_request=a_request)


@pytest.mark.parametrize(("pages", "worst"), [(1, 1), (2, 2), (3, 3), (5, 7), (10, 22), (50, 442)])
def test_the_worst_is_that_a_third_fails_first(pages, worst, unlisted):
    assert unlisted.worst(pages, 1.0 * pages) == pytest.approx(worst, abs=0.01)


@pytest.mark.parametrize("pages", range(1, 11))
def test_no_order_is_billed_with_more_than_the_worst_and_one_is_with_that(pages, unlisted):
    orders = itertools.product([True, False], repeat=pages)

    dearest = max(map(billed, orders))

    assert unlisted.worst(pages, 1.0 * pages) == pytest.approx(dearest, abs=0.01)


@given(
    are_done=st.lists(st.booleans(), min_size=1, max_size=50),
    cost=st.floats(0.1, 5.0),
    failure=st.floats(0.0, 1.0),
)
def test_what_fails_slowly_is_held_too(are_done, cost, failure):
    unlisted = Unlisted()
    unlisted.on_answered(pages=5, done=0, seconds=5 * failure)

    worst = unlisted.worst(len(are_done), cost * len(are_done))

    assert billed(are_done, cost=cost, failure=failure) <= worst + 1e-9


def test_the_first_request_is_small():
    assert size(Unlisted()) == 5


@pytest.mark.parametrize(
    ("cost", "pages"), [(0.01, 50), (0.13, 50), (0.28, 34), (1.0, 17), (19.9, 3), (60.0, 1)]
)
def test_an_eighth_of_the_limit_bears_the_worst(cost, pages, unlisted):
    assert size(unlisted, cost=cost) == pages


def test_where_nothing_is_billed_there_are_as_many_as_a_request_may_have(unlisted):
    assert size(unlisted, cost=5.0, limit=float("inf"), a_request=0.0) == 50


def test_no_more_go_than_could_all_be_done_in_one_request(unlisted):
    assert size(unlisted, largest=12) == 12


def test_where_they_fail_slowly_fewer_go():
    slow = Unlisted()

    slow.on_answered(pages=5, done=0, seconds=10.0)

    assert size(slow, cost=0.01) == 10


def test_where_one_failed_slowly_it_is_forgotten(unlisted):
    unlisted.on_answered(pages=5, done=0, seconds=10.0)
    for _ in range(10):
        unlisted.on_answered(pages=5, done=0, seconds=0.0)

    assert size(unlisted, cost=0.01) == 50


def test_where_half_of_them_are_done_few_go_together(unlisted):
    for _ in range(10):
        unlisted.on_answered(pages=10, done=5, seconds=1.0)

    assert size(unlisted) <= 4


def test_where_all_are_done_they_go_as_any(unlisted):
    for _ in range(30):
        unlisted.on_answered(pages=10, done=10, seconds=1.0)

    assert size(unlisted, cost=0.1) == 50
