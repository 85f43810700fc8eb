"""Many portals from a program, each with its own fate, in virtual time."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bulk_publisher import BadSetting, PortalUnusable, run_jobs
from bulk_publisher.engine.events import Event
from bulk_publisher.jobs import After, Job, Portal, Secret, Selection, by_portal
from bulk_publisher.model import Scope
from bulk_publisher.operations.many import ManyRuns, Onlooker, PortalEnd, PortalJob, worst
from bulk_publisher.operations.publishing import Started
from bulk_publisher.operations.secrets import read_credential
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store
from tests.oracle import assert_journal_tells_the_truth

ALL = Selection(scope=Scope.KNOWLEDGE)


def job_of(names: list[str], select: Selection = ALL) -> Job:
    portals = tuple(Portal(name=name, webhook=Secret(env=name.upper())) for name in names)
    return Job(name="many", portals=portals, select=select)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([], 0), ([0, 1], 1), ([1, 2], 2), ([2, 5], 5), ([5, 3], 3), ([3, 4], 4), ([4, 70], 70)],
)
def test_the_worst_status_is_that_of_all(statuses: list[int], status: int) -> None:
    assert worst(statuses) == worst(reversed(statuses)) == status


async def test_each_portal_comes_to_its_own_end(tmp_path: Path, monkeypatch) -> None:
    scenarios = {
        "good": Scenario(pages=60),
        "full": Scenario(pages=60, unpaid_pages=[3]),
        "down": Scenario(pages=60, faults={"html503": 1.0}),
        "denied": Scenario(pages=60),
        "slow": Scenario(pages=120, cost=1.0),
    }  # fmt: skip
    async with AsyncExitStack() as stack:
        portals = {
            name: await stack.enter_async_context(serve(one)) for name, one in scenarios.items()
        }
        for name, sandbox in portals.items():
            monkeypatch.setenv(name.upper(), sandbox.webhook)
        monkeypatch.setenv("DENIED", portals["denied"].webhook.rstrip("/") + "x/")

        async with run_jobs(job_of(list(portals)), store=tmp_path, parallel=3) as runs:
            ended = [one async for one in runs]

        by_name = {one.portal: one for one in ended}
        assert Counter(one.portal for one in ended) == Counter(list(portals))
        assert [name for name in portals if by_name[name].is_good] == ["good", "slow"]
        assert isinstance(by_name["down"].error, PortalUnusable)
        assert isinstance(by_name["denied"].error, PortalUnusable)
        for name in ("good", "slow", "full"):
            result = by_name[name].result
            assert result is not None
            lines = list(open_store(tmp_path).find(result.id).outcomes())
            assert_journal_tells_the_truth(lines, portals[name])


async def test_leaving_drains_what_is_in_flight_and_begins_no_more(tmp_path, monkeypatch) -> None:
    async with serve(Scenario(pages=400, cost=1.0)) as one, serve(Scenario(pages=10)) as other:
        monkeypatch.setenv("ONE", one.webhook)
        monkeypatch.setenv("OTHER", other.webhook)

        async with run_jobs(job_of(["one", "other"]), store=tmp_path, parallel=1) as runs:
            await asyncio.sleep(60)

        (run,) = open_store(tmp_path).runs()
        lines = list(run.outcomes())
        assert 0 < len(lines) < 400
        assert_journal_tells_the_truth(lines, one)
        assert not other.truth.publications
        assert [one.result is None async for one in runs] == [False, True]


async def test_who_leaves_does_not_wait_for_a_portal_that_is_away(tmp_path, monkeypatch) -> None:
    async with serve(Scenario(pages=10, faults={"html503": 1.0})) as sandbox:
        monkeypatch.setenv("AWAY", sandbox.webhook)
        loop = asyncio.get_running_loop()
        began_at = loop.time()

        async with run_jobs(job_of(["away"]), store=tmp_path) as runs:
            await asyncio.sleep(10)

        assert loop.time() - began_at < 12
        assert [(one.result, one.error) async for one in runs] == [(None, None)]
        assert open_store(tmp_path).runs() == []


async def test_a_list_that_many_portals_share_is_read_once(tmp_path, monkeypatch) -> None:
    (tmp_path / "pages.csv").write_text("id\n3\n4\n5\n")
    select = Selection(csv=str(tmp_path / "pages.csv"), scope=Scope.KNOWLEDGE)
    read: list[str] = []
    from bulk_publisher.sources import csv_file

    opened = csv_file.open_bytes
    monkeypatch.setattr(csv_file, "open_bytes", lambda path, *rest, **more: (read.append(path), opened(path, *rest, **more))[1])  # fmt: skip
    async with serve(Scenario(pages=10)) as one, serve(Scenario(pages=10)) as other:
        monkeypatch.setenv("ONE", one.webhook)
        monkeypatch.setenv("OTHER", other.webhook)

        async with run_jobs(job_of(["one", "other"], select), store=tmp_path / "runs") as runs:
            assert [ended.is_good async for ended in runs] == [True, True]

        assert len(read) == 1
        assert sum(one.truth.publications.values()) == sum(other.truth.publications.values()) == 3


def test_a_program_starts_no_sandbox(tmp_path) -> None:
    with pytest.raises(BadSetting, match="only the command line starts a sandbox"):
        run_jobs(Job(name="j", portal=Portal(sandbox="demo"), select=ALL), store=tmp_path)


async def test_what_comes_after_a_run_is_done_on_each_portal(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "known.csv").write_text("id,code\n5,LANDING_NOT_EXIST\n")
    after = After(verify=True, expected=str(tmp_path / "known.csv"))
    scenarios = {"known": Scenario(pages=9, missing_pages=[5]), "new": Scenario(pages=9, missing_pages=[6])}  # fmt: skip
    async with AsyncExitStack() as stack:
        for name, one in scenarios.items():
            sandbox = await stack.enter_async_context(serve(one))
            monkeypatch.setenv(name.upper(), sandbox.webhook)
        pages = Selection(page=("1-9",), scope=Scope.KNOWLEDGE)
        job = msgspec.structs.replace(job_of(list(scenarios), pages), after=after)
        ends: list[PortalEnd] = []

        await ManyRuns(
            [PortalJob(one, name) for name, one in by_portal(job, os.environ).items()],
            entrance=way_in,
            store=open_store(tmp_path / "runs"),
            parallel=2,
            onlooker=Told(ends),
        ).do()

        by_name = {end.of.portal: end for end in ends}
        assert {name: end.status for name, end in by_name.items()} == {"known": 0, "new": 1}
        aftermath = by_name["new"].aftermath
        assert aftermath is not None
        assert aftermath.new == {6: "LANDING_NOT_EXIST"}
        assert [one.pages for one in aftermath.verified] == [9]


@asynccontextmanager
async def way_in(job: Job) -> AsyncIterator[Credential]:
    yield read_credential(job.portal, os.environ)


class Told(Onlooker):
    """Keeps how each has ended."""

    def __init__(self, ends_: list[PortalEnd]) -> None:
        self._ends = ends_

    def starts(self, of: PortalJob, started: Started) -> None:
        pass

    def hears(self, of: PortalJob, event: Event) -> None:
        pass

    def ends(self, end: PortalEnd) -> None:
        self._ends.append(end)
