"""The portal is asked whether a journal is right."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.app.following import Kind
from bulk_publisher.app.verdicts import judge
from bulk_publisher.errors import BadJournal
from bulk_publisher.jobs import Job, Portal, PortalPlan, Selection
from bulk_publisher.journal.record import encode_outcomes
from bulk_publisher.model import Page, PageId, Scope, Status
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from tests.oracle import journal_of, run_job
from tests.resumption import follower_of, verified

GIVEN = Selection(page=("1-30",), scope=Scope.KNOWLEDGE)


def made_unknown(finished, *pages: int) -> None:
    lines = [
        msgspec.structs.replace(line, status=Status.UNKNOWN, error="NO_ANSWER")
        if line.page in pages
        else line
        for line in journal_of(finished)
    ]
    finished.folder.journal.write_bytes(encode_outcomes(lines))


async def test_a_journal_that_is_right_has_no_difference(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, missing_pages=[7])) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)

        result = await verified(sandbox, finished.folder)

        assert (result.pages, result.agreeing, result.differing) == (30, 30, 0)


async def test_a_portal_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    away = [TimedFault(at=100, fault="html502", seconds=600)]
    job = Job(name="known plan", select=GIVEN, portal=Portal(plan=PortalPlan.STANDARD))
    async with serve(Scenario(pages=30, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path, job=job)
        await asyncio.sleep(110)

        result = await verified(sandbox, finished.folder)

        assert (result.pages, result.agreeing) == (30, 30)


async def test_a_journal_that_is_damaged_leaves_no_half_of_a_verdict(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        first, *rest = finished.folder.journal.read_bytes().splitlines(keepends=True)
        finished.folder.journal.write_bytes(first + b"nonsense\n" + b"".join(rest))

        with pytest.raises(BadJournal, match=r"outcomes\.jsonl:2"):
            await verified(sandbox, finished.folder)

        assert [*finished.folder.path.glob("verify*")] == []


async def test_a_page_that_was_trashed_since_differs(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        sandbox.world.trash(5)

        result = await verified(sandbox, finished.folder)

        assert [verdict.page for verdict in result.first] == [5]


async def test_an_unknown_page_is_settled_and_no_longer_retried(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        made_unknown(finished, 3, 4)

        result = await verified(sandbox, finished.folder)

        assert result.settled == {Status.PUBLISHED: 2}
        assert follower_of(finished.folder, Kind.RETRY).pages == 0
        assert len(journal_of(finished)) == 30


async def test_an_unknown_page_is_retried_while_nobody_has_asked(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        made_unknown(finished, 3, 4)

        assert follower_of(finished.folder, Kind.RETRY).pages == 2


async def test_every_page_has_its_verdict_in_the_file(tmp_path: Path) -> None:
    async with serve(Scenario(pages=1200, cost=0.01, plan="self-hosted")) as sandbox:
        finished = await run_job(sandbox, tmp_path)

        await verified(sandbox, finished.folder)

        lines = finished.folder.verdicts.read_text().splitlines()
        assert {json.loads(line)["page"] for line in lines} == set(range(1, 1201))


async def test_public_addresses_are_asked_for(tmp_path: Path) -> None:
    async with serve(Scenario(pages=5)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

        result = await verified(sandbox, finished.folder, visits_urls=True)

        assert result.visited + result.other_hosts == 5


async def test_a_page_online_with_edits_stays_unknown(tmp_path: Path) -> None:
    async with serve(Scenario(pages=1)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
    unknown = msgspec.structs.replace(journal_of(finished)[0], status=Status.UNKNOWN)

    verdict = judge(unknown, Page(PageId(1), was_active=True, is_changed=True), time="")

    assert verdict.verdict is Status.UNKNOWN
