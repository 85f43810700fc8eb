"""When a planned run would be done: its windows, what it would leave, whom it would meet and hold up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.cli.commands.plan_course import course_lines
from bulk_publisher.jobs import Job, Pace, Selection, encode_job
from bulk_publisher.limits.forecast import Estimate, Stage
from bulk_publisher.model import Epoch
from bulk_publisher.operations.course import KnownJob, course_of, jobs_on
from bulk_publisher.operations.plan_file import Plan, State
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Ended, Firing, Part, Slot
from tests.unit.test_hours import at

HOUR = 3600.0
BERLIN = "Europe/Berlin"
NIGHT = Pace(between="22:00-06:00", timezone=BERLIN)
NOON = at("2026-11-27T12:00+01:00")
"""A Friday."""


def estimate(hours: float, *limits: str) -> Estimate:
    """So many hours of work, in equal parts at these limits."""
    each = hours * HOUR / max(1, len(limits))
    stages = tuple(
        Stage(limit=limit, begins=each * place, ends=each * (place + 1), pages=1)
        for place, limit in enumerate(limits)
    )
    return Estimate(
        seconds=hours * HOUR, requests=1, operating=1, cost=1, cost_from="", stages=stages
    )


def planned(course, pace: Pace, hours: float) -> Plan:
    return Plan(
        version=1,
        portal="a",
        made="",
        job=encode_job(Job(name="t", select=_anything(), pace=pace)),
        pages={},
        states={},
        counts={State.OFFLINE: 1},
        rows=(),
        skips={},
        opens=(),
        denied=0,
        duplicates=0,
        bad_rows=0,
        problems=(),
        sha256=None,
        estimate=estimate(hours),
        course=course,
    )


def _anything() -> Selection:
    return Selection(page=("1",))


def words(pace: Pace, hours: float, *limits: str, others=(), now: Epoch = NOON) -> str:
    course = course_of(pace, estimate(hours, *limits), now, others)
    return "\n".join(course_lines(planned(course, pace, hours)))


def test_work_is_done_in_as_many_windows_as_it_takes():
    course = course_of(NIGHT, estimate(20), NOON, ())

    assert course.begins == "2026-11-27T21:00:00.000Z"
    # Eight hours on Friday, eight on Saturday, four on Sunday.
    assert course.ends == "2026-11-30T01:00:00.000Z"
    assert course.windows == 3
    assert course.left == 0
    assert "begin on Fri 27 Nov at 22:00 and end on Mon 30 Nov at 02:00 in 3 windows." in words(NIGHT, 20)  # fmt: skip
    assert "otherwise resume it in each window" in words(NIGHT, 20)


def test_each_window_is_used_no_longer_than_a_process_may_take():
    pace = Pace(between="22:00-06:00", timezone=BERLIN, max_duration=3 * HOUR)

    course = course_of(pace, estimate(7), NOON, ())

    assert course.windows == 3
    assert course.ends == "2026-11-29T22:00:00.000Z"


def test_without_a_window_what_is_left_is_for_a_resume():
    pace = Pace(stop_at="14:30", timezone=BERLIN)

    course = course_of(pace, estimate(4), NOON, ())

    assert course.ends == "2026-11-27T13:30:00.000Z"
    assert course.left == 1.5 * HOUR
    assert "By then 1 h 30 min of work would be left for resume." in words(pace, 4)


def test_the_time_to_stop_at_is_one_of_the_first_window():
    pace = Pace(between="22:00-06:00", timezone=BERLIN, stop_at="23:00")

    course = course_of(pace, estimate(5), NOON, ())

    assert course.windows == 2
    assert course.ends == "2026-11-29T01:00:00.000Z"


@given(
    st.floats(0.1, 12),
    st.sampled_from(["22:00-06:00", "Sat-Sun", "Mon-Fri 09:00-10:00", "always"]),
    st.integers(0, 14 * 24),
)
def test_all_work_is_done_in_its_windows(hours, between, later):
    pace = Pace(between=between, timezone="UTC")
    now = Epoch(NOON + later * HOUR)

    course = course_of(pace, estimate(hours), now, ())

    assert course.left == 0
    assert course.windows <= hours + 2
    assert at(course.begins) >= now
    assert at(course.ends) - at(course.begins) >= hours * HOUR - 0.01


def test_working_time_at_the_limit_is_told():
    text = words(Pace(timezone=BERLIN), 4, "operating")

    assert "In working time (Mon-Fri 08:00-18:00) it would be at the portal's limit for 4 h 00 min." in text  # fmt: skip
    assert "--profile gentle" in text


@pytest.mark.parametrize(
    ("pace", "hours", "limits"),
    [
        (Pace(timezone=BERLIN), 0.9, ("operating",)),
        (Pace(timezone=BERLIN), 4, ("concurrency",)),
        (Pace.gentle(timezone=BERLIN), 4, ("operating", "intensity")),
        (NIGHT, 20, ("operating",)),
        (Pace(between="Sat-Sun", timezone=BERLIN), 20, ("intensity",)),
    ],
    ids=["short", "below the limit", "gentle", "at night", "at the weekend"],
)
def test_nobody_is_warned_of_what_holds_nobody_up(pace, hours, limits):
    assert "working time" not in words(pace, hours, *limits)


def test_only_what_is_in_working_time_counts():
    # From 12:00 on, the first three hours free, then three at the limit, then three more after 18:00.
    text = words(Pace(timezone=BERLIN), 9, "concurrency", "operating", "intensity")

    assert "at the portal's limit for 3 h 00 min" in text


OTHERS = (
    KnownJob("before", Epoch(NOON + 7 * HOUR), 2 * HOUR, is_certain=True),
    KnownJob("long", Epoch(NOON + 9 * HOUR), 2 * HOUR, is_certain=True),
    KnownJob("new", Epoch(NOON + 11 * HOUR), None, is_certain=False),
    KnownJob("after", Epoch(NOON + 19 * HOUR), HOUR, is_certain=True),
    KnownJob("running", None, None, is_certain=True),
)


def test_jobs_that_it_would_meet_are_named():
    text = words(NIGHT, 8, others=OTHERS)

    assert "long: due on Fri 27 Nov at 21:00, took 2 h 00 min last time" in text
    assert "new: due on Fri 27 Nov at 23:00, if it is on this portal: it has not run yet" in text
    assert "running: under way" in text
    assert "before" not in text
    assert "after" not in text


def test_jobs_of_other_portals_and_what_is_planned_itself_are_none(tmp_path):
    store = open_store(tmp_path)
    ended = Ended(due=1.0, at=2.0, status=0, runs=("gone",))
    slots = {
        "mine": Slot(next_due=5.0),
        "never again": Slot(last=ended),
        "next": Slot(next_due=7.0, last=ended),
        "running": Slot(next_due=9.0, firing=Firing(due=1.0, parts={"": Part()})),
    }
    store.agenda.write_slots(slots)

    found = list(jobs_on(store, "a", without="mine"))

    assert found == [
        KnownJob("next", Epoch(7.0), None, is_certain=False),
        KnownJob("running", None, None, is_certain=False),
    ]
