"""@bitrix24/b24jssdk, unmodified, on the sandbox: what it does, and what was really done meanwhile."""

import pytest

from bulk_publisher.sandbox import Site, TimedFault, serve

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.real_time,  # it runs in a process of its own
]

PUBLICATION = "landing.landing.publication"


def call(page: int) -> dict:
    return {"action": "call", "method": PUBLICATION, "params": {"lid": page, "scope": "KNOWLEDGE"}}


def calls(*pages: int) -> list:
    return [[PUBLICATION, {"lid": page, "scope": "KNOWLEDGE"}] for page in pages]


def batch(*pages: int, **options) -> dict:
    return {"action": "batch", "calls": calls(*pages), "options": options}


def chunks(*pages: int, **options) -> dict:
    return {"action": "chunks", "calls": calls(*pages), "options": options}


def pages_of(scope: str) -> dict:
    params = {"scope": scope, "params": {"select": ["ID"]}}
    return {"action": "list", "method": "landing.landing.getList", "params": params}


async def test_it_insists_on_tls(b24jssdk, swift):
    async with serve(swift()) as sandbox:
        (outcome,) = await b24jssdk(sandbox.webhook, call(1))

    assert outcome["thrown"]["code"] == "JSSDK_HOOK_URL_NOT_HTTPS"
    assert sandbox.truth.requests == 0


async def test_it_lists_sites(b24jssdk, behind_tls, swift):
    scenario = swift(sites=[Site(id=3, title="Handbook"), Site(id=8, title="Intranet")])
    params = {"scope": "KNOWLEDGE", "params": {"select": ["ID", "TITLE"]}}
    step = {"action": "call", "method": "landing.site.getList", "params": params}
    async with serve(scenario) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), step)

    rows = outcome["data"]["result"]
    assert [(row["ID"], row["TITLE"]) for row in rows] == [("3", "Handbook"), ("8", "Intranet")]


async def test_it_lists_the_pages_of_a_portal_of_fewer_than_fifty(b24jssdk, behind_tls, swift):
    async with serve(swift(pages=49)) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), pages_of("KNOWLEDGE"))

    assert [int(row["ID"]) for row in outcome["data"]] == list(range(1, 50))


async def test_it_lists_the_same_pages_for_ever_on_a_portal_of_fifty_or_more(
    b24jssdk, behind_tls, swift
):
    # It puts its cursor beside `params`, where getList does not read it: each answer has all rows,
    # and as long as there are fifty of them it asks for more.
    async with serve(swift(pages=50)) as sandbox:
        with pytest.raises(TimeoutError):
            await b24jssdk(await behind_tls(sandbox), pages_of("KNOWLEDGE"), within=2.0)

    assert sandbox.truth.requests_by_method["landing.landing.getlist"] > 2


async def test_it_publishes_one_page(b24jssdk, behind_tls, swift):
    async with serve(swift()) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(7))

    assert outcome["data"]["result"] is True
    assert dict(sandbox.truth.publications) == {7: 1}


async def test_it_takes_a_silent_null_for_a_success(b24jssdk, behind_tls, swift):
    async with serve(swift(denied_pages=[7])) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(7))

    assert outcome["success"] is True
    assert outcome["data"]["result"] is None
    assert not sandbox.truth.publications


async def test_it_throws_a_page_error_by_its_code(b24jssdk, behind_tls, swift):
    async with serve(swift(missing_pages=[7])) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(7))

    assert outcome["thrown"]["code"] == "LANDING_NOT_EXIST"
    assert sandbox.truth.requests == 1


async def test_it_publishes_a_list_in_batches_of_fifty(b24jssdk, behind_tls, swift):
    async with serve(swift()) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), chunks(*range(1, 121)))

    assert outcome["data"] == [True] * 120
    assert len(sandbox.truth.publications) == 120
    assert dict(sandbox.truth.requests_by_method) == {"batch": 3}


async def test_by_default_a_bad_page_halts_its_batch(b24jssdk, behind_tls, swift):
    async with serve(swift(missing_pages=[2])) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), batch(1, 2, 3))

    assert [(error["lid"], error["code"]) for error in outcome["errors"]] == [
        (2, "LANDING_NOT_EXIST")
    ]
    assert set(sandbox.truth.publications) == {1}


