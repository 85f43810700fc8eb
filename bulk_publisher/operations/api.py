"""What a program asks for: the operations of the command line, on a client, as runs in the hand."""

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bulk_publisher.client.client import Client
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.engine.events import Watcher
from bulk_publisher.errors import BadSetting, BadSource
from bulk_publisher.jobs import Job, Portal, pace_problems
from bulk_publisher.model import Action, Only, Scope, Status
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.chance import new_seed
from bulk_publisher.operations.following import Follower, follow, retry_of, rollback_of
from bulk_publisher.operations.named_pages import Pages, scope_of, selected_of
from bulk_publisher.operations.page_rows import PageRow, page_rows
from bulk_publisher.operations.plan_file import Plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.publishing import Finished, OnStart, begin
from bulk_publisher.operations.resuming import reopened, status_of_whole, with_changes
from bulk_publisher.operations.running import Result, Run
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.operations.unkept import begin_unkept
from bulk_publisher.operations.verifying import Verified
from bulk_publisher.operations.verifying import verify as verify_run
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.description import Following

T = TypeVar("T")

Place = Store | str | os.PathLike[str]
"""Where runs are kept: a store, the folder of one, or the URL of a database."""


def publish(
    client: Client,
    pages: Pages,
    *,
    scope: Scope | str | None = None,
    only: Only | str = Only.ALL,
    limit: int | None = None,
    lookup: bool = True,
    store: Place | None = None,
    name: str = "publish",
) -> Run:
    """Put *pages* online, or online again with their latest edits.

    Args:
        pages: A source, or the pages themselves: IDs, or pages with what is known of them.
        scope: Of pages that do not name their own.
        only: Which are wanted: ``all``, ``unpublished`` or ``changed``.
        limit: The most pages to take; None for all.
        lookup: Whether pages that are named are looked up on the portal first.
        store: Where the run is kept, as the command line keeps it; None for nowhere.
        name: The job's, where it is kept.
    """
    return _run(client, Action.PUBLISH, pages, scope, Only(only), limit, store, name, lookup=lookup)


def unpublish(
    client: Client,
    pages: Pages,
    *,
    scope: Scope | str | None = None,
    limit: int | None = None,
    lookup: bool = True,
    store: Place | None = None,
    name: str = "unpublish",
) -> Run:
    """Take *pages* down, unasked; see ``publish``."""
    return _run(client, Action.UNPUBLISH, pages, scope, Only.ALL, limit, store, name, lookup=lookup)


def resume(
    client: Client,
    run: str | Run,
    *,
    store: Place,
    pages: Pages | None = None,
    scope: Scope | str | None = None,
    even_if_changed: bool = False,
) -> Run:
    """Go on with *run* where it stopped, at the client's pace; with one that is whole, nothing.

    Args:
        run: Its id, the beginning of it, ``latest``, or the run itself.
        pages: The same again, where it had its pages from a program; None where it knows them.
        scope: Of those that do not name their own.
        even_if_changed: Go on also if its CSV is not as it was.
    """

    async def work(*, watch: Watcher, on_start: OnStart) -> Finished | Result:
        folder = _found(run, store)
        if await beside(lambda: status_of_whole(folder)) is not None:
            final = folder.read_description().final
            return Result(folder.run_id, final.counts, is_whole=True, seconds=final.seconds)
        changes = _changes(client)
        with ExitStack() as opened:
            given = None if pages is None else partial(_given, pages=pages, scope=scope)
            reopening = reopened(folder, changes, given)
            again = await beside(lambda: opened.enter_context(reopening))
            if again.was_changed and not even_if_changed:
                raise BadSource(
                    f"{again.undertaking.job.select.file} has changed since the run began.",
                    "To continue with the current file, pass even_if_changed=True.",
                )
            return await again.go_on(client, seed=new_seed(), watch=watch, on_start=on_start)

    return Run(client, work)


def retry(
    client: Client,
    run: str | Run,
    *,
    store: Place,
    statuses: Collection[Status | str] = (),
    errors: Collection[str] = (),
) -> Run:
    """Try the failed and unknown pages of *run* again, in a run of their own.

    Args:
        run: Its id, the beginning of it, ``latest``, or the run itself.
        statuses: Only these; empty for both.
        errors: Only pages with these codes; empty for all.
    """
    return _following(client, run, store, partial(retry_of, statuses=statuses, errors=errors))


def rollback(client: Client, run: str | Run, *, store: Place, include_unknown: bool = False) -> Run:
    """Take down the pages that *run* put online and that were not online before, newest first.

    Args:
        run: Its id, the beginning of it, ``latest``, or the run itself.
        include_unknown: Also those of which nobody knows whether they were.
    """
    return _following(client, run, store, partial(rollback_of, includes_unknown=include_unknown))


