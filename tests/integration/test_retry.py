"""The failed and unknown pages of a run are tried again, in a run of their own."""

from pathlib import Path

from bulk_publisher.jobs import Selection
from bulk_publisher.model import Scope, Status
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store.description import FollowingKind as Kind
from tests.oracle import Seen, journal_of, run_job
from tests.resumption import begin, follower_of, forget, resume, statuses

GIVEN = Selection(page=("1-30",), scope=Scope.KNOWLEDGE)
BAD = Scenario(pages=30, missing_pages=[7], unpaid_pages=[8, 9])


async def test_pages_that_failed_are_tried_again(tmp_path: Path) -> None:
    async with serve(BAD) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        follower = follower_of(first.kept, Kind.RETRY)

        second = await begin(follower, sandbox)

        assert [line.page for line in journal_of(second)] == [7, 8, 9] or statuses(second) == {
            Status.FAILED: 3
        }


async def test_missing_pages_alone_raise_no_doubt_about_a_scope_that_is_proved(
    tmp_path: Path,
) -> None:
    missing = list(range(1, 61))
    async with serve(Scenario(pages=100, missing_pages=missing)) as sandbox:
        first = await run_job(sandbox, tmp_path, Selection(page=("1-100",), scope=Scope.KNOWLEDGE))
        seen, again = Seen(), Seen()

        second = await begin(follower_of(first.kept, Kind.RETRY), sandbox, seen)
        third = await begin(follower_of(second.kept, Kind.RETRY), sandbox, again)

        assert (seen.warnings, again.warnings) == ([], [])
        assert statuses(second) == statuses(third) == {Status.FAILED: 60}
        assert second.ending.is_whole
        assert third.ending.is_whole


async def test_both_runs_say_that_they_belong_together(tmp_path: Path) -> None:
    async with serve(BAD) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)

        second = await begin(follower_of(first.kept, Kind.RETRY), sandbox)

        assert second.kept.read_description().retry_of == first.kept.run_id
        assert first.kept.read_description().retries == (second.kept.run_id,)


async def test_only_pages_with_a_code_are_wanted(tmp_path: Path) -> None:
    async with serve(BAD) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)

        follower = follower_of(first.kept, Kind.RETRY, errors=("LANDING_PAYMENT_FAILED",))

        assert follower.pages == 2


async def test_only_pages_with_a_status_are_wanted(tmp_path: Path) -> None:
    async with serve(BAD) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)

        follower = follower_of(first.kept, Kind.RETRY, statuses=(Status.UNKNOWN,))

        assert follower.pages == 0


async def test_a_page_that_was_paid_for_meanwhile_is_published(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, denied_pages=[4])) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)

        second = await begin(follower_of(first.kept, Kind.RETRY), sandbox)

        line = journal_of(second)[0]
        assert (line.page, line.site, line.title) == (4, 1, "Page 4")


async def test_a_retry_can_be_resumed(tmp_path: Path) -> None:
    async with serve(BAD) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        second = await begin(follower_of(first.kept, Kind.RETRY), sandbox)
        forget(second.kept, after=1)

        third = await resume(sandbox, second.kept, watch=Seen())

        assert sorted(line.page for line in journal_of(third)) == [7, 8, 9]
