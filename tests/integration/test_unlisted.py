"""Pages of a list that the portal's own lists do not show: published or not, within the limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bulk_publisher.engine.events import Event, UnlistedDone
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Outcome, Scope, Status
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.sandbox.truth import Truth
from tests.oracle import Seen, assert_journal_tells_the_truth, codes, journal_of, run_job

PAGES = 600
EVERY_SEVENTH = list(range(7, PAGES + 1, 7))


class Listening(Seen):
    """Remembers which pages it was told of that are not listed, too."""

    def __init__(self) -> None:
        super().__init__()
        self.unlisted: list[int] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, UnlistedDone):
            self.unlisted += event.pages


@dataclass(frozen=True)
class Ran:
    """A run that ended whole, and what the portal saw of it."""

    seconds: float
    lines: list[Outcome]
    seen: Listening
    truth: Truth


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., object]:
    """Publishes the pages of a CSV, all of the portal's unless others are named."""

    async def execute(pages: Sequence[int] = range(1, PAGES + 1), **scenario: object) -> Ran:
        path, seen = tmp_path / "pages.csv", Listening()
        path.write_text("id\n" + "\n".join(map(str, pages)) + "\n")
        select = Selection(csv=str(path), scope=Scope.KNOWLEDGE)
        async with serve(Scenario(**{"pages": PAGES, **scenario})) as sandbox:
            finished = await run_job(sandbox, tmp_path, select, watch=seen)
            lines = journal_of(finished)
            assert finished.ending.is_whole
            assert_journal_tells_the_truth(lines, sandbox)
            assert {line.page for line in lines} == set(pages)
            return Ran(finished.ending.seconds, lines, seen, sandbox.truth)

    return execute


def requests_for_pages(truth: Truth) -> int:
    by_method = truth.requests_by_method
    return by_method["batch"] + by_method["landing.landing.publication"]


async def test_they_cost_a_run_hardly_any_time_and_a_few_requests(run):
    gone = {"missing_pages": EVERY_SEVENTH}
    rest = [page for page in range(1, PAGES + 1) if page % 7]

    without, beside = await run(rest, **gone), await run(**gone)

    assert codes(beside.lines) == {None: len(rest), "LANDING_NOT_EXIST": len(EVERY_SEVENTH)}
    assert beside.seconds <= 1.03 * without.seconds
    assert requests_for_pages(beside.truth) <= requests_for_pages(without.truth) + 8
    assert (beside.seen.unlisted, beside.seen.warnings) == ([], [])


@pytest.mark.parametrize("billing", ["method", "batch", "both"])
@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param([*range(201, 301)], id="behind as many that are gone"),
        pytest.param([*range(102, 301, 2)], id="among them"),
        pytest.param([*range(101, 301)], id="all"),
        pytest.param([203], id="one"),
    ],
)
async def test_those_that_are_there_are_told_and_no_limit_is_passed(billing, hidden, run):
    gone = [page for page in range(101, 301) if page not in hidden]

    ran = await run(
        billing=billing,
        ban=billing == "both",
        cost=0.8,
        unlisted_pages=hidden,
        missing_pages=gone,
    )

    lines = {line.page: line.status for line in ran.lines}
    assert {page for page in range(101, 301) if lines[page] is Status.PUBLISHED} == set(hidden)
    assert sorted(ran.seen.unlisted) == hidden
    assert [f"page {ran.seen.unlisted[0]} is not listed" in it for it in ran.seen.warnings] == [
        True
    ]
    assert not ran.truth.refused
    assert max(ran.truth.highest_meter.values()) <= 480


async def test_where_the_time_is_nearly_used_up_nothing_is_refused(run):
    hidden = EVERY_SEVENTH[::2]

    ran = await run(
        cost=1.5,
        tenant_operating=0.1,
        unlisted_pages=hidden,
        missing_pages=[page for page in EVERY_SEVENTH if page not in hidden],
    )

    assert not ran.truth.refused
    assert sorted(ran.seen.unlisted) == hidden


@pytest.mark.parametrize(
    "weather",
    [
        pytest.param({"batch_allowed": False}, id="batches are refused"),
        pytest.param({"batch_allowed": False, "batch_refusal": "silence"}, id="swallowed"),
        pytest.param({"batch_times": False}, id="no command tells its time"),
        pytest.param({"faults": {"reset_after": 0.1, "hang": 0.02}}, id="answers are lost"),
        pytest.param({"faults": {"fatal": 0.01, "lost_key": 0.01}}, id="commands are lost"),
    ],
)
async def test_whatever_the_portal_does_each_has_one_true_line(weather, run):
    hidden = EVERY_SEVENTH[::5]
    gone = [page for page in EVERY_SEVENTH if page not in hidden]

    ran = await run(**weather, unlisted_pages=hidden, missing_pages=gone)

    assert not ran.truth.refused
    failed = {line.page for line in ran.lines if line.error == "LANDING_NOT_EXIST"}
    assert failed == set(gone)


async def test_one_that_takes_its_request_down_is_found_and_the_others_are_published(run):
    ran = await run(fatal_pages=[300], unlisted_pages=[*EVERY_SEVENTH, 300])

    bad = [line for line in ran.lines if line.status is not Status.PUBLISHED]
    assert [line.page for line in bad] == [300]


async def test_pages_that_the_portal_is_not_asked_about_go_with_the_others(run):
    """Where none of the first is listed, it is the scope that is wrong, or the owner sees none."""
    ran = await run(range(1, 41), unlisted_pages=[*range(1, PAGES + 1)])

    assert codes(ran.lines) == {None: 40}
    assert ran.seen.unlisted == []
