"""A run goes on where it stopped, and every page has one line."""

import asyncio
from pathlib import Path

import pytest

from bulk_publisher.errors import BadJournal, BadSetting, RunBusy
from bulk_publisher.jobs import Job, Pace, Portal, Selection
from bulk_publisher.limits.decision import Limit
from bulk_publisher.model import Only, Scope, Status
from bulk_publisher.operations import publishing
from bulk_publisher.operations.resuming import is_seen_to_by_resume, reopened, status_of_whole
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, TimedFault, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Firing, Part, Slot
from tests.folders import described, files_of
from tests.oracle import (
    Seen,
    assert_journal_tells_the_truth,
    journal_of,
    run_job,
)
from tests.resumption import begin, follower_of, lose, resume
from tests.workbooks import workbook

SMALL = Pace(batch_size=10)


async def test_what_was_not_tried_is_done_by_a_resume(tmp_path: Path) -> None:
    async with serve(Scenario(pages=200, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=SMALL, watch=Seen(stop_after=50))

        second = await resume(sandbox, first.kept)

        lines = journal_of(second)
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(lines) == second.totals.pages == 200
        assert set(sandbox.truth.publications.values()) == {1}
        assert second.ending.is_whole


async def test_pages_in_flight_at_a_crash_have_their_line_after_a_resume(tmp_path: Path) -> None:
    async with serve(Scenario(pages=200, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, after=50)

        finished = await resume(sandbox, folder)

        lines = journal_of(finished)
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(lines) == 200
        assert max(sandbox.truth.publications.values()) <= 2


async def test_pages_that_were_put_up_by_a_lost_request_count_as_down_before(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, after=30)

        finished = await resume(sandbox, folder)

        assert {line.was_active for line in journal_of(finished)} == {False}


async def test_a_selection_by_state_still_names_what_was_out(tmp_path: Path) -> None:
    select = Selection(scope=Scope.KNOWLEDGE, only=Only.UNPUBLISHED)
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, select, after=30)

        finished = await resume(sandbox, folder)

        lines = journal_of(finished)
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(lines) == 100
        assert {line.status for line in lines} == {Status.PUBLISHED}


async def test_a_selection_that_the_portal_lists_goes_on_by_key(tmp_path: Path) -> None:
    pace = Pace(batch_size=50)
    async with serve(Scenario(pages=4000, cost=0.01, plan="self-hosted")) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=pace, watch=Seen(stop_after=1800))
        listed = sandbox.truth.requests_by_method["landing.landing.getlist"]

        second = await resume(sandbox, first.kept)

        again = sandbox.truth.requests_by_method["landing.landing.getlist"] - listed
        assert second.totals.pages == 4000
        # Five that list the rest, one that ends them, and two that count what lies beyond.
        assert again <= 8


async def test_a_limit_counts_the_pages_of_both_processes(tmp_path: Path) -> None:
    select = Selection(scope=Scope.KNOWLEDGE, limit=60)
    async with serve(Scenario(pages=200, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, select, after=20)

        finished = await resume(sandbox, folder)

        assert sorted(line.page for line in journal_of(finished)) == list(range(1, 61))


async def test_pages_that_are_settled_are_not_looked_up_again(tmp_path: Path) -> None:
    csv = tmp_path / "pages.csv"
    csv.write_text("id\n" + "\n".join(str(page) for page in range(1, 101)))
    select = Selection(csv=str(csv), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=SMALL, watch=Seen(stop_after=50))

        second = await resume(sandbox, first.kept)

        assert_journal_tells_the_truth(journal_of(second), sandbox)
        assert second.totals.pages == 100


async def test_a_scope_that_has_been_proved_is_not_doubted(tmp_path: Path) -> None:
    select, seen = Selection(page=("1-100",), scope=Scope.KNOWLEDGE), Seen()
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=SMALL, watch=Seen(stop_after=50))
        for page in range(1, 101):
            sandbox.world.trash(page)

        await resume(sandbox, first.kept, watch=seen)

    assert seen.warnings == []


async def test_a_list_that_has_changed_is_noticed(tmp_path: Path) -> None:
    csv = tmp_path / "pages.csv"
    csv.write_text("id\n1\n2\n3\n")
    select = Selection(csv=str(csv), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select)
    csv.write_text("id\n1\n2\n3\n4\n")

    with reopened(first.kept, {}) as again:
        assert again.was_changed


