"""What is due, and what becomes of the plan of next runs as time goes on."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs import Overlap, Schedule
from bulk_publisher.model import Epoch
from bulk_publisher.serve import timetable
from bulk_publisher.serve.timetable import CaughtUp, Fired, Missed, Queued, Skipped
from bulk_publisher.store.agenda import Firing, Order, Part, Slot

DAILY = Schedule(cron="0 3 * * *")
HOUR, DAY = 3600.0, 86_400.0


def at(text: str) -> Epoch:
    return Epoch(datetime.fromisoformat(text).timestamp())


THREE = at("2026-06-02T03:00Z")
PLANNED = Slot(cron="0 3 * * *", timezone="UTC", next_due=THREE)
RUNNING = msgspec.structs.replace(PLANNED, firing=Firing(due=THREE - DAY))


def fall_due(slot: Slot, schedule: Schedule | None, now: float):
    return timetable.fall_due("nightly", slot, schedule, now=Epoch(now), zone=UTC)


def test_a_new_job_waits_for_its_next_time():
    slot = timetable.planned(None, DAILY, now=at("2026-06-01T12:00Z"), zone=UTC)

    assert slot == PLANNED


def test_a_job_whose_file_was_read_again_keeps_its_time():
    kept = msgspec.structs.replace(PLANNED, next_due=THREE - DAY)

    assert timetable.planned(kept, DAILY, now=THREE, zone=UTC) == kept


def test_another_schedule_finds_another_time():
    slot = timetable.planned(PLANNED, Schedule(cron="0 5 * * *"), now=THREE, zone=UTC)

    assert slot.next_due == THREE + 2 * HOUR


def test_a_job_without_a_schedule_is_never_due():
    slot = timetable.planned(PLANNED, None, now=THREE, zone=UTC)

    assert slot.next_due is None
    assert fall_due(slot, None, THREE + DAY) == (slot, None)


def test_what_is_due_gets_its_firing_and_its_next_time_at_once():
    assert fall_due(PLANNED, DAILY, THREE - 1) == (PLANNED, None)

    slot, what = fall_due(PLANNED, DAILY, THREE)

    assert what == Fired(THREE)
    assert slot.firing == Firing(due=THREE)
    assert slot.next_due == THREE + DAY


def test_what_was_missed_while_the_machine_was_off_is_caught_up_with_once():
    slot, what = fall_due(PLANNED, DAILY, THREE + 3 * DAY + HOUR)

    assert what == CaughtUp(Epoch(THREE + 3 * DAY))
    assert slot.next_due == THREE + 4 * DAY


def test_what_was_missed_is_not_done_where_nobody_wants_that():
    schedule = Schedule(cron="0 3 * * *", catch_up=False)

    slot, what = fall_due(PLANNED, schedule, THREE + HOUR)

    assert what == Missed(THREE)
    assert slot.firing is None
    assert slot.next_due == THREE + DAY


def test_a_job_that_is_still_being_done_waits_for_its_next_time():
    slot, what = fall_due(RUNNING, DAILY, THREE)

    assert what == Skipped(THREE)
    assert slot.firing == RUNNING.firing
    assert slot.queued is None


def test_a_job_that_queues_is_done_once_more_however_often_it_was_due():
    schedule = Schedule(cron="0 3 * * *", overlap=Overlap.QUEUE)

    slot, what = fall_due(RUNNING, schedule, THREE)
    slot, again = fall_due(slot, schedule, THREE + DAY)
    after = timetable.ended(slot, status=0, now=Epoch(THREE + DAY + 1))

    assert (what, again) == (Queued(THREE), Queued(Epoch(THREE + DAY)))
    assert after.firing == Firing(due=THREE + DAY)
    assert after.queued is None
    assert timetable.ended(after, status=0, now=THREE).firing is None


def test_the_end_of_a_firing_is_kept():
    firing = Firing(due=THREE, parts={"a": Part(run="r1", status=0), "b": Part(status=4)})
    slot = timetable.ended(
        msgspec.structs.replace(PLANNED, firing=firing), status=4, now=Epoch(THREE + 9)
    )

    assert slot.last is not None
    assert (slot.last.due, slot.last.at, slot.last.status) == (THREE, THREE + 9, 4)
    assert slot.last.runs == ("r1",)


def test_an_order_is_due_once():
    slot, what = fall_due(
        timetable.ordered(None, Order(name="o", at=THREE, submitted=1.0)), None, THREE
    )

    assert what == Fired(THREE)
    assert slot.next_due is None
    assert fall_due(slot, None, THREE + DAY) == (slot, None)


def test_jitter_delays_another_time_each_night_and_the_same_after_a_restart():
    schedule = Schedule(cron="0 3 * * *", jitter=600.0)
    nights = [msgspec.structs.replace(PLANNED, next_due=THREE + n * DAY) for n in range(50)]

    delays = [(timetable.begins_at("nightly", slot, schedule) or 0) - THREE for slot in nights]
    delays = [delay - n * DAY for n, delay in enumerate(delays)]

    assert all(0 <= delay <= 600 for delay in delays)
    assert len(set(delays)) == 50
    assert timetable.begins_at("nightly", PLANNED, schedule) == THREE + delays[0]
    assert timetable.begins_at("other", PLANNED, schedule) != THREE + delays[0]


schedules = st.builds(
    Schedule,
    cron=st.sampled_from(["0 3 * * *", "*/7 * * * *", "30 2 * * *", "0 0 1 * *"]),
    jitter=st.sampled_from([0.0, 300.0]),
    catch_up=st.booleans(),
    overlap=st.sampled_from(Overlap),
)


@given(schedules, st.lists(st.tuples(st.floats(1.0, 3 * DAY), st.booleans()), max_size=40))
def test_each_time_is_done_once_at_most_and_none_that_was_seen_is_lost(schedule, steps):
    now = at("2026-03-28T00:00Z")
    slot = timetable.planned(None, schedule, now=now, zone=UTC)
    begun: list[float] = []
    for pause, ends in steps:
        now = Epoch(now + pause)
        before = slot
        # What was written is read back: the daemon may have died in between.
        slot = msgspec.json.decode(msgspec.json.encode(slot), type=Slot)
        slot, what = timetable.fall_due("j", slot, schedule, now=now, zone=UTC)
        if isinstance(what, Fired | CaughtUp):
            begun.append(what.due)
        assert slot.next_due is not None
        assert (what is None) == (slot.next_due == before.next_due)
        assert slot.next_due > (before.next_due or 0) or what is None
        if ends and slot.firing is not None:
            queued = slot.queued
            slot = timetable.ended(slot, status=0, now=now)
            begun.extend([] if queued is None else [queued])

    assert begun == sorted(set(begun))


QUARTERLY = Schedule(cron="*/15 * * * *")


def replanned(slot: Slot, schedule: Schedule, now: Epoch) -> Epoch | None:
    due = timetable.planned(slot, schedule, now=now, zone=UTC).next_due
    return None if due is None else Epoch(due)


def test_a_clock_set_back_by_hours_does_not_repeat_a_time():
    slot, _ = fall_due(PLANNED, DAILY, THREE)

    assert replanned(slot, DAILY, Epoch(THREE - 5 * HOUR)) == THREE + DAY


def test_what_is_due_in_every_hour_goes_on_when_the_clock_is_set_back():
    slot = msgspec.structs.replace(PLANNED, cron="*/15 * * * *", next_due=THREE + 900)

    assert replanned(slot, QUARTERLY, Epoch(THREE - 5 * HOUR)) == THREE - 5 * HOUR + 900
    assert replanned(slot, QUARTERLY, Epoch(THREE - 1)) == THREE + 900


def test_a_clock_that_was_years_ahead_does_not_stall_the_plan():
    slot = msgspec.structs.replace(PLANNED, next_due=THREE + 3650 * DAY)

    assert replanned(slot, DAILY, Epoch(THREE - HOUR)) == THREE


@given(
    st.sampled_from(["0 3 * * *", "*/7 * * * *", "30 2 * * 1", "0 0 1 * *"]),
    st.floats(0, 400 * DAY),
    st.floats(0, 400 * DAY),
)
def test_a_clock_that_goes_on_leaves_the_plan_as_it_is(cron, since, later):
    schedule, begins = Schedule(cron=cron), at("2026-01-01T00:00Z")
    slot = timetable.planned(None, schedule, now=Epoch(begins + since), zone=UTC)

    again = timetable.planned(slot, schedule, now=Epoch(begins + since + later), zone=UTC)

    assert again == slot
