"""Asks the portal whether each page of a run is as its journal says, and settles unknown ones."""

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from bulk_publisher.client.lister import LIST_LENGTH, Listers
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.session import Session
from bulk_publisher.errors import BadJournal
from bulk_publisher.jobs import Job
from bulk_publisher.model import Mono, Outcome, Scope, Status
from bulk_publisher.operations.access import (
    Entry,
    as_reached,
    ca_file_of,
    credential_of,
    session_of,
)
from bulk_publisher.operations.describing import check_portal, check_real, job_of
from bulk_publisher.operations.following import taken_down
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.portal.visits import Visits
from bulk_publisher.report.text import printable
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.verdicts import Verdict, judge
from bulk_publisher.utc import as_utc

_LISTED = 20
"""Differences that are remembered to be said; all of them are in the file."""
_VISIT_EVERY = 0.2
"""Seconds between two public addresses: five a second is less than a reader's browser asks for."""


@dataclass(slots=True)
class Verified:
    """What came of it.

    Attributes:
        down: Pages that rollbacks of the run have taken down.
        differing: Pages that are not as the journal says.
        rolled_back: Those of them that are down because of a rollback.
        first: The first of the others.
        undone: Of the others, what was done by the journal.
        again: Of the others, what can be done again, by scope.
        again_carries: Whether one of these has columns of a list.
        settled: Unknown pages that now have a verdict, by it.
        unsettled: Unknown pages that are still unknown.
        untold: Pages of which the portal can't show whether the journal is right.
        bad_urls: Pages up by the journal whose public address does not answer with 200.
        other_hosts: Public addresses that were not asked for, being elsewhere.
        first_bad_urls: The first of the pages whose address does not.
    """

    down: PageSet = field(default_factory=PageSet)
    pages: int = 0
    agreeing: int = 0
    differing: int = 0
    rolled_back: int = 0
    first: list[Verdict] = field(default_factory=list)
    undone: PageSet = field(default_factory=PageSet)
    again: dict[Scope | None, PageSet] = field(default_factory=dict)
    again_carries: bool = False
    settled: dict[Status, int] = field(default_factory=dict)
    unsettled: int = 0
    untold: int = 0
    visited: int = 0
    bad_urls: int = 0
    other_hosts: int = 0
    first_bad_urls: list[Verdict] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether of no page anything could be verified."""
        return not self.agreeing and not self.differing and not self.settled

    @property
    def status(self) -> int:
        """The exit status of a command that has asked: 1 where some differ, or nothing could be verified."""
        return int(bool(self.differing or self.bad_urls or self.is_empty))

    @property
    def agreement(self) -> str:
        """How many pages are as the journal says, in a sentence."""
        if self.agreeing < self.pages:
            return f"{self.pages:,} pages: {self.agreeing:,} match the journal, {self.differing:,} differ."
        if self.pages == 1:
            return "The page matches the journal."
        return f"All {self.pages:,} pages match the journal."

    def add(self, verdict: Verdict) -> None:
        """One more page."""
        self.pages += 1
        if verdict.status is Status.UNKNOWN:
            if verdict.verdict is Status.UNKNOWN:
                self.unsettled += 1
            else:
                self.settled[verdict.verdict] = self.settled.get(verdict.verdict, 0) + 1
        elif verdict.agrees is None:
            self.untold += 1
        elif verdict.agrees:
            self.agreeing += 1
        else:
            self._add_differing(verdict)

    def _add_differing(self, verdict: Verdict) -> None:
        self.differing += 1
        if verdict.active is False and verdict.page in self.down:
            self.rolled_back += 1
            return
        if len(self.first) < _LISTED:
            self.first.append(verdict)
        if verdict.status.is_good and is_page_id(verdict.page):
            self.undone.add(verdict.page)
        # What has failed is for a retry.
        if verdict.listed and verdict.status.is_good:
            self.again.setdefault(verdict.scope, PageSet()).add(verdict.page)
            self.again_carries |= verdict.row is not None


async def verify(
    folder: KeptRun,
    entry: Entry,
    *,
    change: Callable[[Job], Job],
    visits_urls: bool,
    on_progress: Callable[[Verified], None],
    warn: Warn = say_nothing,
) -> Verified:
    """Ask for each page of the run, 500 at a time; keep the answers, and a list of what can be done again.

    Args:
        change: What is to be otherwise than in the run's job.
        visits_urls: Ask for each public address too.
        warn: Told when the portal does not answer for a while, or the limits are not shared.

    Raises:
        RunBusy: If the run is going on.
        UsageError: If its journal can't be read, or the webhook is of another portal.
        JournalLost: If the verdicts can't be written.
    """
    credential = credential_of(entry)
    job = as_reached(_checked(folder, change, credential), entry)
    verified = Verified(taken_down(folder))
    with folder.lock():
        async with (
            session_of(job, entry, random.Random(), warn=warn) as session,
            _visits(job, credential, session, wanted=visits_urls) as visits,
        ):
            if session.warning:
                warn(session.warning)
            with folder.replace_verdicts() as keep:
                async for verdict in _verdicts(folder, session, warn):
                    seen = await _visited(verdict, visits, session, verified)
                    verified.add(seen)
                    keep(seen)
                    on_progress(verified)
        folder.write_again(verified.again)
    return verified


def _checked(folder: KeptRun, change: Callable[[Job], Job], credential: Credential) -> Job:
    """The job of a run that *credential* can verify; see ``verify``."""
    description = folder.read_description()
    job = change(job_of(folder, description))
    check_real(folder, job)
    check_portal(folder, description, credential)
    _check_lines(folder)
    return job


def _check_lines(folder: KeptRun) -> None:
    """Refuse a run without a line: that nothing differs from nothing is no success."""
    foreign = ""
    for mark in folder.marks() if folder.has_journal else ():
        if mark.run == folder.run_id:
            return
        foreign = f": they are of run {printable(mark.run)}"
    raise BadJournal(
        f"{folder.names.journal}: no line in it is of run {folder.run_id}{foreign}. There is nothing to verify.",
        f"Finish the run first with: bulk-publisher resume {folder.name}",
    )


async def _verdicts(folder: KeptRun, session: Session, warn: Warn) -> AsyncIterator[Verdict]:
    listers = Listers(session.calls.patient(warn))
    for group in _groups(folder.outcomes(), folder.run_id):
        listed = await listers.of(group[0].scope).by_id([outcome.page for outcome in group])
        time = as_utc(session.clock.epoch())
        for outcome in group:
            yield judge(outcome, listed.get(outcome.page), time=time)


def _groups(outcomes: Iterable[Outcome], run: str) -> Iterator[list[Outcome]]:
    """Up to 500 pages of one scope at a time; the scopes may take turns in the journal.

    As for a resume, the first line of a page counts.
    """
    open_groups: dict[Scope | None, list[Outcome]] = {}
    seen = PageSet()
    for outcome in outcomes:
        if outcome.run != run or (is_page_id(outcome.page) and not seen.add(outcome.page)):
            continue
        group = open_groups.setdefault(outcome.scope, [])
        group.append(outcome)
        if len(group) >= LIST_LENGTH:
            yield open_groups.pop(outcome.scope)
    yield from open_groups.values()


@asynccontextmanager
async def _visits(
    job: Job, credential: Credential, session: Session, *, wanted: bool
) -> AsyncIterator[Visits | None]:
    if not wanted:
        yield None
        return
    async with Visits(
        credential.origin,
        proxy=session.client.proxy,
        ca_file=ca_file_of(job),
        connections=1,
    ) as visits:
        yield visits


async def _visited(
    verdict: Verdict, visits: Visits | None, session: Session, verified: Verified
) -> Verdict:
    if visits is None or verdict.url is None:
        return verdict
    if not visits.is_of_host(verdict.url):
        verified.other_hosts += 1
        return verdict
    next_at = Mono(session.clock.now() + _VISIT_EVERY)
    status = await visits.status(verdict.url)
    await session.clock.sleep_until(next_at)
    verified.visited += 1
    visited = msgspec.structs.replace(verdict, url_status=status)
    if verdict.verdict is Status.PUBLISHED and status != 200:
        verified.bad_urls += 1
        if len(verified.first_bad_urls) < _LISTED:
            verified.first_bad_urls.append(visited)
    return visited
