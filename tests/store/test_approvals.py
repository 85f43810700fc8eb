"""Plans that are handed in to any store: approved once, taken once."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import NotApproved
from bulk_publisher.store import Store
from bulk_publisher.store.approvals import (
    KEPT_FOR,
    VALID_FOR,
    About,
    Act,
    Door,
    Phase,
    Proposal,
    as_approved,
    as_taken,
)

ABOUT = About(
    portal="a.example", portal_name="shop", action="publish", pages=3, folders=("/srv/lists",)
)
PLAN = b'{"version":1}\n'
SHA = "d" * 64
START = 1_000_000.0


def by(who: str, at: float = START, through: Door = Door.TERMINAL) -> Act:
    return Act(by=who, at=at, through=through)


def proposed(store: Store, at: float = START) -> Proposal:
    return store.approvals.propose(PLAN, ABOUT, by("ann", at))


def approved(store: Store) -> Proposal:
    one = proposed(store)
    return store.approvals.approve(one.name, one.sha256, by("bob", START + 1))


def test_what_was_proposed_is_kept_as_it_was(store: Store) -> None:
    one = proposed(store)

    assert store.approvals.find(one.name) == one
    assert store.approvals.read_plan(one.name) == PLAN
    assert store.approvals.proposals() == [one]
    assert one.phase(START) is Phase.WAITING


def test_the_newest_is_listed_first(store: Store) -> None:
    old, new = proposed(store, 1.0), proposed(store, 2.0)

    assert list(store.approvals.proposals()) == [new, old]


def test_where_nothing_was_proposed_there_is_nothing(store: Store) -> None:
    assert list(store.approvals.proposals()) == []
    with pytest.raises(NotApproved, match="no such plan"):
        store.approvals.find("p-0123456789")


@pytest.mark.parametrize("name", ["", ".", "../../etc", "p-0123456789/../..", "p-0\n123456789"])
def test_a_name_is_never_a_way_to_something_else(store: Store, name: str) -> None:
    proposed(store)
    for ask in (store.approvals.find, store.approvals.read_plan):
        with pytest.raises(NotApproved, match="no such plan"):
            ask(name)
    with pytest.raises(NotApproved):
        store.approvals.take(name, SHA, by("ann"), "run")


def test_an_approved_plan_is_taken_once(store: Store) -> None:
    one = approved(store)

    taken = store.approvals.take(one.name, one.sha256, by("eve", START + 2), "run-1")

    assert (taken.run, taken.phase(START + 3)) == ("run-1", Phase.TAKEN)
    assert store.approvals.find(one.name) == taken
    with pytest.raises(NotApproved, match="eve has used it already, for run run-1"):
        store.approvals.take(one.name, one.sha256, by("eve", START + 3), "run-2")
    with pytest.raises(NotApproved, match="used it already"):
        store.approvals.approve(one.name, one.sha256, by("bob", START + 3))


def test_what_nobody_has_approved_is_not_taken(store: Store) -> None:
    one = proposed(store)

    with pytest.raises(NotApproved, match="nobody has approved"):
        store.approvals.take(one.name, one.sha256, by("eve"), "run-1")

    assert store.approvals.find(one.name) == one


def test_another_plan_than_the_one_that_was_shown_is_not_approved(store: Store) -> None:
    one = proposed(store)

    with pytest.raises(NotApproved, match="was changed"):
        store.approvals.approve(one.name, SHA, by("bob"))


def test_of_many_that_take_at_once_one_does(store: Store) -> None:
    one, together, taken = approved(store), threading.Barrier(8), []

    def take(number: int) -> None:
        together.wait()
        try:
            store.approvals.take(one.name, one.sha256, by("x", START + 2), f"run-{number}")
        except NotApproved:
            return
        taken.append(f"run-{number}")

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken == [store.approvals.find(one.name).run]


def test_a_copy_goes_that_is_of_no_use_any_more_and_who_did_what_stays(store: Store) -> None:
    one = approved(store)

    proposed(store, START + KEPT_FOR - 1)
    assert store.approvals.read_plan(one.name) == PLAN
    proposed(store, START + KEPT_FOR + 2)

    assert store.approvals.find(one.name) == one
    with pytest.raises(NotApproved, match="not kept any more"):
        store.approvals.read_plan(one.name)


def test_what_was_proposed_is_no_run(store: Store) -> None:
    proposed(store)

    assert list(store.runs()) == []
    assert list(store.flaws()) == []


# the rules, in no store

WAITING = Proposal(name="p-0123456789", sha256=SHA, about=ABOUT, proposed=by("Ann"))


def test_an_assistant_approves_nothing() -> None:
    with pytest.raises(NotApproved, match="no assistant"):
        as_approved(WAITING, SHA, by("bob", through=Door.ASSISTANT))


@pytest.mark.parametrize("who", ["Ann", "ann", " ANN "])
def test_on_the_page_who_has_proposed_a_plan_does_not_approve_it(who: str) -> None:
    with pytest.raises(NotApproved, match="somebody else"):
        as_approved(WAITING, SHA, by(who, through=Door.PAGE))
    assert as_approved(WAITING, SHA, by(who, through=Door.TERMINAL)).approved is not None


def test_on_the_page_nobody_approves_without_a_name() -> None:
    with pytest.raises(NotApproved, match="who you are"):
        as_approved(WAITING, SHA, by(" ", through=Door.PAGE))


def test_an_approval_is_not_given_twice() -> None:
    once = as_approved(WAITING, SHA, by("bob"))
    with pytest.raises(NotApproved, match="bob has approved it already, until 1970-01-13T13:46:40Z"):  # fmt: skip
        as_approved(once, SHA, by("eve", START + 5))


@given(seconds=st.floats(0, 3 * VALID_FOR))
def test_an_approval_is_for_24_hours(seconds: float) -> None:
    once = as_approved(WAITING, SHA, by("bob"))
    act = by("eve", START + seconds)

    if START + seconds < START + 24 * 3600:
        assert as_taken(once, SHA, act, "run").taken == act
    else:
        assert once.phase(act.at) is Phase.EXPIRED
        with pytest.raises(NotApproved, match="expired on 1970-01-13T13:46:40Z"):
            as_taken(once, SHA, act, "run")
        with pytest.raises(NotApproved, match="expired"):
            as_approved(once, SHA, act)
