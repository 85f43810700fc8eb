"""What the Python API promises, over real sockets."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bulk_publisher
from bulk_publisher import (
    BadSetting,
    BadSource,
    Client,
    LimitReached,
    Outcome,
    Page,
    PageId,
    PortalUnusable,
    Run,
    Status,
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
from bulk_publisher.store import open_store
from bulk_publisher.testing import Sandbox, sandbox, sandbox_beside
from tests.oracle import assert_journal_tells_the_truth
from tests.workbooks import workbook

ALL = from_scope("KNOWLEDGE")


def client_of(portal: Sandbox, **settings) -> Client:
    return Client(Webhook(portal.webhook), **settings)


async def taken(run: Run) -> list[Outcome]:
    return [outcome async for outcome in run]


async def take_into(outcomes: list[Outcome], run: Run) -> None:
    async for outcome in run:
        outcomes.append(outcome)  # noqa: PERF401 - what comes before an error is wanted


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def lines(store: Path, run: Run) -> list[Outcome]:
    return list(open_store(store).find(run.id).outcomes())


def test_every_public_name_is_there() -> None:
    assert [name for name in bulk_publisher.__all__ if not hasattr(bulk_publisher, name)] == []
    assert set(bulk_publisher.__all__) <= set(dir(bulk_publisher))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = bulk_publisher.nonsense


def test_importing_the_package_loads_nothing_that_takes_time() -> None:
    dear = "{'aiohttp', 'asyncio', 'click', 'msgspec', 'structlog'}"
    code = f"import bulk_publisher, sys; sys.exit(bool({dear} & {{*sys.modules}}))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_each_page_has_one_outcome_and_the_result_counts_them() -> None:
    async with sandbox(pages=300) as portal, client_of(portal) as client:
        run = publish(client, range(1, 301), scope="KNOWLEDGE")
        outcomes = await taken(run)
        result = await run

    assert Counter(one.page for one in outcomes) == Counter(range(1, 301))
    assert_journal_tells_the_truth(outcomes, portal)
    assert result.counts == {Status.PUBLISHED: 300}
    assert result.is_good
    assert result.id == run.id == outcomes[0].run
    assert run.progress().is_over
    assert run.progress().pages == run.progress().total == 300


async def test_a_break_stops_the_run_in_order_and_nothing_is_lost(tmp_path: Path) -> None:
    async with sandbox(pages=3000, cost=0.05) as portal:
        async with client_of(portal) as client:
            run = publish(client, ALL, store=tmp_path)
            async for _ in run:
                break

        journal = lines(tmp_path, run)
        assert 0 < len(journal) < 1000
        assert_journal_tells_the_truth(journal, portal)

        async with client_of(portal) as client:
            result = await resume(client, run.id, store=tmp_path)

    assert result.is_whole
    assert_journal_tells_the_truth(lines(tmp_path, run), portal)
    assert set(portal.truth.publications.values()) == {1}


async def test_who_calls_stop_is_still_given_what_was_in_flight() -> None:
    async with sandbox(pages=3000, cost=0.05) as portal, client_of(portal) as client:
        run = publish(client, ALL)
        outcomes = []
        async for outcome in run:
            outcomes.append(outcome)
            run.stop()
        result = await run

    assert {one.page for one in outcomes} == set(portal.truth.publications)
    assert not result.is_whole
    assert result.pages == len(outcomes)


async def test_a_slow_consumer_holds_the_run_up() -> None:
    async with sandbox(pages=5000, cost=0.01) as portal, client_of(portal) as client:
        run = publish(client, ALL)
        most = n = 0
        async for _ in run:
            n += 1
            if n % 50 == 0:
                await asyncio.sleep(60)
            most = max(most, len(portal.truth.publications) - n)

    assert n == 5000
    assert most < 1500
    assert run.progress().pages == 5000


async def test_two_runs_share_the_limits_of_their_client() -> None:
    async with sandbox(pages=4000, cost=0.3) as portal, client_of(portal, state=None) as client:
        one, other = await asyncio.gather(
            publish(client, range(1, 2001), scope="KNOWLEDGE"),
            publish(client, range(2001, 4001), scope="KNOWLEDGE"),
        )

    _assert_within_limits(portal)
    assert one.pages == other.pages == 2000


async def test_two_clients_of_one_credential_share_its_limits() -> None:
    async with (
        sandbox(pages=4000, cost=0.3) as portal,
        client_of(portal) as one,
        client_of(portal) as other,
    ):
        await asyncio.gather(
            publish(one, range(1, 2001), scope="KNOWLEDGE"),
            publish(other, range(2001, 4001), scope="KNOWLEDGE"),
        )

    _assert_within_limits(portal)
    assert len(portal.truth.publications) == 4000


def _assert_within_limits(portal: Sandbox) -> None:
    truth = portal.truth
    assert not truth.refused
    assert truth.operating_limit is not None
    assert max(truth.highest_meter.values()) <= truth.operating_limit
    assert truth.bucket_capacity is not None
    assert truth.highest_bucket <= truth.bucket_capacity


async def test_a_slow_consumer_keeps_no_other_run_waiting() -> None:
    async with sandbox(pages=4000, cost=0.01) as portal, client_of(portal, state=None) as client:
        slow = aiter(publish(client, range(1, 3001), scope="KNOWLEDGE"))
        await anext(slow)
        result = await publish(client, range(3001, 4001), scope="KNOWLEDGE")
        await slow.aclose()

    assert result.is_good


async def test_leaving_the_client_stops_its_runs_and_waits_for_what_is_in_flight() -> None:
    async with sandbox(pages=3000, cost=0.2) as portal:
        async with client_of(portal) as client:
            run = publish(client, ALL)
            outcomes = aiter(run)
            await anext(outcomes)

        assert run.progress().is_over
        assert run.progress().pages == len(portal.truth.publications) < 3000
        assert portal.busy == 0
        await outcomes.aclose()


async def test_the_plan_is_asked_for_once() -> None:
    async with sandbox(pages=10) as portal, client_of(portal) as client:
        await publish(client, [1], scope="KNOWLEDGE")
        await publish(client, [2], scope="KNOWLEDGE")

    assert portal.truth.requests_by_method["app.info"] == 1


async def test_what_ends_a_run_early_is_raised_after_its_outcomes() -> None:
    async with sandbox(pages=3000, page_limit=700) as portal, client_of(portal) as client:
        run = publish(client, ALL)
        outcomes: list[Outcome] = []
        with pytest.raises(LimitReached):
            await take_into(outcomes, run)
        with pytest.raises(LimitReached):
            await run

    assert {one.page for one in outcomes} == set(portal.truth.publications)


async def test_an_error_that_nobody_was_told_of_is_raised_when_the_client_is_left() -> None:
    async def leave_untold(portal: Sandbox) -> None:
        async with client_of(portal) as client:
            outcomes = aiter(publish(client, ALL))
            await anext(outcomes)
            await asyncio.sleep(600)

    async with sandbox(pages=3000, page_limit=700) as portal:
        with pytest.raises(LimitReached):
            await leave_untold(portal)


async def test_a_portal_that_is_not_there_and_a_list_that_is_none_are_told() -> None:
    async with Client(Webhook("http://127.0.0.1:1/rest/1/abc/")) as client:
        with pytest.raises(PortalUnusable):
            await publish(client, [1])
        with pytest.raises(BadSource):
            await publish(client, from_csv("no-such.csv"))
        with pytest.raises(BadSetting):
            await publish(client, [1], limit=0)


async def test_a_client_that_is_not_open_says_so() -> None:
    client = Client(Webhook("http://127.0.0.1:1/rest/1/abc/"))
    with pytest.raises(RuntimeError, match="async with"):
        await publish(client, [1])


async def test_who_is_cancelled_while_he_waits_stops_the_run_in_order(tmp_path: Path) -> None:
    async with sandbox(pages=3000, cost=0.05) as portal, client_of(portal) as client:
        run = publish(client, ALL, store=tmp_path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await run
        result = await run

    assert not result.is_whole
    assert_journal_tells_the_truth(lines(tmp_path, run), portal)


async def _some(*pages: int | Page) -> AsyncIterator[int | Page]:
    for page in pages:
        yield page


async def test_pages_come_from_any_async_iterable_and_a_resume_is_given_them_again(
    tmp_path: Path,
) -> None:
    async with sandbox(pages=300, cost=0.1) as portal, client_of(portal) as client:
        run = publish(
            client, _some(*range(1, 251), 250, Page(PageId(251))), scope="KNOWLEDGE", store=tmp_path
        )
        async for _ in run:
            break
        stopped = await run
        with pytest.raises(BadSetting, match="named by a program"):
            await resume(client, run, store=tmp_path)
        result = await resume(
            client, run, store=tmp_path, pages=_some(*range(1, 252)), scope="KNOWLEDGE"
        )

    assert not stopped.is_whole
    assert result.counts == {Status.PUBLISHED: 251}
    assert set(portal.truth.publications) == set(range(1, 252))


async def test_a_program_that_fails_to_name_its_pages_ends_the_run_in_order() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise ZeroDivisionError("oh")

    async with sandbox(pages=10) as portal, client_of(portal) as client:
        with pytest.raises(BadSource, match="ZeroDivisionError: oh") as caught:
            await publish(client, failing(), scope="KNOWLEDGE", lookup=False)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_what_was_done_can_be_planned_verified_tried_again_and_taken_back(
    tmp_path: Path,
) -> None:
    async with sandbox(pages=300, missing_pages=[7]) as portal, client_of(portal) as client:
        planned = await plan(client, range(1, 11), scope="KNOWLEDGE")
        run = publish(client, range(1, 11), scope="KNOWLEDGE", store=tmp_path)
        result = await run
        verified = await verify(client, run, store=tmp_path)
        again = await retry(client, run, store=tmp_path)
        back = await rollback(client, run, store=tmp_path)
        nothing = await rollback(client, run, store=tmp_path)
        whole = await resume(client, run, store=tmp_path)
        down = await unpublish(client, from_site(1, scope="KNOWLEDGE"), limit=5)

    assert sum(planned.counts.values()) == 10
    assert result.counts == whole.counts == {Status.PUBLISHED: 9, Status.FAILED: 1}
    assert not result.is_good
    assert verified.agreeing == 10
    assert again.counts == {Status.FAILED: 1}
    assert back.counts == {Status.UNPUBLISHED: 9}
    assert (nothing.id, nothing.pages) == ("", 0)
    assert down.pages == 5


async def test_nothing_is_printed_set_or_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    environment = dict(os.environ)

    async with sandbox(pages=300) as portal, client_of(portal, state=None) as client:
        await publish(client, ALL)

    assert files_in(tmp_path) == []
    assert capfd.readouterr() == ("", "")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert dict(os.environ) == environment


async def test_the_state_is_where_it_is_said_to_be(tmp_path: Path) -> None:
    async with sandbox(pages=3) as portal, client_of(portal, state=tmp_path) as client:
        await publish(client, ALL)

    assert "limits.json" in files_in(tmp_path)


def test_a_proxy_that_is_none_is_refused() -> None:
    webhook = Webhook("https://portal.example/rest/1/abc/")
    with pytest.raises(BadSetting, match="socks5"):
        Client(webhook, proxy="socks5://127.0.0.1:1080")


def test_a_webhook_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", " 'https://portal.example/rest/1/abc/' ")
    monkeypatch.delenv("BITRIX24_WEBHOOK", raising=False)

    assert Webhook.from_env("SHOP").host == "portal.example"
    with pytest.raises(BadSetting, match="BITRIX24_WEBHOOK is not set"):
        Webhook.from_env()


@pytest.mark.real_time
async def test_a_sandbox_beside_serves_a_loop_that_is_not_its_own() -> None:
    with sandbox_beside(pages=3) as portal:
        async with client_of(portal) as client:
            result = await publish(client, ALL)

    assert result.counts == {Status.PUBLISHED: 3}
    with pytest.raises(ValueError, match="pages"), sandbox_beside(pages=-1):
        pass


async def test_pages_of_a_spreadsheet_are_published(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "pages.xlsx", {"Old": [[9]], "List": [["key", "lid"], [1, 3], [2, 4]]}
    )
    async with sandbox(pages=9) as portal, client_of(portal) as client:
        run = publish(client, from_xlsx(path, sheet="List", scope="KNOWLEDGE"))

        outcomes = await taken(run)

    assert [(outcome.page, outcome.status) for outcome in outcomes] == [
        (3, Status.PUBLISHED),
        (4, Status.PUBLISHED),
    ]
    assert outcomes[0].source == f"{path}:List:2"


async def test_the_pages_of_a_selection_are_listed_one_by_one() -> None:
    async with sandbox(pages=40) as portal, client_of(portal) as client:
        selection = from_folder(1, scope="KNOWLEDGE", where=["id<30"], order="tree")

        rows = [row async for row in bulk_publisher.pages(client, selection, limit=5)]

        assert len(rows) == 5
        assert all(row.folder.startswith("Folder 1") and row.id < 30 for row in rows)
        assert portal.truth.publications == {}
