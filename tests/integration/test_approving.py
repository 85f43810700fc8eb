"""A plan that a person has approved is published once, as it was when it was approved."""

import asyncio
import csv
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bulk_publisher.engine.events import watch_nothing
from bulk_publisher.errors import BadSetting, NotApproved, PortalUnusable
from bulk_publisher.jobs import Job, Notify, Recipient, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.approving import (
    approve,
    find_approved,
    find_plan,
    has_begun,
    propose,
    publish_approved,
    told_of_proposal,
)
from bulk_publisher.operations.plan_file import Plan, decode_plan, encode_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.approvals import Door, Proposal

PAGES = Selection(page=("1-20",), scope=Scope.KNOWLEDGE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "runs")


async def planned(sandbox: Sandbox, select: Selection = PAGES, **job: Any) -> Plan:
    whole = Job(name="t", select=select, **job)
    webhook = Webhook(sandbox.webhook)
    return await make_plan(whole, check_selection(select), webhook, store=None, cost=None)


def handed_in(store: Store, plan: Plan, *folders: Path) -> Proposal:
    return propose(store, encode_plan(plan), by="ann", through=Door.ASSISTANT, folders=folders)


def let(store: Store, plan: Plan, *folders: Path) -> str:
    one = handed_in(store, plan, *folders)
    return approve(store, one.name, one.sha256, by="bob", through=Door.TERMINAL).name


async def published(store: Store, name: str, sandbox: Sandbox) -> Finished:
    return await publish_approved(
        find_approved(store, name),
        Webhook(sandbox.webhook),
        store=store,
        by="eve",
        through=Door.ASSISTANT,
        seed=1,
        watch=watch_nothing,
        on_start=lambda _: None,
    )


