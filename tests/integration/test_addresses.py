"""Pages that are named by addresses: found before anything is sent, within the limits."""

from pathlib import Path

import pytest

from bulk_publisher import (
    Client,
    Webhook,
    from_csv,
    from_urls,
    from_xlsx,
    plan,
    publish,
    resume,
    retry,
    rollback,
    verify,
)
from bulk_publisher.errors import BadSource
from bulk_publisher.model import Scope, Status
from bulk_publisher.operations.describing import job_of
from bulk_publisher.sandbox import Sandbox, serve
from bulk_publisher.sandbox.scenario import make_scenario
from bulk_publisher.store import open_store
from tests.oracle import assert_journal_tells_the_truth
from tests.workbooks import workbook

TWO_KINDS = {
    "pages": 6,
    "cost": 0.01,
    "sites": [
        {"id": 5, "code": "wiki", "folders": 1, "pages": 4},
        {"id": 8, "type": "PAGE", "code": "shop", "pages": 2},
    ],
}


def client_of(sandbox: Sandbox) -> Client:
    return Client(Webhook(sandbox.webhook))


def asked_for(sandbox: Sandbox) -> int:
    return sandbox.truth.as_dict()["commands"]


async def published(sandbox: Sandbox, pages, store: Path | None = None):
    async with client_of(sandbox) as client:
        run = publish(client, pages, store=store)
        outcomes = [outcome async for outcome in run]
        return await run, outcomes


async def test_each_address_leads_to_its_page(tmp_path: Path) -> None:
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        host = Webhook(sandbox.webhook).host
        result, outcomes = await published(
            sandbox,
            from_urls(
                f"http://{host}/knowledge/wiki/page-1/?from=mail#top",
                "/knowledge/wiki/FOLDER1/page-2",
                "https://WWW.shop.bitrix24.example:443/page-5/index.php",
                f"{host}/kb/wiki/5/view/3/",
            ),
            tmp_path,
        )
        assert_journal_tells_the_truth(outcomes, sandbox)

    assert result.is_whole
    assert {one.page: (one.status, one.scope, one.site) for one in outcomes} == {
        1: (Status.PUBLISHED, Scope.KNOWLEDGE, 5),
        2: (Status.PUBLISHED, Scope.KNOWLEDGE, 5),
        3: (Status.PUBLISHED, Scope.KNOWLEDGE, 5),
        5: (Status.PUBLISHED, None, 8),
    }
    assert {one.source for one in outcomes} == {
        f"--url {host}/knowledge/wiki/page-1/",
        "--url /knowledge/wiki/FOLDER1/page-2/",
        "--url www.shop.bitrix24.example/page-5/",
        f"--url {host}/kb/wiki/5/view/3/",
    }


