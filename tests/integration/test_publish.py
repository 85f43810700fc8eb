"""Publishing, whole: a job, a sandbox over real sockets, and the journal against the truth."""

import os
from collections import Counter
from pathlib import Path
from typing import Self

import pytest

from bulk_publisher.client.session import ask_plan
from bulk_publisher.errors import (
    BadSetting,
    LimitReached,
    PortalUnusable,
    StoppedByPortal,
    TooManyFailures,
)
from bulk_publisher.jobs import Pace, Selection
from bulk_publisher.model import Fault, Only, Scope, Status
from bulk_publisher.operations.describing import job_of
from bulk_publisher.portal import faults
from bulk_publisher.portal.plans import UNKNOWN
from bulk_publisher.portal.wire import Answer
from bulk_publisher.report.html_page import html_report
from bulk_publisher.report.story import read_story
from bulk_publisher.report.telling import story_lines
from bulk_publisher.sandbox import Scenario, Site, TimedFault, serve
from tests.oracle import Seen, assert_journal_tells_the_truth, codes, journal_of, run_job


@pytest.mark.parametrize("pages", [300, 12_000])
async def test_every_page_of_a_knowledge_base_has_exactly_one_line(
    tmp_path: Path, pages: int
) -> None:
    async with serve(Scenario(pages=pages, cost=0.05, cost_spread=0.0)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: pages}
    assert finished.ending.is_whole
    assert_journal_tells_the_truth(lines, sandbox)
    assert set(sandbox.truth.publications.values()) == {1}
    assert not sandbox.truth.refused


async def test_bad_pages_fail_each_for_its_own_reason_and_all_others_are_published(
    tmp_path: Path,
) -> None:
    scenario = Scenario(pages=1000, missing_share=0.03, denied_share=0.1, unpaid_share=0.02)
    async with serve(scenario) as sandbox:
        finished = await run_job(
            sandbox, tmp_path, Selection(page=("1-1000",), scope=Scope.KNOWLEDGE)
        )

    lines = journal_of(finished)
    assert codes(lines) == {
        None: len(sandbox.world.healthy_ids()),
        "LANDING_NOT_EXIST": len(sandbox.world.missing_ids()),
        "NOT_PUBLISHED": len(sandbox.world.denied_ids()),
        "LANDING_PAYMENT_FAILED": len(sandbox.world.unpaid_ids()),
    }
    assert all(line.hint for line in lines if line.error)
    assert finished.ending.is_whole
    assert_journal_tells_the_truth(lines, sandbox)


async def test_missing_pages_go_together_and_spoil_no_other_batch(tmp_path: Path) -> None:
    scenario = Scenario(pages=500, missing_share=0.05)
    async with serve(scenario) as sandbox:
        finished = await run_job(
            sandbox, tmp_path, Selection(page=("1-500",), scope=Scope.KNOWLEDGE)
        )

    worked = sum(line.duration or 0.0 for line in journal_of(finished))
    assert sandbox.truth.requests_by_method["landing.landing.publication"] == 0
    assert max(sandbox.truth.highest_meter.values()) <= 1.02 * worked


async def test_a_locked_site_is_left_and_the_other_one_is_done(tmp_path: Path) -> None:
    scenario = Scenario(
        sites=[
            Site(id=5, type="KNOWLEDGE", pages=200),
            Site(id=7, type="KNOWLEDGE", pages=300),
        ],
        html_pages=[350],
    )
    seen = Seen()
    async with serve(scenario) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=seen)

    lines = journal_of(finished)
    assert {line.site for line in lines} == {5}
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 200}
    assert [fault.code for fault in seen.sites.values()] == ["PUBLIC_HTML_DISALLOWED[L350]"]
    assert not finished.ending.is_whole
    assert_journal_tells_the_truth(lines, sandbox)


