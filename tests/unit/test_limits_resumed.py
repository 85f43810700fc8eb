"""What an earlier process has spent is not spent twice."""

import random

from bulk_publisher.limits.bounds import Bounds, Waiting
from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.intensity import LeakyBucket
from bulk_publisher.model import Mono

ALL = Waiting(together=100, alone=0, is_all=False)


def governor() -> Governor:
    bounds = Bounds(capacity=50, drain=2, operating_limit=480)
    return Governor(bounds, together=("batch", "batch/m"), alone=("m",), rng=random.Random(1))


def test_a_budget_that_is_used_up_is_waited_for_until_it_leaves() -> None:
    limits = governor()

    limits.on_resumed([(Mono(-100.0), 480.0)], last_sent_at=Mono(-100.0), now=Mono(0.0))

    decision = limits.next_decision(ALL, now=Mono(0.0))
    assert isinstance(decision, WaitUntil)
    assert decision.limit is Limit.OPERATING
    assert 500.0 <= decision.at < 501.0


def test_what_a_run_has_left_word_of_is_not_counted_again() -> None:
    earlier, limits = governor(), governor()
    spent = [(Mono(-200.0), 200.0), (Mono(-100.0), 100.0)]
    earlier.on_resumed(spent[:1], last_sent_at=Mono(-200.0), now=Mono(-150.0))
    limits.take_over(earlier.hand_over(now=Mono(-150.0)), since=Mono(-150.0), now=Mono(0.0))

    limits.on_resumed(spent, last_sent_at=Mono(-100.0), now=Mono(0.0))

    level = limits.levels(now=Mono(0.0)).operating
    assert level is not None
    assert level.level == 300.0


def test_a_bucket_is_taken_for_full_when_the_earlier_process_ended() -> None:
    bucket = LeakyBucket(capacity=50, drain=2)

    bucket.on_full_at(Mono(90.0), Mono(100.0))

    assert bucket.level(Mono(100.0)) == 30.0


def test_a_bucket_without_a_limit_stays_empty() -> None:
    bucket = LeakyBucket(capacity=float("inf"), drain=2)

    bucket.on_full_at(Mono(90.0), Mono(100.0))

    assert bucket.level(Mono(100.0)) == 0.0
