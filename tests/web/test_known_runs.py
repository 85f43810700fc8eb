"""What is known of a store, look by look: only what may have changed is read again, and nothing is missed."""

from pathlib import Path

import msgspec

from bulk_publisher.model import Epoch, Status
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.agenda import Firing, Part, Slot
from bulk_publisher.store.steering import Steering, Wish
from bulk_publisher.utc import as_utc
from bulk_publisher.web.views.known_runs import KnownRuns
from bulk_publisher.web.views.now import NowAsked, now_of, portal_rows
from bulk_publisher.web.views.run_state import RunState
from tests.web.stores import (
    BEGAN_AT,
    at_work,
    begun_run,
    ended_run,
    plan,
    snapshot_of,
    until,
    waiting_for,
)


class Wall:
    """A clock on the wall that is set by hand."""

    def __init__(self) -> None:
        self.at = BEGAN_AT + 1000

    def __call__(self) -> Epoch:
        return Epoch(self.at)


def known_runs(store: Store) -> tuple[KnownRuns, Wall]:
    wall = Wall()
    return KnownRuns(store, now=wall), wall


def look(runs: KnownRuns, wall: Wall):
    """The rows after another look, by portal."""
    wall.at += 100
    runs.look()
    return {row.portal: row for row in portal_rows(runs)}


def test_a_look_that_is_not_due_reads_nothing(store: Store) -> None:
    runs, wall = known_runs(store)
    runs.look()
    ended_run(runs.store)

    wall.at += 0.5
    runs.look()

    assert len(runs) == 0
    assert runs.number == 1


def test_a_run_is_at_work_and_then_done(store: Store) -> None:
    runs, wall = known_runs(store)
    kept = begun_run(runs.store)
    with at_work() as work:
        work.begin(kept, snapshot_of(kept, time=wall.at, pages=40))
        running = look(runs, wall)["shop"]
    final = msgspec.structs.replace(
        ended_run(runs.store, at=1.0).read_description(), run=kept.run_id, started=as_utc(Epoch(BEGAN_AT))
    )  # fmt: skip
    with kept.lock():
        kept.write_description(final)
    kept.clear_progress()

    done = look(runs, wall)["shop"]

    assert (running.state, running.pages, running.left) == (RunState.RUNNING, 40, 60)
    assert running.arrives_at
    assert (done.state, done.pages, done.left) == (RunState.DONE, 100, 0)


def test_a_process_that_is_gone_without_a_word_has_died(store: Store) -> None:
    runs, wall = known_runs(store)
    kept = begun_run(runs.store)
    with at_work() as work:
        work.begin(kept, snapshot_of(kept, time=wall.at))
        look(runs, wall)
    # What it has said last is still there; nobody holds its lock.
    kept.clear_progress()

    row = look(runs, wall)["shop"]

    assert row.state is RunState.DIED
    assert "resume" in row.troubles[0]


def test_a_run_that_was_gone_on_with_between_two_looks_is_seen_to_be_done(store: Store) -> None:
    runs, wall = known_runs(store)
    kept = ended_run(runs.store, left=50, stopped="The limit is reached.")
    before = look(runs, wall)["shop"]
    told = kept.read_description()
    with kept.lock():
        kept.write_description(
            msgspec.structs.replace(told, totals=msgspec.structs.replace(told.final, left=0, is_whole=True, stopped_by=None))
        )  # fmt: skip

    after = look(runs, wall)["shop"]

    assert (before.state, before.left) == (RunState.STOPPED, 50)
    assert before.troubles == ("The limit is reached.",)
    assert (after.state, after.left) == (RunState.DONE, 0)


def test_a_run_that_was_removed_is_gone_at_the_next_look(store: Store) -> None:
    runs, wall = known_runs(store)
    kept = ended_run(runs.store, left=5)
    assert len(look(runs, wall)) == 1
    with kept.lock():
        kept.remove()

    assert look(runs, wall) == {}


def test_a_run_that_the_plan_names_is_found_at_once(store: Store) -> None:
    runs, wall = known_runs(store)
    runs.look()
    kept = begun_run(runs.store)
    plan(runs.store, {"nightly": Slot(firing=Firing(due=BEGAN_AT, parts={"shop": Part(run=kept.name)}))})  # fmt: skip

    # Another look is due, and another listing is not.
    wall.at += 2.5
    runs._list_at = wall.at + 1000
    runs.look()

    assert runs.get(kept.name) is not None