async def test_an_approved_plan_is_published_once(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        name = let(store, await planned(sandbox))

        finished = await published(store, name, sandbox)

        assert list(sandbox.world.active_ids()) == list(range(1, 21))
        told = told_of_proposal(store, store.approvals.find(name))
        assert (told["run"], told["run_has_begun"]) == (finished.kept.run_id, True)
        assert [told[key]["by"] for key in ("proposed", "approved", "taken")] == ["ann", "bob", "eve"]  # fmt: skip
        with pytest.raises(NotApproved, match="used it already"):
            await published(store, name, sandbox)
        assert len(store.runs()) == 1


async def test_what_nobody_has_approved_is_not_published(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        name = handed_in(store, await planned(sandbox)).name

        with pytest.raises(NotApproved, match="nobody has approved"):
            await published(store, name, sandbox)
        with pytest.raises(NotApproved, match="nobody has approved"):
            await publish_approved(
                find_plan(store, name),
                Webhook(sandbox.webhook),
                store=store,
                by="eve",
                through=Door.PROGRAM,
                seed=1,
                watch=watch_nothing,
                on_start=lambda _: None,
            )

        assert not sandbox.world.active_ids()
        assert list(store.runs()) == []


async def test_of_two_who_publish_at_once_one_does(store: Store, tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        name = let(store, await planned(sandbox))

        ends = await asyncio.gather(
            *(published(store, name, sandbox) for _ in range(3)), return_exceptions=True
        )

        assert sum(isinstance(end, Finished) for end in ends) == 1
        assert sum(isinstance(end, NotApproved) for end in ends) == 2
        assert sandbox.truth.as_dict()["publications"] == 20
        assert len(store.runs()) == 1
        # Who came too late leaves nothing to be gone on with.
        folders = [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()]
        assert sorted(folders) == sorted([store.runs()[0].name, "approvals", "latest"])


async def test_a_portal_that_does_not_let_us_in_leaves_the_approval(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        name = let(store, await planned(sandbox))
        stranger = Webhook(sandbox.webhook.replace("/rest/1/", "/rest/1/x"))

        with pytest.raises(PortalUnusable):
            await publish_approved(
                find_approved(store, name),
                stranger,
                store=store,
                by="eve",
                through=Door.PROGRAM,
                seed=1,
                watch=watch_nothing,
                on_start=lambda _: None,
            )

        assert (await published(store, name, sandbox)).ending.is_whole


async def test_another_portal_than_the_plans_is_refused(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox, serve(Scenario(pages=30)) as other:
        name = let(store, await planned(sandbox))

        with pytest.raises(BadSetting, match="The plan is for"):
            await published(store, name, other)

        assert not other.world.active_ids()


async def test_a_list_that_has_changed_since_is_refused(store: Store, tmp_path: Path) -> None:
    pages = tmp_path / "lists" / "pages.csv"
    pages.parent.mkdir()
    pages.write_text("id\n3\n4\n")
    async with serve(Scenario(pages=30)) as sandbox:
        plan = await planned(sandbox, Selection(csv=str(pages), scope=Scope.KNOWLEDGE))
        name = let(store, plan)
        pages.write_text("id\n3\n4\n5\n")

        with pytest.raises(BadSetting, match=r"pages\.csv has changed since"):
            await published(store, name, sandbox)

        pages.write_text("id\n3\n4\n")
        await published(store, name, sandbox)
        assert list(sandbox.world.active_ids()) == [3, 4]


async def test_a_list_of_exceptions_that_lets_another_page_in_is_refused(
    store: Store, tmp_path: Path
) -> None:
    pages, without = tmp_path / "pages.csv", tmp_path / "without.csv"
    with pages.open("w") as file:
        csv.writer(file).writerows([["id"], *([page] for page in range(1, 6))])
    without.write_text("id\n5\n")
    select = Selection(csv=str(pages), exclude=str(without), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=30)) as sandbox:
        name = let(store, await planned(sandbox, select))
        without.write_text("id\n1\n")

        with pytest.raises(BadSetting, match="A page that the plan does not name"):
            await published(store, name, sandbox)

        assert not sandbox.world.active_ids()


async def test_pages_that_came_to_the_site_since_are_left_out(store: Store) -> None:
    select = Selection(scope=Scope.KNOWLEDGE, limit=10)
    async with serve(Scenario(pages=30)) as sandbox:
        plan = await planned(sandbox, select)
        wider = msgspec.structs.replace(plan, job={**plan.job, "select": {"scope": "KNOWLEDGE"}})
        name = let(store, wider)

        await published(store, name, sandbox)

        assert len(sandbox.world.active_ids()) == 10


async def test_a_list_is_found_where_it_was_when_the_plan_was_proposed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "pages.csv").write_text("id\n3\n")
    async with serve(Scenario(pages=30)) as sandbox:
        monkeypatch.chdir(tmp_path / "there")
        plan = await planned(sandbox, Selection(csv="pages.csv", scope=Scope.KNOWLEDGE))
        name = let(store, plan, Path())
        monkeypatch.chdir(tmp_path)

        await published(store, name, sandbox)

        assert list(sandbox.world.active_ids()) == [3]


async def test_a_copy_that_was_changed_is_refused(store: Store, tmp_path: Path) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        plan = await planned(sandbox)
        name = let(store, plan)
        more = await planned(sandbox, Selection(page=("1-30",), scope=Scope.KNOWLEDGE))
        (tmp_path / "runs" / "approvals" / name / "plan.json").write_bytes(encode_plan(more))

        with pytest.raises(NotApproved, match="was changed since it was proposed"):
            await published(store, name, sandbox)

        assert not sandbox.world.active_ids()


async def test_a_plan_tells_nobody_and_runs_no_program(store: Store) -> None:
    tells = Notify(to=(Recipient(command=("touch", "/tmp/x")),))
    async with serve(Scenario(pages=30)) as sandbox:
        name = let(store, await planned(sandbox, notify=tells))

    assert find_approved(store, name).job.notify is None


async def test_a_plan_without_a_page_is_not_proposed(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        plan = await planned(sandbox)
    empty = msgspec.structs.replace(plan, pages={}, states={}, counts={})

    with pytest.raises(BadSetting, match="no pages to send"):
        handed_in(store, empty)
    with pytest.raises(BadSetting, match="not a plan"):
        propose(store, b"[]", by="ann", through=Door.PROGRAM)


async def test_a_kill_between_the_approval_and_the_run_is_told_and_publishes_nothing(
    store: Store,
) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        one = store.approvals.find(let(store, await planned(sandbox)))
        act = msgspec.structs.replace(one.proposed, at=one.proposed.at + 1)
        taken = store.approvals.take(one.name, one.sha256, act, "20260301T030000Z-1f2e")

        assert not has_begun(store, taken)
        with pytest.raises(NotApproved, match="20260301T030000Z-1f2e"):
            await published(store, one.name, sandbox)

        assert not sandbox.world.active_ids()


async def test_what_is_kept_is_the_plan_byte_for_byte(store: Store) -> None:
    async with serve(Scenario(pages=30)) as sandbox:
        plan = await planned(sandbox)
    told = encode_plan(plan)

    one = propose(store, told, by="ann", through=Door.PROGRAM)

    assert store.approvals.read_plan(one.name) == told
    assert encode_plan(decode_plan(told, "x")) == told
