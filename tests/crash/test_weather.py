"""All that can go wrong and pass, at once: every page is settled, and none falsely."""

from pathlib import Path

import pytest

from bulk_publisher.model import Status
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.sandbox import Scenario, serve
from tests.oracle import assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import resume, statuses

BEFORE = ("html502", "html503", "html504", "json500", "connection_error", "reset", "hang")
AFTER = ("html504_after", "json500_after", "reset_after", "cut_json", "cut_body", "hang_after", "slow_bytes", "wrong_type", "bad_gzip", "empty", "wrong_encoding")  # fmt: skip
COMMAND = ("system_error", "fatal", "lost_key")
SHARE = 0.05
ALL = (*BEFORE, *AFTER, *COMMAND)


async def weathered(runs: Path, faults: dict[str, float]) -> Finished:
    async with serve(Scenario(pages=5000, cost=0.28, faults=faults)) as sandbox:
        finished = await run_job(sandbox, runs)
        processes = 1
        while not finished.ending.is_whole and processes < 40:
            finished = await resume(sandbox, finished.kept)
            processes += 1
        print(  # noqa: T201 - the figures are the point
            f"{processes} processes, {finished.ending.seconds:.0f} s, {statuses(finished)}"
        )
        assert_journal_tells_the_truth(journal_of(finished), sandbox)
        return finished


@pytest.mark.crash
async def test_five_in_a_hundred_of_all_faults_together_cost_little(tmp_path: Path) -> None:
    calm = await weathered(tmp_path / "calm", {})

    rough = await weathered(tmp_path / "rough", dict.fromkeys(ALL, SHARE / len(ALL)))

    assert rough.totals.pages == 5000
    assert rough.totals.bad <= 10
    assert rough.ending.seconds <= 1.5 * calm.ending.seconds


@pytest.mark.crash
async def test_two_of_three_requests_lost_leave_hardly_a_page_behind(tmp_path: Path) -> None:
    rough = await weathered(tmp_path / "rough", dict.fromkeys(ALL, SHARE))

    assert rough.totals.pages == 5000
    assert rough.totals.bad <= 10
    assert rough.totals.counts[Status.FAILED] == 0
