"""What would ``publish`` do? The same selection, looked up and counted; nothing is changed."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from bulk_publisher.client.folders import Folder, Folders, folders_of
from bulk_publisher.client.lister import LIST_LENGTH, PAGES_METHOD
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.session import Session, bounds_of
from bulk_publisher.client.sites import Site, list_sites_of
from bulk_publisher.client.usage import meters_alone, meters_together
from bulk_publisher.errors import BadJournal, BulkPublisherError
from bulk_publisher.jobs import Job, encode_job
from bulk_publisher.limits.forecast import Billing, Estimate, Expected, forecast
from bulk_publisher.model import Fault, FolderId, Page, Scope, SiteId
from bulk_publisher.operations.access import Entry, credential_of, session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.course import course_of, jobs_on
from bulk_publisher.operations.plan_file import (
    VERSION,
    Addresses,
    Opened,
    Plan,
    PlanRow,
    Ranges,
    State,
    state_of,
)
from bulk_publisher.operations.selecting import Effort, Selected
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.wire import Answer, encode_command
from bulk_publisher.store.protocol import Store
from bulk_publisher.utc import as_utc

ASSUMED_COST = 0.28
"""Seconds a page, where no earlier run tells: what pages of a usual size are measured to take."""
_LOOKED_AT_SITES = 50
_PROBES = 5
"""Lists in the batch that tells who pays for it: half a second of work at least."""


@dataclass(slots=True)
class _Counting:
    counts: Counter[State] = field(default_factory=Counter)
    rows: Counter[tuple[int | None, int | None, State]] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    pages: dict[str, Ranges] = field(default_factory=dict)
    states: dict[State, Ranges] = field(default_factory=dict)
    asked: int = 0
    """Pages that the portal was asked for."""
    listed: int = 0
    places: set[tuple[Scope | None, SiteId, FolderId | None]] = field(default_factory=set)

    def add(self, page: Page) -> None:
        state = state_of(page)
        self.counts[state] += 1
        self.asked += page.is_missing is not None
        self.listed += page.is_missing is False
        self.rows[page.site, page.folder, state] += 1
        self.states.setdefault(state, Ranges()).add(page.id)
        if page.skip is not None:
            self.skips[page.skip] += 1
            return
        self.pages.setdefault(page.scope or "", Ranges()).add(page.id)
        if page.site is not None:
            self.places.add((page.scope, page.site, page.folder))

    def pages_of(self, sites: Collection[SiteId]) -> int:
        """How many pages would be sent to *sites*."""
        return sum(
            count
            for (site, _, state), count in self.rows.items()
            if site in sites and state is not State.SKIPPED
        )


async def make_plan(
    job: Job,
    selected: Selected,
    entry: Entry,
    *,
    store: Store | None,
    cost: float | None,
    warn: Warn = say_nothing,
    on_page: Callable[[int], None] = lambda _: None,
) -> Plan:
    """What *job* would do, and how long it would take.

    Args:
        store: Where earlier runs tell what a page costs; None where none do.
        cost: Seconds a page; None to go by those, or by what is usual.
        warn: Told when the portal does not answer for a while, if it can't be known what other runs
            of this machine have used, and what a person should know of the selection.
        on_page: Told how many pages were looked at so far.

    Raises:
        BulkPublisherError: If the pages can't be read or listed, or the portal lists none of them.
    """
    counting, credential = _Counting(), credential_of(entry)
    async with session_of(job, entry, random.Random(), warn=warn) as session:
        if session.warning:
            warn(session.warning)
        selected = await find_selected(selected, session, warn=warn)
        timed = _Timed(session)
        looked_at = 0
        # Whether the scope is the right one is asked once all pages were looked for.
        async for page in selected.pages(timed, is_proved=True, warn=warn):
            counting.add(page)
            looked_at += 1
            on_page(looked_at)
        selected.check_listed(asked=counting.asked, listed=counting.listed)
        named = dict.fromkeys((scope, site) for scope, site, _ in counting.places)
        sites = await list_sites_of(session, named)
        opens = tuple([one async for one in _opened(session, job, counting, sites)])
        denied = counting.pages_of({site.id for site in sites if site.may_publish is False})
        expected = await _expected(session, timed, selected, counting, denied)
        expected = _with_cost(expected, credential.host, store, cost)
        estimate = _forecast(session, job, expected)
        made = _plan_of(job, session, selected, counting, opens, denied, estimate)
        others = [] if store is None else list(jobs_on(store, credential.host, without=job.name))
        course = course_of(job.pace, estimate, session.clock.epoch(), others)
        return msgspec.structs.replace(made, course=course)


def _forecast(session: Session, job: Job, expected: Expected) -> Estimate:
    method = ACTIONS[job.action].method
    return forecast(
        expected,
        bounds_of(job.pace, session.plan),
        session.governor.hand_over(now=session.clock.now()),
        together=meters_together(method),
        alone=meters_alone(method),
    )


def _plan_of(
    job: Job,
    session: Session,
    selected: Selected,
    counting: _Counting,
    opens: tuple[Opened, ...],
    denied: int,
    estimate: Estimate,
) -> Plan:
    return Plan(
        version=VERSION,
        portal=session.client.host,
        made=as_utc(session.clock.epoch()),
        job=encode_job(job),
        pages={scope: ranges.texts() for scope, ranges in counting.pages.items()},
        states={state: ranges.texts() for state, ranges in counting.states.items()},
        counts=dict(counting.counts),
        rows=tuple(
            PlanRow(site=site, folder=folder, state=state, pages=n)
            for (site, folder, state), n in counting.rows.items()
        ),
        skips=dict(counting.skips),
        opens=opens,
        denied=denied,
        duplicates=selected.duplicates,
        bad_rows=selected.bad_rows,
        problems=selected.problems,
        sha256=selected.sha256,
        estimate=estimate,
        carried=selected.carried,
        addresses=_addresses(selected.effort),
    )


def _addresses(effort: Effort) -> Addresses | None:
    if not effort.requests:
        return None
    return Addresses(asked=effort.asked, requests=effort.requests, seconds=round(effort.seconds, 3))


class _Timed:
    """Calls whose time is taken."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.calls = 0
        self.seconds = 0.0
        self.way = float("inf")
        self.has_meter: bool | None = None
        self.scope: str | None = None

    async def call(self, method: str, params: Any) -> Answer | Fault:
        began_at = self._session.clock.now()
        answer = await self._session.calls.call(method, params)
        seconds = self._session.clock.now() - began_at
        self.calls += 1
        self.seconds += seconds
        self.scope = params.get("scope")
        if isinstance(answer, Answer) and answer.timing is not None:
            self.way = min(self.way, max(0.0, seconds - answer.timing.least_duration))
            self.has_meter = answer.timing.operating is not None
        return answer