@pytest.mark.parametrize("kind", ["csv", "urls"])
async def test_a_list_names_its_lines_as_sources(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "addresses"
    lines = ["/knowledge/wiki/page-1/", "", "https://shop.bitrix24.example/page-5/"]
    head = ["url;title"] if kind == "csv" else []
    file.write_text("\n".join([*head, *lines]), encoding="utf-8")
    pages = from_csv(file) if kind == "csv" else from_urls(file=file)
    first = len(head) + 1
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        _, outcomes = await published(sandbox, pages)

    assert {one.page: one.source for one in outcomes} == {
        1: f"{file}:{first}",
        5: f"{file}:{first + 2}",
    }


async def test_a_spreadsheet_names_its_rows_as_sources_and_in_problems(tmp_path: Path) -> None:
    rows = [["url"], ["/knowledge/wiki/page-1/"], ["https://elsewhere.example/"]]
    file = workbook(tmp_path / "pages.xlsx", rows)
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        with pytest.raises(BadSource) as refused:
            await published(sandbox, from_xlsx(file))
        _, outcomes = await published(sandbox, from_xlsx(file, skip_bad_rows=True))

    assert refused.value.problems == (
        f"{file}:Sheet1:3: 'elsewhere.example/' is neither on the portal nor on one of its sites",
    )
    assert [one.source for one in outcomes] == [f"{file}:Sheet1:2"]


async def test_what_follows_such_a_run_takes_its_pages_from_there(tmp_path: Path) -> None:
    pages = from_urls("/knowledge/wiki/page-1/", "/knowledge/wiki/folder1/page-2/")
    scenario = {**TWO_KINDS, "denied_pages": [2]}
    async with serve(make_scenario(scenario)) as sandbox, client_of(sandbox) as client:
        first = await publish(client, pages, store=tmp_path)
        again = retry(client, first.id, store=tmp_path)
        retried = [(one.page, one.source, one.status) async for one in again]
        verified = await verify(client, first.id, store=tmp_path)
        down = [one.page async for one in rollback(client, first.id, store=tmp_path)]

    assert retried == [(2, "--url /knowledge/wiki/folder1/page-2/", Status.FAILED)]
    assert (verified.pages, verified.differing) == (2, 0)
    assert down == [1]


async def test_addresses_that_lead_nowhere_are_refused_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    lines = [
        "/knowledge/wiki/page-1/",
        "/knowledge/wiki/page-9/",
        "https://elsewhere.example/page-1/",
        "https://elsewhere.example/sites/site/8/view/5/",
        "/company/page-1/",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        with pytest.raises(BadSource) as refused:
            await published(sandbox, from_urls(file=file), tmp_path / "runs")
        publications = sandbox.truth.as_dict()["publications"]

    assert publications == 0
    assert not (tmp_path / "runs").exists()
    assert refused.value.message == f"{file} has 4 bad rows"
    assert refused.value.problems == (
        f"{file}:2: '/knowledge/wiki/page-9/' leads to no page",
        f"{file}:3: 'elsewhere.example/page-1/' is neither on the portal nor on one of its sites",
        f"{file}:4: 'elsewhere.example/sites/site/8/view/5/' is an editor's address, but not of this portal",
        f"{file}:5: '/company/page-1/' is on no site that the portal shows to this credential",
    )


async def test_they_are_passed_over_where_that_is_wanted(tmp_path: Path) -> None:
    pages = from_urls("/knowledge/wiki/page-9/", "/knowledge/wiki/page-1/", skip_bad_rows=True)
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        result, outcomes = await published(sandbox, pages, tmp_path)
    selected = open_store(tmp_path).find(result.id).read_description().selected

    assert [one.page for one in outcomes] == [1]
    assert (selected.total, selected.bad_rows) == (1, 1)


async def test_nothing_but_bad_addresses_is_no_selection() -> None:
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        with pytest.raises(BadSource, match="has no pages"):
            await published(sandbox, from_urls("/knowledge/wiki/x/", skip_bad_rows=True))


async def test_a_page_that_several_addresses_lead_to_is_sent_once(tmp_path: Path) -> None:
    pages = from_urls("/knowledge/wiki/page-1/", "/Knowledge/Wiki/PAGE-1", "/kb/wiki/5/view/1/")
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        result, outcomes = await published(sandbox, pages, tmp_path)
    selected = open_store(tmp_path).find(result.id).read_description().selected

    assert [one.page for one in outcomes] == [1]
    assert (selected.total, selected.duplicates) == (1, 2)


async def test_addresses_of_the_editor_alone_ask_for_no_list() -> None:
    scenario = make_scenario({"pages": 6, "sites": [{"id": 5}]})
    async with serve(scenario) as sandbox, client_of(sandbox) as client:
        made = await plan(client, from_urls("/kb/wiki/5/view/1/"))

    assert made.addresses is None
    assert made.sent == 1


async def test_a_resume_looks_them_up_again_and_does_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    lines = [f"/knowledge/wiki/page-{page}/" for page in range(1, 61)]
    file.write_text("\n".join(lines), encoding="utf-8")
    site = {"id": 5, "code": "wiki"}
    async with serve(make_scenario({"pages": 60, "cost": 0.2, "sites": [site]})) as sandbox:
        async with client_of(sandbox) as client:
            run = publish(client, from_urls(file=file), store=tmp_path / "runs")
            async for _ in run:
                break
            stopped = await run
            left = [page for page in sandbox.world.page_ids() if page not in sandbox.world.active_ids()]  # fmt: skip
            sandbox.world.trash(left[-1])
            result = await resume(client, run, store=tmp_path / "runs")
        lines = [*open_store(tmp_path / "runs").find(result.id).outcomes()]
        assert_journal_tells_the_truth(lines, sandbox)
        sources = {one.page: one.source for one in lines}

    assert not stopped.is_whole
    assert result.is_whole
    assert len(sources) == 59
    assert all(source == f"{file}:{page}" for page, source in sources.items())


async def test_what_a_run_was_asked_for_is_kept(tmp_path: Path) -> None:
    async with serve(make_scenario(TWO_KINDS)) as sandbox:
        result, _ = await published(sandbox, from_urls("/knowledge/wiki/page-1/"), tmp_path)
    folder = open_store(tmp_path).find(result.id)

    assert job_of(folder, folder.read_description()).select.url == ("/knowledge/wiki/page-1/",)


@pytest.mark.parametrize(
    ("pages", "settings"),
    [
        (10_000, {}),
        (2_000, {"plan": "self-hosted"}),
        (2_000, {"billing": "batch"}),
        (400, {"batch_allowed": False}),
    ],
    ids=str,
)
async def test_thousands_of_addresses_are_found_within_the_limits(
    tmp_path: Path, pages: int, settings
) -> None:
    file = tmp_path / "list.txt"
    lines = [f"https://portal.example/knowledge/wiki/page-{page}/" for page in range(1, pages + 1)]
    scenario = {"pages": pages, "sites": [{"id": 5, "code": "wiki"}], "list_cost": 0.02, **settings}
    async with serve(make_scenario(scenario)) as sandbox:
        host = Webhook(sandbox.webhook).host
        file.write_text("\n".join(lines).replace("portal.example", host), encoding="utf-8")
        async with client_of(sandbox) as client:
            made = await plan(client, from_urls(file=file))
        truth = sandbox.truth.as_dict()

    assert made.sent == pages
    assert made.addresses is not None
    assert made.addresses.asked == pages
    assert truth["refused"] == {}
    if settings.get("batch_allowed", True):
        assert made.addresses.requests <= pages / 50 + 20
        assert made.addresses.seconds < 900
