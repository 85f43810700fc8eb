"""What a run writes into its description, and what others do with what stands there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from bulk_publisher import __version__
from bulk_publisher.client.session import Session
from bulk_publisher.engine.core import Ending
from bulk_publisher.errors import BadJournal, BadSetting, BulkPublisherError, HoursOver
from bulk_publisher.jobs import Job, decode_job, encode_job
from bulk_publisher.jobs.job_file import after_beside, notify_beside
from bulk_publisher.jobs.rules import WAYS
from bulk_publisher.model import Epoch
from bulk_publisher.operations.secrets import kind_of
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.store.description import (
    Description,
    FinalTotals,
    Following,
    FollowingKind,
    KeptLimits,
    StoppedBy,
)
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.record import SCHEMA_VERSION
from bulk_publisher.store.totals import Totals
from bulk_publisher.text.shown import as_text
from bulk_publisher.utc import as_utc


def description_of(
    folder: KeptRun,
    job: Job,
    credential: Credential,
    selected: Selected,
    session: Session,
    began_at: Epoch,
    seed: int,
    following: Following | None = None,
) -> Description:
    """Of a run that begins.

    Args:
        following: Which other run it follows; None for none.
    """
    description = Description(
        run=folder.run_id,
        version=__version__,
        schema=SCHEMA_VERSION,
        portal=credential.host,
        user=credential.user,
        plan=session.plan.name,
        limits=_limits(session),
        started=as_utc(began_at),
        seed=seed,
        folder=as_text(str(Path.cwd())),
        selected=selected.counts,
    ).with_job(encode_job(job))
    if following is None:
        return description
    link = "retry_of" if following.kind is FollowingKind.RETRY else "rollback_of"
    return msgspec.structs.replace(description, following=following, **{link: following.run})


def _limits(session: Session) -> KeptLimits:
    bounds = session.governor.bounds
    is_limited = bounds.capacity != float("inf")
    return KeptLimits(
        capacity=bounds.capacity if is_limited else None,
        drain=bounds.drain if is_limited else None,
        operating=bounds.operating_limit,
    )


def with_ending(
    description: Description, totals: Totals, ending: Ending, ended_at: Epoch, *, left: int
) -> Description:
    """*description* when its run has ended.

    Args:
        left: Pages that were named and have no line.
    """
    error = ending.error
    final = FinalTotals(
        counts=dict(totals.counts),
        errors={code: failures.count for code, failures in totals.failures.items()},
        left=left,
        seconds=round(ending.seconds, 3),
        cost=_cost(totals),
        waited={limit.value: round(s, 3) for limit, s in ending.waited.items()},
        is_whole=ending.is_whole,
        is_interrupted=ending.is_interrupted,
        stopped_by=None if error is None else _stop(error),
        stopped_sites={str(stop.site): stop.fault.code for stop in ending.stopped_sites},
    )
    return msgspec.structs.replace(description, ended=as_utc(ended_at), totals=final)


def _stop(error: BulkPublisherError) -> StoppedBy:
    is_for_resume = UNSET if error.is_for_resume else False
    opens_at = error.opens_at if isinstance(error, HoursOver) else None
    return StoppedBy(
        message=error.message,
        hint=error.hint,
        is_for_resume=is_for_resume,
        opens_at=UNSET if opens_at is None else as_utc(Epoch(opens_at)),
    )


def _cost(totals: Totals) -> float | None:
    """Seconds of the portal's time a page that was done; null where there is none, or no account."""
    done = sum(totals.counts[spec.done] for spec in ACTIONS.values())
    return round(totals.duration / done, 4) if done and totals.duration else None


def job_of(folder: KeptRun, description: Description) -> Job:
    """The job that a run was begun with, its list as seen from the current folder.

    Raises:
        BadJournal: If it is not there, or says what no job may say.
    """
    if description.job_data is None or description.portal is None:
        raise BadJournal(f"{folder.names.description}: not a run description.")
    try:
        # Who follows another run takes its pages from there.
        selects = not description.following and names_pages(description.job_data)
        job = decode_job(description.job_data, selects=selects)
    except BadJournal as error:
        raise BadJournal(f"{folder.names.description}: {error.message}.", error.hint) from error
    began_in = description.folder
    if began_in is None or began_in == as_text(str(Path.cwd())):
        return job
    portal = job.portal
    if portal.named_in is not None:
        named_in = str(Path(began_in) / portal.named_in)
        portal = msgspec.structs.replace(portal, named_in=named_in)
    select = job.select.with_paths(lambda path: str(Path(began_in) / path))
    after = after_beside(job.after, Path(began_in))
    notify = None if job.notify is None else notify_beside(job.notify, Path(began_in))
    return msgspec.structs.replace(job, portal=portal, select=select, after=after, notify=notify)


def names_pages(data: Mapping[str, Any]) -> bool:
    """Whether the job *data* says which pages; where a program has named them, it does not."""
    select = data.get("select")
    return not isinstance(select, dict) or any(select.get(key) for key in (*WAYS, "scope"))


def check_portal(folder: KeptRun, description: Description, credential: Credential) -> None:
    """Refuse a webhook of another portal than the run's.

    Raises:
        BadSetting: If it is one.
    """
    if description.portal != credential.host:
        raise BadSetting(
            f"Run {folder.run_id} is for {description.portal}, but the {kind_of(credential)} is for {credential.host}.",
            "Use a credential of the run's portal: in BITRIX24_WEBHOOK, with --webhook-file, --oauth-file or --portal.",
        )


def check_real(folder: KeptRun, job: Job) -> None:
    """Refuse a run on a sandbox of its own, which is gone.

    Raises:
        BadSetting: If it was one.
    """
    if job.portal.sandbox is not None:
        raise BadSetting(
            f"Run {folder.run_id} was on a simulated portal of its own, which ended with it.",
            "To try this, start one that lasts: bulk-publisher sandbox.",
        )
