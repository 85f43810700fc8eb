"""Whenever a process is ended, the journal says what the portal did."""

import random
import signal
from pathlib import Path

import pytest

from bulk_publisher.sandbox import Scenario, serve
from tests.oracle import assert_journal_tells_the_truth
from tests.processes import lines_of, moments, repeats, struck, too_often

CALM = Scenario(pages=600, cost=0.01, cost_spread=0.5, plan="self-hosted")
LOSSY = Scenario(
    pages=600,
    cost=0.01,
    cost_spread=0.5,
    plan="self-hosted",
    faults={"reset_after": 0.04, "html502": 0.04, "cut_json": 0.03, "lost_key": 0.01},
)
ROUNDS = [
    pytest.param(scenario, number, id=f"{name}-{number}")
    for number in range(max(1, moments(200) // 10))
    for name, scenario in (("calm", CALM), ("lossy", LOSSY))
]
EACH = 5


async def killed(scenario: Scenario, runs: Path, seed: int, times: int) -> None:
    async with serve(scenario) as sandbox:
        folder, story = await struck(
            sandbox, runs, signal.SIGKILL, times=times, rng=random.Random(seed)
        )

        lines = lines_of(folder)
        print(  # noqa: T201 - the figures are the point
            f"{story.kills} kills, {repeats(sandbox)} repeats of {len(lines)} pages,"
            f" {sum(story.hits.values())} hit by a kill,"
            f" {sum(sandbox.truth.unheard.values())} by a lost answer"
        )
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(lines) == 600, story.words[-1]
        assert story.statuses[-1] in {0, 1}
        assert not too_often(sandbox, story)


@pytest.mark.crash
@pytest.mark.real_time
@pytest.mark.parametrize(("scenario", "number"), ROUNDS)
async def test_every_page_has_one_true_line_however_often_it_is_killed(
    scenario: Scenario, number: int, tmp_path: Path
) -> None:
    await killed(scenario, tmp_path, number, EACH)


@pytest.mark.real_time
@pytest.mark.parametrize("scenario", [CALM, LOSSY], ids=["calm", "lossy"])
async def test_every_page_has_one_true_line_after_a_few_kills(
    scenario: Scenario, tmp_path: Path
) -> None:
    await killed(scenario, tmp_path, 0, 3)


@pytest.mark.crash
@pytest.mark.real_time
@pytest.mark.parametrize("number", range(max(1, moments(50) // 5)))
async def test_nothing_in_flight_is_lost_or_repeated_when_asked_to_end(
    number: int, tmp_path: Path
) -> None:
    async with serve(CALM) as sandbox:
        folder, story = await struck(
            sandbox, tmp_path, signal.SIGTERM, times=5, rng=random.Random(1000 + number)
        )

        lines = lines_of(folder)
        assert_journal_tells_the_truth(lines, sandbox)
        assert len(lines) == 600
        assert set(story.statuses) <= {0, 128 + signal.SIGTERM}
        assert repeats(sandbox) == 0
