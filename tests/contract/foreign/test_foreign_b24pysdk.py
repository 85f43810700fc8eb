"""b24pysdk, unmodified, on the sandbox: what it does, and what was really done meanwhile.

It is synchronous: each call goes on a thread, while the portal answers in the test's loop.
"""

import asyncio
from urllib.parse import urlsplit

import pytest

from bulk_publisher.sandbox import Site, TimedFault, serve

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.real_time,  # it is synchronous and sleeps for itself
]

KNOWLEDGE = "KNOWLEDGE"


@pytest.fixture
def client(b24pysdk):
    def make(webhook: str):
        owner, key = webhook.rstrip("/").split("/")[-2:]
        token = b24pysdk.BitrixWebhook(
            domain=urlsplit(webhook).netloc, webhook_token=f"{owner}/{key}"
        )
        return b24pysdk.Client(token)

    return make


@pytest.fixture
def errors(b24pysdk):
    from b24pysdk import errors

    return errors


@pytest.fixture
def publishing(client, behind_tls):
    """Publishes a page of a sandbox on a thread; what its caller is told."""

    async def publish(sandbox):
        landing = client(await behind_tls(sandbox)).landing.landing

        async def one(page: int):
            request = landing.publication(page, scope=KNOWLEDGE)
            return await asyncio.to_thread(lambda: request.result)

        return one

    return publish


@pytest.fixture
def batching(client, behind_tls):
    """Publishes pages of a sandbox by ``call_batches``; its result."""

    async def publish(sandbox, *pages: int, **options):
        mine = client(await behind_tls(sandbox))
        publication = mine.landing.landing.publication
        wanted = {f"p{page}": publication(page, scope=KNOWLEDGE) for page in pages}
        return await asyncio.to_thread(lambda: mine.call_batches(wanted, **options).result)

    return publish


async def test_it_insists_on_tls(client, errors, swift):
    # Its addresses are made as https://{domain}/rest, whatever the portal speaks.
    async with serve(swift()) as sandbox:
        request = client(sandbox.webhook).landing.landing.publication(1, scope=KNOWLEDGE)
        with pytest.raises(errors.BitrixRequestError, match="SSL"):
            await asyncio.to_thread(lambda: request.result)

    assert sandbox.truth.requests == 0


async def test_it_lists_sites(client, behind_tls, swift):
    scenario = swift(sites=[Site(id=3, title="Handbook"), Site(id=8, title="Intranet")])
    async with serve(scenario) as sandbox:
        site = client(await behind_tls(sandbox)).landing.site
        request = site.get_list(scope=KNOWLEDGE, params={"select": ["ID", "TITLE"]})
        rows = await asyncio.to_thread(lambda: request.result)

    assert [(row["ID"], row["TITLE"]) for row in rows] == [("3", "Handbook"), ("8", "Intranet")]


async def test_it_lists_pages_from_one_answer_as_there_is_no_total_to_page_by(
    client, behind_tls, swift
):
    # as_list() pages with `start` up to a `total`; getList has none, and sends every row.
    async with serve(swift()) as sandbox:
        landing = client(await behind_tls(sandbox)).landing.landing
        request = landing.get_list(scope=KNOWLEDGE, params={"select": ["ID"]})
        rows = await asyncio.to_thread(lambda: request.as_list().result)

    assert [int(row["ID"]) for row in rows] == list(range(1, 121))
    assert sandbox.truth.requests == 1


async def test_it_publishes_one_page(publishing, swift):
    async with serve(swift()) as sandbox:
        publish = await publishing(sandbox)
        result = await publish(7)

    assert result is True
    assert dict(sandbox.truth.publications) == {7: 1}


async def test_it_tells_a_silent_null_as_none(publishing, swift):
    async with serve(swift(denied_pages=[7])) as sandbox:
        publish = await publishing(sandbox)
        result = await publish(7)

    assert result is None
    assert not sandbox.truth.publications


async def test_it_raises_a_page_error_by_its_code(publishing, errors, swift):
    async with serve(swift(missing_pages=[7])) as sandbox:
        publish = await publishing(sandbox)
        with pytest.raises(errors.BitrixAPIBadRequest) as caught:
            await publish(7)

    assert caught.value.error == "LANDING_NOT_EXIST"