async def test_a_spreadsheet_is_found_again_and_gone_on_with(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    workbook("pages.xlsx", {"List": [["id"], *([page] for page in range(1, 61))], "Old": [[1]]})
    select = Selection(xlsx="pages.xlsx", sheet="List", scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=SMALL, watch=Seen(stop_after=20))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)

        again = await resume(sandbox, first.kept)

        assert again.totals.pages == 60
        sources = [line.source for line in again.kept.outcomes()]
        assert all(source.endswith(":List:" + source.rpartition(":")[2]) for source in sources)
    workbook(tmp_path / "pages.xlsx", {"List": [[1]]})
    with reopened(first.kept, {}) as changed:
        assert changed.was_changed


async def test_a_list_that_has_grown_is_counted_anew(tmp_path: Path) -> None:
    csv = tmp_path / "pages.csv"
    csv.write_text("id\n" + "\n".join(map(str, range(1, 61))) + "\n")
    select = Selection(csv=str(csv), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=SMALL, watch=Seen(stop_after=20))
        csv.write_text("id\n" + "\n".join(map(str, range(1, 91))) + "\n")

        again = await resume(sandbox, first.kept, watch=Seen(stop_after=20))

    description = again.kept.read_description()
    assert description.selected.total == 90
    assert description.final.left == 90 - again.totals.pages


async def test_a_run_that_is_whole_says_how_it_ended(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20, missing_pages=[7])) as sandbox:
        finished = await run_job(
            sandbox, tmp_path, Selection(page=("1-20",), scope=Scope.KNOWLEDGE)
        )

    assert status_of_whole(finished.kept) == 1


async def test_a_whole_run_whose_journal_is_damaged_is_not_called_whole(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
    text = files_of(finished.kept).journal.read_text()
    files_of(finished.kept).journal.write_text(text.replace('"page"', '"pa', 1))

    with pytest.raises(BadJournal, match=r"outcomes.jsonl:1: the line is damaged"):
        status_of_whole(finished.kept)


async def test_a_line_that_was_removed_from_a_whole_run_lets_its_page_be_done_again(
    tmp_path: Path,
) -> None:
    seen = Seen()
    async with serve(Scenario(pages=20)) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        lines = files_of(finished.kept).journal.read_bytes().splitlines(keepends=True)
        files_of(finished.kept).journal.write_bytes(b"".join(lines[:4] + lines[5:]))
        status = status_of_whole(finished.kept)

        again = await resume(sandbox, finished.kept, watch=seen)

    assert status is None
    assert sorted(line.page for line in journal_of(again)) == list(range(1, 21))
    assert any(
        "20 pages were in the journal" in text and "19 are now" in text for text in seen.warnings
    )
    assert status_of_whole(finished.kept) == 0


async def test_a_run_on_another_portal_is_refused_with_both_hosts(tmp_path: Path) -> None:
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=SMALL, watch=Seen(stop_after=20))
        other = Webhook("https://other.bitrix24.com/rest/1/secret/")
        with reopened(first.kept, {}) as again, pytest.raises(BadSetting) as caught:
            await again.go_on(other, seed=1, watch=Seen(), on_start=lambda _: None)

        assert "other.bitrix24.com" in caught.value.message
        assert Webhook(sandbox.webhook).host in caught.value.message


async def test_a_run_on_a_sandbox_of_its_own_is_refused(tmp_path: Path) -> None:
    job = Job(name="demo", portal=Portal(sandbox="demo"), select=Selection(scope=Scope.KNOWLEDGE))
    async with serve(Scenario(pages=20)) as sandbox:
        first = await run_job(sandbox, tmp_path, job=job)

    with pytest.raises(BadSetting, match="simulated"), reopened(first.kept, {}):
        pass


