"""When a run will have ended."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.bounds import Bounds, Gauge, Levels
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.eta import NOT_FORESEEN, Eta
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import Mono


@given(
    left=st.integers(1, 100_000),
    settled=st.integers(1, 100_000),
    after=st.floats(2, 10_000),
    pause=st.floats(0.001, 600),
    limit=st.sampled_from([one for one in Limit if one not in NOT_FORESEEN]),
    cost=st.floats(0.001, 60),
)
def test_nothing_is_promised_before_a_wait_is_over(
    left: int, settled: int, after: float, pause: float, limit: Limit, cost: float
) -> None:
    bounds, rng = Bounds(50.0, 2.0, 480.0), random.Random(1)
    eta = Eta(Governor(bounds, together=("batch", "m"), alone=("m",), rng=rng), Mono(0.0))
    now = Mono(after)
    levels = Levels(
        intensity=Gauge(0.0, 50.0), operating=None, in_flight=0, window=8, size=50, cost=cost
    )
    wait = WaitUntil(Mono(now + pause), limit, "a wait")

    seconds = eta.seconds_left(left, settled=settled, wait=wait, levels=levels, now=now)

    assert seconds is not None
    assert seconds > wait.at - now or math.isclose(seconds, wait.at - now)
