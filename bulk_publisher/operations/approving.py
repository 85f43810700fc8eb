"""Plans that are handed in, approved by a person, and published once.

What is published is the copy that the store keeps, on the portal that it names, and no page beside its own.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher.clock import utc_now
from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.errors import BadJournal, BadSetting, NotApproved
from bulk_publisher.jobs import Job, Portal, Secret, Selection, decode_job
from bulk_publisher.model import Epoch
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.plan_file import Plan, decode_plan
from bulk_publisher.operations.planned import TellChanges, check_sent, checked_plan, plan_nothing
from bulk_publisher.operations.publishing import Finished, OnStart, begin
from bulk_publisher.sources.opening import found
from bulk_publisher.store.approvals import About, Act, Door, Proposal, check_approved
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.utc import as_utc


@dataclass(frozen=True, slots=True)
class ProposedPlan:
    """A plan as it is kept, read.

    Attributes:
        proposal: Who did what with it, and when.
        plan: What it says.
        job: What is done when it is published: with its files where they were when it was handed in, and
            without what a plan may not say, such as whom to tell.
    """

    proposal: Proposal
    plan: Plan
    job: Job


def propose(
    store: Store,
    plan: bytes,
    *,
    by: str,
    through: Door,
    where: str = "The plan",
    folders: tuple[Path, ...] = (),
) -> Proposal:
    """Hand in *plan*: the store keeps a copy, and a person may approve that.

    Args:
        plan: As a file holds it.
        by: Who does; empty where nobody knows it.
        where: It was found, as the beginning of a sentence.
        folders: Where the files that it names are looked for, in this order; empty for the current one.

    Raises:
        BadSetting: If it is no plan, or has no pages to send, or can't be kept.
    """
    read = decode_plan(plan, where)
    check_sent(read, where)
    job = decode_job(read.job)
    if "-" in job.select.files.values():
        raise BadSetting(f"{where}: its list came on standard input, and can't be read again.", "Make a plan with the list in a file.")  # fmt: skip
    about = About(
        portal=read.portal,
        portal_name=read.portal_name,
        action=job.action.value,
        pages=read.sent,
        folders=tuple(str(folder.absolute()) for folder in folders or (Path(),)),
    )
    return store.approvals.propose(plan, about, Act(by=by, at=utc_now(), through=through))


def find_plan(store: Store, name: str) -> ProposedPlan:
    """The plan that was handed in as *name*, in whichever phase it is.

    Raises:
        NotApproved: If there is none, or it is not as it was handed in.
        BadSetting: If what is kept is no plan.
        BadJournal: If it can't be read.
    """
    proposal = store.approvals.find(name)
    told = store.approvals.read_plan(name)
    if hashlib.sha256(told).hexdigest() != proposal.sha256:
        raise NotApproved(f"{name}: the copy of the plan in {store.approvals.place} was changed since it was proposed.", "Make a new plan with: bulk-publisher plan … --propose")  # fmt: skip
    plan = decode_plan(told, name)
    return ProposedPlan(proposal, plan, _job_of(plan, proposal.about.folders))


def approve(store: Store, name: str, sha256: str, *, by: str, through: Door) -> Proposal:
    """Let the plan that was handed in as *name* be published once, within 24 hours.

    Args:
        sha256: Of what the person has been shown.
        by: Who that is. On the page it must be known, and another than who has handed it in.

    Raises:
        NotApproved: If that may not be.
        BadSetting: If it can't be kept.
    """
    return store.approvals.approve(name, sha256, Act(by=by, at=utc_now(), through=through))


def find_approved(store: Store, name: str) -> ProposedPlan:
    """The plan that was handed in as *name*, which may be published now.

    Raises:
        NotApproved: If it may not.
        BadSetting: If it is no plan.
        BadJournal: If it can't be read.
    """
    check_approved(store.approvals.find(name), utc_now())
    return find_plan(store, name)


async def publish_approved(
    approved: ProposedPlan,
    entry: Entry,
    *,
    store: Store,
    by: str,
    through: Door,
    seed: int,
    watch: Watcher,
    on_start: OnStart,
    on_created: Callable[[KeptRun], None] | None = None,
    tell: TellChanges = plan_nothing,
) -> Finished:
    """Publish what *approved* says; of all who try, in whichever process, one does.

    The plan is taken at the last moment: what fails before - the portal does not answer, its list has
    changed - leaves it for another time. Who dies between that and the run has published nothing,
    and nobody does: the record names a run that is not there.

    Args:
        entry: Of the portal of ``approved.job``.
        by: Who publishes; empty where nobody knows it.
        on_created: Told the run before anything is sent.
        tell: Told what is otherwise than the plan says.

    Raises:
        NotApproved: If it may not be published, or not any more; nothing was sent.
        BulkPublisherError: As ``checked_plan`` and ``publish`` do.
    """
    proposal, warn = approved.proposal, warner(watch)
    check_approved(proposal, utc_now())
    job, selected = await checked_plan(
        approved.plan, approved.job, entry, store=store, is_strict=True, tell=tell, warn=warn
    )
    take = partial(_take, store, proposal, by, through)
    return await begin(
        job,
        selected,
        entry,
        store=store,
        seed=seed,
        watch=watch,
        on_start=on_start,
        on_created=on_created,
        claim=take,
    )


def has_begun(store: Store, proposal: Proposal) -> bool:
    """Whether the run that has taken *proposal* is there; if not, nothing of it was published."""
    try:
        return bool(proposal.run) and store.find(proposal.run).is_described
    except BadJournal:
        return False


def told_of_proposal(store: Store, proposal: Proposal) -> dict[str, Any]:
    """*proposal* as plain data, moments in ISO 8601; what it is about may be the portal's own text."""

    def act(one: Act | None) -> dict[str, Any] | None:
        return None if one is None else {"by": one.by or None, "at": as_utc(Epoch(one.at)), "through": one.through.value}  # fmt: skip

    ends_at, about = proposal.ends_at, proposal.about
    return {
        "plan": proposal.name,
        "phase": proposal.phase(utc_now()).value,
        "sha256": proposal.sha256,
        "portal": about.portal,
        "portal_name": about.portal_name,
        "action": about.action,
        "pages": about.pages,
        "proposed": act(proposal.proposed),
        "approved": act(proposal.approved),
        "approved_until": None if ends_at is None else as_utc(Epoch(ends_at)),
        "taken": act(proposal.taken),
        "run": proposal.run or None,
        "run_has_begun": has_begun(store, proposal) if proposal.run else None,
    }


