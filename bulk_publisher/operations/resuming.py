"""Goes on with a run where it stopped: what has a line is settled, what was out goes first."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

import msgspec

from bulk_publisher.client.session import Session
from bulk_publisher.clock import utc_now
from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.errors import BadJournal, BadSetting
from bulk_publisher.jobs import WAYS_IN, Job, encode_job
from bulk_publisher.limits.decision import Limit
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.operations.access import Entry, credential_of, session_of
from bulk_publisher.operations.addressed import find_addressed
from bulk_publisher.operations.deadlines import check_hours, with_moments
from bulk_publisher.operations.describing import check_portal, check_real, job_of, names_pages
from bulk_publisher.operations.following import selected_again
from bulk_publisher.operations.publishing import Finished, OnStart, Undertaking, carry_out
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.report.story import parse_time, seconds_at_work
from bulk_publisher.report.text import printable
from bulk_publisher.store.agenda import runs_of
from bulk_publisher.store.description import Description, Resumption
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.standing import Standing
from bulk_publisher.store.totals import Totals
from bulk_publisher.utc import as_utc

Given = Callable[[Job], Selected]
"""The pages of a job that a program names."""

_REMEMBERED = 600.0
"""Seconds for which the portal's meters remember [doc]."""
_STEP = 10.0
"""Seconds of the journal that are told to the limits as one."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """A run that is locked and read, ready to go on.

    Attributes:
        was_changed: The CSV that it takes its pages from is not as it was when it began.
    """

    undertaking: Undertaking
    was_changed: bool

    @property
    def kept(self) -> KeptRun:
        """The run, as it is kept."""
        return self.undertaking.kept

    @property
    def settled(self) -> int:
        """Pages that have their line."""
        return self.undertaking.totals.pages

    async def go_on(
        self, entry: Entry, *, seed: int, watch: Watcher, on_start: OnStart
    ) -> Finished:
        """Do the rest.

        Raises:
            BadSetting: If the webhook is of another portal.
            HoursOver: If it is outside of the hours in which it may send; nothing was sent.
            BulkPublisherError: As ``publish`` does.
        """
        undertaking, credential = self.undertaking, credential_of(entry)
        check_hours(undertaking.job.pace, utc_now())
        check_portal(self.kept, undertaking.description, credential)
        rng = random.Random(seed)
        async with session_of(undertaking.job, entry, rng, warn=warner(watch)) as session:
            _remind(session, self.kept)
            undertaking.selected = await find_addressed(
                undertaking.selected, session, warn=warner(watch), is_strict=False
            )
            description = undertaking.description
            resumed = Resumption(
                at=as_utc(session.clock.epoch()),
                seed=seed,
                seconds=round(undertaking.seconds, 3),
                ended=description.ended,
            )
            undertaking.description = msgspec.structs.replace(
                description,
                resumed=(*description.resumptions, resumed),
                ended=None,
                # A list may have grown since.
                selected=undertaking.selected.counts,
            )
            self.kept.write_description(undertaking.description)
            return await carry_out(undertaking, credential, session, watch, on_start)


def is_seen_to_by_resume(kept: KeptRun, store: Store, *, besides: str = "") -> bool:
    """Whether who goes on with *kept* does what its job asks for afterwards, and tells whom it names.

    A retry and a rollback have the job of the run that they follow, and none of that. What a daemon has
    begun it brings to its end itself, as soon as the run has ended.

    Args:
        besides: The order by which a daemon goes on with it itself; empty for none.
    """
    description = kept.read_description()
    if description.following or description.retry_of or description.rollback_of:
        return False
    try:
        slots = store.agenda.read_slots()
    except BadJournal:
        # No daemon can go on by a plan that is damaged.
        return True
    firings = (slot.firing for name, slot in slots.items() if name != besides)
    return not any(kept.run_id in runs_of(firing) for firing in firings if firing is not None)


def status_of_whole(folder: KeptRun) -> int | None:
    """The exit status of a run that is whole, and has its lines still; None for one that is not.

    Raises:
        BadJournal: If its description or its journal cannot be read.
    """
    description = folder.read_description()
    if description.ended is None or not description.is_whole:
        return None
    totals, standing = _read_journal(folder)
    _check_name(folder, standing)
    is_all_there = totals.pages + standing.impossible >= description.final.pages
    return int(bool(totals.bad)) if is_all_there else None


def _check_name(folder: KeptRun, standing: Standing) -> None:
    """Refuse a journal of which no line is the run's own: all of it would be done once more."""
    if standing.foreign and not standing.settled:
        raise BadJournal(
            f"{folder.names.journal}: its lines are of run {printable(standing.foreign_run)}, but {PurePath(folder.names.description).name} is of run {folder.run_id}.",
            "Put the files of one run back together, or start a new run.",
        )


@contextmanager
def reopened(
    folder: KeptRun, changes: Mapping[str, Any], given: Given | None = None
) -> Iterator[Reopened]:
    """Lock the folder and read how far its run has come.

    Args:
        changes: What is to be otherwise than the job says: values of ``portal`` and ``pace``.
        given: Its pages, where a program names them; None where the run itself tells.

    Raises:
        RunBusy: If another process is at work in it.
        UsageError: If the run can't go on.
        JournalLost: If nothing can be written there.
    """
    asked = with_changes(job_of(folder, folder.read_description()), changes)
    job = _with_moments(asked, changes)
    check_real(folder, job)
    with folder.lock():
        # Read again: only now nobody else writes it.
        description = folder.read_description()
        if changes:
            description = description.with_job(encode_job(job))
        totals, standing = _read_journal(folder)
        _check_name(folder, standing)
        selected = _selected_again(job, folder, description, given)
        warnings = [folder.doubt] if folder.doubt else []
        if job.pace.stop_at is None and asked.pace.stop_at is not None:
            stop_at = asked.pace.stop_at
            warnings.append(f"The time to stop at, {stop_at}, is past and no longer counts.")
        if folder.is_copy:
            warnings.append(copy_in_words(folder))
        undertaking = Undertaking(
            folder,
            job,
            selected,
            description,
            totals,
            standing.settled,
            warnings=(*warnings, *_warnings(standing, description.final.pages)),
        )
        _find_out(undertaking)
        undertaking.seconds = seconds_at_work(description, last_at=_last_at(folder))
        undertaking.waited = _waited_so_far(description)
        yield Reopened(undertaking, was_changed=selected.sha256 != description.selected.sha256)


