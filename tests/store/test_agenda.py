"""What a daemon keeps, in any store."""

import io
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from msgspec.structs import replace

from bulk_publisher.errors import BadSetting, RunBusy
from bulk_publisher.store import Store
from bulk_publisher.store.agenda import Ended, Firing, Order, Part, Slot, Told, with_part

FIRING = Firing(due=100.0, parts={"shop": Part(run="20260301T030000Z-1f2e")})
SLOTS = {
    "nightly": Slot(
        cron="0 3 * * *",
        timezone="Europe/Berlin",
        next_due=200.0,
        firing=FIRING,
        queued=150.0,
        last=Ended(due=1.0, at=2.0, status=1, runs=("a", "b")),
    ),
    "never": Slot(),
    "rests": Slot(firing=Firing(due=3.0, parts={"": Part(goes_on_at=9.0)})),
}


def ordered(store: Store, name: str, submitted: float) -> Order:
    with store.agenda.order(name) as book:
        path = book.keep_list("../../pages of mine.csv", io.BytesIO(b"1\n2\n"))
        order = Order(name=name, job={"csv": path}, at=9.0, submitted=submitted, by="ann")
        book.close(order)
    return order


def _killed_in(store: Store, name: str) -> None:
    """A process that is killed while it leaves an order: nothing is cleaned up."""
    if store.agenda.is_shared:
        store.parts.database.rows("INSERT INTO job_order (name) VALUES (%s)", [name])
    else:
        folder = Path(store.agenda.place) / "orders" / name
        folder.mkdir(parents=True, mode=0o700)
        folder.parent.chmod(0o700)
        folder.parent.parent.chmod(0o700)
        os.utime(folder, (1.0, 1.0))


def test_the_plan_is_read_back_as_it_was_written(store: Store) -> None:
    assert store.agenda.read_slots() == {}

    written = store.agenda.write_slots(SLOTS)

    kept = store.agenda.read_slots()
    assert {name: slot.in_edition(0) for name, slot in kept.items()} == SLOTS
    assert written == kept


def test_what_is_changed_or_removed_in_the_plan_leaves_the_rest_alone(store: Store) -> None:
    kept = dict(store.agenda.write_slots(SLOTS))
    changed = replace(kept["never"], next_due=7.0)

    written = store.agenda.write_slots({"never": changed}, {"rests": kept["rests"]})

    assert written["rests"] is None
    assert store.agenda.read_slots() == {"nightly": kept["nightly"], "never": written["never"]}
    assert written["never"].next_due == 7.0


def serving(store: Store) -> AbstractContextManager[None]:
    return store.agenda.serving(lambda: None)


def test_one_daemon_at_a_time_serves_a_store_that_is_not_shared(store: Store) -> None:
    refused = nullcontext() if store.agenda.is_shared else pytest.raises(RunBusy)

    assert not store.agenda.is_served
    with serving(store):
        assert store.agenda.is_served
        with refused, serving(store):
            pass
    assert not store.agenda.is_served


def test_orders_are_found_the_oldest_first_with_copies_of_their_lists(store: Store) -> None:
    later, first = ordered(store, "b-2", 2.0), ordered(store, "b-1", 1.0)

    assert list(store.agenda.orders()) == [first, later]
    assert Path(first.job["csv"]).read_bytes() == b"1\n2\n"
    assert Path(first.job["csv"]).suffix == ".csv"

    store.agenda.remove_order("b-1")

    assert list(store.agenda.orders()) == [later]
    assert not Path(first.job["csv"]).exists()


def test_an_order_that_is_not_closed_is_not_there(store: Store) -> None:
    with store.agenda.order("b-1") as book:
        book.keep_list("pages.csv", io.BytesIO(b"1\n"))

    assert list(store.agenda.orders()) == []
    ordered(store, "b-1", 1.0)


def test_what_a_daemon_keeps_is_no_run(store: Store) -> None:
    store.agenda.write_slots(SLOTS)
    ordered(store, "b-1", 1.0)

    assert list(store.runs()) == []


def test_a_part_takes_its_place_in_a_firing() -> None:
    changed = with_part(FIRING, "blog", Part(status=0))

    assert changed.parts == {**FIRING.parts, "blog": Part(status=0)}


def test_what_was_told_of_each_job_is_kept_by_itself(store: Store) -> None:
    agenda = store.agenda
    assert agenda.read_told("a/b") == Told()

    agenda.write_told("a/b", Told(at={"1-x": 5.0}, is_open=True))
    agenda.write_told("a_b", Told(at={"1-y": 6.0}))

    assert agenda.read_told("a/b") == Told(at={"1-x": 5.0}, is_open=True)
    assert agenda.read_told("a_b") == Told(at={"1-y": 6.0})


def test_what_was_told_can_be_written_while_a_daemon_is_at_work(store: Store) -> None:
    with serving(store):
        store.agenda.write_told("nightly", Told(is_open=True))

        assert store.agenda.read_told("nightly").is_open


def test_an_order_whose_process_was_killed_in_the_middle_can_be_left_again(store: Store) -> None:
    _killed_in(store, "resume-1")

    with store.agenda.order("resume-1") as book:
        book.close(Order(name="resume-1", at=9.0, submitted=8.0))

    assert [order.name for order in store.agenda.orders()] == ["resume-1"]


def test_an_order_that_is_there_is_not_left_twice(store: Store) -> None:
    ordered(store, "verify-1", 1.0)

    with pytest.raises(BadSetting), store.agenda.order("verify-1") as book:
        book.close(Order(name="verify-1", at=9.0, submitted=2.0))

    assert [order.submitted for order in store.agenda.orders()] == [1.0]


def test_an_order_of_a_name_that_was_done_is_another_one(store: Store) -> None:
    daemon = store.agenda
    ordered(store, "verify-1", 1.0)
    assert [order.submitted for order in daemon.orders()] == [1.0]

    daemon.remove_order("verify-1")
    ordered(store, "verify-1", 2.0)

    assert [order.submitted for order in daemon.orders()] == [2.0]
