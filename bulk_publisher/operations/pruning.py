"""Which old runs nobody needs any more, and their removal.

Rules:
    Whole runs alone, and only those that have ended. Never one that a process is at work on, that another
    run follows which stays, or that the plan of a daemon names; nor one that is for ``resume``, unless
    that is asked for.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bulk_publisher.errors import BulkPublisherError, RunBusy
from bulk_publisher.model import Epoch
from bulk_publisher.report.past import PastRun, past_run
from bulk_publisher.store.agenda import Slot, runs_of
from bulk_publisher.store.description import Description
from bulk_publisher.store.protocol import KeptRun, Store


class Needed(StrEnum):
    """Why a run that is old enough stays."""

    BUSY = "in use"
    UNFINISHED = "unfinished, for resume"
    FOLLOWED = "followed by a run that stays"
    PLANNED = "named by the daemon's plan"
    NEWEST = "among the last of its job"
    DAMAGED = "damaged, or of unknown age"


@dataclass(frozen=True, slots=True)
class Removable:
    """A run that nobody needs.

    Attributes:
        size: Bytes that it takes.
    """

    past: PastRun
    size: int


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is to be removed.

    Attributes:
        runs: The newest first: what follows a run goes before it.
        needed: Why others stay that are old enough, and how many.
    """

    runs: tuple[Removable, ...]
    needed: Mapping[Needed, int]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(one.size for one in self.runs)


def find_prunable(
    store: Store, *, before: Epoch, keep_last: int = 0, even_unfinished: bool = False
) -> Pruning:
    """The runs of *store* that ended before *before*, and that nobody needs.

    Args:
        keep_last: So many runs of each job on each portal stay, whatever their age.
        even_unfinished: Those too that ``resume`` could go on with.

    Raises:
        BadJournal: If the plan of the daemon can't be read: it may need any of them.
    """
    planned = _planned(store.agenda.read_slots())
    followed: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    removable: list[Removable] = []
    needed: Counter[Needed] = Counter()
    # The newest first, so that a run comes after all that follow it.
    for kept in store.runs():
        past = past_run(kept)
        followed_runs = () if past.description is None else _followed_by(past.description)
        seen[past.job, past.portal] += 1
        is_old = past.ended_at is not None and past.ended_at < before
        why = _why_needed(
            past,
            is_planned=kept.name in planned or kept.run_id in planned,
            is_followed=bool(followed[kept.name] or followed[kept.run_id]),
            even_unfinished=even_unfinished,
        )
        if why is None and seen[past.job, past.portal] <= keep_last:
            why = Needed.NEWEST
        if is_old and why is None:
            removable.append(Removable(past, kept.size()))
            continue
        followed.update(followed_runs)
        if why is not None and (is_old or why is Needed.DAMAGED):
            needed[why] += 1
    return Pruning(tuple(removable), needed)


def prune(pruning: Pruning) -> Iterator[tuple[Removable, BulkPublisherError | None]]:
    """Remove them, one after another; each with why it could not be, or None.

    One that somebody has gone on with meanwhile stays.
    """
    for one in pruning.runs:
        try:
            _remove(one.past.kept, one.past.description)
        except BulkPublisherError as error:
            yield one, error
        else:
            yield one, None


def _remove(kept: KeptRun, description: Description | None) -> None:
    with kept.lock():
        if kept.read_description() != description:
            raise RunBusy(f"{kept.place}: another process has gone on with it meanwhile.")
        kept.remove()


def _planned(slots: Mapping[str, Slot]) -> set[str]:
    named: set[str] = set()
    for slot in slots.values():
        if slot.firing is not None:
            named.update(runs_of(slot.firing))
        if slot.last is not None:
            named.update(slot.last.runs)
    return named


def _followed_by(description: Description) -> Sequence[str]:
    """The runs that one needs beside itself."""
    named = [description.retry_of, description.rollback_of]
    if description.following:
        named.append(description.following.run)
    return [one for one in named if one]


def _why_needed(
    past: PastRun, *, is_planned: bool, is_followed: bool, even_unfinished: bool
) -> Needed | None:
    if past.is_running:
        return Needed.BUSY
    if past.description is None or past.ended_at is None:
        return Needed.DAMAGED
    if is_planned:
        return Needed.PLANNED
    if is_followed:
        return Needed.FOLLOWED
    return Needed.UNFINISHED if past.is_for_resume and not even_unfinished else None