async def _expected(
    session: Session, timed: _Timed, selected: Selected, counting: _Counting, denied: int
) -> Expected:
    look_ups = timed.calls
    if not timed.calls:
        await timed.call(PAGES_METHOD, {"params": {"select": ["ID"], "limit": 1}})
    missing = counting.counts[State.MISSING]
    sent = counting.counts.total() - counting.counts[State.SKIPPED] - missing
    is_listed = selected.named is None or bool(look_ups)
    return Expected(
        together=max(0, sent - denied),
        unlisted=missing,
        look_ups=look_ups if is_listed else 0,
        look_up_seconds=timed.seconds / max(1, timed.calls),
        way=0.0 if timed.way == float("inf") else timed.way,
        billing=await _billing(session, timed),
        cost=ASSUMED_COST,
        cost_from="assumed",
    )


async def _billing(session: Session, timed: _Timed) -> Billing:
    """Who pays for a batch: one of lists tells, since each of them takes long enough to be booked."""
    if timed.has_meter is False:
        return Billing.NOBODY
    params = {
        "params[limit]": LIST_LENGTH,
        **({} if timed.scope is None else {"scope": timed.scope}),
    }
    commands = {f"l{number}": encode_command(PAGES_METHOD, params) for number in range(_PROBES)}
    # Twice: what commands cost shows on their meter only after their batch has ended.
    await session.calls.batch(commands)
    answer = await session.calls.batch(commands)
    if isinstance(answer, Fault) or answer.timing is None:
        return Billing.COMMANDS
    envelope = answer.timing.operating or 0.0
    timings = (one.timing for one in answer.commands.values() if isinstance(one, Answer))
    inner = [timing.operating or 0.0 for timing in timings if timing is not None]
    if envelope <= 0:
        return Billing.COMMANDS
    return Billing.BOTH if max(inner, default=0.0) > 0 else Billing.BATCH


def _with_cost(expected: Expected, host: str, store: Store | None, cost: float | None) -> Expected:
    if cost is not None:
        return replace(expected, cost=cost, cost_from="as given")
    measured = None if store is None else measured_cost(host, store)
    if measured is None:
        return expected
    return replace(expected, cost=measured[0], cost_from=f"as measured in run {measured[1]}")


def measured_cost(host: str, store: Store) -> tuple[float, str] | None:
    """Seconds a page in the newest run on *host* that tells them, and which run that is."""
    for run in store.runs():
        try:
            told = run.read_description()
        except BadJournal:
            continue
        if told.portal == host and told.final.cost:
            return told.final.cost, run.name
    return None


async def _opened(
    session: Session, job: Job, counting: _Counting, sites: list[Site]
) -> AsyncIterator[Opened]:
    """Sites and folders that are not online, and go online together with the pages.

    Source: docs/bitrix24.md §2: publication opens the folder, all its parents and the site.
    """
    if not ACTIONS[job.action].opens_site:
        return
    for site in sites:
        if site.is_online is False and site.may_publish is not False:
            yield Opened(kind="site", id=site.id, site=site.id, title=site.title)
    for site in sites[:_LOOKED_AT_SITES]:
        used = {folder for _, of, folder in counting.places if of == site.id and folder}
        if not used or site.may_publish is False:
            continue
        for folder in _with_parents(used, await _folders(session, site)):
            if not folder.is_online:
                yield Opened(kind="folder", id=folder.id, site=site.id, title=folder.title)


async def _folders(session: Session, site: Site) -> Folders:
    """Those of *site*; none where they can't be listed."""
    try:
        return await folders_of(session.calls, site.scope, site.id)
    except BulkPublisherError:
        return {}


def _with_parents(used: set[FolderId], folders: Folders) -> list[Folder]:
    found: dict[FolderId, Folder] = {}
    for one in sorted(used):
        at: FolderId | None = one
        while at is not None and at not in found and at in folders:
            found[at] = folders[at]
            at = folders[at].parent
    return list(found.values())
