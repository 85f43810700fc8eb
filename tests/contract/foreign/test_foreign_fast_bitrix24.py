"""fast_bitrix24, unmodified, on the sandbox: what it does, and what was really done meanwhile."""

import aiohttp
import pytest

from bulk_publisher.sandbox import Site, TimedFault, serve

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.real_time,  # its throttle reads the wall clock, whatever the loop says
]

PUBLICATION = "landing.landing.publication"


def lids(*pages: int) -> list[dict]:
    return [{"lid": page, "scope": "KNOWLEDGE"} for page in pages]


@pytest.fixture
def client(fast_bitrix24):
    def make(webhook: str, **options):
        return fast_bitrix24.BitrixAsync(webhook, verbose=False, **options)

    return make


async def test_it_lists_sites(client, swift):
    scenario = swift(sites=[Site(id=3, title="Handbook"), Site(id=8, title="Intranet")])
    async with serve(scenario) as sandbox:
        params = {"scope": "KNOWLEDGE", "params": {"select": ["ID", "TITLE"]}}
        rows = await client(sandbox.webhook).get_all("landing.site.getList", params)

    assert [(row["ID"], row["TITLE"]) for row in rows] == [("3", "Handbook"), ("8", "Intranet")]


async def test_it_lists_pages_from_one_answer_as_there_is_no_total_to_page_by(client, swift):
    # It pages with `start` where an answer has a `total`; getList has none, and sends every row.
    async with serve(swift()) as sandbox:
        params = {"scope": "KNOWLEDGE", "params": {"select": ["ID"]}}
        rows = await client(sandbox.webhook).get_all("landing.landing.getList", params)

    assert [int(row["ID"]) for row in rows] == list(range(1, 121))
    assert sandbox.truth.requests == 1


async def test_it_publishes_one_page_in_a_batch_of_one(client, swift):
    async with serve(swift()) as sandbox:
        result = await client(sandbox.webhook).call(PUBLICATION, lids(7)[0])

    assert result is True
    assert dict(sandbox.truth.publications) == {7: 1}
    assert dict(sandbox.truth.requests_by_method) == {"batch": 1}


async def test_it_publishes_one_page_by_a_single_call_if_asked_to(client, swift):
    async with serve(swift()) as sandbox:
        answer = await client(sandbox.webhook).call(PUBLICATION, lids(7)[0], raw=True)

    assert answer["result"] is True
    assert dict(sandbox.truth.requests_by_method) == {PUBLICATION: 1}


async def test_it_publishes_a_list_in_batches_of_fifty(client, swift):
    async with serve(swift()) as sandbox:
        results = await client(sandbox.webhook).call(PUBLICATION, lids(*range(1, 121)))

    assert results == (True,) * 120
    assert len(sandbox.truth.publications) == 120
    assert dict(sandbox.truth.requests_by_method) == {"batch": 3}


async def test_a_last_batch_of_one_costs_it_the_results_of_all(client, swift):
    # It unwraps the lone `true`, and then cannot add the other results to it.
    async with serve(swift()) as sandbox:
        with pytest.raises(AttributeError, match="'bool' object"):
            await client(sandbox.webhook).call(PUBLICATION, lids(*range(1, 52)))

    assert len(sandbox.truth.publications) == 51


async def test_it_tells_a_silent_null_as_none(client, swift):
    async with serve(swift(denied_pages=[2])) as sandbox:
        results = await client(sandbox.webhook).call(PUBLICATION, lids(1, 2, 3))

    assert results == (True, None, True)
    assert set(sandbox.truth.publications) == {1, 3}


async def test_one_bad_page_costs_it_the_results_of_all(client, fast_bitrix24, swift):
    async with serve(swift(missing_pages=[2])) as sandbox:
        with pytest.raises(fast_bitrix24.server_response.ErrorInServerResponseException) as caught:
            await client(sandbox.webhook).call(PUBLICATION, lids(1, 2, 3))

    assert {key: error["error"] for key, error in caught.value.args[0].items()} == {
        "order0000000001": "LANDING_NOT_EXIST"
    }
    assert set(sandbox.truth.publications) == {1, 3}


async def test_it_repeats_what_was_refused_for_its_rate(client, swift):
    async with serve(swift(intensity=(2, 5))) as sandbox:
        small = client(sandbox.webhook, batch_size=20)
        results = await small.call(PUBLICATION, lids(*range(1, 121)))

    assert results == (True,) * 120
    assert sandbox.truth.refused["QUERY_LIMIT_EXCEEDED"] > 0
    assert set(sandbox.truth.publications.values()) == {1}


async def test_a_batch_cut_by_the_operating_limit_costs_it_the_results_of_all(
    client, fast_bitrix24, swift
):
    async with serve(swift(cost=0.15, operating_limit=1.0)) as sandbox:
        with pytest.raises(fast_bitrix24.server_response.ErrorInServerResponseException) as caught:
            await client(sandbox.webhook).call(PUBLICATION, lids(*range(1, 21)))

    codes = {error["error"] for error in caught.value.args[0].values()}
    assert codes == {"OPERATION_TIME_LIMIT"}
    assert 0 < len(sandbox.truth.publications) < 10


async def test_alone_the_operating_limit_is_a_status_without_a_code(client, swift):
    async with serve(swift(cost=0.2, operating_limit=0.1)) as sandbox:
        mine = client(sandbox.webhook)
        await mine.call(PUBLICATION, lids(1)[0], raw=True)
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await mine.call(PUBLICATION, lids(2)[0], raw=True)

    assert caught.value.status == 429
    assert dict(sandbox.truth.refused) == {"OPERATION_TIME_LIMIT": 1}


async def test_it_repeats_after_an_html_503(client, swift):
    script = [TimedFault(at=0, fault="html503", seconds=0.3)]
    async with serve(swift(script=script)) as sandbox:
        results = await client(sandbox.webhook).call(PUBLICATION, lids(1, 2, 3))

    assert results == (True,) * 3
    assert sandbox.truth.faults["html503"] > 0
    assert dict(sandbox.truth.publications) == {1: 1, 2: 1, 3: 1}


async def test_it_publishes_again_when_an_answer_is_lost(client, swift):
    script = [TimedFault(at=0, fault="reset_after", seconds=0.3)]
    async with serve(swift(script=script)) as sandbox:
        results = await client(sandbox.webhook).call(PUBLICATION, lids(1, 2, 3))

    assert results == (True,) * 3
    assert set(sandbox.truth.publications) == {1, 2, 3}
    assert min(sandbox.truth.publications.values()) > 1
