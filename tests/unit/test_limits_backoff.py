"""How long to wait before asking again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.backoff import LONGEST, delay


class Dice(random.Random):
    """Always rolls the same."""

    def __init__(self, roll: float) -> None:
        super().__init__(0)
        self.roll = roll

    def random(self) -> float:
        return self.roll


def test_it_doubles_with_each_attempt_and_ends_at_a_minute():
    highest = Dice(1.0)

    assert [delay(attempt, highest) for attempt in (1, 2, 3, 6, 7, 8)] == [1, 2, 4, 32, 60, 60]


def test_half_of_it_is_kept_whatever_the_dice_say():
    assert [delay(attempt, Dice(0.0)) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]


@given(attempt=st.integers(1, 10**9), seed=st.integers())
def test_it_is_never_at_once_and_never_longer_than_the_longest(attempt, seed):
    assert 0.5 <= delay(attempt, random.Random(seed)) <= LONGEST
