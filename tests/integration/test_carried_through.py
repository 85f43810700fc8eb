"""What a list says of its pages beside their IDs stands in their outcomes, whatever becomes of them."""

import asyncio
import contextlib
import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from bulk_publisher import Client, Outcome, Page, PageId, Status, Webhook, from_csv, publish
from bulk_publisher.cli.commands.verify import _how_to_do_again, _lines
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Action, Scope
from bulk_publisher.report.export import write_csv
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.description import FollowingKind as Kind
from tests.folders import files_of
from tests.oracle import Seen, assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import Lost, begin, follower_of, lose, resume, verified
from tests.workbooks import workbook


def listed(folder: Path, *, pages: int) -> Selection:
    """A list in which each page has an ID of its own elsewhere."""
    path = folder / "pages.csv"
    rows = (f"{page},C-{page},Space {page % 3}\n" for page in range(1, pages + 1))
    path.write_text("lid,confluence_id,space\n" + "".join(rows))
    return Selection(csv=str(path), scope=Scope.KNOWLEDGE)


def sheet_of(folder: Path, *, pages: int) -> Selection:
    """The same list as a spreadsheet."""
    rows = [[page, f"C-{page}", f"Space {page % 3}"] for page in range(1, pages + 1)]
    path = workbook(folder / "pages.xlsx", [["lid", "confluence_id", "space"], *rows])
    return Selection(xlsx=str(path), scope=Scope.KNOWLEDGE)


def table_of(*runs: KeptRun) -> list[dict[str, str]]:
    """What ``report --csv`` writes of *runs*."""
    out = io.StringIO()
    write_csv(list(runs), out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def expected(lines: Iterable[Outcome]) -> dict[int, dict[str, str]]:
    return {
        line.page: {"confluence_id": f"C-{line.page}", "space": f"Space {line.page % 3}"}
        for line in lines
    }


def carried(lines: Iterable[Outcome]) -> dict[int, dict[str, str] | None]:
    return {line.page: line.row for line in lines}


async def test_each_line_has_it_looked_up_or_not(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, missing_pages=[7])) as sandbox:
        select = listed(tmp_path, pages=30)
        finished = await run_job(sandbox, tmp_path / "runs", select)

        lines = journal_of(finished)
        assert len(lines) == 30
        assert carried(lines) == expected(lines)


async def test_lost_answers_lose_none_of_it(tmp_path: Path) -> None:
    lost = [TimedFault(at=at, fault="reset", seconds=0.5) for at in (1, 2, 3, 4)]
    async with serve(Scenario(pages=200, cost=0.1, script=lost)) as sandbox:
        select = listed(tmp_path, pages=200)
        finished = await run_job(sandbox, tmp_path / "runs", select, pace=Pace(batch_size=10))

        lines = journal_of(finished)
        assert_journal_tells_the_truth(lines, sandbox)
        assert carried(lines) == expected(lines)


async def test_a_resume_has_it_from_the_notes_and_from_the_list(tmp_path: Path) -> None:
    async with serve(Scenario(pages=200, cost=0.1)) as sandbox:
        select = listed(tmp_path, pages=200)
        folder = await lose(sandbox, tmp_path / "runs", select, after=50)
        out = folder.still_out()

        lines = journal_of(await resume(sandbox, folder))

        assert out
        assert all(page.row == {"confluence_id": f"C-{page.id}", "space": f"Space {page.id % 3}"} for page in out)  # fmt: skip
        assert len(lines) == 200
        assert carried(lines) == expected(lines)


async def test_a_retry_and_a_rollback_have_it_from_the_journal(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60, missing_pages=[7, 8])) as sandbox:
        select = listed(tmp_path, pages=60)
        interrupted = await run_job(
            sandbox,
            tmp_path / "runs",
            select,
            pace=Pace(batch_size=10),
            watch=Seen(stop_after=20),
        )
        first = await resume(sandbox, interrupted.kept)

        again = await begin(follower_of(first.kept, Kind.RETRY), sandbox)
        back = await begin(follower_of(first.kept, Kind.ROLLBACK), sandbox)

        assert sorted(carried(journal_of(again))) == [7, 8]
        assert carried(journal_of(again)) == expected(journal_of(again))
        assert len(journal_of(back)) == 58
        assert carried(journal_of(back)) == expected(journal_of(back))


