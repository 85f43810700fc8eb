import pytest

from bulk_publisher.client.usage import (
    billed_evenly,
    finished_at,
    meters_alone,
    meters_together,
    minute_of,
    reading_of,
    started_at,
    usage_alone,
    usage_together,
)
from bulk_publisher.limits.decision import Reading
from bulk_publisher.model import Mono, PortalEpoch
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Timing

METHOD = "landing.landing.publication"
NOW = Mono(100.0)
NOON = 1_800_000_000.0  # a whole minute


def _timing(*, finish=NOON, duration=2.0, operating=None, reset_at=None):
    return Timing(
        PortalEpoch(finish - duration), PortalEpoch(finish), duration, operating, reset_at
    )


@pytest.fixture
def clock():
    """The portal's clock is NOON when ours is 100; known exactly."""
    clock = PortalClock()
    clock.observe(_timing(duration=0.0), sent_at=NOW, received_at=NOW)
    return clock


def test_a_batch_may_be_booked_on_itself_and_on_a_meter_of_its_commands():
    assert meters_together(METHOD) == ("batch", f"batch/{METHOD}")


def test_a_single_call_is_booked_on_its_method():
    assert meters_alone(METHOD) == (METHOD,)


@pytest.mark.parametrize(
    ("finish", "minute"),
    [
        pytest.param(NOON + 1.0, 29_999_999, id="ends in the next"),
        pytest.param(NOON + 2.0, 30_000_000, id="at its begin"),
        pytest.param(NOON + 61.9, 30_000_000, id="just before its end"),
    ],
)
def test_a_booking_is_of_the_minute_in_which_its_request_began(finish, minute):
    assert minute_of(_timing(finish=finish, duration=2.0)) == minute


@pytest.mark.parametrize(
    ("duration", "at"), [(0.5, 100.0), (5.0, 96.0)], ids=["no later than its end", "to a second"]
)
def test_a_request_began_at_the_latest_a_second_after_the_portal_says(clock, duration, at):
    assert started_at(_timing(duration=duration), clock=clock, now=NOW) == at


def test_short_commands_are_in_the_sum_although_their_own_answer_leaves_them_out(clock):
    short = [_timing(duration=0.0625, operating=11.0) for _ in range(4)]
    done = [_timing(duration=0.5, operating=11.0), *short]

    usage = _together(clock, envelope=_timing(duration=0.75), done=done, answered=done)

    assert usage.readings == (Reading(f"batch/{METHOD}", 11.25, 0.75, None),)


def test_the_minute_of_an_answer_without_a_time_is_not_known():
    assert minute_of(None) is None


def test_a_meter_is_read_by_our_clock(clock):
    timing = _timing(operating=12.5, reset_at=PortalEpoch(NOON + 300))

    reading = reading_of("batch", timing, worked=2.0, clock=clock)

    assert reading == Reading("batch", 12.5, 2.0, Mono(400.0))


@pytest.mark.parametrize("timing", [None, _timing()], ids=["no time", "no counters"])
def test_a_portal_that_shows_no_meter_is_no_meter_at_zero(timing, clock):
    assert reading_of("batch", timing, worked=2.0, clock=clock) is None


def test_a_meter_at_zero_is_a_meter(clock):
    assert reading_of("batch", _timing(operating=0.0), worked=2.0, clock=clock).operating == 0.0


def test_a_meter_without_a_moment_has_none(clock):
    assert reading_of("batch", _timing(operating=1.0), worked=2.0, clock=clock).reset_at is None


@pytest.mark.parametrize(("worked", "booked"), [(0.0, 0.0), (0.1, 0.0), (0.11, 0.11), (9.0, 9.0)])
def test_what_takes_a_tenth_of_a_second_is_not_booked(worked, booked, clock):
    reading = reading_of("batch", _timing(operating=1.0), worked=worked, clock=clock)

    assert reading.worked == booked


@pytest.mark.parametrize(
    ("timing", "at"),
    [
        pytest.param(None, NOW, id="not told"),
        pytest.param(_timing(finish=NOON - 5), Mono(95.0), id="before it came back"),
        pytest.param(_timing(finish=NOON + 5), NOW, id="never later than now"),
    ],
)
def test_a_request_has_ended_when_the_portal_says_so(timing, at, clock):
    assert finished_at(timing, clock=clock, now=NOW) == at


def test_a_request_has_ended_now_where_the_portals_clock_is_not_known():
    assert finished_at(_timing(finish=NOON - 5), clock=PortalClock(), now=NOW) == NOW