async def test_a_run_that_is_going_on_is_not_resumed(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        first = await run_job(sandbox, tmp_path)

    with reopened(first.kept, {}), pytest.raises(RunBusy), reopened(first.kept, {}):
        pass


async def test_the_pace_may_be_another(tmp_path: Path) -> None:
    async with serve(Scenario(pages=100, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=SMALL, watch=Seen(stop_after=20))

        second = await resume(sandbox, first.kept, changes={"pace": {"concurrency": 1}})

        assert second.ending.is_whole
        assert described(first.kept)["job"]["pace"]["concurrency"] == 1


async def test_budgets_that_are_spent_are_not_spent_twice(tmp_path: Path) -> None:
    scenario = Scenario(pages=2000, cost=0.4, cost_spread=0.1)
    async with serve(scenario) as sandbox:
        folder = await lose(sandbox, tmp_path, after=1050, pace=Pace(batch_size=25))

        finished = await resume(sandbox, folder)

        assert finished.totals.pages == 2000
        assert dict(sandbox.truth.refused) == {}


async def test_pages_in_doubt_at_an_interruption_are_left_to_the_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()

    async def stopped_while_it_is_asked(pages):
        # By then all others are settled.
        await asyncio.sleep(300)
        seen.started[0].engine.drain()
        await asyncio.sleep(300)

    all_at_once = [TimedFault(at=5, fault="deploy")]
    async with serve(Scenario(pages=1000, cost=0.1, script=all_at_once)) as sandbox:
        with monkeypatch.context() as asking:
            asking.setattr(publishing, "_look", lambda _: stopped_while_it_is_asked)
            stopped = await run_job(sandbox, tmp_path, watch=seen)
        before = journal_of(stopped)
        finished = await resume(sandbox, stopped.kept)

        assert stopped.ending.is_interrupted
        assert not stopped.ending.is_whole
        assert 0 < len(before) < 1000
        assert finished.ending.is_whole
        assert len(journal_of(finished)) == 1000
        assert_journal_tells_the_truth(journal_of(finished), sandbox)


async def test_pages_that_all_kill_their_requests_are_settled_in_the_end(tmp_path: Path) -> None:
    """Nothing but them looks like a portal that is down, yet each process settles some."""
    async with serve(Scenario(pages=12, fatal_pages=list(range(1, 13)))) as sandbox:
        finished = await run_job(sandbox, tmp_path)
        settled = [finished.totals.pages]
        while not finished.ending.is_whole and len(settled) < 13:
            finished = await resume(sandbox, finished.kept)
            settled.append(finished.totals.pages)

    assert finished.ending.is_whole
    assert settled == sorted(set(settled))


async def test_the_time_of_all_processes_is_told_and_no_pause_between_them(tmp_path: Path) -> None:
    async with serve(Scenario(pages=300, cost=0.3)) as sandbox:
        folder = await lose(sandbox, tmp_path, after=50)
        await asyncio.sleep(1000)
        second = await resume(sandbox, folder, watch=Seen(stop_after=50))
        await asyncio.sleep(1000)
        third = await resume(sandbox, folder, watch=Seen())

    before = [again.seconds for again in third.description.resumptions]
    assert 0 < before[0] < before[1] < third.ending.seconds < 200
    assert before[1] == pytest.approx(second.ending.seconds, abs=0.01)
    assert [again.follows_a_kill for again in third.description.resumptions] == [True, False]


async def test_the_waits_of_all_processes_are_told(tmp_path: Path) -> None:
    async with serve(Scenario(pages=300, cost=0.5, operating_limit=60)) as sandbox:
        first = await run_job(sandbox, tmp_path, pace=SMALL, watch=Seen(stop_after=150))
        waited = dict(first.ending.waited)
        second = await resume(sandbox, first.kept)

    assert waited[Limit.OPERATING] > 60
    assert second.ending.waited[Limit.OPERATING] > waited[Limit.OPERATING] + 60


async def test_a_page_that_may_be_done_is_never_said_to_have_failed(tmp_path: Path) -> None:
    async with serve(Scenario(pages=40, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, after=10)
        out, _ = folder.read_notes()
        settled = {line.page for line in journal_of(_Ended(folder))}

        with reopened(folder, {}) as again:
            assert {page.id for page in again.undertaking.out} == set(out) - settled
            assert all(page.may_be_done for page in again.undertaking.out)


class _Ended:
    def __init__(self, kept) -> None:
        self.kept = kept


async def test_a_daemon_brings_to_its_end_what_it_has_begun(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    async with serve(Scenario(pages=20)) as sandbox:
        kept = (await run_job(sandbox, tmp_path, watch=Seen(stop_after=1))).kept
        ours = is_seen_to_by_resume(kept, store)
        other = Slot(firing=Firing(due=1.0, parts={"": Part(run="20260101T000000Z-0000")}))
        store.agenda.write_slots({"other": other})
        still_ours = is_seen_to_by_resume(kept, store)

        its = Slot(firing=Firing(due=1.0, parts={"a": Part(), "b": Part(run=kept.run_id)}))
        store.agenda.write_slots({"nightly": its})

        assert ours
        assert still_ours
        assert not is_seen_to_by_resume(kept, store)


async def test_what_a_job_asks_for_afterwards_is_not_for_what_follows_its_run(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=20, page_errors={"SYSTEM_ERROR": [3, 4]})) as sandbox:
        first = await run_job(sandbox, tmp_path)
        following = [
            (await begin(follower_of(first.kept, kind), sandbox)).kept
            for kind in ("retry", "rollback")
        ]

        assert is_seen_to_by_resume(first.kept, open_store(tmp_path))
        assert not [run for run in following if is_seen_to_by_resume(run, open_store(tmp_path))]