def _with_moments(asked: Job, changes: Mapping[str, Any]) -> Job:
    # A time to stop at that is new must be to come; the run's own has ended an earlier process.
    is_own = changes.get("pace", {}).get("stop_at") is None
    return with_moments(asked, utc_now(), forgets_past=is_own)


def _selected_again(
    job: Job, folder: KeptRun, description: Description, given: Given | None
) -> Selected:
    is_named = names_pages(description.job_data or {})
    if not description.following and not is_named:
        if given is None:
            raise BadSetting(
                f"The pages of run {folder.run_id} were named by a program, and only it knows them.",
                "Let that program resume it and name them again.",
            )
        return given(job)
    return selected_again(job, folder, description) or check_selection(job.select)


def copy_in_words(folder: KeptRun) -> str:
    """Whose folder it is that has another name than its run."""
    return (
        f"{folder.place} is a copy of run {folder.run_id}, or that run renamed: what is done here "
        "is not known to other copies."
    )


def with_changes(job: Job, changes: Mapping[str, Any]) -> Job:
    """*job* with other values of ``portal`` and ``pace``; another way into the portal replaces its own.

    Raises:
        BadSetting: If a file of named portals is given, and no name.
    """
    changed, portals = changes.get("portal", {}), job.portals
    if any(changed.get(way) is not None for way in WAYS_IN):
        changed = {**dict.fromkeys((*WAYS_IN, "named_in")), **changed}
        portals = ()
    portal = msgspec.structs.replace(job.portal, **changed)
    if portal.named_in is not None and not any((portal.name, portal.portals, portal.portals_file)):
        raise BadSetting("--portals needs --portal NAME: the run's own portal has no name.")
    pace = msgspec.structs.replace(job.pace, **changes.get("pace", {}))
    return msgspec.structs.replace(job, portal=portal, portals=portals, pace=pace)


def _find_out(undertaking: Undertaking) -> None:
    """What was out is sent first, and whatever comes of it: it may be done already."""
    noted, undertaking.place = undertaking.kept.read_notes()
    settled = undertaking.settled
    undertaking.out = tuple(
        msgspec.structs.replace(page, may_be_done=True, skip=None)
        for page in noted.values()
        if page.id not in settled
    )
    for page in undertaking.out:
        settled.add(page.id)


def _read_journal(folder: KeptRun) -> tuple[Totals, Standing]:
    totals = Totals()
    standing = folder.read_standing(totals.add)
    totals.counts.update(standing.good)
    totals.duration += standing.duration
    totals.repeated += standing.repeated
    return totals, standing


def _warnings(standing: Standing, counted: int) -> Iterator[str]:
    if len(standing.settled) + standing.impossible < counted:
        yield (
            f"{counted:,} pages were in the journal when the run ended, {len(standing.settled):,} are now:"
            " the others are redone if the selection still names them."
        )
    if standing.foreign:
        yield f"{standing.foreign:,} lines of the journal are of other runs: kept, but not counted."
    if standing.impossible:
        n = standing.impossible
        lines = "1 line of the journal names" if n == 1 else f"{n:,} lines of the journal name"
        yield (
            f"{lines} an impossible page ID, the first in line {standing.first_impossible}:"
            " kept, but not counted."
        )
    if standing.doubled:
        yield f"{standing.doubled:,} lines of the journal repeat a page: the first line counts."


def _remind(session: Session, folder: KeptRun) -> None:
    """Tell the limits what this run has spent in the last ten minutes."""
    now, now_epoch = session.clock.now(), session.clock.epoch()
    since = as_utc(Epoch(now_epoch - _REMEMBERED))
    steps: dict[int, float] = {}
    last = None
    try:
        for spent in folder.spent_since(since) if folder.has_journal else ():
            at = min(datetime.fromisoformat(spent.time).timestamp(), now_epoch)
            last = at if last is None else last
            steps[int(at // _STEP)] = steps.get(int(at // _STEP), 0.0) + (spent.operating or 0.0)
    except (ValueError, OverflowError) as error:
        raise BadJournal(f"{folder.names.journal}: a line's time is damaged: {error}.") from error
    if last is None:
        return
    ended = ((min((step + 1) * _STEP, now_epoch), seconds) for step, seconds in steps.items())
    # It may have been full when the earlier process sent its last request.
    session.client.door.raise_to(session.plan.capacity - (now_epoch - last) * session.plan.drain)
    session.governor.on_resumed(
        [(Mono(now + at - now_epoch), seconds) for at, seconds in ended],
        last_sent_at=Mono(now + last - now_epoch),
        now=now,
    )


def _last_at(folder: KeptRun) -> float:
    """When the journal's newest line was written, in UTC seconds; 0 where there is none."""
    if not folder.has_journal:
        return 0.0
    last = next(folder.spent_since(""), None)
    return 0.0 if last is None else parse_time(last.time)


def _waited_so_far(description: Description) -> dict[Limit, float]:
    waited = description.final.waited
    return {limit: waited[limit.value] for limit in Limit if limit.value in waited}
