"""What users write, as type checkers see it: never run, checked by mypy and pyright in strict mode."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import assert_type

import bulk_publisher
from bulk_publisher import (
    BulkPublisherError,
    Client,
    Credential,
    OAuth,
    Outcome,
    Pace,
    Page,
    PageId,
    PageRow,
    Plan,
    Result,
    Run,
    RunProgress,
    Scope,
    Status,
    Verified,
    Webhook,
    from_csv,
    from_folder,
    from_scope,
    from_site,
    from_xlsx,
    plan,
    publish,
    resume,
    retry,
    rollback,
    unpublish,
    verify,
)
from bulk_publisher.testing import Sandbox, sandbox


async def applications() -> None:
    credential: Credential = OAuth.from_file("tokens.json")
    async with Client(OAuth.from_file(Path("tokens.json"), ca_file="ca.pem", proxy="http://p:1")):
        assert_type(credential.identity, str)


async def clients() -> None:
    async with Client(Webhook("https://example.bitrix24.com/rest/1/abc/")) as client:
        assert_type(client, Client)
    Client(
        Webhook.from_env(),
        plan="enterprise",
        ca_file=Path("ca.pem"),
        proxy="http://127.0.0.1:3128",
        pace=Pace(concurrency=2, operating_share=0.5),
        state=None,
    )
    assert_type(bulk_publisher.client_for("shop", portals=Path("team.toml")), Client)
    Client(Webhook.from_env("SHOP_WEBHOOK"), state=bulk_publisher.DEFAULT, ca_file="ca.pem")


async def outcomes(client: Client) -> None:
    async for outcome in publish(client, [351, 352], scope="KNOWLEDGE"):
        assert_type(outcome, Outcome)
        assert_type(outcome.page, PageId)
        assert_type(outcome.row, dict[str, str] | None)
        assert_type(outcome.status, Status)
        assert_type(outcome.status.is_good, bool)


async def results(client: Client) -> None:
    publish(client, from_xlsx(Path("pages.xlsx"), sheet="List", column="id", scope="KNOWLEDGE"))
    run = publish(
        client, from_csv("pages.csv", column="id", carry=["space"]), store="runs", only="changed"
    )
    assert_type(run, Run)
    assert_type(run.id, str)
    assert_type(run.progress(), RunProgress)
    assert_type(run.progress().seconds_left, float | None)
    run.stop()
    result = await run
    assert_type(result, Result)
    assert_type(result.counts, Mapping[Status, int])
    assert_type(result.is_whole, bool)


async def pages() -> AsyncIterator[int | Page]:
    yield 351
    yield Page(PageId(352), scope=Scope.GROUP)


async def selections(client: Client) -> None:
    await publish(client, range(1, 100))
    await publish(client, {351, 352}, scope=Scope.KNOWLEDGE, limit=1, lookup=False)
    await publish(client, [Page(PageId(351))])
    await publish(client, pages(), store=Path("runs"))
    await publish(client, (page for page in (1, 2)))
    await publish(client, from_site(7, scope="KNOWLEDGE"))
    await unpublish(client, from_scope("KNOWLEDGE"))
    await publish(client, "351")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def chosen(client: Client) -> None:
    folder = from_folder(3, site=7, where=["title~handbook"], exclude="done.csv", order="tree")
    async for row in bulk_publisher.pages(client, folder, only="changed", limit=5):
        assert_type(row, PageRow)
        assert_type(row.id, PageId)
        assert_type(row.active, bool | None)
    await publish(client, from_csv("pages.csv", where=["active=no"], exclude=Path("done.csv")))


async def afterwards(client: Client, run: Run) -> None:
    assert_type(resume(client, "latest", store="runs", pages=pages()), Run)
    assert_type(retry(client, run, store="runs", statuses=["failed"]), Run)
    assert_type(rollback(client, run, store="runs", include_unknown=True), Run)
    assert_type(await verify(client, run, store="runs", urls=True), Verified)
    assert_type(await plan(client, [351], cost=0.2), Plan)


async def errors(client: Client) -> None:
    try:
        await publish(client, [351])
    except BulkPublisherError as error:
        assert_type(error.message, str)
        assert_type(error.hint, str)
        assert_type(error.exit_status, int)


async def tests() -> None:
    async with sandbox(pages=300) as portal:
        assert_type(portal, Sandbox)
        assert_type(portal.webhook, str)
