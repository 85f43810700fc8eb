"""When things happened: bins of time, waits, and both budgets."""

import pytest

from bulk_publisher.report.timeline import Timeline


def _timeline(*moments: float, operating: float | None = 1.0) -> Timeline:
    timeline = Timeline(1000.0)
    for moment in moments:
        timeline.add(1000.0 + moment, is_good=True, operating=operating, was_sent=True)
    return timeline


def test_a_short_run_and_a_long_one_have_no_more_than_so_many_bins():
    assert len(_timeline(0.0, 10.0).bins) <= 8192
    assert len(_timeline(0.0, 400_000.0).bins) <= 8192


def test_no_page_is_lost_when_bins_are_joined():
    timeline = _timeline(*range(0, 100_000, 10))

    assert sum(one.good for one in timeline.bins) == 10_000
    assert sum(one.operating for one in timeline.coarse(600).bins) == pytest.approx(10_000)


def test_lines_within_milliseconds_are_of_one_request():
    timeline = _timeline(1.0, 1.001, 1.002, 2.0, 2.001)

    assert timeline.requests == 2


def test_a_page_that_was_not_sent_is_no_request():
    timeline = Timeline(0.0)
    timeline.add(1.0, is_good=True, operating=None, was_sent=False)

    assert timeline.requests == 0


def test_ten_seconds_without_a_page_are_a_wait():
    timeline = _timeline(1.0, 5.0, 45.0)

    assert timeline.waited == pytest.approx(40.0)
    assert sum(one.waited for one in timeline.bins) == pytest.approx(40.0)


def test_operating_time_leaves_the_sum_after_ten_minutes():
    timeline = _timeline(0.0, 300.0, 700.0)

    sums = timeline.operating_sums()
    assert max(sums) == pytest.approx(2.0)
    assert sums[-1] == pytest.approx(2.0)
    assert sums[int(650 / timeline.width)] == pytest.approx(1.0)


def test_the_bucket_drains_between_requests():
    timeline = _timeline(0.0, 0.05, 60.0)

    levels = timeline.bucket_levels(2.0)
    assert levels[0] == pytest.approx(2 - 2.0 * timeline.width)
    assert levels[int(30 / timeline.width)] == 0.0


def test_a_clock_that_was_set_back_does_not_reach_before_the_last_line():
    timeline = _timeline(10.0, 5.0)

    assert timeline.seconds == 10.0