async def test_told_to_go_on_it_gives_results_without_their_pages(b24jssdk, behind_tls, swift):
    async with serve(swift(missing_pages=[2])) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), chunks(1, 2, 3, isHaltOnError=False))

    assert outcome["data"] == [True, True]
    assert [error["lid"] for error in outcome["errors"]] == [2]
    assert set(sandbox.truth.publications) == {1, 3}


async def test_it_keeps_one_error_of_all_at_the_same_place_of_their_batches(
    b24jssdk, behind_tls, swift
):
    async with serve(swift(missing_pages=[2, 52, 102])) as sandbox:
        step = chunks(*range(1, 121), isHaltOnError=False)
        (outcome,) = await b24jssdk(await behind_tls(sandbox), step)

    assert [error["lid"] for error in outcome["errors"]] == [102]
    assert len(outcome["data"]) == len(sandbox.truth.publications) == 117


async def test_it_repeats_what_was_refused_for_its_rate(b24jssdk, behind_tls, swift):
    async with serve(swift(intensity=(1, 1))) as sandbox:
        outcomes = await b24jssdk(await behind_tls(sandbox), call(1), call(2))

    assert [outcome["data"]["result"] for outcome in outcomes] == [True, True]
    assert sandbox.truth.refused["QUERY_LIMIT_EXCEEDED"] == 1


async def test_it_gives_up_after_three_refusals_for_its_rate(b24jssdk, behind_tls, swift):
    async with serve(swift(intensity=(1, 0.01))) as sandbox:
        outcomes = await b24jssdk(await behind_tls(sandbox), call(1), call(2))

    assert outcomes[1]["thrown"]["code"] == "QUERY_LIMIT_EXCEEDED"
    assert dict(sandbox.truth.refused) == {"QUERY_LIMIT_EXCEEDED": 3}


async def test_it_throws_the_operating_limit_when_its_attempts_are_used_up(
    b24jssdk, behind_tls, swift
):
    # One attempt, as it would wait for 10 s or more before each other one.
    async with serve(swift(cost=0.2, operating_limit=0.1)) as sandbox:
        outcomes = await b24jssdk(await behind_tls(sandbox), call(1), call(2), maxRetries=1)

    assert outcomes[1]["thrown"]["code"] == "OPERATION_TIME_LIMIT"
    assert outcomes[1]["thrown"]["status"] == 429


async def test_in_a_batch_it_takes_the_operating_limit_for_an_error_of_each_page(
    b24jssdk, behind_tls, swift
):
    async with serve(swift(cost=0.15, operating_limit=1.0)) as sandbox:
        step = batch(*range(1, 51), isHaltOnError=False)
        (outcome,) = await b24jssdk(await behind_tls(sandbox), step)

    assert {error["code"] for error in outcome["errors"]} == {"OPERATION_TIME_LIMIT"}
    assert len(outcome["errors"]) == 50 - len(sandbox.truth.publications)


async def test_it_takes_an_html_503_for_a_refusal_and_repeats(b24jssdk, behind_tls, swift):
    script = [TimedFault(at=0, fault="html503", seconds=2.0)]
    async with serve(swift(script=script)) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(1))

    assert outcome["data"]["result"] is True
    assert sandbox.truth.faults["html503"] in {1, 2}


@pytest.mark.parametrize("fault", ["html504_after", "reset_after"])
async def test_it_publishes_again_when_an_answer_is_lost(b24jssdk, behind_tls, swift, fault):
    async with serve(swift(faults={fault: 1.0})) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(1))

    assert "thrown" in outcome
    assert dict(sandbox.truth.publications) == {1: 3}


async def test_it_does_not_know_what_became_of_a_page_whose_answer_is_cut(
    b24jssdk, behind_tls, swift
):
    async with serve(swift(faults={"cut_json": 1.0})) as sandbox:
        (outcome,) = await b24jssdk(await behind_tls(sandbox), call(1))

    assert outcome["thrown"]["code"] == "JSSDK_UNKNOWN_ERROR"
    assert dict(sandbox.truth.publications) == {1: 1}