def test_who_is_paused_rests_for_its_window_or_stops_is_told_apart(store: Store) -> None:
    runs, wall = known_runs(store)
    paused = ended_run(store, at=BEGAN_AT, portal="paused", left=5)
    paused.steer(Steering(wish=Wish.PAUSE, at=BEGAN_AT, by="anna"))
    resting = ended_run(store, at=BEGAN_AT + 1, portal="resting", left=5)
    ended_run(store, at=BEGAN_AT + 2, portal="stopped", left=5)
    part = Part(run=resting.name, goes_on_at=BEGAN_AT + 9000)
    plan(store, {"nightly": Slot(firing=Firing(due=BEGAN_AT, parts={"resting": part}))})
    stopping = begun_run(store, at=BEGAN_AT + 3, portal="stopping")
    turn = begun_run(store, at=BEGAN_AT + 4, portal="turn")
    away = begun_run(store, at=BEGAN_AT + 5, portal="away")

    with at_work() as work:
        for kept, wait in ((stopping, None), (turn, waiting_for("turn", "its turn")), (away, waiting_for("outage", "the portal"))):  # fmt: skip
            work.begin(kept, snapshot_of(kept, time=wall.at, waiting=wait))
        stopping.steer(Steering(wish=Wish.STOP, at=BEGAN_AT))
        until(lambda: stopping.read_steering() is not None)
        rows = look(runs, wall)

    assert {name: row.state for name, row in rows.items()} == {
        "paused": RunState.PAUSED,
        "resting": RunState.RESTING,
        "stopped": RunState.STOPPED,
        "stopping": RunState.STOPPING,
        "turn": RunState.TURN,
        "away": RunState.UNREACHED,
    }
    assert rows["resting"].next
    assert rows["resting"].next.run == resting.name


def test_of_two_runs_at_work_on_a_portal_the_one_that_sends_is_shown(store: Store) -> None:
    runs, wall = known_runs(store)
    sends, waits = begun_run(runs.store, at=BEGAN_AT), begun_run(runs.store, at=BEGAN_AT + 1)

    with at_work() as work:
        work.begin(sends, snapshot_of(sends, time=wall.at))
        work.begin(waits, snapshot_of(waits, time=wall.at, waiting=waiting_for("turn", "its turn")))
        row = look(runs, wall)["shop"]

    assert (row.run, row.others) == (sends.name, 1)


def test_the_limit_that_holds_a_run_binds(store: Store) -> None:
    runs, wall = known_runs(store)
    kept = begun_run(runs.store)
    wait = waiting_for("operating", "operating time", wall.at + 60)

    with at_work() as work:
        work.begin(kept, snapshot_of(kept, time=wall.at, waiting=wait))
        row = look(runs, wall)["shop"]

    assert row.state is RunState.WAITING
    assert [(one.name, one.binds) for one in row.budgets] == [("requests", False), ("operating time", True)]  # fmt: skip


def test_a_damaged_run_and_a_damaged_plan_are_told_and_hide_nothing(tmp_path: Path) -> None:
    runs, wall = known_runs(open_store(tmp_path))
    ended_run(runs.store, at=BEGAN_AT + 60)
    damaged = ended_run(runs.store, portal="other")
    (tmp_path / damaged.name / "run.json").write_text("{")
    plan(runs.store, {})
    (tmp_path / "serve" / "plan.json").write_text("[")

    rows = look(runs, wall)

    told = now_of(runs, [*rows.values()], NowAsked())
    assert {row.state for row in rows.values()} == {RunState.DONE, RunState.DAMAGED}
    assert "damaged" in told.why
    assert told.in_trouble == 1


def test_the_next_time_of_a_job_stands_with_the_portals_of_its_last_runs(store: Store) -> None:
    runs, wall = known_runs(store)
    ended_run(runs.store, portal="shop")
    ended_run(runs.store, portal="other", job="handbook", at=BEGAN_AT + 1, counts={Status.FAILED: 2})  # fmt: skip
    plan(runs.store, {"nightly": Slot(cron="0 3 * * *", timezone="UTC", next_due=BEGAN_AT + 86_400)})  # fmt: skip

    rows = look(runs, wall)

    assert rows["shop"].next
    assert rows["shop"].next.at == BEGAN_AT + 86_400
    assert rows["other"].next is None
    assert rows["other"].troubles == ("2 failed or unknown.",)
