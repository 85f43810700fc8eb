import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Mono, PortalEpoch
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Timing

TRIFLE = 1e-5  # a double of today's epoch seconds is exact to a fraction of a microsecond
seconds = st.floats(0, 60)


def _timing(start, finish):
    return Timing(PortalEpoch(start), PortalEpoch(finish), finish - start, None, None)


def _see(clock, *, sent_at, way_there, work, way_back, offset):
    """One request of a portal whose clock is *offset* ahead of ours; returns when it came back."""
    start = sent_at + way_there + offset
    received_at = sent_at + way_there + work + way_back
    clock.observe(
        _timing(start, start + work), sent_at=Mono(sent_at), received_at=Mono(received_at)
    )
    return received_at


def _see_all(clock, requests, *, offset):
    """Requests one after another: pause, way there, work, way back; returns when the last was."""
    now = 0.0
    for pause, way_there, work, way_back in requests:
        now = _see(
            clock,
            sent_at=now + pause,
            way_there=way_there,
            work=work,
            way_back=way_back,
            offset=offset,
        )
    return now


def _see_whole_seconds(clock, requests):
    """Requests of a portal that cuts its times; returns how far behind ours each end seemed."""
    behind = []
    for sent_at, way, work in requests:
        received_at = sent_at + way + work + way
        start, finish = int(sent_at + way), int(sent_at + way + work)
        clock.observe(_timing(start, finish), sent_at=Mono(sent_at), received_at=Mono(received_at))
        behind.append(received_at - finish)
    return behind


def test_before_the_first_answer_no_moment_can_be_told():
    clock = PortalClock()

    assert clock.to_mono(PortalEpoch(1_800_000_000)) is None
    assert clock.offset(basetime=0.0) is None


def test_a_moment_is_told_as_late_as_it_can_be():
    clock = PortalClock()

    clock.observe(_timing(1_000.0, 1_010.0), sent_at=Mono(5.0), received_at=Mono(16.0))

    # It ended at 1,010 by its clock and before 16 by ours: 1,100 is no later than 106.
    assert clock.to_mono(PortalEpoch(1_100.0)) == 106.0


def test_the_offset_is_told_against_our_wall_clock():
    clock = PortalClock()

    clock.observe(_timing(1_000.0, 1_010.0), sent_at=Mono(5.0), received_at=Mono(15.0))

    assert clock.offset(basetime=990.0) == 5.0


@given(
    offset=st.floats(-2e9, 2e9),
    requests=st.lists(st.tuples(seconds, seconds, seconds, seconds), min_size=1, max_size=8),
    ahead=st.floats(-1_000, 1_000),
)
def test_a_moment_is_never_told_too_early_and_no_later_than_the_best_answer_was_under_way(
    offset, requests, ahead
):
    clock = PortalClock()

    now = _see_all(clock, requests, offset=offset)
    told = clock.to_mono(PortalEpoch(now + ahead + offset))

    assert now + ahead - TRIFLE <= told
    assert told <= now + ahead + min(way_back for *_, way_back in requests) + TRIFLE


@pytest.mark.parametrize("step", [-3_600.0, -30.0, 30.0, 3_600.0])
def test_a_clock_that_was_set_is_believed_from_the_next_answer_on(step):
    clock = PortalClock()
    _see(clock, sent_at=0.0, way_there=0.1, work=1.0, way_back=0.1, offset=1_000.0)

    _see(clock, sent_at=10.0, way_there=0.1, work=1.0, way_back=0.1, offset=1_000.0 + step)

    assert clock.to_mono(PortalEpoch(1_000.0 + step + 50.0)) == pytest.approx(50.1)


@given(st.lists(st.tuples(st.floats(0, 100), seconds, seconds), min_size=1, max_size=8))
def test_times_cut_to_whole_seconds_are_no_reason_to_begin_anew(requests):
    clock = PortalClock()

    behind = _see_whole_seconds(clock, requests)

    assert clock.to_mono(PortalEpoch(0.0)) == pytest.approx(min(behind))
