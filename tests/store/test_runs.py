"""How a run is made, found, listed and described, in any store."""

import random
from contextlib import suppress

import msgspec
import pytest

from bulk_publisher.errors import BadJournal, RunBusy
from bulk_publisher.model import Epoch
from bulk_publisher.store import Store
from bulk_publisher.store.description import Description
from tests.store.making import BEGAN_AT, begun


def test_a_store_without_a_run_lists_none_and_finds_none(store: Store) -> None:
    assert list(store.runs()) == []
    with pytest.raises(BadJournal, match="no such run") as caught:
        store.find("latest")
    assert "No runs there yet" in caught.value.hint


def test_a_run_has_the_moment_of_its_beginning_in_its_name(store: Store) -> None:
    assert begun(store).run_id.startswith("20260301T030000Z-")


def test_a_run_is_found_by_its_name_its_beginning_its_place_and_latest(store: Store) -> None:
    run = begun(store)

    found = {
        store.find(name).address
        for name in (run.run_id, run.run_id[:11], run.place, run.address, "latest")
    }

    assert found == {run.address}


def test_the_beginning_of_several_runs_names_them(store: Store) -> None:
    both = [begun(store, at=BEGAN_AT + seconds) for seconds in (0, 1)]

    with pytest.raises(BadJournal, match="2 runs") as caught:
        store.find("2026")

    assert all(run.run_id in caught.value.message for run in both)


def test_runs_are_listed_the_newest_first(store: Store) -> None:
    runs = [begun(store, at=BEGAN_AT + seconds).run_id for seconds in (0, 7200, 60)]

    listed = [run.name for run in store.runs()]

    assert listed == sorted(runs, reverse=True)
    assert store.find("latest").run_id == runs[2]


def test_two_runs_of_one_second_are_two(store: Store) -> None:
    rng = random.Random(1)
    names = set()
    for _ in range(2):
        with store.create(Epoch(BEGAN_AT), rng) as run:
            names.add(run.run_id)

    assert len(names) == 2


def test_a_run_that_fails_before_it_has_begun_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError), store.create(Epoch(BEGAN_AT), random.Random(1)) as run:
        raise KeyError

    assert not run.is_described
    assert list(store.runs()) == []


def test_a_run_that_fails_after_it_has_begun_is_kept(store: Store) -> None:
    with suppress(KeyError), store.create(Epoch(BEGAN_AT), random.Random(1)) as run:
        run.begin(Description(run=run.run_id))
        raise KeyError

    assert store.find(run.run_id).is_described


def test_a_new_run_is_locked_while_it_is_being_made(store: Store) -> None:
    with store.create(Epoch(BEGAN_AT), random.Random(1)) as run:
        assert run.is_locked
        with pytest.raises(RunBusy), run.lock():
            pass

    assert not run.is_locked


def test_who_has_the_lock_is_known(store: Store) -> None:
    run = begun(store)

    with run.lock():
        holder = store.find("latest").holder()

        assert holder.pid > 0
        assert not holder.is_stopped
        with pytest.raises(RunBusy, match=str(holder.pid)), store.find("latest").lock():
            pass
    with run.lock():
        assert run.is_locked


def test_a_description_is_read_as_it_was_written(store: Store) -> None:
    run = begun(store, portal="example.bitrix24.com", seed=7)
    changed = msgspec.structs.replace(
        run.read_description(), retried_by=("b",), ended="2026-03-01T04:00:00Z"
    )

    with run.lock():
        run.write_description(changed)

    told = store.find("latest").read_description()
    assert (told.portal, told.seed, told.retries) == ("example.bitrix24.com", 7, ("b",))
    assert told.ended == "2026-03-01T04:00:00Z"


def test_a_run_knows_those_beside_it(store: Store) -> None:
    first, second = begun(store), begun(store, at=BEGAN_AT + 1)

    assert first.beside(second.name).address == second.address
    assert first.beside("gone", second.place).address == second.address
    assert not first.beside("gone").is_described
    assert not first.beside("gone").has_journal


def test_a_run_says_in_which_store_it_is(store: Store) -> None:
    run = begun(store)

    assert run.is_in(store.place)
    assert not run.is_in("elsewhere")
    assert not run.is_copy
