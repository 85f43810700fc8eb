"""Whether the portal takes requests of several pages."""

import pytest

from bulk_publisher.limits.batches import Batches
from bulk_publisher.limits.decision import Lane
from bulk_publisher.model import Mono


@pytest.fixture
def batches():
    return Batches()


def lose(batches: Batches, at: float, *, times: int = 1) -> None:
    for _ in range(times):
        batches.on_lost(Lane.BATCH, Mono(at))


def answer_alone(batches: Batches, at: float) -> None:
    batches.on_answered(Lane.SINGLE, Mono(at))


def test_after_two_lost_in_a_row_a_page_alone_is_to_tell_more(batches):
    lose(batches, 0.0)
    before = batches.are_suspected
    lose(batches, 1.0)

    assert (before, batches.are_suspected) == (False, True)


def test_what_is_lost_after_a_page_alone_was_answered_three_times_shows_it(batches):
    for at in (0.0, 10.0, 20.0, 30.0):
        lose(batches, at, times=2)
        answer_alone(batches, at + 5.0)

    assert not batches.are_taken(Mono(100.0))
    assert batches.are_taken(Mono(635.0))
    assert batches.are_doubted


def test_a_portal_that_was_away_for_all_shows_nothing(batches):
    lose(batches, 0.0, times=20)
    for at in (50.0, 51.0, 52.0, 53.0):
        answer_alone(batches, at)

    assert batches.are_taken(Mono(60.0))
    assert not batches.are_doubted


def test_what_was_sent_before_the_page_alone_was_answered_shows_nothing(batches):
    for at in (10.0, 20.0, 30.0, 40.0):
        lose(batches, 0.0, times=4)
        answer_alone(batches, at)

    assert not batches.are_doubted


def test_one_that_is_answered_ends_all_doubt(batches):
    for at in (0.0, 10.0, 20.0, 30.0):
        lose(batches, at, times=2)
        answer_alone(batches, at + 5.0)

    batches.on_answered(Lane.BATCH, Mono(700.0))

    assert (batches.are_taken(Mono(36.0)), batches.are_doubted) == (True, False)


def test_a_portal_that_says_that_it_takes_none_is_not_asked_again(batches):
    batches.on_refused()
    batches.on_answered(Lane.BATCH, Mono(1.0))

    assert not batches.are_taken(Mono(1e9))
