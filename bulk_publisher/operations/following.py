"""Runs that follow another one: its failed pages tried again, or what it put up taken down."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from bulk_publisher.client.paced_calls import Warn
from bulk_publisher.clock import LoopClock
from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.errors import BadSetting, BulkPublisherError
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Action, Mono, Status
from bulk_publisher.operations.describing import check_portal, check_real, job_of
from bulk_publisher.operations.publishing import Finished, OnStart, begin
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.text import in_words
from bulk_publisher.sources.earlier import (
    EarlierPages,
    find_earlier,
    is_doubtful,
    is_to_retry,
    is_to_take_back,
    status_of,
)
from bulk_publisher.sources.opening import found as named_file
from bulk_publisher.store.description import Description, Following, FollowingKind
from bulk_publisher.store.folder.files import is_there
from bulk_publisher.store.folder.reader import read_marks
from bulk_publisher.store.folder.run_folder import FolderLock, RunFolder, folder_at
from bulk_publisher.store.folder.sent import still_out
from bulk_publisher.store.record import Mark
from bulk_publisher.store.verdicts import read_verdicts
from bulk_publisher.text.shown import as_text

_LONGEST = 60.0
"""Seconds that a request goes on at the portal at most, also when whoever sent it is gone [doc]."""


@dataclass(frozen=True, slots=True)
class Found:
    """Pages of an earlier run.

    Attributes:
        unlooked: Pages that it has put online and of which nobody knows whether they were before.
        unknown: Pages of which nobody knows whether it has put them online.
        down_already: Pages that an earlier rollback has taken down.
        is_proved: The earlier run has found pages: its scope and its portal are the right ones.
    """

    pages: EarlierPages
    unlooked: PageSet = field(default_factory=PageSet)
    unknown: PageSet = field(default_factory=PageSet)
    down_already: int = 0
    is_proved: bool = False


@dataclass(frozen=True, slots=True)
class Follower:
    """A run that is about to follow another."""

    earlier: RunFolder
    following: Following
    job: Job
    found: Found

    @property
    def pages(self) -> int:
        """Pages that it is about."""
        return self.found.pages.pages

    def check_webhook(self, webhook: Webhook) -> None:
        """Refuse a webhook of another portal.

        Raises:
            BadSetting: If it is one.
        """
        check_portal(self.earlier, self.earlier.read_description(), webhook)

    async def begin(
        self, webhook: Webhook, *, runs: Path, seed: int, watch: Watcher, on_start: OnStart
    ) -> Finished:
        """Begin the run; both say in their descriptions that they belong together.

        Raises:
            BulkPublisherError: As ``publish`` does.
        """
        self.check_webhook(webhook)
        warn = warner(watch)
        await self._let_end_what_was_sent(warn)
        following = self.following
        return await begin(
            self.job,
            _selected(self.job.select, self.found),
            webhook,
            runs=runs,
            seed=seed,
            watch=watch,
            on_start=on_start,
            following=msgspec.structs.replace(following, folder=as_text(following.folder)),
            on_created=lambda folder: _link_back(self.earlier, following.kind, folder, warn),
        )

    async def _let_end_what_was_sent(self, warn: Warn) -> None:
        """A page that is taken down must not be put up afterwards by a request of a dead process."""
        if not self.found.pages.without_line:
            return
        clock = LoopClock()
        wait = _LONGEST - (clock.epoch() - self.earlier.sent.stat().st_mtime)
        if wait > 0:
            warn(
                f"The portal may still be at work on what the run has sent: waiting {in_words(wait)}."
            )
            await clock.sleep_until(Mono(clock.now() + wait))


def follow(earlier: RunFolder, following: Following, change: Callable[[Job], Job]) -> Follower:
    """Find the pages of *earlier* that *following* wants.

    Args:
        change: What is to be otherwise than in its job.

    Raises:
        RunBusy: If it is going on.
        UsageError: If it can't be followed.
    """
    job = change(job_of(earlier, earlier.read_description()))
    check_real(earlier, job)
    if following.kind is FollowingKind.ROLLBACK and job.action is not Action.PUBLISH:
        raise BadSetting(
            f"Run {earlier.run_id} took pages down: there is nothing that it put up.",
            "Publish them with: bulk-publisher publish.",
        )
    with FolderLock(earlier):
        found = _find(earlier, following)
    action = Action.UNPUBLISH if following.kind is FollowingKind.ROLLBACK else job.action
    # What was known of pages that are tried again is old by now; what is taken down needs no look.
    lookup = following.kind is FollowingKind.RETRY and job.select.lookup
    select = Selection(scope=job.select.scope, lookup=lookup)
    job = msgspec.structs.replace(job, action=action, select=select)
    return Follower(earlier, following, job, found)


def selected_again(job: Job, folder: RunFolder, description: Description) -> Selected | None:
    """The pages of a run that follows another; None for one that does not.

    Raises:
        BadJournal: If the other run can't be read.
    """
    following = description.following
    if not following:
        return None
    found = _find(_folder_of(following, folder), following, by=folder.run_id)
    return _selected(job.select, found)


def _has_found_pages(run: RunFolder) -> bool:
    """Whether *run* has found pages on the portal, or the one that it follows."""
    seen: set[Path] = set()
    while is_there(run.description) and run.path not in seen:
        seen.add(run.path)
        if is_there(run.journal) and any(mark.status.is_good for mark in read_marks(run.journal)):
            return True
        following = run.read_description().following
        if not following:
            return False
        run = _folder_of(following, run)
    return False


def _find(earlier: RunFolder, following: Following, *, by: str | None = None) -> Found:
    """The pages of *earlier* that are wanted.

    Args:
        by: The run that has begun to follow it; None for one that has not begun.
    """
    if following.kind is FollowingKind.RETRY:
        found = _find_to_retry(earlier, following)
    else:
        found = _find_to_take_down(earlier, following, taken_down(earlier, before=by))
    return replace(found, is_proved=_has_found_pages(earlier))


def _find_to_retry(earlier: RunFolder, following: Following) -> Found:
    verdicts, run = read_verdicts(earlier.verdicts), earlier.run_id

    def is_wanted(mark: Mark) -> bool:
        return is_to_retry(
            mark, run, verdicts, statuses=following.statuses, errors=following.errors
        )

    return Found(find_earlier(earlier.journal, run, is_wanted, is_newest_first=False))


def _find_to_take_down(earlier: RunFolder, following: Following, down: PageSet) -> Found:
    verdicts, run = read_verdicts(earlier.verdicts), earlier.run_id
    includes = following.includes_unknown
    down_already = 0

    def is_wanted(mark: Mark) -> bool:
        nonlocal down_already
        if not is_to_take_back(mark, run, verdicts, includes_unknown=includes):
            return False
        is_down = mark.page in down
        down_already += is_down
        return not is_down

    pages = find_earlier(earlier.journal, run, is_wanted, is_newest_first=True)
    if includes:
        out = still_out(earlier.sent, earlier.journal)
        wanted = (page for page in out if page.was_active is not True and page.id not in down)
        pages = replace(pages, without_line=tuple(wanted))
    unlooked, unknown = PageSet(), PageSet()
    for mark in read_marks(earlier.journal):
        if mark.page in down or not is_doubtful(mark, run, verdicts):
            continue
        if status_of(mark, verdicts) is Status.UNKNOWN:
            unknown.add(mark.page)
        elif not includes:
            unlooked.add(mark.page)
    return Found(pages, unlooked, unknown, down_already)


def taken_down(earlier: RunFolder, *, before: str | None = None) -> PageSet:
    """Pages that rollbacks of *earlier* have taken down.

    Args:
        before: The first rollback that does not count; None where all do.
    """
    rollbacks = earlier.read_description().rollbacks
    if before in rollbacks:
        rollbacks = rollbacks[: rollbacks.index(before)]
    journals = (RunFolder(earlier.path.parent / run).journal for run in rollbacks)
    return PageSet(
        mark.page
        for journal in journals
        if is_there(journal)
        for mark in read_marks(journal)
        if mark.status is Status.UNPUBLISHED
    )


def _selected(select: Selection, found: Found) -> Selected:
    return Selected(select, found.pages.pages, 0, 0, (), None, found.pages, found.is_proved)


def _folder_of(following: Following, folder: RunFolder) -> RunFolder:
    beside = folder.path.parent / following.run
    return folder_at(beside if beside.is_dir() else Path(named_file(following.folder)))


def _link_back(earlier: RunFolder, kind: FollowingKind, folder: RunFolder, warn: Warn) -> None:
    try:
        with FolderLock(earlier):
            description = earlier.read_description()
            if kind is FollowingKind.RETRY:
                linked = msgspec.structs.replace(
                    description, retried_by=(*description.retries, folder.run_id)
                )
            else:
                linked = msgspec.structs.replace(
                    description, rolled_back_by=(*description.rollbacks, folder.run_id)
                )
            earlier.write_description(linked)
    except (BulkPublisherError, OSError) as error:
        warn(
            f"{earlier.description}: it can't be noted there that {folder.run_id} follows it: {error}."
        )