def test_a_page_of_its_own_that_was_done_is_a_cost(clock):
    timing = _timing(finish=NOON - 1, duration=3.0, operating=8.0)

    usage = usage_alone(METHOD, timing, is_done=True, clock=clock, now=NOW)

    assert (usage.costs, usage.failures) == ((3.0,), 0)
    assert usage.readings == (Reading(METHOD, 8.0, 3.0, None),)
    assert (usage.finished_at, usage.started_at) == (99.0, 97.0)
    assert usage.minute == NOON // 60 - 1


def test_a_page_of_its_own_that_was_not_done_is_a_failure_and_is_booked(clock):
    usage = usage_alone(METHOD, _timing(operating=8.0), is_done=False, clock=clock, now=NOW)

    assert (usage.costs, usage.failures) == ((), 1)
    assert [reading.worked for reading in usage.readings] == [2.0]


@pytest.mark.parametrize("is_done", [True, False])
def test_a_page_of_its_own_without_a_time_has_no_known_cost(is_done, clock):
    usage = usage_alone(METHOD, None, is_done=is_done, clock=clock, now=NOW)

    assert (usage.costs, usage.readings, usage.minute) == ((), (), None)


def _together(clock, *, envelope, done, answered, failures=0):
    costs = [timing.duration for timing in done]
    return usage_together(
        METHOD, envelope, answered, costs, failures=failures, clock=clock, now=NOW
    )


def test_a_batch_is_read_on_both_meters(clock):
    done = [_timing(duration=1.0, operating=11.0), _timing(duration=2.0, operating=13.0)]

    usage = _together(
        clock, envelope=_timing(duration=3.5, operating=40.0), done=done, answered=done
    )

    assert usage.readings == (
        Reading("batch", 40.0, 3.5, None),
        Reading(f"batch/{METHOD}", 13.0, 3.0, None),
    )
    assert usage.costs == (1.0, 2.0)


def test_commands_that_were_answered_without_being_done_are_booked_and_are_no_cost(clock):
    done, denied = _timing(duration=1.0, operating=11.0), _timing(duration=2.0, operating=13.0)

    usage = _together(clock, envelope=_timing(), done=[done], answered=[done, denied], failures=1)

    assert [(reading.operating, reading.worked) for reading in usage.readings] == [(13.0, 3.0)]
    assert (usage.costs, usage.failures) == ((1.0,), 1)


def test_the_meter_of_the_commands_is_read_at_the_last_of_them(clock):
    timings = [_timing(operating=value) for value in (5.0, 9.0, 7.0)]

    usage = _together(clock, envelope=None, done=timings, answered=timings)

    assert [reading.operating for reading in usage.readings] == [7.0]


def test_short_commands_are_added_up_before_the_tenth_of_a_second_counts(clock):
    timings = [_timing(duration=0.06, operating=5.0)] * 3

    usage = _together(clock, envelope=None, done=timings, answered=timings)

    assert usage.readings[0].worked == pytest.approx(0.18)


def test_a_batch_of_which_nothing_is_told_is_read_on_no_meter(clock):
    usage = _together(clock, envelope=None, done=[], answered=[], failures=50)

    assert (usage.readings, usage.costs, usage.minute) == ((), (), None)
    assert (usage.finished_at, usage.failures) == (NOW, 50)


def test_after_pages_that_failed_each_later_one_is_billed_from_as_many_places_before(clock):
    done = [_timing(finish=NOON + end, duration=2.0, operating=30.0) for end in (2.0, 4.0, 6.0)]
    envelope = _timing(finish=NOON + 6.0, duration=6.0, operating=0.0)

    usage = _together(clock, envelope=envelope, done=done, answered=[None, None, *done], failures=2)

    # Ends at 2, 4 and 6; of the five starts the first three are at 0: two that failed, and the first.
    assert [reading.worked for reading in usage.readings] == [6.0, 12.0]
    assert usage.costs == (2.0, 2.0, 2.0)


def test_pages_that_fail_behind_those_that_are_done_make_them_no_dearer(clock):
    done = [_timing(finish=NOON + end, duration=2.0, operating=30.0) for end in (2.0, 4.0)]

    usage = _together(clock, envelope=None, done=done, answered=[*done, None, None], failures=2)

    assert [reading.worked for reading in usage.readings] == [4.0]


@pytest.mark.parametrize(
    ("ended", "seconds"),
    [([True] * 3, 6.0), ([True, False], 6.0), ([False, False, True, True, True], 12.0)],
    ids=["all", "the last failed", "the first failed"],
)
def test_where_no_command_tells_its_time_all_take_the_same(ended, seconds):
    assert billed_evenly(ended, 6.0) == pytest.approx(seconds)
