"""The coming night: when something is done, for how long, and what it meets."""

from collections.abc import Mapping

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Epoch, Status
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Firing, Part, Slot
from bulk_publisher.web.views.job_rows import JobKind, job_rows
from bulk_publisher.web.views.known_runs import KnownRuns
from bulk_publisher.web.views.night import (
    EntryKind,
    Night,
    NightEntry,
    _Coming,
    night_of,
    with_meetings,
)
from bulk_publisher.web.views.predictions import Predictions
from tests.web.stores import BEGAN_AT, begun_run, ended_run, plan

NOW = BEGAN_AT + 5 * 3600
"""2026-03-01T08:00:00Z."""
AN_HOUR = 3600.0


def night(store, slots: Mapping[str, Slot]) -> Night:
    plan(store, slots)
    runs = KnownRuns(store, now=lambda: Epoch(NOW))
    runs.look()
    return night_of(runs, Predictions())


def due(hours: float, cron: str = "", zone: str = "UTC") -> Slot:
    return Slot(cron=cron, timezone=zone, next_due=NOW + hours * AN_HOUR)


def test_each_time_of_a_schedule_is_there_for_a_day(tmp_path) -> None:
    told = night(open_store(tmp_path), {"nightly": due(1, "0 9,21 * * *"), "later": due(30, "0 0 * * *")})  # fmt: skip

    assert [(one.job, (one.at - NOW) / AN_HOUR) for one in told.entries] == [("nightly", 1), ("nightly", 13)]  # fmt: skip


def test_a_job_that_is_due_each_minute_is_one_entry(tmp_path) -> None:
    told = night(open_store(tmp_path), {"often": due(1 / 60, "* * * * *")})

    (one,) = told.entries
    assert one.times == 1439
    assert one.last_at > NOW + 23 * AN_HOUR


def test_it_takes_as_long_as_the_last_run_where_that_tells_no_cost(tmp_path) -> None:
    store = open_store(tmp_path)
    kept = ended_run(store, seconds=1800.0, cost=None)

    (one,) = night(store, {"nightly": due(2)}).entries

    assert (one.seconds, one.ends) == (1800.0, NOW + 2.5 * AN_HOUR)
    assert one.basis == f"as long as run {kept.name} took"


def test_it_is_the_plans_forecast_where_the_last_run_tells_a_cost(tmp_path) -> None:
    store = open_store(tmp_path)
    kept = ended_run(store, seconds=9_999.0, counts={Status.PUBLISHED: 1000}, cost=0.4)

    (one,) = night(store, {"nightly": due(2)}).entries

    assert one.basis == f"plan's forecast at the cost of run {kept.name}"
    # Four requests at once take a quarter of 400 s; the meter lets 470 s through.
    assert one.seconds
    assert 100 < one.seconds < 200


def test_what_does_not_fit_into_its_hours_rests_and_goes_on(tmp_path) -> None:
    store = open_store(tmp_path)
    pace = {"between": "12:00-14:00", "timezone": "UTC"}
    ended_run(store, seconds=3 * AN_HOUR, cost=None, pace=pace)

    (one,) = night(store, {"nightly": due(1)}).entries

    assert one.begins == NOW + 4 * AN_HOUR
    assert one.ends == NOW + 24 * AN_HOUR + 5 * AN_HOUR
    assert (one.rests, one.hours) == (1, "12:00-14:00 (UTC)")


def test_two_jobs_on_one_portal_meet_and_those_on_two_do_not(tmp_path) -> None:
    store = open_store(tmp_path)
    for number, (job, portal) in enumerate([("a", "shop"), ("b", "shop"), ("c", "other")]):
        ended_run(store, at=BEGAN_AT + number, job=job, portal=portal, seconds=AN_HOUR, cost=None)

    told = night(store, {"a": due(1), "b": due(1.5), "c": due(1.2)})

    meets = {one.job: [(other.job, other.portal) for other in one.meets] for one in told.entries}
    assert meets == {"a": [("b", "shop")], "b": [("a", "shop")], "c": []}


def test_a_job_that_is_due_again_before_it_is_done_says_so(tmp_path) -> None:
    store = open_store(tmp_path)
    ended_run(store, seconds=2 * AN_HOUR, cost=None)

    told = night(store, {"nightly": due(1, "0 9,10 * * *")})

    assert [one.is_due_again for one in told.entries] == [True, False]


def test_runs_that_go_on_at_the_same_time_are_one_entry(tmp_path) -> None:
    store = open_store(tmp_path)
    parts = {}
    for number in range(7):
        kept = ended_run(store, at=BEGAN_AT + number, portal=f"p{number}", left=9)
        parts[f"p{number}"] = Part(run=kept.name, goes_on_at=NOW + AN_HOUR)

    told = night(store, {"nightly": Slot(firing=Firing(due=BEGAN_AT, parts=parts))})

    (one,) = told.entries
    assert (one.kind, one.portals_count, len(one.portals)) == (EntryKind.GOES_ON, 7, 5)


@given(
    spans=st.lists(
        st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from("ab"), st.sampled_from("xyz")),
        max_size=12,
    )
)  # fmt: skip
def test_what_meets_is_mutual_and_overlaps(spans: list[tuple[int, int, str, str]]) -> None:
    coming = [
        _Coming(
            entry=NightEntry(job=f"{job}{number}", kind=EntryKind.DUE, at=at, last_at=at, begins=at, ends=at + length),
            portals=frozenset({portal}),
        )
        for number, (at, length, job, portal) in enumerate(sorted(spans))
    ]  # fmt: skip

    entries = list(with_meetings(coming))

    for one, this in zip(entries, coming, strict=True):
        naive = {
            other.entry.job
            for other in coming
            if other is not this
            and other.portals & this.portals
            and max(other.entry.begins, one.begins) < min(other.entry.ends or 0, one.ends or 0)
        }
        assert {other.job for other in one.meets} <= naive
        assert len(one.meets) == min(5, len(naive))


def test_jobs_are_told_by_kind_with_what_is_due_first(tmp_path) -> None:
    store = open_store(tmp_path)
    ended_run(store, job="by-cron")
    begun_run(store, at=BEGAN_AT + 1, job="by-nobody")
    plan(store, {"hand": Slot(), "by-cron": due(3, "0 11 * * *")})
    runs = KnownRuns(store, now=lambda: Epoch(NOW))
    runs.look()

    rows = job_rows(runs, Predictions())

    assert {row.name: row.kind for row in rows} == {
        "by-cron": JobKind.SCHEDULED,
        "hand": JobKind.BY_HAND,
        "by-nobody": JobKind.UNPLANNED,
    }
    assert rows[0].name == "by-cron"
    assert rows[0].recent[0].job == "by-cron"
    assert msgspec.json.encode(rows)
