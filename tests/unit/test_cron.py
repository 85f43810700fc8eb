"""When a job is due: an expression, a time zone, and two nights a year."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs.cron import Cron
from bulk_publisher.model import Epoch

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca")  # fmt: skip
EXPRESSIONS = ("0 3 * * *", "30 2 * * *", "*/20 2 * * *", "*/15 * * * *", "0 * * * *", "15 1,2,3 * * 0", "0 0 1 * *", "30 1-5 * * 1-5", "59 23 * 12 *")  # fmt: skip


def at(text: str) -> Epoch:
    return Epoch(datetime.fromisoformat(text).timestamp())


def due(cron: str, zone: str, since: str, until: str) -> list[str]:
    expression, moment, found = Cron(cron, ZoneInfo(zone)), at(since), []
    while (following := expression.after(moment)) is not None and following <= at(until):
        moment = following
        found.append(datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


def test_each_day_has_its_time():
    assert due("0 3 * * *", "Europe/Berlin", "2026-06-01T00:00Z", "2026-06-03T00:00Z") == [
        "01 03:00 +0200",
        "02 03:00 +0200",
    ]


def test_a_time_that_the_autumn_night_repeats_is_due_once():
    assert due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-26T12:00Z") == [
        "25 02:30 +0200",
        "26 02:30 +0100",
    ]


def test_a_time_that_the_autumn_night_repeats_is_not_due_again_after_a_restart():
    assert due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45Z", "2026-10-25T12:00Z") == []


def test_a_time_that_the_spring_night_skips_is_due_when_it_has():
    assert due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-30T12:00Z") == [
        "29 03:00 +0200",
        "30 02:30 +0200",
    ]


def test_several_times_that_the_spring_night_skips_are_due_once():
    assert due("*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z") == [
        "29 03:00 +0200"
    ]


def test_what_is_due_in_every_hour_goes_by_time_that_passes():
    found = due("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00Z", "2026-10-25T02:00Z")

    assert found == ["25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100"]


def test_names_stand_for_expressions():
    assert due("@daily", "UTC", "2026-06-01T12:00Z", "2026-06-02T12:00Z") == ["02 00:00 +0000"]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("@reboot", "five fields"),
        ("61 * * * *", "bad minute"),
        ("0 3 * * MON-", "bad day-of-week"),
        ("0 3 30 2 *", "bad day-of-month"),
        ("", "five fields"),
    ],
)
def test_what_is_no_expression_says_why(expression, why):
    with pytest.raises(ValueError, match=why):
        Cron(expression, UTC)


moments = st.integers(1_600_000_000, 1_900_000_000).map(lambda second: Epoch(float(second)))
crons = st.builds(Cron, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES).map(ZoneInfo))


@given(crons, moments)
def test_what_is_next_is_later_and_nothing_lies_between(cron, moment):
    following = cron.after(moment)

    assert following is not None
    assert following > moment
    assert cron.after(Epoch((moment + following) / 2)) == following
    assert cron.after(Epoch(following - 0.001)) == following


@given(crons, moments, st.integers(0, 40 * 86_400))
def test_the_latest_is_due_and_nothing_is_due_after_it(cron, moment, back):
    since = Epoch(moment - back)

    latest = cron.latest(moment, since=since)

    following = cron.after(since if latest is None else latest)
    assert following is None or following > moment
    assert latest is None or since < latest <= moment
    assert latest is None or cron.after(Epoch(latest - 0.001)) == latest
