"""A plan that daemons of several hosts share: each store here is what one of them would have."""

import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from bulk_publisher.store.agenda import Firing, Slot
from bulk_publisher.store.database_address import parse_address
from bulk_publisher.store.postgres.postgres_agenda import PostgresAgenda
from bulk_publisher.store.postgres.postgres_store import PostgresStore
from tests.store.patience import soon

pytestmark = [pytest.mark.service, pytest.mark.real_time]

NIGHTLY = Slot(cron="0 3 * * *", next_due=5.0)


def host(database: str, tmp_path: Path) -> PostgresAgenda:
    return PostgresStore(parse_address(database), tmp_path).agenda


@pytest.fixture
def here(database: str, tmp_path: Path) -> PostgresAgenda:
    return host(database, tmp_path)


@pytest.fixture
def there(database: str, tmp_path: Path) -> PostgresAgenda:
    return host(database, tmp_path)


def test_what_one_changes_the_others_hear_of_once(here, there) -> None:
    assert there.read_slots() == {}
    written = here.write_slots({"nightly": NIGHTLY, "weekly": NIGHTLY})

    assert there.read_changes() == written
    assert there.read_changes() == {}
    again = here.write_slots({"nightly": replace(written["nightly"], next_due=6.0)})
    assert again["nightly"].edition > written["nightly"].edition
    assert there.read_changes() == again


def test_of_two_that_change_the_same_the_first_does(here, there) -> None:
    first = here.write_slots({"nightly": NIGHTLY})["nightly"]
    (known,) = there.read_slots().values()

    mine = here.write_slots({"nightly": replace(first, next_due=6.0)})
    theirs = there.write_slots({"nightly": replace(known, next_due=7.0), "weekly": NIGHTLY})

    assert list(mine) == ["nightly"]
    assert list(theirs) == ["weekly"]
    assert here.read_slots()["nightly"].next_due == 6.0


def test_of_two_that_add_the_same_the_first_does(here, there) -> None:
    assert list(here.write_slots({"nightly": NIGHTLY})) == ["nightly"]
    assert there.write_slots({"nightly": replace(NIGHTLY, next_due=9.0)}) == {}


def test_what_was_changed_meanwhile_does_not_go_and_what_is_gone_does(here, there) -> None:
    old = here.write_slots({"nightly": NIGHTLY, "weekly": NIGHTLY})
    there.write_slots({"nightly": replace(old["nightly"], next_due=6.0)})
    there.write_slots({}, {"weekly": old["weekly"]})

    assert here.write_slots({}, old) == {"weekly": None}
    assert list(here.read_slots()) == ["nightly"]


def test_what_was_removed_elsewhere_does_not_come_back_by_a_change(here, there) -> None:
    old = here.write_slots({"nightly": NIGHTLY})
    there.write_slots({}, old)

    assert here.write_slots({"nightly": replace(old["nightly"], next_due=6.0)}) == {}
    assert here.read_slots() == {}


def test_of_many_that_have_a_job_fall_due_at_once_one_does(database: str, tmp_path: Path) -> None:
    agendas = [host(database, tmp_path) for _ in range(4)]
    old = agendas[0].write_slots({"nightly": NIGHTLY})["nightly"]
    together, done = threading.Barrier(4), []

    def fire(agenda: PostgresAgenda) -> None:
        slot = replace(old, firing=Firing(due=5.0), next_due=6.0)
        together.wait()
        done.extend(agenda.write_slots({"nightly": slot}))

    threads = [threading.Thread(target=fire, args=(agenda,)) for agenda in agendas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == ["nightly"]


def test_a_firing_is_done_by_the_one_that_has_taken_it_up(here, there) -> None:
    assert list(here.take_up(["a", "b", "c"], 2)) == ["a", "b"]
    assert list(there.take_up(["a", "b", "c"], 3)) == ["c"]
    assert list(there.take_up(["a", "b", "c"], 3)) == []

    here.let_go("a")

    assert list(there.take_up(["a", "b"], 3)) == ["a"]


def test_of_many_that_take_up_the_same_jobs_each_job_has_one(database: str, tmp_path: Path) -> None:
    names = [f"job-{number:02}" for number in range(40)]
    agendas = [host(database, tmp_path) for _ in range(4)]
    agendas[0].write_slots(dict.fromkeys(names, replace(NIGHTLY, firing=Firing(due=5.0))))
    together, taken = threading.Barrier(len(agendas)), list[str]()

    def race(agenda: PostgresAgenda) -> None:
        together.wait()
        for _ in names:
            taken.extend(agenda.take_up(names, 3))

    threads = [threading.Thread(target=race, args=[agenda]) for agenda in agendas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == names


def test_several_daemons_serve_and_what_one_has_taken_up_is_free_when_it_ends(here, there) -> None:
    with there.serving(lambda: None):
        with here.serving(lambda: None):
            here.take_up(["a"], 1)
            assert list(there.take_up(["a"], 1)) == []
        assert list(there.take_up(["a"], 1)) == ["a"]
        assert here.is_served
    assert not here.is_served


def test_what_a_daemon_that_is_silent_has_taken_up_another_takes(here, there, monkeypatch) -> None:
    here.take_up(["a"], 1)
    monkeypatch.setattr(here._parts.leases, "_renew", lambda: None)
    here._parts.leases._keeper.every(0.2, "renew", lambda: None)

    assert list(there.take_up(["a"], 1)) == []
    assert soon(lambda: list(there.take_up(["a"], 1)) == ["a"])


def test_a_daemon_that_stood_still_hears_that_others_have_what_it_did(
    here, there, monkeypatch
) -> None:
    heard = threading.Event()
    with here.serving(heard.set):
        here.take_up(["a"], 1)
        leases = here._parts.leases
        # As a process that is stopped: nothing is renewed, and then everything at once.
        leases._keeper.every(600.0, "renew", lambda: None)
        assert soon(lambda: list(there.take_up(["a"], 1)) == ["a"])
        assert not heard.is_set()
        leases._renew()

        assert heard.is_set()


def test_a_daemon_whose_database_was_away_goes_on(here, there) -> None:
    heard = threading.Event()
    with here.serving(heard.set):
        here.take_up(["a"], 1)
        leases = here._parts.leases
        leases._keeper.every(600.0, "renew", lambda: None)
        assert soon(lambda: list(there.take_up(["a"], 1)) == ["a"])
        # The thread has asked again and again meanwhile, and nobody has answered.
        leases._looked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        leases._renew()

        assert not heard.is_set()


def test_a_daemon_knows_that_another_does_what_it_had_taken_up(here, there) -> None:
    here.take_up(["a"], 1)
    assert here.still_does("a")
    leases = here._parts.leases
    leases._keeper.every(600.0, "renew", lambda: None)
    assert soon(lambda: list(there.take_up(["a"], 1)) == ["a"])
    # Nothing was heard of it yet.
    assert not here.has_lost("a")

    assert not here.still_does("a")
    assert here.has_lost("a")
    assert there.still_does("a")


def test_a_daemon_that_was_silent_still_does_what_nobody_has_taken_up(here) -> None:
    here.take_up(["a"], 1)
    leases = here._parts.leases
    leases._keeper.every(600.0, "renew", lambda: None)
    lease = here._firings._held["a"]

    assert soon(lambda: not lease.is_fresh)
    assert here.still_does("a")
    assert lease.is_fresh
    assert not here.still_does("b")
