"""Moments and durations as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs.moments import next_time_of_day, parse_duration, parse_moment
from bulk_publisher.model import Epoch
from bulk_publisher.sources.cells import Wrong

BERLIN = ZoneInfo("Europe/Berlin")
NOON = Epoch(datetime(2026, 11, 26, 11, 0, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3h", 10_800), ("90m", 5_400), ("1h30m", 5_400), ("45s", 45), ("45", 45), ("1d", 86_400), (" 2H ", 7_200), ("1h 5m", 3_900)],
)  # fmt: skip
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "-3h", "3 hours", "h", "1.5h", "30m1h", "400d", "９h"]
)
def test_what_is_no_duration_is_refused(text):
    assert isinstance(parse_duration(text), Wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13:00", "2026-11-26T12:00Z"),
        ("12:00", "2026-11-27T11:00Z"),
        ("6:00", "2026-11-27T05:00Z"),
        ("2026-11-27 06:00", "2026-11-27T05:00Z"),
        ("2026-11-27T06:00Z", "2026-11-27T06:00Z"),
        ("2026-07-01T06:00", "2026-07-01T04:00Z"),
        ("+2h", "2026-11-26T13:00Z"),
    ],
)
def test_a_moment_is_read(text, expected):
    assert parse_moment(text, now=NOON, zone=BERLIN) == datetime.fromisoformat(expected).timestamp()


@pytest.mark.parametrize("text", ["", "25:00", "06:60", "tomorrow", "+", "+x", "2026-13-01", "6"])
def test_what_is_no_moment_is_refused(text):
    assert isinstance(parse_moment(text, now=NOON, zone=BERLIN), Wrong)


@given(
    st.integers(0, 1439),
    st.integers(1_600_000_000, 1_900_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_the_next_time_of_day_is_within_a_day_and_an_hour(minutes, now, zone):
    at = next_time_of_day(minutes, now=Epoch(float(now)), zone=ZoneInfo(zone))

    assert now < at <= now + 25 * 3600
