"""The portal is asked whether a journal is right."""

import asyncio
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.cli.commands.verify import _lines
from bulk_publisher.errors import BadJournal
from bulk_publisher.jobs import Job, Portal, PortalPlan, Selection
from bulk_publisher.model import Action, Page, PageId, Scope, Status
from bulk_publisher.operations.verifying import Verified
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from bulk_publisher.store.description import FollowingKind as Kind
from bulk_publisher.store.folder.folder_run import run_at
from bulk_publisher.store.record import encode_outcomes
from bulk_publisher.store.verdicts import judge
from tests.folders import describe, files_of
from tests.oracle import journal_of, run_job
from tests.outcomes import outcome
from tests.resumption import begin, follower_of, statuses, verified

GIVEN = Selection(page=("1-30",), scope=Scope.KNOWLEDGE)
ODD = Selection(page=tuple(map(str, range(1, 90, 2))), scope=Scope.KNOWLEDGE)


def made_unknown(finished, *pages: int) -> None:
    lines = [
        msgspec.structs.replace(line, status=Status.UNKNOWN, error="NO_ANSWER")
        if line.page in pages
        else line
        for line in journal_of(finished)
    ]
    files_of(finished.kept).journal.write_bytes(encode_outcomes(lines))


async def test_a_journal_that_is_right_has_no_difference(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, missing_pages=[7])) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)

        result = await verified(sandbox, finished.kept)

        assert (result.pages, result.agreeing, result.differing) == (30, 30, 0)


async def test_a_portal_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    away = [TimedFault(at=100, fault="html502", seconds=600)]
    job = Job(name="known plan", select=GIVEN, portal=Portal(plan=PortalPlan.STANDARD))
    async with serve(Scenario(pages=30, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path, job=job)
        await asyncio.sleep(110)

        result = await verified(sandbox, finished.kept)

        assert (result.pages, result.agreeing) == (30, 30)


async def test_a_journal_that_is_damaged_leaves_no_half_of_a_verdict(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        first, *rest = files_of(finished.kept).journal.read_bytes().splitlines(keepends=True)
        files_of(finished.kept).journal.write_bytes(first + b"nonsense\n" + b"".join(rest))

        with pytest.raises(BadJournal, match=r"outcomes\.jsonl:2"):
            await verified(sandbox, finished.kept)

        assert [*files_of(finished.kept).path.glob("verify*")] == []


async def test_a_page_that_was_trashed_since_differs(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        sandbox.world.trash(5)

        result = await verified(sandbox, finished.kept)

        assert [verdict.page for verdict in result.first] == [5]


async def test_pages_that_differ_can_all_be_done_again(tmp_path: Path) -> None:
    async with serve(Scenario(pages=90)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        down = await run_job(
            sandbox, tmp_path, job=Job(name="down", action=Action.UNPUBLISH, select=ODD)
        )
        sandbox.world.trash(2)

        result = await verified(sandbox, finished.kept)
        again = Selection(csv=str(files_of(finished.kept).again))
        repaired = await run_job(sandbox, tmp_path, again)

        assert result.differing == down.totals.pages + 1 == 46
        assert {line.page for line in journal_of(repaired)} == {*range(1, 90, 2)}
        assert statuses(repaired) == {Status.PUBLISHED: 45}


async def test_what_a_rollback_has_taken_down_is_not_to_be_done_again(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        result = await verified(sandbox, finished.kept)

        assert (result.differing, result.rolled_back) == (30, 30)
        assert (result.first, result.again) == ([], {})
        assert not files_of(finished.kept).again.exists()


async def test_an_unknown_page_is_settled_and_no_longer_retried(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        made_unknown(finished, 3, 4)

        result = await verified(sandbox, finished.kept)

        assert result.settled == {Status.PUBLISHED: 2}
        assert follower_of(finished.kept, Kind.RETRY).pages == 0
        assert len(journal_of(finished)) == 30


async def test_an_unknown_page_is_retried_while_nobody_has_asked(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        made_unknown(finished, 3, 4)

        assert follower_of(finished.kept, Kind.RETRY).pages == 2


async def test_every_page_has_its_verdict_in_the_file(tmp_path: Path) -> None:
    async with serve(Scenario(pages=1200, cost=0.01, plan="self-hosted")) as sandbox:
        finished = await run_job(sandbox, tmp_path)

        await verified(sandbox, finished.kept)

        lines = files_of(finished.kept).verdicts.read_text().splitlines()
        assert {json.loads(line)["page"] for line in lines} == set(range(1, 1201))


async def test_public_addresses_are_asked_for(tmp_path: Path) -> None:
    async with serve(Scenario(pages=5)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

        result = await verified(sandbox, finished.kept, visits_urls=True)

        assert result.visited + result.other_hosts == 5


async def test_a_public_address_that_is_not_answered_is_named_with_its_page(tmp_path: Path) -> None:
    # The sandbox has no public pages.
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        result = await verified(sandbox, finished.kept, visits_urls=True)

    said = [*_lines(result, ())][1:]

    assert said[0].startswith(
        "Public addresses: 30 requested, 30 of published pages did not answer"
    )
    assert "  page 3: /knowledge/site1/page-3/ answered 404" in said
    assert (len(said), said[-1]) == (22, "  and 10 more")


async def test_a_page_online_with_edits_stays_unknown(tmp_path: Path) -> None:
    async with serve(Scenario(pages=1)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
    unknown = msgspec.structs.replace(journal_of(finished)[0], status=Status.UNKNOWN)

    verdict = judge(unknown, Page(PageId(1), was_active=True, is_changed=True), time="")

    assert verdict.verdict is Status.UNKNOWN


async def test_a_copy_of_a_run_is_verified_as_the_run_that_it_is(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        copied = shutil.copytree(files_of(finished.kept).path, tmp_path / "COPY")

        found = await verified(sandbox, run_at(copied))

    assert found.agreeing == 20


@pytest.mark.parametrize("lines", [b"", None], ids=["no line", "no journal"])
async def test_that_nothing_is_to_be_verified_is_no_success(tmp_path: Path, lines) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        files_of(finished.kept).journal.unlink()
        if lines is not None:
            files_of(finished.kept).journal.write_bytes(lines)

        with pytest.raises(BadJournal, match="There is nothing to verify"):
            await verified(sandbox, finished.kept)

    assert not files_of(finished.kept).verdicts.exists()


async def test_lines_of_another_run_are_named_where_none_is_its_own(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        describe(finished.kept, run="another")

        with pytest.raises(BadJournal, match=f"they are of run {finished.kept.run_id}"):
            await verified(sandbox, run_at(files_of(finished.kept).path))


def test_of_pages_that_the_portal_tells_nothing_of_nothing_is_verified() -> None:
    found = Verified()
    found.add(judge(outcome(1, status=Status.UNKNOWN), None, time="t"))
    assert not found.is_empty

    found = Verified()
    found.add(judge(outcome(1), Page(PageId(1)), time="t"))
    assert found.is_empty
    assert "Nothing could be verified" in "\n".join(_lines(found, ()))