def _take(store: Store, proposal: Proposal, by: str, through: Door, run: KeptRun) -> None:
    act = Act(by=by, at=utc_now(), through=through)
    store.approvals.take(proposal.name, proposal.sha256, act, run.run_id)


def _job_of(plan: Plan, folders: tuple[str, ...]) -> Job:
    """What *plan* does, from any folder.

    Whom its job would tell is for a job file to say: a plan is a file that others send.
    """
    job = decode_job(plan.job)
    expected = job.after.expected
    if expected is not None:
        expected = _place(expected, folders)
    return msgspec.structs.replace(
        job,
        select=_located(job.select, folders),
        after=msgspec.structs.replace(job.after, expected=expected),
        portal=_located_portal(job.portal, folders),
        notify=None,
        schedule=None,
    )


def _place(name: str, folders: tuple[str, ...]) -> str:
    """Where the file *name* is; in the first folder where it is in none."""
    paths = [str(Path(folder) / name) for folder in folders]
    return next(
        (path for path in paths if os.path.lexists(found(path))), paths[0] if paths else name
    )


def _located(select: Selection, folders: tuple[str, ...]) -> Selection:
    return select.with_paths(partial(_place, folders=folders))


def _located_portal(portal: Portal, folders: tuple[str, ...]) -> Portal:
    def secret(named: Secret | None) -> Secret | None:
        if named is None or named.file is None:
            return named
        return msgspec.structs.replace(named, file=_place(named.file, folders))

    def file(named: str | None) -> str | None:
        return None if named is None else _place(named, folders)

    return msgspec.structs.replace(
        portal,
        webhook=secret(portal.webhook),
        oauth=secret(portal.oauth),
        ca_file=file(portal.ca_file),
        named_in=file(portal.named_in),
    )