async def verify(
    client: Client,
    run: str | Run,
    *,
    store: Place,
    urls: bool = False,
    warn: Warn = say_nothing,
) -> Verified:
    """Ask the portal whether each page of *run* is as its journal says.

    Args:
        run: Its id, the beginning of it, ``latest``, or the run itself.
        urls: Also ask for each public address.
        warn: Told what a person should know.

    Raises:
        BulkPublisherError: If that can't be told.
    """
    return await verify_run(
        _found(run, store),
        client,
        change=partial(with_changes, changes=_changes(client)),
        visits_urls=urls,
        on_progress=lambda _: None,
        warn=warn,
    )


async def plan(
    client: Client,
    pages: Pages,
    *,
    scope: Scope | str | None = None,
    only: Only | str = Only.ALL,
    limit: int | None = None,
    lookup: bool = True,
    store: Place | None = None,
    cost: float | None = None,
    warn: Warn = say_nothing,
) -> Plan:
    """What ``publish`` would do with the same pages, and how long it would take; changes nothing.

    Args:
        store: Where earlier runs tell what a page costs; None where none do.
        cost: Seconds a page; None to go by those, or by what is usual.
        warn: Told what a person should know.

    Raises:
        BulkPublisherError: If the pages can't be read or listed, or the portal lists none of them.
    """
    job, selected = await _job(
        client, Action.PUBLISH, pages, scope, Only(only), limit, "plan", lookup=lookup
    )
    kept = None if store is None else _store(store)
    return await make_plan(job, selected, client, store=kept, cost=cost, warn=warn)


async def pages(
    client: Client,
    selection: Pages,
    *,
    scope: Scope | str | None = None,
    only: Only | str = Only.ALL,
    limit: int | None = None,
    warn: Warn = say_nothing,
) -> AsyncIterator[PageRow]:
    """The pages of *selection* one by one, as the portal lists them; see ``publish``. Changes nothing.

    Args:
        warn: Told what a person should know, also how many pages the portal does not list.

    Raises:
        BulkPublisherError: If they can't be read or listed, or the portal lists none that are named.
    """
    job, selected = await _job(
        client, Action.PUBLISH, selection, scope, Only(only), limit, "pages", lookup=True
    )
    async for row in page_rows(job, selected, client, warn=warn):
        yield row


def _given(job: Job, *, pages: Pages, scope: Scope | str | None) -> Selected:
    """*pages*, chosen as *job* was begun."""
    select = job.select
    return selected_of(
        pages,
        scope=scope_of(scope),
        only=select.only,
        limit=select.limit,
        lookup=select.lookup,
    )


def _run(
    client: Client,
    action: Action,
    pages: Pages,
    scope: Scope | str | None,
    only: Only,
    limit: int | None,
    store: Place | None,
    name: str,
    *,
    lookup: bool,
) -> Run:
    async def work(*, watch: Watcher, on_start: OnStart) -> Finished:
        job, selected = await _job(client, action, pages, scope, only, limit, name, lookup=lookup)
        begun = begin_unkept if store is None else partial(begin, store=_store(store))
        return await begun(job, selected, client, seed=new_seed(), watch=watch, on_start=on_start)

    return Run(client, work)


async def _job(
    client: Client,
    action: Action,
    pages: Pages,
    scope: Scope | str | None,
    only: Only,
    limit: int | None,
    name: str,
    *,
    lookup: bool,
) -> tuple[Job, Selected]:
    problems = pace_problems(client.pace)
    if problems:
        raise BadSetting("; ".join(problems))
    choose = partial(
        selected_of, pages, scope=scope_of(scope), only=only, limit=limit, lookup=lookup
    )
    selected = await beside(choose)
    portal = Portal(**_changes(client)["portal"])
    job = Job(name=name, action=action, portal=portal, select=selected.select, pace=client.pace)
    return job, selected


def _following(
    client: Client, run: str | Run, store: Place, following: Callable[[KeptRun], Following]
) -> Run:
    async def work(*, watch: Watcher, on_start: OnStart) -> Finished | Result:
        folder = _found(run, store)
        change = partial(with_changes, changes=_changes(client))
        follower: Follower = await beside(lambda: follow(folder, following(folder), change))
        if not follower.pages:
            return Result("", {}, is_whole=True, seconds=0.0)
        return await follower.begin(
            client, store=_store(store), seed=new_seed(), watch=watch, on_start=on_start
        )

    return Run(client, work)


def _found(run: str | Run, store: Place) -> KeptRun:
    return _store(store).find(run.id if isinstance(run, Run) else run)


def _store(place: Place) -> Store:
    if isinstance(place, str):
        return open_store(place)
    return open_store(Path(place)) if isinstance(place, os.PathLike) else place


def _changes(client: Client) -> Mapping[str, Any]:
    """What a client says itself, whatever a run was begun with."""
    ca_file = None if client.ca_file is None else str(client.ca_file)
    named = {}
    if client.name is not None:
        named_in = None if client.named_in is None else str(client.named_in.absolute())
        named = {"name": client.name, "named_in": named_in}
    return {
        "portal": {**named, "plan": client.plan, "ca_file": ca_file},
        "pace": msgspec.structs.asdict(client.pace),
    }
