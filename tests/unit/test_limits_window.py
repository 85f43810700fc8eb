"""How many requests are in flight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.window import Window
from bulk_publisher.model import Mono


@pytest.fixture
def window():
    return Window(ceiling=8)


def test_it_begins_at_its_ceiling(window):
    assert window.size == 8


def test_it_stays_while_pages_cost_what_they_did_at_ease(window):
    window.on_settled(0.3, pages=5, in_flight=1)
    window.on_settled(0.3, pages=1000, in_flight=8)

    assert window.size == 8


def test_it_shrinks_by_the_ratio_when_the_portal_slows(window):
    window.on_settled(1.0, pages=5, in_flight=1)

    window.on_settled(2.0, pages=100_000, in_flight=8)

    # 1.5 times the cost at ease is tolerated: 8·1.5/2.
    assert window.size == 6


def test_it_never_shrinks_below_half_at_once(window):
    window.on_settled(1.0, pages=5, in_flight=1)

    window.on_settled(50.0, pages=100_000, in_flight=8)

    assert window.size == 4


def test_fewer_than_its_memory_of_pages_change_nothing(window):
    window.on_settled(1.0, pages=5, in_flight=1)

    window.on_settled(50.0, pages=94, in_flight=8)

    assert window.size == 8


def test_a_smaller_window_that_did_not_help_was_not_the_reason(window):
    window.on_settled(1.0, pages=5, in_flight=1)
    window.on_settled(2.0, pages=100_000, in_flight=8)

    window.on_settled(2.0, pages=100_000, in_flight=6)
    accepted = window.size
    window.on_settled(2.0, pages=100_000, in_flight=6)

    assert (accepted, window.size) == (6, 6)


def test_a_smaller_window_that_helped_shrinks_again_while_pages_are_too_dear(window):
    window.on_settled(1.0, pages=5, in_flight=1)
    window.on_settled(4.0, pages=100_000, in_flight=8)

    window.on_settled(2.0, pages=100_000, in_flight=4)

    assert window.size == 3


def test_it_grows_back_by_one_a_window_once_pages_are_cheap_again(window):
    window.cut(Mono(1.0), Mono(1.0))

    window.on_settled(1.0, pages=100, in_flight=4)

    # 4 + 1/4 rounds to 4; three more of them make 5.
    assert window.size == 4
    window.on_settled(1.0, pages=100, in_flight=4)
    window.on_settled(1.0, pages=100, in_flight=4)
    assert window.size == 5


def test_a_window_that_was_not_used_does_not_grow(window):
    window.cut(Mono(1.0), Mono(1.0))

    window.on_settled(1.0, pages=100_000, in_flight=1)
    window.on_settled(1.0, pages=100_000, in_flight=1)
    window.on_settled(1.0, pages=100_000, in_flight=1)

    assert window.size == 4


def test_a_volley_of_lost_requests_cuts_once(window):
    window.cut(Mono(1.0), Mono(10.0))

    window.cut(Mono(2.0), Mono(10.1))
    window.cut(Mono(9.9), Mono(10.2))

    assert window.size == 4


def test_a_request_that_was_sent_after_the_cut_cuts_again(window):
    window.cut(Mono(1.0), Mono(10.0))

    window.cut(Mono(11.0), Mono(12.0))

    assert window.size == 2


@given(
    events=st.lists(
        st.tuples(st.floats(0.0, 100.0), st.integers(1, 50), st.integers(1, 64), st.booleans()),
        max_size=60,
    ),
    ceiling=st.integers(1, 64),
)
def test_whatever_happens_it_stays_from_one_to_its_ceiling(events, ceiling):
    window = Window(ceiling=ceiling)

    sizes = [_after(window, event, Mono(float(at))) for at, event in enumerate(events)]

    assert all(1 <= size <= ceiling for size in sizes)


def _after(window: Window, event: tuple[float, int, int, bool], at: Mono) -> int:
    cost, pages, in_flight, is_lost = event
    if is_lost:
        window.cut(at, at)
    else:
        window.on_settled(cost, pages=pages, in_flight=in_flight)
    return window.size
