"""What an order is: its job, how its parts begin and are done, and what is kept of it once it has ended."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.jobs import After, Job, decode_job
from bulk_publisher.log import log
from bulk_publisher.model import Epoch
from bulk_publisher.operations.approving import find_plan
from bulk_publisher.operations.describing import check_real, job_of
from bulk_publisher.operations.many import worst
from bulk_publisher.operations.resuming import is_seen_to_by_resume
from bulk_publisher.serve.asking import Asking
from bulk_publisher.serve.beginning import (
    ApprovedBeginning,
    Beginning,
    JobBeginning,
    RetryBeginning,
)
from bulk_publisher.serve.happenings import RunEnds
from bulk_publisher.serve.part import PartDoing, Surroundings
from bulk_publisher.store import Store
from bulk_publisher.store.agenda import Order, OrderKind, Part
from bulk_publisher.store.audit import Audit, Deed
from bulk_publisher.utc import as_utc

_LONGEST = 1000


class Doing(Protocol):
    """What is done on one portal."""

    def drain(self) -> None:
        """Let what is in flight end; the rest is for the next daemon."""
        ...

    @property
    def is_at_work(self) -> bool:
        """Whether pages may be in flight."""
        ...

    def rests_beyond(self, moment: Epoch) -> bool:
        """Whether nothing of it goes on up to *moment*."""
        ...

    async def do(self) -> RunEnds | None:
        """Do it to its end; None where it was drained before."""
        ...


def job_of_order(order: Order, store: Store) -> Job:
    """The job of *order* that names none which a daemon knows.

    What it asks for afterwards is done where a run goes on, and nowhere else: as with the commands.

    Raises:
        BulkPublisherError: If it can't be told.
    """
    if order.kind is OrderKind.JOB or not order.of:
        return decode_job(order.job)
    if order.kind is OrderKind.PUBLISH:
        return alone(find_plan(store, order.of).job)
    kept = store.find(order.of)
    job = job_of(kept, kept.read_description())
    check_real(kept, job)
    is_resumed = order.kind is OrderKind.RESUME
    if is_resumed and is_seen_to_by_resume(kept, store, besides=order.name):
        return msgspec.structs.replace(job, schedule=None)
    return alone(job)


def alone(job: Job) -> Job:
    """*job* without what comes after it."""
    return msgspec.structs.replace(job, schedule=None, after=After(), notify=None)


def first_part(order: Order | None) -> Part:
    """What of *order* is done on a portal, before anything is."""
    if order is None or order.kind is not OrderKind.RESUME:
        return Part()
    return Part(run=order.of)


def call_back(order: Order | None, store: Store) -> None:
    """Take back what was asked of a run before *order* asks for it to go on.

    Raises:
        BadJournal: If the store does not answer now.
    """
    if order is None or order.kind is not OrderKind.RESUME:
        return
    try:
        kept = store.find(order.of)
        steering = None if kept.is_locked else kept.read_steering()
        # What was asked of it since stands.
        if steering is not None and steering.at <= order.submitted:
            kept.clear_steering()
    except BadJournal as error:
        # One that is gone is told of where it would go on.
        if error.is_passing:
            raise


def doing_of(
    order: Order | None,
    job: Job,
    portal: str,
    part: Part,
    around: Surroundings,
    note: Callable[[Part], None],
    places: asyncio.Semaphore,
) -> Doing:
    """What is done of *job* on one portal; see ``PartDoing``.

    Args:
        order: None for a job that its schedule asks for.
    """
    if order is not None and order.kind.only_asks:
        return Asking(order, job, portal, part, around, note, places)
    return PartDoing(job, portal, part, around, note, places, _beginning(order))


def _beginning(order: Order | None) -> Beginning:
    match None if order is None else order.kind:
        case OrderKind.RETRY if order is not None:
            return RetryBeginning(order.of)
        case OrderKind.PUBLISH if order is not None:
            return ApprovedBeginning(order.of, order.by)
        case _:
            return JobBeginning()


def write_down(audit: Audit, order: Order, ends: Sequence[RunEnds], *, at: Epoch) -> None:
    """Keep what has come of *order*, beside who has asked for it."""
    if order.kind is OrderKind.JOB:
        return
    status = worst(one.status for one in ends)
    words = "; ".join(_in_words(one) for one in ends)
    deed = Deed(
        at=as_utc(at),
        who=order.by,
        proof="order",
        role="",
        address="",
        what=order.kind.value,
        target=order.of or order.known,
        outcome="failed" if status > 1 else "done",
        status=status,
        note=words[:_LONGEST],
    )
    try:
        audit.append(deed)
    except JournalLost as error:
        # What was done was done; the store's disk says so by other ways, too.
        log.error("audit.lost", what=deed.what, who=deed.who, reason=error.reason)


def _in_words(ends: RunEnds) -> str:
    where = f"{ends.portal}: " if ends.portal else ""
    if ends.kind.only_asks:
        return f"{where}{ends.why} {ends.hint}".strip()
    why = f": {ends.why} {ends.hint}".rstrip(": ") if ends.why else ""
    return f"{where}run {ends.run or '-'} ended with status {ends.status}{why}"