@pytest.mark.parametrize("list_of", [listed, sheet_of])
async def test_a_foreign_id_joins_to_what_became_of_its_page(tmp_path: Path, list_of) -> None:
    async with serve(Scenario(pages=200, cost=0.1, missing_pages=[7, 150])) as sandbox:
        select = list_of(tmp_path, pages=200)
        killed = await lose(sandbox, tmp_path / "runs", select, after=50)
        done = await resume(sandbox, killed)
        again = await begin(follower_of(done.kept, Kind.RETRY), sandbox)

        first, second = table_of(done.kept), table_of(again.kept)

        assert {row["confluence_id"]: row["status"] for row in first} == {
            f"C-{page}": "failed" if page in (7, 150) else "published" for page in range(1, 201)
        }
        assert {(row["page"], row["confluence_id"], row["space"]) for row in second} == {
            ("7", "C-7", "Space 1"),
            ("150", "C-150", "Space 0"),
        }


@pytest.mark.parametrize("kind", [Kind.RETRY, Kind.ROLLBACK])
async def test_a_run_that_follows_has_it_after_a_kill_too(tmp_path: Path, kind: Kind) -> None:
    unpaid = list(range(1, 61))
    async with serve(Scenario(pages=200, cost=0.1, unpaid_pages=unpaid)) as sandbox:
        first = await run_job(sandbox, tmp_path / "runs", listed(tmp_path, pages=200))
        seen = Lost(after=20)
        following = begin(follower_of(first.kept, kind), sandbox, seen)
        seen.task = asyncio.ensure_future(following)
        with contextlib.suppress(asyncio.CancelledError):
            await seen.task

        lines = journal_of(await resume(sandbox, open_store(tmp_path / "runs").find("latest")))

        assert len(lines) == (60 if kind is Kind.RETRY else 140)
        assert carried(lines) == expected(lines)


async def test_what_verify_wants_done_again_carries_it(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path / "runs", listed(tmp_path, pages=30))
        odd = Selection(page=("3", "5"), scope=Scope.KNOWLEDGE)
        await run_job(sandbox, tmp_path / "runs", job=Job(name="down", action=Action.UNPUBLISH, select=odd))  # fmt: skip

        result = await verified(sandbox, finished.kept)
        again = files_of(finished.kept).again
        lines = journal_of(await run_job(sandbox, tmp_path / "runs", Selection(csv=str(again))))

        assert carried(lines) == expected(lines)
        assert [line.page for line in lines] == [3, 5]
        how = _how_to_do_again(Action.PUBLISH, result, finished.kept)
        assert how.startswith("To redo 2 pages: bulk-publisher publish --csv ")


async def test_verify_names_pages_that_differ_by_it_too(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        finished = await run_job(sandbox, tmp_path / "runs", listed(tmp_path, pages=30))
        sandbox.world.trash(5)

        result = await verified(sandbox, finished.kept)

        assert "  page 5 (confluence_id C-5, space Space 2): the journal says published. The portal does not list it any more." in [*_lines(result, ())]  # fmt: skip
        kept = map(json.loads, files_of(finished.kept).verdicts.read_text().splitlines())
        assert {line["page"]: line["row"] for line in kept} == expected(journal_of(finished))


async def test_a_program_has_it_in_its_outcomes(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox, Client(Webhook(sandbox.webhook)) as client:
        named = [Page(PageId(1), row={"confluence_id": "C-1"}), Page(PageId(2))]
        select = listed(tmp_path, pages=3)

        by_page = [one async for one in publish(client, named, scope="KNOWLEDGE")]
        by_list = [one async for one in publish(client, from_csv(select.csv, carry=["space"]), scope="KNOWLEDGE")]  # fmt: skip

        assert {one.status for one in by_page} == {Status.PUBLISHED}
        assert carried(by_page) == {1: {"confluence_id": "C-1"}, 2: None}
        assert carried(by_list) == {1: {"space": "Space 1"}, 2: {"space": "Space 2"}, 3: {"space": "Space 0"}}  # fmt: skip
