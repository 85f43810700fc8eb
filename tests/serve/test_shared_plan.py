"""What a daemon writes of what another one has taken up meanwhile."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from bulk_publisher.clock import WallClock
from bulk_publisher.errors import JournalLost
from bulk_publisher.jobs import Job
from bulk_publisher.serve.firing_doing import FiringDoing
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.serve.plan import Plan
from bulk_publisher.store.agenda import Firing, Part, Slot
from bulk_publisher.store.database_address import parse_address
from bulk_publisher.store.postgres.postgres_store import PostgresStore
from tests.store.patience import soon

pytestmark = [pytest.mark.service, pytest.mark.real_time]

DUE = Slot(next_due=9.0, firing=Firing(due=5.0, parts={"": Part()}))


def _lost(_error: JournalLost) -> None:
    raise AssertionError("a plan that others share is never lost")


def host(database: str, tmp_path: Path) -> tuple[PostgresStore, Plan]:
    store = PostgresStore(parse_address(database), tmp_path)
    plan = Plan(store.agenda, _lost)
    plan.read()
    return store, plan


@pytest.fixture
def taken(database: str, tmp_path: Path) -> tuple[PostgresStore, Plan, Plan]:
    """A firing that one daemon has begun, and that another has taken up after it was cut off."""
    (store, mine), (_, theirs) = host(database, tmp_path), host(database, tmp_path)
    mine.change({"nightly": DUE})
    assert mine._agenda.take_up(["nightly"], 1)
    mine._agenda._parts.leases._keeper.every(600.0, "renew", lambda: None)
    assert soon(lambda: theirs._agenda.take_up(["nightly"], 1))
    theirs.read()
    return store, mine, theirs


def hear(plan: Plan) -> None:
    told, is_whole = plan.news()
    plan.hear(told, is_whole=is_whole)


def doing(store: PostgresStore, plan: Plan, told: list[object]) -> FiringDoing:
    async def nobody(_job: Job) -> None:
        raise AssertionError("nobody is asked")

    around = Surroundings(store, nobody, told.append, WallClock())  # type: ignore[arg-type]  # nobody enters
    return FiringDoing("nightly", Job(name="nightly"), plan, around)


def test_a_daemon_does_not_write_of_what_another_does_though_it_has_heard_of_it(taken) -> None:
    _, mine, theirs = taken
    hear(mine)

    slot = mine["nightly"]
    with pytest.raises(JournalLost, match="another daemon does nightly now"):
        mine.put("nightly", replace(slot, firing=Firing(due=5.0, parts={"": Part(run="mine")})))

    theirs.put("nightly", replace(theirs["nightly"], firing=Firing(due=5.0, parts={"": Part(run="theirs")})))  # fmt: skip
    hear(mine)
    assert mine["nightly"].firing.parts[""].run == "theirs"


async def test_what_another_daemon_does_is_not_begun_here(taken) -> None:
    store, mine, _ = taken
    hear(mine)

    ends = await doing(store, mine, []).do({"": Job(name="nightly")}, asyncio.Semaphore(1))

    assert ends is None
    assert store.runs() == []


@pytest.mark.parametrize("is_gone", [False, True], ids=["ended", "gone"])
async def test_what_another_daemon_has_ended_is_left(taken, is_gone) -> None:
    store, mine, theirs = taken
    theirs.put("nightly", replace(theirs["nightly"], firing=None))
    if is_gone:
        theirs.change({"nightly": None})
    mine.read()

    assert await doing(store, mine, []).do({}, asyncio.Semaphore(1)) is None
