"""A job, done: where it is kept, its journal, its run, and how it ended.

There is one way through, ``carry_out``, for a run that begins, that goes on, that tries pages of
another one again or takes them back; they differ in the ``Undertaking`` that they make.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bulk_publisher.client.lister import Listers
from bulk_publisher.client.notice import Warn
from bulk_publisher.client.session import Session
from bulk_publisher.clock import utc_now
from bulk_publisher.engine.core import Ending, RunSettings
from bulk_publisher.engine.events import Warned, Watcher, both, warner
from bulk_publisher.engine.ports import Look, Sink
from bulk_publisher.engine.shell import Engine
from bulk_publisher.errors import JournalLost, ListIncomplete, StoppedByPortal
from bulk_publisher.jobs import Job
from bulk_publisher.limits.decision import Limit
from bulk_publisher.log import log
from bulk_publisher.model import Page, PageId
from bulk_publisher.operations.access import Entry, credential_of, session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.attending import attend
from bulk_publisher.operations.counting import Count
from bulk_publisher.operations.deadlines import (
    check_hours,
    deadline_of,
    end_in_time,
    with_moments,
)
from bulk_publisher.operations.describing import description_of, with_ending
from bulk_publisher.operations.logs import log_to
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.operations.watching import RunWatcher
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.report.summary import Summary
from bulk_publisher.store.description import Description, Following
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.standing import Place
from bulk_publisher.store.totals import Totals


@dataclass(frozen=True, slots=True)
class Started:
    """A run that is about to begin or to go on: what there is to know, and how to end it.

    Attributes:
        kept: The run, as it is kept.
        engine: What does it, and is told to stop.
        count: Of its pages; it comes to be known while it goes on, where the portal lists them.
        totals: Of all its processes; they grow while it goes on.
        seconds: That earlier processes took.
        watcher: Says how it stands.
        portal_name: What the portal is called; None where it has no name.
    """

    kept: KeptRun
    selected: Selected
    session: Session
    engine: Engine
    count: Count
    totals: Totals
    seconds: float
    watcher: RunWatcher
    portal_name: str | None = None


@dataclass(frozen=True, slots=True)
class Finished(Summary):
    """A run that has ended; totals and ending are of all of it, not of its last process alone."""

    kept: KeptRun
    description: Description
    selected: Selected
    totals: Totals
    ending: Ending

    @property
    def status(self) -> int:
        """The exit status of a command that did it; an interruption has one of its own."""
        if self.ending.is_whole:
            return int(bool(self.totals.bad))
        return (
            StoppedByPortal.exit_status
            if self.ending.error is None
            else self.ending.error.exit_status
        )


OnStart = Callable[[Started], None]
Attend = Callable[[Started], Coroutine[Any, Any, None]]


class Keeper(Sink, Protocol):
    """Where a run is kept: a sink that knows how far a selection of the portal's is used up."""

    def watched(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """*pages*, so that a resume knows where to go on."""
        ...

    async def forget_place(self) -> None:
        """A resume begins the list anew."""
        ...


@dataclass(slots=True)
class Undertaking:
    """What is to be done, and what is known of what is done already.

    Attributes:
        kept: The run, as it is kept.
        settled: Pages that have their line, and those that are out.
        out: Pages that an earlier process had sent, and that have no line.
        place: Where a list of the portal goes on.
        seconds: That earlier processes took.
        named: Pages that its last process was to do, as far as it has come to know them.
        shortfall: Why these are not all, although the portal lists no more.
        waited: Of those, in which nothing could leave, as far as they could tell.
        warnings: What a person should know before it goes on.
    """

    kept: KeptRun
    job: Job
    selected: Selected
    description: Description
    totals: Totals = field(default_factory=Totals)
    settled: PageSet = field(default_factory=PageSet)
    out: tuple[Page, ...] = ()
    place: Place | None = None
    seconds: float = 0.0
    named: int = 0
    shortfall: ListIncomplete | None = None
    waited: dict[Limit, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def has_found_pages(self) -> bool:
        """Whether an earlier process, or an earlier run, has found pages of it on the portal."""
        return self.selected.is_proved or self.totals.pages > self.totals.bad


async def publish(
    job: Job,
    entry: Entry,
    *,
    store: Store,
    seed: int,
    watch: Watcher,
    on_start: OnStart,
) -> Finished:
    """Do *job* once.

    Args:
        store: Where the run is kept.
        seed: Of everything that is left to chance, so that a run can be understood afterwards.
        watch: Told of each event.
        on_start: Told when the run begins; an interruption is asked for through what it is told.

    Raises:
        UsageError: If the selection cannot be read, or names what is not there; nothing was sent.
        HoursOver: If it is outside of the hours in which it may send; nothing was sent.
        PortalUnusable: If the portal or the credential cannot be used, or does not answer.
    """
    selected = check_selection(job.select)
    return await begin(job, selected, entry, store=store, seed=seed, watch=watch, on_start=on_start)


async def begin(
    job: Job,
    selected: Selected,
    entry: Entry,
    *,
    store: Store,
    seed: int,
    watch: Watcher,
    on_start: OnStart,
    following: Following | None = None,
    on_created: Callable[[KeptRun], None] | None = None,
    claim: Callable[[KeptRun], None] | None = None,
) -> Finished:
    """A new run of *selected*; see ``publish``.

    Args:
        following: Which other run it follows; None for none.
        claim: Asked for leave once the run has its name, before it is there; what it raises leaves no run.
        on_created: Told the run before anything is sent.
    """
    rng, credential = random.Random(seed), credential_of(entry)
    job = with_moments(job, utc_now())
    check_hours(job.pace, utc_now())
    async with session_of(job, entry, rng, warn=warner(watch)) as session:
        selected = await find_selected(selected, session, warn=warner(watch))
        began_at = session.clock.epoch()
        with store.create(began_at, rng) as folder:
            if claim is not None:
                claim(folder)
            description = description_of(
                folder, job, credential, selected, session, began_at, seed, following
            )
            folder.begin(description)
            if on_created is not None:
                on_created(folder)
            warnings = (folder.doubt,) if folder.doubt else ()
            undertaking = Undertaking(folder, job, selected, description, warnings=warnings)
            return await carry_out(undertaking, credential, session, watch, on_start)


async def carry_out(
    undertaking: Undertaking,
    credential: Credential,
    session: Session,
    watch: Watcher,
    on_start: OnStart,
) -> Finished:
    """Do what is left of *undertaking*, whose folder is locked.

    Raises:
        JournalLost: If the journal can't be written from the start.
    """
    folder, settled_before = undertaking.kept, undertaking.totals.pages
    warn = warner(watch)

    def warn_of_store(text: str) -> None:
        watch(Warned(text, is_of_store=True))

    with (
        log_to(
            folder.open_log(),
            credential,
            session.clock,
            run=folder.run_id,
            place=folder.names.log,
            portal_name=undertaking.job.portal.name,
        ),
        folder.record(
            undertaking.totals, out=undertaking.out, place=undertaking.place, warn=warn_of_store
        ) as recording,
    ):
        if recording.torn_bytes:
            log.warning("journal.recovered", torn_bytes=recording.torn_bytes)
            torn = _torn_in_words(recording.torn_bytes)
            undertaking.warnings = (*undertaking.warnings, torn)
        ending = await go_through(undertaking, session, recording, watch, on_start, _attend)
        if ending.is_whole:
            recording.forget_all()
        named, total = settled_before + undertaking.named, undertaking.selected.total
        left = max(0, (named if total is None else total) - undertaking.totals.pages)
        _describe_end(undertaking, session, ending, warn, left=left)
    return Finished(
        folder, undertaking.description, undertaking.selected, undertaking.totals, ending
    )


async def go_through(
    undertaking: Undertaking,
    session: Session,
    keeper: Keeper,
    watch: Watcher,
    on_start: OnStart,
    attend: Attend | None = None,
) -> Ending:
    """The run itself, wherever it is kept; never raises what ends a run.

    Args:
        attend: What is done beside it until it has ended; None for nothing.
    """
    warn = warner(watch)
    kept, selected = undertaking.kept, undertaking.selected
    totals, seconds = undertaking.totals, undertaking.seconds
    count = Count(selected, undertaking.settled)
    name = undertaking.job.portal.name
    deadline = deadline_of(undertaking.job.pace, utc_now())
    stops_at = None if deadline is None else deadline.at
    watcher = RunWatcher(kept, session, count, totals, seconds, name, stops_at=stops_at)
    run = _run(undertaking, session, keeper, both(watcher, watch))
    started = Started(kept, selected, session, run, count, totals, seconds, watcher, name)
    on_start(started)
    _tell_warnings(undertaking, session, warn)
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(count.count(session.calls, session.clock))]
        if attend is not None:
            beside.append(group.create_task(attend(started)))
        if deadline is not None:
            beside.append(group.create_task(end_in_time(deadline, run.drain, session.clock)))
        ending = await run.execute(_pages(undertaking, session, keeper, count, warn))
        for task in beside:
            task.cancel()
    if undertaking.shortfall is not None:
        ending.error, ending.is_whole = ending.error or undertaking.shortfall, False
    ending.seconds += undertaking.seconds
    for limit, waited in undertaking.waited.items():
        ending.waited[limit] = ending.waited.get(limit, 0.0) + waited
    log.info("run.ended", is_whole=ending.is_whole, seconds=round(ending.seconds, 3))
    return ending


def _attend(started: Started) -> Coroutine[Any, Any, None]:
    return attend(started.kept, started.watcher, started.engine.drain, started.session.clock)


def _run(undertaking: Undertaking, session: Session, sink: Sink, watch: Watcher) -> Engine:
    job = undertaking.job
    max_failures = 1 if job.pace.fail_fast else job.pace.max_failures
    log.info(
        "run.started",
        action=job.action.value,
        plan=session.plan.name,
        job=job.name,
        settled=undertaking.totals.pages,
        out=len(undertaking.out),
    )
    return Engine(
        RunSettings(
            undertaking.kept.run_id,
            session.client.host,
            ACTIONS[job.action],
            max_failures,
            has_found_pages=undertaking.has_found_pages,
        ),
        session.client,
        session.governor,
        sink,
        watch=watch,
        clock=session.clock,
        portal_clock=session.portal_clock,
        rng=session.rng,
        look=_look(session),
        turn=session.turn,
    )


def _look(session: Session) -> Look:
    """How pages are now, by the portal's list, each scope by itself."""
    listers = Listers(session.calls)

    async def look(pages: Sequence[Page]) -> dict[PageId, Page]:
        listed: dict[PageId, Page] = {}
        for scope in {page.scope for page in pages}:
            ids = [page.id for page in pages if page.scope == scope]
            listed |= await listers.of(scope).by_id(ids)
        return listed

    return look


async def _pages(
    undertaking: Undertaking, session: Session, keeper: Keeper, count: Count, warn: Warn
) -> AsyncIterator[Page]:
    """First what an earlier process had sent, whatever the selection says of it by now.

    What the portal has listed is done also where it does not list all.
    """
    for page in undertaking.out:
        undertaking.named += 1
        yield page
    selected = undertaking.selected
    calls = session.calls.patient(warn)
    pages = selected.pages(
        calls,
        without=undertaking.settled,
        taken=len(undertaking.settled),
        place=undertaking.place,
        is_proved=undertaking.has_found_pages,
        warn=warn,
    )
    pages = count.of(pages, calls)
    try:
        async for page in keeper.watched(pages) if selected.has_place else pages:
            undertaking.named += 1
            yield page
    except ListIncomplete as error:
        undertaking.shortfall = error
        await keeper.forget_place()


def _tell_warnings(undertaking: Undertaking, session: Session, warn: Warn) -> None:
    if session.warning:
        log.warning("turn.not_kept", reason=session.doubt)
        warn(session.warning)
    for warning in undertaking.warnings:
        warn(warning)


def _torn_in_words(torn_bytes: int) -> str:
    return (
        f"The journal's last line was cut short by a crash: {torn_bytes} bytes were "
        "removed, and its page is redone."
    )


def _describe_end(
    undertaking: Undertaking, session: Session, ending: Ending, warn: Warn, *, left: int
) -> None:
    undertaking.description = with_ending(
        undertaking.description, undertaking.totals, ending, session.clock.epoch(), left=left
    )
    try:
        undertaking.kept.write_description(undertaking.description)
    except JournalLost as error:
        # The journal is the truth; what is missing here, a resume finds out by it.
        warn(
            f"{undertaking.kept.names.description}: can't record how the run ended: {error.reason}."
        )
