"""One approval, one run: of two processes that publish it, and of one that is killed on the way."""

import asyncio
import random
from pathlib import Path

import pytest

from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.approving import approve, has_begun, propose
from bulk_publisher.operations.plan_file import encode_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.approvals import Door
from tests.processes import moments, spawn

QUICK = Scenario(pages=20, cost=0.001, latency=0.001)


async def approved(sandbox: Sandbox, store: Store) -> str:
    job = Job(name="t", select=Selection(page=("1-20",), scope=Scope.KNOWLEDGE))
    plan = await make_plan(
        job, check_selection(job.select), Webhook(sandbox.webhook), store=None, cost=None
    )
    one = propose(store, encode_plan(plan), by="ann", through=Door.PROGRAM)
    return approve(store, one.name, one.sha256, by="bob", through=Door.PROGRAM).name


@pytest.mark.real_time
async def test_of_two_processes_that_publish_at_once_one_does(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    async with serve(QUICK) as sandbox:
        name = await approved(sandbox, store)

        both = [await spawn(sandbox, tmp_path, "publish", "--approved", name) for _ in range(2)]
        words = [(await one.communicate())[1].decode() for one in both]

        assert sorted(one.returncode or 0 for one in both) == [0, 2], words
        assert any("used it already" in one for one in words)
        assert set(sandbox.truth.publications.values()) == {1}
        assert len(store.runs()) == 1


@pytest.mark.real_time
@pytest.mark.parametrize(
    "times", [3, pytest.param(max(3, moments(60)), marks=pytest.mark.crash)], ids=["few", "many"]
)
async def test_a_killed_process_gives_no_approval_back(tmp_path: Path, times: int) -> None:
    rng, store = random.Random(times), open_store(tmp_path)
    async with serve(QUICK) as sandbox:
        for number in range(times):
            name = await approved(sandbox, store)
            begun_before = len(store.runs())
            first = await spawn(sandbox, tmp_path, "publish", "--approved", name)
            await asyncio.sleep(rng.uniform(0.3, 1.2))
            if first.returncode is None:
                first.kill()
            await first.communicate()
            proposal = store.approvals.find(name)
            had_begun = has_begun(store, proposal)

            second = await spawn(sandbox, tmp_path, "publish", "--approved", name)
            words = (await second.communicate())[1].decode()

            assert second.returncode == (0 if proposal.taken is None else 2), (number, words)
            assert had_begun or proposal.taken is None or "used it already" in words
            assert len(store.runs()) - begun_before == int(proposal.taken is None or had_begun)
