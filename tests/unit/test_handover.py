"""What was left of the limits, told later: each sum leaves as much sooner."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.handover import BasketLeft, Handover, LimitLeft, MeterLeft, aged

BASKET = BasketLeft(spent=3.0, leaves_in=500.0, may_leave_in=440.0)
LEFT = Handover(
    requests=7.0,
    operating_limit=LimitLeft(limit=480.0, ago=1.0),
    meters={"batch": MeterLeft(told=3.0, baskets=(BASKET,))},
    busy_for=5.0,
)


def test_everything_moves_by_the_same_seconds() -> None:
    assert aged(LEFT, 3.0) == Handover(
        requests=7.0,
        operating_limit=LimitLeft(limit=480.0, ago=4.0),
        meters={"batch": MeterLeft(told=3.0, baskets=(BasketLeft(spent=3.0, leaves_in=497.0, may_leave_in=437.0),))},
        busy_for=2.0,
    )  # fmt: skip


def test_what_is_an_hour_old_says_nothing() -> None:
    assert aged(LEFT, 3601.0).meters == {}


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_nothing_is_found_that_was_not_there(first: float, second: float) -> None:
    once, twice = aged(LEFT, first + second), aged(aged(LEFT, first), second)

    assert once.busy_for <= LEFT.busy_for
    assert set(once.meters) == set(twice.meters)
    assert abs(once.meters["batch"].baskets[0].leaves_in - twice.meters["batch"].baskets[0].leaves_in) < 1e-6  # fmt: skip
