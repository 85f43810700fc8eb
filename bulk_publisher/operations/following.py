"""Runs that follow another one: its failed pages tried again, or what it put up taken down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import msgspec

from bulk_publisher.client.notice import Warn
from bulk_publisher.clock import LoopClock
from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.errors import BadSetting, BulkPublisherError, JournalLost
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Mono, Status
from bulk_publisher.operations.access import Entry, credential_of
from bulk_publisher.operations.describing import check_portal, check_real, job_of
from bulk_publisher.operations.publishing import Finished, OnStart, begin
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.report.text import in_words
from bulk_publisher.sources.earlier import (
    EarlierPages,
    is_doubtful,
    is_to_retry,
    is_to_take_back,
    status_of,
)
from bulk_publisher.sources.opening import found as named_file
from bulk_publisher.store.description import Description, Following, FollowingKind
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.record import Mark
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

    earlier: KeptRun
    following: Following
    job: Job
    found: Found

    @property
    def pages(self) -> int:
        """Pages that it is about."""
        return self.found.pages.pages

    def check_webhook(self, credential: Credential) -> None:
        """Refuse a webhook of another portal.

        Raises:
            BadSetting: If it is one.
        """
        check_portal(self.earlier, self.earlier.read_description(), credential)

    async def begin(
        self,
        entry: Entry,
        *,
        store: Store,
        seed: int,
        watch: Watcher,
        on_start: OnStart,
        on_created: Callable[[KeptRun], None] = lambda _: None,
    ) -> Finished:
        """Begin the run; both say in their descriptions that they belong together.

        Args:
            on_created: Told the run before anything is sent.

        Raises:
            BulkPublisherError: As ``publish`` does.
        """
        self.check_webhook(credential_of(entry))
        warn = warner(watch)
        await self._let_end_what_was_sent(warn)
        following = self.following

        def note(folder: KeptRun) -> None:
            on_created(folder)
            _link_back(self.earlier, following.kind, folder, warn)

        return await begin(
            self.job,
            _selected(self.job.select, self.found),
            entry,
            store=store,
            seed=seed,
            watch=watch,
            on_start=on_start,
            following=msgspec.structs.replace(following, folder=as_text(following.folder)),
            on_created=note,
        )

    async def _let_end_what_was_sent(self, warn: Warn) -> None:
        """A page that is taken down must not be put up afterwards by a request of a dead process."""
        if not self.found.pages.without_line:
            return
        clock = LoopClock()
        wait = _LONGEST - (clock.epoch() - self.earlier.noted_at())
        if wait > 0:
            warn(f"The portal may still be at work on what the run sent: waiting {in_words(wait)}.")
            await clock.sleep_until(Mono(clock.now() + wait))


def retry_of(
    earlier: KeptRun, *, statuses: Iterable[Status | str] = (), errors: Iterable[str] = ()
) -> Following:
    """To try the failed and unknown pages of *earlier* again.

    Args:
        statuses: Only these; empty for both.
        errors: Only pages with these codes, in whatever case; empty for all.
    """
    return Following(
        kind=FollowingKind.RETRY,
        run=earlier.name,
        folder=earlier.address,
        statuses=tuple(map(Status, statuses)),
        errors=tuple(code.upper().partition("[")[0] for code in errors),
    )


def rollback_of(earlier: KeptRun, *, includes_unknown: bool) -> Following:
    """To take down what *earlier* has put up; see ``Following``."""
    return Following(
        kind=FollowingKind.ROLLBACK,
        run=earlier.name,
        folder=earlier.address,
        includes_unknown=includes_unknown,
    )


def follow(earlier: KeptRun, following: Following, change: Callable[[Job], Job]) -> Follower:
    """Find the pages of *earlier* that *following* wants.

    Args:
        change: What is to be otherwise than in its job.

    Raises:
        RunBusy: If it is going on.
        UsageError: If it can't be followed.
    """
    job = change(job_of(earlier, earlier.read_description()))
    check_real(earlier, job)
    action = job.action if following.kind is FollowingKind.RETRY else ACTIONS[job.action].inverse
    if action is None:
        raise BadSetting(
            f"Run {earlier.run_id} took pages down; it put none online.",
            "Publish them with: bulk-publisher publish.",
        )
    with earlier.lock():
        found = _find(earlier, following)
    # What was known of pages that are tried again is old by now; what is taken down needs no look.
    lookup = following.kind is FollowingKind.RETRY and job.select.lookup
    select = Selection(scope=job.select.scope, lookup=lookup)
    job = msgspec.structs.replace(job, action=action, select=select)
    return Follower(earlier, following, job, found)


def count_followed(earlier: KeptRun, following: Following) -> int:
    """How many pages of *earlier* ``follow`` would find now; nobody is kept from it meanwhile.

    Raises:
        UsageError: If it can't be read.
    """
    return _find(earlier, following).pages.pages if earlier.has_journal else 0


def selected_again(job: Job, folder: KeptRun, description: Description) -> Selected | None:
    """The pages of a run that follows another; None for one that does not.

    Raises:
        BadJournal: If the other run can't be read.
    """
    following = description.following
    if not following:
        return None
    found = _find(_folder_of(following, folder), following, by=folder.run_id)
    return _selected(job.select, found)


def _has_found_pages(run: KeptRun) -> bool:
    """Whether *run* has found pages on the portal, or the one that it follows."""
    seen: set[str] = set()
    while run.is_described and run.place not in seen:
        seen.add(run.place)
        if run.has_journal and any(mark.status.is_good for mark in run.marks()):
            return True
        following = run.read_description().following
        if not following:
            return False
        run = _folder_of(following, run)
    return False


def _find(earlier: KeptRun, following: Following, *, by: str | None = None) -> Found:
    """The pages of *earlier* that are wanted.

    Args:
        by: The run that has begun to follow it; None for one that has not begun.
    """
    if following.kind is FollowingKind.RETRY:
        found = _find_to_retry(earlier, following)
    else:
        found = _find_to_take_down(earlier, following, taken_down(earlier, before=by))
    return replace(found, is_proved=_has_found_pages(earlier))


def _find_to_retry(earlier: KeptRun, following: Following) -> Found:
    verdicts, run = earlier.read_verdicts(), earlier.run_id

    def is_wanted(mark: Mark) -> bool:
        return is_to_retry(
            mark, run, verdicts, statuses=following.statuses, errors=following.errors
        )

    return Found(EarlierPages(earlier.find_lines(is_wanted), is_newest_first=False))


def _find_to_take_down(earlier: KeptRun, following: Following, down: PageSet) -> Found:
    verdicts, run = earlier.read_verdicts(), earlier.run_id
    includes = following.includes_unknown
    down_already = 0

    def is_wanted(mark: Mark) -> bool:
        nonlocal down_already
        if not is_to_take_back(mark, run, verdicts, includes_unknown=includes):
            return False
        is_down = mark.page in down
        down_already += is_down
        return not is_down

    pages = EarlierPages(earlier.find_lines(is_wanted), is_newest_first=True)
    if includes:
        out = earlier.still_out()
        wanted = (page for page in out if page.was_active is not True and page.id not in down)
        pages = replace(pages, without_line=tuple(wanted))
    unlooked, unknown = PageSet(), PageSet()
    for mark in earlier.marks():
        if mark.page in down or not is_doubtful(mark, run, verdicts):
            continue
        if status_of(mark, verdicts) is Status.UNKNOWN:
            unknown.add(mark.page)
        elif not includes:
            unlooked.add(mark.page)
    return Found(pages, unlooked, unknown, down_already)


def taken_down(earlier: KeptRun, *, before: str | None = None) -> PageSet:
    """Pages that rollbacks of *earlier* have taken down.

    Args:
        before: The first rollback that does not count; None where all do.
    """
    rollbacks = earlier.read_description().rollbacks
    if before in rollbacks:
        rollbacks = rollbacks[: rollbacks.index(before)]
    runs = (earlier.beside(name) for name in rollbacks)
    return PageSet(
        mark.page
        for run in runs
        if run.has_journal
        for mark in run.marks()
        if mark.status is Status.UNPUBLISHED
    )


def _selected(select: Selection, found: Found) -> Selected:
    return Selected(select, found.pages.pages, named=found.pages, is_proved=found.is_proved)


def _folder_of(following: Following, folder: KeptRun) -> KeptRun:
    return folder.beside(following.run, named_file(following.folder))


def _link_back(earlier: KeptRun, kind: FollowingKind, folder: KeptRun, warn: Warn) -> None:
    try:
        with earlier.lock():
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
    except BulkPublisherError as error:
        warn(
            f"{earlier.names.description}: can't note there that {folder.run_id} follows it: {_why(error)}."
        )


def _why(error: BulkPublisherError) -> str:
    return error.reason if isinstance(error, JournalLost) and error.reason else error.message
