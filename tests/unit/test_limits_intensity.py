"""The leaky bucket of requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.limits.intensity import LeakyBucket
from bulk_publisher.model import Mono
from tests.bucket import levels

T0 = Mono(0.0)


@pytest.fixture
def bucket():
    return LeakyBucket(capacity=50.0, drain=2.0)


def send(bucket: LeakyBucket, requests: int, now: Mono) -> None:
    for _ in range(requests):
        bucket.on_sent(now)


def test_as_many_as_it_holds_go_at_once(bucket):
    send(bucket, 49, T0)

    assert bucket.ready_at(T0) == T0
    bucket.on_sent(T0)
    assert (bucket.level(T0), bucket.ready_at(T0)) == (50.0, 0.5)


def test_it_drains_as_the_plan_says_and_never_below_nothing(bucket):
    send(bucket, 10, T0)

    assert [bucket.level(Mono(at)) for at in (1.0, 4.5, 5.0, 99.0)] == [8.0, 1.0, 0.0, 0.0]


def test_a_bucket_without_a_limit_is_always_ready():
    bucket = LeakyBucket(capacity=float("inf"), drain=1.0)
    send(bucket, 1000, T0)

    bucket.on_full_at(T0, T0)

    assert (bucket.ready_at(T0), bucket.pace) == (T0, 1.0)


def test_a_refusal_proves_that_there_is_a_bucket_after_all():
    bucket = LeakyBucket(capacity=float("inf"), drain=1.0)
    send(bucket, 1000, T0)

    bucket.on_refused(T0, T0)

    assert (bucket.capacity, bucket.drain) == (50.0, 2.0)
    assert bucket.ready_at(T0) > T0


def test_after_a_refusal_it_is_known_to_be_full(bucket):
    send(bucket, 5, T0)

    bucket.on_refused(T0, Mono(0.5))

    assert bucket.level(Mono(0.5)) == 50.0


def test_a_refusal_at_once_halves_the_pace_and_takes_a_little_more_off(bucket):
    bucket.on_sent(T0)

    bucket.on_refused(T0, Mono(0.5))

    assert bucket.pace == pytest.approx(2.0 / 2 * 0.8)


def test_a_refusal_cuts_to_a_little_under_what_others_left(bucket):
    send(bucket, 50, T0)
    send(bucket, 40, Mono(100.0))

    bucket.on_refused(Mono(100.0), Mono(100.0))

    # 90 went in 100 s, of which 50 filled the bucket: others left 0.4 a second.
    assert bucket.pace == pytest.approx(0.4 * 0.8)


def test_from_one_refusal_to_the_next_all_that_went_is_what_others_left(bucket):
    send(bucket, 50, T0)
    bucket.on_refused(T0, Mono(0.5))
    send(bucket, 60, Mono(100.5))

    bucket.on_refused(Mono(100.5), Mono(100.5))

    assert bucket.pace == pytest.approx(0.6 * 0.8)


def test_the_pace_never_grows_by_a_refusal(bucket):
    send(bucket, 500, T0)

    bucket.on_refused(T0, Mono(2.0))

    assert bucket.pace <= 2.0 * 0.8


def test_a_volley_of_refusals_cuts_once(bucket):
    bucket.on_sent(T0)
    bucket.on_refused(T0, Mono(0.5))
    pace = bucket.pace

    bucket.on_refused(T0, Mono(0.6))
    bucket.on_refused(Mono(0.4), Mono(0.7))

    assert (bucket.pace, bucket.level(Mono(0.7))) == (pace, 50.0)


def test_a_pace_is_left_however_full_it_always_is(bucket):
    bucket.on_sent(T0)
    bucket.on_refused(T0, T0)
    bucket.on_sent(Mono(1000.0))

    bucket.on_refused(Mono(1000.0), Mono(1000.0))

    assert bucket.pace == pytest.approx(2.0 * 0.02)


def test_a_bucket_that_was_not_empty_when_we_began_says_nothing_of_others(bucket):
    send(bucket, 10, T0)

    bucket.on_refused(T0, Mono(100.0))

    assert bucket.pace == pytest.approx(2.0 * 0.8)


def test_the_pace_recovers_with_each_request_the_faster_the_longer_none_is_refused(bucket):
    bucket.on_sent(T0)
    bucket.on_refused(T0, T0)
    cut = bucket.pace

    bucket.on_accepted(T0)
    at_once = bucket.pace
    bucket.on_accepted(Mono(300.0))

    assert at_once - cut == pytest.approx(2.0 * 0.0005)
    assert bucket.pace - at_once == pytest.approx(2.0 * 0.0005 * 2)


def test_the_level_is_brought_up_to_now_at_the_old_pace_before_the_pace_changes(bucket):
    bucket.on_sent(T0)
    bucket.on_refused(T0, T0)
    pace = bucket.pace

    bucket.on_accepted(Mono(10.0))

    assert bucket.level(Mono(10.0)) == pytest.approx(50.0 - 10 * pace)


def test_a_pace_that_was_never_cut_does_not_grow(bucket):
    bucket.on_accepted(Mono(1000.0))

    assert bucket.pace == 2.0


def test_another_plan_keeps_the_level_and_the_share_of_the_pace(bucket):
    send(bucket, 10, T0)
    bucket.on_refused(T0, T0)

    bucket.set_limit(capacity=250.0, drain=5.0, now=Mono(10.0))

    assert (bucket.capacity, bucket.pace) == (250.0, pytest.approx(5.0 * 0.4))
    assert bucket.level(Mono(10.0)) == pytest.approx(50.0 - 10 * 0.8)


def test_an_earlier_process_may_have_left_it_full(bucket):
    bucket.on_full_at(Mono(-10.0), T0)

    assert bucket.level(T0) == 30.0


moments = st.lists(st.tuples(st.floats(0.0, 60.0), st.booleans(), st.booleans()), max_size=80)


@given(moments=moments, capacity=st.integers(1, 60), drain=st.floats(0.1, 10.0))
def test_who_sends_only_when_it_is_ready_never_fills_the_portals_bucket(moments, capacity, drain):
    bucket = LeakyBucket(capacity=capacity, drain=drain)

    assert max(levels(sent(bucket, moments), drain), default=0.0) <= capacity + 1e-6


@given(moments=moments)
def test_asking_changes_nothing_and_the_moment_it_names_is_ready(moments):
    bucket = LeakyBucket(capacity=3.0, drain=0.5)
    now = max(sent(bucket, moments), default=T0)

    first = bucket.ready_at(now)

    assert bucket.ready_at(now) == first
    assert bucket.ready_at(first) <= first + 1e-6


def sent(bucket: LeakyBucket, moments: list[tuple[float, bool, bool]]) -> list[Mono]:
    """When requests left: each as soon as the bucket is ready, after a pause."""
    now, left_at = T0, []
    for pause, is_refused, is_accepted in moments:
        now = max(Mono(now + pause), bucket.ready_at(Mono(now + pause)))
        bucket.on_sent(now)
        left_at.append(now)
        if is_accepted:
            bucket.on_accepted(now)
        if is_refused:
            bucket.on_refused(now, now)
    return left_at


def test_a_portal_that_says_when_to_ask_again_is_left_alone_until_then():
    bucket = LeakyBucket(capacity=50.0, drain=2.0)

    bucket.on_refused(Mono(0.0), Mono(0.5), retry_after=30.0)
    assert bucket.ready_at(Mono(0.5)) == 30.5

    bucket.on_refused(Mono(0.0), Mono(1.0), retry_after=0.0)
    assert bucket.ready_at(Mono(1.0)) == 30.5


def test_a_portal_is_not_left_alone_for_ever():
    bucket = LeakyBucket(capacity=50.0, drain=2.0)

    bucket.on_refused(Mono(0.0), Mono(0.0), retry_after=1e9)

    assert bucket.ready_at(Mono(0.0)) == 300.0