async def test_it_publishes_a_list_in_batches_of_fifty_and_keeps_errors_by_page(batching, swift):
    async with serve(swift(missing_pages=[60], denied_pages=[61])) as sandbox:
        told = await batching(sandbox, *range(1, 121))

    assert {key: error["error"] for key, error in told.result_error.items()} == {
        "p60": "LANDING_NOT_EXIST"
    }
    assert [key for key, result in told.result.items() if result is not True] == ["p61"]
    assert set(sandbox.truth.publications) == set(range(1, 121)) - {60, 61}
    assert dict(sandbox.truth.requests_by_method) == {"batch": 3}


async def test_it_repeats_what_was_refused_for_its_rate(publishing, swift):
    async with serve(swift(intensity=(1, 1))) as sandbox:
        publish = await publishing(sandbox)
        results = [await publish(1), await publish(2)]

    assert results == [True, True]
    assert dict(sandbox.truth.refused) == {"QUERY_LIMIT_EXCEEDED": 1}


async def test_it_gives_up_after_three_refusals_for_its_rate(publishing, errors, swift):
    async with serve(swift(intensity=(1, 0.01))) as sandbox:
        publish = await publishing(sandbox)
        await publish(1)
        with pytest.raises(errors.BitrixAPIQueryLimitExceeded):
            await publish(2)

    assert dict(sandbox.truth.refused) == {"QUERY_LIMIT_EXCEEDED": 3}
    assert dict(sandbox.truth.publications) == {1: 1}


async def test_it_raises_the_operating_limit_at_once(publishing, errors, swift):
    async with serve(swift(cost=0.2, operating_limit=0.1)) as sandbox:
        publish = await publishing(sandbox)
        await publish(1)
        with pytest.raises(errors.BitrixAPIOperationTimeLimit):
            await publish(2)

    assert dict(sandbox.truth.refused) == {"OPERATION_TIME_LIMIT": 1}


async def test_in_a_batch_it_takes_the_operating_limit_for_an_error_of_each_page(batching, swift):
    # It goes on with the next batches, which are refused as well.
    async with serve(swift(cost=0.15, operating_limit=1.0)) as sandbox:
        told = await batching(sandbox, *range(1, 101))

    assert {error["error"] for error in told.result_error.values()} == {"OPERATION_TIME_LIMIT"}
    assert len(told.result_error) == 100 - len(sandbox.truth.publications)
    assert sandbox.truth.refused["OPERATION_TIME_LIMIT"] == len(told.result_error)


async def test_it_repeats_after_an_html_503(publishing, swift):
    script = [TimedFault(at=0, fault="html503", seconds=2.0)]
    async with serve(swift(script=script)) as sandbox:
        publish = await publishing(sandbox)
        result = await publish(1)

    assert result is True
    assert sandbox.truth.faults["html503"] in {1, 2}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("html504_after", "BitrixResponseJSONDecodeError"),
        ("reset_after", "BitrixRequestError"),
        ("cut_json", "BitrixResponseJSONDecodeError"),
    ],
)
async def test_it_does_not_know_what_became_of_a_page_whose_answer_is_lost(
    publishing, errors, swift, fault, error
):
    async with serve(swift(faults={fault: 1.0})) as sandbox:
        publish = await publishing(sandbox)
        with pytest.raises(getattr(errors, error)):
            await publish(1)

    assert dict(sandbox.truth.publications) == {1: 1}


async def test_its_ten_seconds_are_fewer_than_a_batch_may_take(b24pysdk, batching, errors, swift):
    # Shown at a tenth: it waits for 1 s instead of its 10, a batch takes 1.5 s instead of 14.
    async with serve(swift(cost=0.03)) as sandbox:
        with pytest.raises(errors.BitrixRequestTimeout):
            await batching(sandbox, *range(1, 51), timeout=1)

    assert b24pysdk.Config().default_read_timeout == 10
    assert len(sandbox.truth.publications) > 0
