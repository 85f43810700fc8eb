"""What is done once a run has ended: verified, tried again where that may help, held against what is known."""

import asyncio
import contextlib
from pathlib import Path

from bulk_publisher.jobs import After, Job, Selection
from bulk_publisher.model import Action, PageId, Scope
from bulk_publisher.operations.afterwards import DIFFERS, Afterwards, Means
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.sources.known_failures import KnownFailures
from bulk_publisher.store import KeptRun, open_store
from tests.oracle import Seen, run_job

GIVEN = Selection(page=("1-30",), scope=Scope.KNOWLEDGE)
NOTHING = KnownFailures()
PASSING = {"SYSTEM_ERROR": [3, 4]}


class Healing(Seen):
    """What was wrong on the portal is mended when a retry begins."""

    def __init__(self, sandbox: Sandbox, *, drains: bool = False) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.drains = drains

    def on_start(self, started) -> None:
        super().on_start(started)
        self.sandbox.world.errors.clear()
        if self.drains:
            started.engine.drain()


def known(**codes: str) -> KnownFailures:
    pages = {PageId(int(page[1:])): frozenset({code}) for page, code in codes.items()}
    return KnownFailures("known.csv", pages)


def after(kept: KeptRun, runs: Path, wanted: After, seen: Seen, listed=NOTHING) -> Afterwards:
    means = Means(store=open_store(runs), seed=1, watch=seen, on_start=seen.on_start)
    return Afterwards(kept, wanted, listed, means)


async def seen_to(sandbox, kept, runs, wanted, seen=None, listed=NOTHING):
    doing = after(kept, runs, wanted, seen or Seen(), listed)
    return await doing.do(Webhook(sandbox.webhook))


async def test_what_failed_by_a_passing_cause_is_tried_again_and_nothing_else(
    tmp_path: Path,
) -> None:
    scenario = Scenario(pages=30, page_errors={**PASSING, "URLCHECKER_FAIL": [5]})
    async with serve(scenario) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        seen = Healing(sandbox)

        it = await seen_to(sandbox, first.kept, tmp_path, After(retry=1), seen)

        retry = it.runs[1]
        assert {line.page for line in retry.outcomes()} == {3, 4}
        assert dict(it.left) == {5: "URLCHECKER_FAIL"}
        assert it.status == 1
        assert first.kept.read_description().retries == (retry.run_id,)


async def test_as_often_as_is_wanted_and_no_oftener(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, page_errors=PASSING)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)

        it = await seen_to(sandbox, first.kept, tmp_path, After(retry=2))

        assert len(it.runs) == 3
        assert set(it.left) == {3, 4}
        again = await seen_to(sandbox, first.kept, tmp_path, After(retry=2))
        assert [run.run_id for run in again.runs] == [run.run_id for run in it.runs]


async def test_whoever_died_in_the_middle_of_a_retry_is_followed_by_one_that_goes_on_with_it(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=30, page_errors=PASSING)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        drained = await seen_to(
            sandbox, first.kept, tmp_path, After(retry=1), Healing(sandbox, drains=True)
        )
        assert not drained.unfinished.ending.is_whole

        it = await seen_to(sandbox, first.kept, tmp_path, After(retry=1))

        assert [run.run_id for run in it.runs] == [run.run_id for run in drained.runs]
        assert it.status == 0
        assert len(open_store(tmp_path).runs()) == 2


async def test_one_that_is_killed_while_it_verifies_is_verified_again(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        task = asyncio.ensure_future(seen_to(sandbox, first.kept, tmp_path, After(verify=True)))
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

        it = await seen_to(sandbox, first.kept, tmp_path, After(verify=True))

        assert [one.pages for one in it.verified] == [30]


async def test_draining_leaves_what_the_portal_is_asked(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, latency=20)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        doing = after(first.kept, tmp_path, After(verify=True), Seen())
        task = asyncio.ensure_future(doing.do(Webhook(sandbox.webhook)))
        await asyncio.sleep(1)

        doing.drain()

        assert await task is None
        assert not first.kept.is_locked


async def test_a_page_that_went_down_since_is_left(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        down = Job(
            name="d", action=Action.UNPUBLISH, select=Selection(page=("9",), scope=Scope.KNOWLEDGE)
        )
        await run_job(sandbox, tmp_path, job=down)

        it = await seen_to(sandbox, first.kept, tmp_path, After(verify=True))

        assert dict(it.left) == {9: DIFFERS}
        assert it.status == 1


async def test_known_failures_do_not_count_and_others_do(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, missing_pages=[7, 8])) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        code = "LANDING_NOT_EXIST"

        both = await seen_to(sandbox, first.kept, tmp_path, After(), listed=known(p7=code, p8=code))
        one = await seen_to(
            sandbox, first.kept, tmp_path, After(), listed=known(p7=code, p8="OTHER")
        )

        assert (both.status, len(both.known), both.new) == (0, 2, {})
        assert (one.status, len(one.known), one.new) == (1, 1, {8: code})


async def test_known_failures_that_heal_are_told(tmp_path: Path) -> None:
    async with serve(Scenario(pages=30, page_errors=PASSING)) as sandbox:
        first = await run_job(sandbox, tmp_path, GIVEN)
        listed = known(p3="SYSTEM_ERROR", p12="A_B", p99="A_B")

        it = await seen_to(sandbox, first.kept, tmp_path, After(retry=1), Healing(sandbox), listed)

        assert it.healed == (3, 12)
        assert it.status == 0


def test_what_passes_is_what_the_table_of_codes_says() -> None:
    assert {"INTERNAL_SERVER_ERROR", "QUERY_LIMIT_EXCEEDED", "NO_ANSWER"} <= faults.PASSING
    assert not {"LANDING_NOT_EXIST", "ACCESS_DENIED", "PUBLIC_PAGE_REACHED"} & faults.PASSING
    for code in faults.PASSING:
        kind = faults.TABLE.get(code, faults.TABLE.get(code.lower())).kind
        assert kind in {faults.RATE, faults.OPERATING, faults.TRANSIENT}
