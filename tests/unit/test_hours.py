"""The hours in which a run may send: what names them, and the two nights a year on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs.hours import Hours
from bulk_publisher.model import Epoch

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "Africa/Cairo")  # fmt: skip
TEXTS = ("22:00-06:00", "02:00-03:00", "02:15-02:45", "Sat-Sun", "Mon-Fri 22:00-06:00", "Sun 02:30-05:00", "Fri 22:00-06:00, Sun", "00:00-24:00", "01:30-02:30, 12:00-13:00", "Sun-Mon 23:30-00:15", "23:59-24:00")  # fmt: skip
CHANGES = ("2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-11-01T06:00Z", "2026-04-04T15:00Z", "2026-10-03T15:30Z", "2026-02-15T02:00Z", "2026-03-22T02:00Z", "2026-04-23T22:00Z", "2026-10-29T21:00Z")  # fmt: skip


def at(text: str) -> Epoch:
    return Epoch(datetime.fromisoformat(text).timestamp())


def opened(text: str, zone: str, since: str, until: str) -> list[str]:
    found = []
    for opens, closes in Hours(text, ZoneInfo(zone)).spans(at(since)):
        if opens >= at(until):
            return found
        ends = [datetime.fromtimestamp(one, ZoneInfo(zone)) for one in (opens, closes)]
        found.append(f"{ends[0]:%a %d %H:%M %z} to {ends[1]:%a %d %H:%M %z}")
    return found


def test_hours_go_over_midnight():
    assert opened("22:00-06:00", "Europe/Berlin", "2026-06-01T00:00Z", "2026-06-03T00:00Z") == [
        "Mon 01 02:00 +0200 to Mon 01 06:00 +0200",
        "Mon 01 22:00 +0200 to Tue 02 06:00 +0200",
        "Tue 02 22:00 +0200 to Wed 03 06:00 +0200",
    ]


def test_hours_of_a_day_end_on_the_next_one():
    assert opened("Fri 22:00-06:00", "UTC", "2026-06-01T00:00Z", "2026-06-10T00:00Z") == [
        "Fri 05 22:00 +0000 to Sat 06 06:00 +0000"
    ]


def test_hours_that_touch_are_one_window():
    assert opened(
        "Mon-Fri 22:00-06:00, Sat-Sun", "UTC", "2026-06-05T12:00Z", "2026-06-08T12:00Z"
    ) == ["Fri 05 22:00 +0000 to Mon 08 00:00 +0000"]


def test_the_spring_night_is_an_hour_shorter_and_the_autumn_night_longer():
    spring = opened("22:00-06:00", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z")
    autumn = opened("22:00-06:00", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T12:00Z")

    assert spring == ["Sat 28 22:00 +0100 to Sun 29 06:00 +0200"]
    assert autumn == ["Sat 24 22:00 +0200 to Sun 25 06:00 +0100"]


def test_an_end_that_the_spring_night_skips_is_when_it_has():
    assert opened("01:30-02:30", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z") == [
        "Sun 29 01:30 +0100 to Sun 29 03:00 +0200"
    ]
    assert opened("02:30-04:00", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z") == [
        "Sun 29 03:00 +0200 to Sun 29 04:00 +0200"
    ]


def test_hours_that_the_spring_night_skips_do_not_open():
    assert not opened("02:15-02:45", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z")


def test_hours_that_the_autumn_night_repeats_open_twice():
    assert opened("02:15-02:45", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T12:00Z") == [
        "Sun 25 02:15 +0200 to Sun 25 02:45 +0200",
        "Sun 25 02:15 +0100 to Sun 25 02:45 +0100",
    ]


@pytest.mark.parametrize("text", ["always", "Always", "Mon-Sun", "00:00-24:00", "Tue-Mon"])
def test_hours_may_never_close(text):
    hours = Hours(text, UTC)

    assert hours.is_always
    assert hours.closes_at(Epoch(0.0)) is None
    assert len(list(hours.spans(Epoch(0.0)))) == 1


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (" sat - sun ".replace(" ", ""), "Sat-Sun"),
        ("Saturday-Sunday", "Sat-Sun"),
        ("Fri-Mon 22:00-6:00", "Fri 22:00-06:00,Sat 22:00-06:00,Sun 22:00-06:00,Mon 22:00-06:00"),
        ("22:00–06:00", "22:00-24:00, 00:00-06:00"),
    ],
)
def test_hours_may_be_written_otherwise(text, same):
    day = range(0, 14 * 86_400, 900)

    assert [Hours(text, UTC).is_open(Epoch(one)) for one in day] == [
        Hours(same, UTC).is_open(Epoch(one)) for one in day
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22",
        "22-6",
        "22:00",
        "22:00-",
        "25:00-06:00",
        "24:30-06:00",
        "22:60-23:00",
        "06:00-06:00",
        "24:00-06:00",
        "Mox",
        "Mon-",
        "Mon,,Tue",
        "Mon22:00-06:00",
        "22:00-06:00 Mon",
        "²2:00-06:00",
        "1:00-2:00;",
    ],
)
def test_what_is_no_hours_says_how_to_write_them(text):
    with pytest.raises(ValueError, match="must"):
        Hours(text, UTC)


near_changes = st.builds(
    lambda change, hours: Epoch(at(change) + hours * 60),
    st.sampled_from(CHANGES),
    st.integers(-4 * 24 * 60, 4 * 24 * 60),
)
moments = near_changes | st.integers(1_600_000_000, 1_900_000_000).map(lambda one: Epoch(float(one)))  # fmt: skip
all_hours = st.builds(Hours, st.sampled_from(TEXTS), st.sampled_from(ZONES).map(ZoneInfo))


def by_minutes(hours: Hours, since: float, until: float, *, step: int = 60) -> list[bool]:
    """Whether they are open in each minute, by the wall alone."""
    return [hours.is_open(Epoch(one)) for one in range(int(since), int(until), step)]


@given(all_hours, moments)
def test_from_a_moment_to_the_opening_they_are_closed(hours, moment):
    opens = hours.opens_at(moment)

    assert opens >= moment
    assert hours.is_open(opens)
    if opens > moment:
        assert not hours.is_open(Epoch(opens - 1))
    assert not any(by_minutes(hours, moment, opens))


@given(all_hours, moments)
def test_from_a_moment_to_the_close_they_are_open(hours, moment):
    closes = hours.closes_at(moment)

    if closes is None:
        assert hours.is_always
        return
    assert closes >= moment
    assert not hours.is_open(closes)
    if closes > moment:
        assert hours.is_open(Epoch(closes - 1))
    assert all(by_minutes(hours, moment, closes))


@given(st.sampled_from(ZONES).map(ZoneInfo), moments)
def test_a_day_s_window_is_as_long_as_the_wall_says(zone, moment):
    """An oracle of its own: the wall is read minute by minute, and no end is computed."""
    hours = Hours("22:00-06:00", zone)
    shown = [
        datetime.fromtimestamp(int(moment) + 60 * ahead, UTC).astimezone(zone).time().hour
        for ahead in range(1440)
    ]

    assert by_minutes(hours, moment, moment + 86_400) == [hour >= 22 or hour < 6 for hour in shown]


@given(all_hours, moments)
def test_windows_follow_each_other_and_do_not_touch(hours, moment):
    spans = hours.spans(moment)
    first, second = next(spans), next(spans, None)

    assert first[0] < first[1]
    if second is not None:
        assert first[1] < second[0] <= first[1] + timedelta(days=15).total_seconds()