async def test_a_full_plan_stops_the_run_and_burns_no_page(tmp_path: Path) -> None:
    async with serve(Scenario(pages=3000, page_limit=700)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert isinstance(finished.ending.error, LimitReached)
    assert finished.ending.error.message.startswith("PUBLIC_PAGE_REACHED")
    assert finished.ending.error.exit_status == 3
    assert {line.status for line in lines} == {Status.PUBLISHED}
    assert sandbox.truth.errors["PUBLIC_PAGE_REACHED"] <= 4 * 50
    assert_journal_tells_the_truth(lines, sandbox)


async def test_the_wrong_scope_is_asked_about_and_stops_the_run(tmp_path: Path) -> None:
    seen = Seen()
    async with serve(Scenario(pages=3000)) as sandbox:
        finished = await run_job(
            sandbox, tmp_path, Selection(page=("1-3000",), lookup=False), watch=seen
        )

    assert seen.warnings == [
        "No page was found so far. Did you mean --scope KNOWLEDGE, or another portal?"
    ]
    assert isinstance(finished.ending.error, TooManyFailures)
    assert finished.ending.error.hint == (
        "If you meant --scope KNOWLEDGE, or another portal, start a new run:"
        " a resume keeps the settings of this one."
    )
    told = read_story(finished.kept)
    assert "resume" not in "".join(
        line for line in story_lines(told, "R") if "a resume keeps" not in line
    )
    assert len(journal_of(finished)) < 300


async def test_fifty_unknown_errors_alike_stop_the_run(tmp_path: Path) -> None:
    broken = {"NEVER_HEARD_OF": list(range(1, 3001))}
    async with serve(Scenario(pages=3000, page_errors=broken)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    assert isinstance(finished.ending.error, TooManyFailures)
    assert "NEVER_HEARD_OF" in finished.ending.error.message
    assert 50 <= len(journal_of(finished)) <= 250


async def test_a_credential_that_is_refused_ends_before_a_page_is_sent(tmp_path: Path) -> None:
    async with serve(Scenario(envelope_error="INVALID_CREDENTIALS")) as sandbox:
        with pytest.raises(PortalUnusable) as caught:
            await run_job(sandbox, tmp_path)

    assert caught.value.exit_status == 4
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - the run is over


async def test_a_portal_that_refuses_app_info_alone_is_published_on_all_the_same(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=20, app_info="refused")) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    assert Counter(line.status for line in journal_of(finished)) == {Status.PUBLISHED: 20}


@pytest.mark.parametrize(
    ("code", "status"),
    [("ACCESS_DENIED", 403), ("INVALID_CREDENTIALS", 401), ("", 401), ("WEIRD", 500), ("", 400)],
)
async def test_whatever_app_info_alone_is_refused_with_a_run_goes_on(
    code: str, status: int
) -> None:
    asked = []

    class Calls:
        async def call(self, method: str, params: object, **_: object) -> Answer | Fault:
            asked.append(method)
            if method == "app.info":
                return faults.classify(code, "", status=status, in_command=False)
            return Answer(["landing"], None)

        def patient(self, *_: object) -> Self:
            return self

    assert await ask_plan(Calls(), lambda _: None) is UNKNOWN
    assert asked[0] == "app.info"


@pytest.mark.parametrize(
    ("site", "scope", "words"),
    [(99, Scope.KNOWLEDGE, "no KNOWLEDGE site 99"), (1, None, "no site 1 ")],
    ids=["not there", "another scope"],
)
async def test_a_site_that_is_not_there_is_refused_before_a_run_is_made(
    tmp_path: Path, site: int, scope: Scope | None, words: str
) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        with pytest.raises(BadSetting, match=words):
            await run_job(sandbox, tmp_path, Selection(site=(1, site), scope=scope))

    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - the run is over


async def test_a_site_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    async with serve(Scenario(pages=20)) as sandbox:
        select = Selection(site=(1, 1), scope=Scope.KNOWLEDGE)
        finished = await run_job(sandbox, tmp_path, select)

    assert sorted(line.page for line in journal_of(finished)) == list(range(1, 21))


async def test_a_site_without_pages_is_no_mistake(tmp_path: Path) -> None:
    sites = [Site(id=1, pages=5), Site(id=2, pages=0)]
    async with serve(Scenario(sites=sites)) as sandbox:
        finished = await run_job(sandbox, tmp_path, Selection(site=(2,), scope=Scope.KNOWLEDGE))

    assert (finished.totals.pages, finished.ending.is_whole) == (0, True)


async def test_a_portal_that_is_down_when_a_run_begins_is_asked_for_two_minutes_and_it_is_said(
    tmp_path: Path,
) -> None:
    seen = Seen()
    away = [TimedFault(at=0, fault="html502", seconds=60)]
    async with serve(Scenario(pages=50, cost=0.05, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=seen)

    assert Counter(line.status for line in journal_of(finished)) == {Status.PUBLISHED: 50}
    assert ["HTTP 502" in text and "2 min" in text for text in seen.warnings] == [True]


async def test_a_portal_that_stays_down_is_given_up_and_no_run_is_made(tmp_path: Path) -> None:
    async with serve(Scenario(pages=50, faults={"html502": 1.0})) as sandbox:
        began_at = sandbox.now()
        with pytest.raises(PortalUnusable, match="HTTP 502"):
            await run_job(sandbox, tmp_path)

        assert 120 <= sandbox.now() - began_at < 200
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - the run is over


async def test_an_address_at_which_nobody_is_is_said_at_once(tmp_path: Path) -> None:
    async with serve(Scenario(pages=50)) as sandbox:
        pass
    began_at = sandbox.now()

    with pytest.raises(PortalUnusable, match="No connection"):
        await run_job(sandbox, tmp_path)

    assert sandbox.now() - began_at < 5


async def test_a_portal_that_does_not_answer_the_first_question_is_said_to_be_silent(
    tmp_path: Path,
) -> None:
    seen = Seen()
    silent = [TimedFault(at=0, fault="hang", seconds=10)]
    async with serve(Scenario(pages=50, cost=0.05, script=silent)) as sandbox:
        await run_job(sandbox, tmp_path, watch=seen)

    assert ["not answered for 5 s" in text for text in seen.warnings] == [True]


async def test_a_page_that_takes_its_batch_down_is_found_and_the_others_are_published(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=200, fatal_pages=[77], cost=0.05)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    bad = [line.page for line in lines if line.status is not Status.PUBLISHED]
    assert bad == [77]
    assert len(lines) == 200
    assert_journal_tells_the_truth(lines, sandbox)


async def test_a_page_that_kills_its_request_once_it_is_online_is_found_and_no_other_blamed(
    tmp_path: Path,
) -> None:
    async with serve(Scenario(pages=200, late_fatal_pages=[77], cost=0.05)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert {line.page: line.status for line in lines if line.error} == {77: Status.UNKNOWN}
    assert len(lines) == 200
    assert sandbox.truth.publications[77] <= 5
    assert_journal_tells_the_truth(lines, sandbox)


async def test_a_portal_that_lists_and_publishes_nothing_stops_the_run(tmp_path: Path) -> None:
    # The first pages show that the site is online, so lists are asked for those that are lost.
    async with serve(Scenario(pages=3000, fatal_pages=list(range(201, 3001)))) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert isinstance(finished.ending.error, StoppedByPortal)
    assert finished.ending.seconds < 1200
    # One of the first ones is in doubt, as the last that a request came to.
    assert Counter(line.status for line in lines)[Status.PUBLISHED] >= 199
    assert len(lines) < 210
    assert not finished.ending.is_whole


async def test_ten_minutes_without_an_answer_cost_no_page(tmp_path: Path) -> None:
    away = [TimedFault(at=10, fault="html502", seconds=600)]
    async with serve(Scenario(pages=400, cost=0.1, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 400}
    assert_journal_tells_the_truth(lines, sandbox)


async def test_a_list_that_is_not_answered_is_waited_for_as_long_as_pages_are(
    tmp_path: Path,
) -> None:
    away = [TimedFault(at=10, fault="html502", seconds=600)]
    seen = Seen()
    async with serve(Scenario(pages=4000, cost=0.05, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=seen)

    assert finished.ending.error is None
    assert Counter(line.status for line in journal_of(finished)) == {Status.PUBLISHED: 4000}
    told = [text for text in seen.warnings if "is not answering" in text]
    assert len(told) == 1
    assert "15 min" in told[0]


async def test_a_list_that_is_never_answered_ends_the_run(tmp_path: Path) -> None:
    away = [TimedFault(at=10, fault="html502", seconds=9000)]
    async with serve(Scenario(pages=4000, cost=0.05, script=away)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    assert isinstance(finished.ending.error, StoppedByPortal)
    assert 900 < finished.ending.seconds < 1200
    assert not finished.ending.is_whole


async def test_where_batches_are_refused_pages_go_one_by_one(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60, batch_allowed=False, cost=0.05)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    assert Counter(line.status for line in journal_of(finished)) == {Status.PUBLISHED: 60}
    assert sandbox.truth.requests_by_method["landing.landing.publication"] == 60


async def test_unpublish_takes_the_same_selection_down(tmp_path: Path) -> None:
    from bulk_publisher.jobs import Job
    from bulk_publisher.model import Action

    job = Job(
        name="down",
        action=Action.UNPUBLISH,
        select=Selection(page=("1-40",), scope=Scope.KNOWLEDGE),
    )
    async with serve(Scenario(pages=100, active_share=1.0)) as sandbox:
        finished = await run_job(sandbox, tmp_path, job=job)

    lines = journal_of(finished)
    assert Counter(line.status for line in lines) == {Status.UNPUBLISHED: 40}
    assert set(sandbox.truth.unpublications) == set(range(1, 41))
    assert_journal_tells_the_truth(lines, sandbox)


@pytest.mark.parametrize(("only", "wanted"), [(Only.UNPUBLISHED, 600), (Only.CHANGED, 800)])
async def test_only_asks_the_portal_for_pages_in_that_state(
    tmp_path: Path, only: Only, wanted: int
) -> None:
    scenario = Scenario(pages=1000, active_share=0.4, changed_share=0.5, cost=0.05)
    async with serve(scenario) as sandbox:
        finished = await run_job(sandbox, tmp_path, Selection(scope=Scope.KNOWLEDGE, only=only))

    assert finished.totals.counts[Status.PUBLISHED] == pytest.approx(wanted, rel=0.15)
    assert finished.totals.counts[Status.SKIPPED] == 0
    assert all(page.active for page in map(sandbox.world.page, sandbox.truth.publications))


async def test_pages_named_by_hand_that_are_online_are_skipped_with_the_reason(
    tmp_path: Path,
) -> None:
    select = Selection(page=("1-100",), scope=Scope.KNOWLEDGE, only=Only.UNPUBLISHED)
    async with serve(Scenario(pages=100, active_share=1.0)) as sandbox:
        finished = await run_job(sandbox, tmp_path, select)

    lines = journal_of(finished)
    assert {(line.status, line.hint) for line in lines} == {
        (Status.SKIPPED, "It is online already.")
    }
    assert not sandbox.truth.publications


async def test_a_limit_cuts_the_selection(tmp_path: Path) -> None:
    async with serve(Scenario(pages=300)) as sandbox:
        finished = await run_job(sandbox, tmp_path, Selection(scope=Scope.KNOWLEDGE, limit=17))

    assert sorted(line.page for line in journal_of(finished)) == list(range(1, 18))


async def test_fail_fast_stops_at_the_first_page_that_fails(tmp_path: Path) -> None:
    async with serve(Scenario(pages=2000, unpaid_pages=[3])) as sandbox:
        finished = await run_job(sandbox, tmp_path, pace=Pace(fail_fast=True))

    assert isinstance(finished.ending.error, TooManyFailures)
    assert len(journal_of(finished)) <= 5


async def test_an_interrupted_run_records_what_was_in_flight_and_takes_no_more(
    tmp_path: Path,
) -> None:
    seen = Seen(stop_after=100)
    async with serve(Scenario(pages=3000)) as sandbox:
        finished = await run_job(sandbox, tmp_path, watch=seen)

    lines = journal_of(finished)
    assert finished.ending.is_interrupted
    assert 100 <= len(lines) <= 100 + 5 * 50
    assert {line.page for line in lines} == set(sandbox.truth.publications)
    assert_journal_tells_the_truth(lines, sandbox)


async def test_an_outcome_tells_where_the_page_is_and_what_it_cost(tmp_path: Path) -> None:
    async with serve(
        Scenario(pages=300, sites=[Site(id=9, type="KNOWLEDGE", folders=4)])
    ) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    line = next(line for line in journal_of(finished) if line.folder is not None)
    page = sandbox.world.page(line.page)
    assert (line.site, line.folder, line.title) == (9, page.folder, page.title)
    assert line.url is not None
    assert line.was_active is False
    assert line.scope is Scope.KNOWLEDGE
    assert line.source == "--scope KNOWLEDGE"
    assert line.duration == pytest.approx(0.28, rel=0.9)
    assert line.operating == line.duration


async def test_lost_answers_are_asked_again_and_nothing_is_claimed_falsely(tmp_path: Path) -> None:
    faults = {
        "reset": 0.05,
        "reset_after": 0.05,
        "html502": 0.05,
        "cut_json": 0.05,
        "lost_key": 0.01,
    }
    async with serve(Scenario(pages=2000, cost=0.05, faults=faults)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 2000}
    assert_journal_tells_the_truth(lines, sandbox)


async def test_pages_whose_answer_was_lost_are_looked_up_and_not_published_twice(
    tmp_path: Path,
) -> None:
    faults = {"cut_json": 0.15, "reset_after": 0.15}
    async with serve(Scenario(pages=3000, cost=0.1, faults=faults)) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    listed = [line for line in lines if line.hint is not None]
    again = sum(sandbox.truth.publications.values()) - 3000
    lost = sandbox.truth.faults["cut_json"] + sandbox.truth.faults["reset_after"]
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 3000}
    assert_journal_tells_the_truth(lines, sandbox)
    assert len(listed) > 500
    # The last page of each lost request, whose end nobody saw; the first may have no site to go by.
    assert again <= lost + 50


async def test_where_a_list_cannot_tell_pages_are_asked_for_again(tmp_path: Path) -> None:
    faults = {"cut_json": 0.2}
    scenario = Scenario(pages=1000, cost=0.1, active_share=1.0, faults=faults)
    async with serve(scenario) as sandbox:
        finished = await run_job(sandbox, tmp_path)

    lines = journal_of(finished)
    assert Counter(line.status for line in lines) == {Status.PUBLISHED: 1000}
    assert not [line for line in lines if line.hint is not None]
    assert sum(sandbox.truth.publications.values()) > 1100


def _with_file(folder: Path, name: str, content: str) -> Path:
    """*folder*, made, and a file in it."""
    folder.mkdir()
    (folder / name).write_text(content)
    return folder


async def test_a_list_and_a_folder_whose_names_are_no_text_are_published_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"p\xf0.csv")
    monkeypatch.chdir(_with_file(tmp_path / os.fsdecode(b"\xd1\xf2"), name, "lid\n1\n99\n"))
    async with serve(Scenario(pages=10)) as sandbox:
        finished = await run_job(
            sandbox, Path("runs"), Selection(csv=name, column="lid", scope=Scope.KNOWLEDGE)
        )

    assert {line.source for line in journal_of(finished)} == {r"p\xf0.csv:2", r"p\xf0.csv:3"}
    description = finished.kept.read_description()
    assert description.folder == rf"{tmp_path}/\xd1\xf2"
    assert job_of(finished.kept, description).select.csv == r"p\xf0.csv"
    assert r"\xd1\xf2" in html_report([read_story(finished.kept)])
