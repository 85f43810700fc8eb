"""What stands in ``run.json``: the run as asked for, its links, and how it ended. No secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher import __version__
from bulk_publisher.app.selecting import Selected
from bulk_publisher.app.session import Session
from bulk_publisher.clock import as_utc
from bulk_publisher.errors import BadJournal, BadSetting
from bulk_publisher.jobs import Job, Selection, decode_job, encode_job
from bulk_publisher.journal.folder import RunFolder
from bulk_publisher.journal.record import SCHEMA_VERSION
from bulk_publisher.model import Epoch, Status
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.fold import Totals
from bulk_publisher.runner.run import Ending

Description = dict[str, Any]


def description_of(
    folder: RunFolder,
    job: Job,
    webhook: Webhook,
    selected: Selected,
    session: Session,
    began_at: Epoch,
    seed: int,
) -> Description:
    """Of a run that begins."""
    return {
        "run": folder.run_id,
        "version": __version__,
        "schema": SCHEMA_VERSION,
        "portal": webhook.host,
        "user": webhook.user,
        "plan": session.plan.name,
        "limits": _limits(session),
        "started": as_utc(began_at),
        "ended": None,
        "seed": seed,
        "folder": str(Path.cwd()),
        "job": encode_job(job),
        "selected": selected.counts,
        "totals": None,
    }


def _limits(session: Session) -> Description:
    """What the run keeps within; null for what has no limit."""
    bounds = session.governor.bounds
    is_limited = bounds.capacity != float("inf")
    return {
        "capacity": bounds.capacity if is_limited else None,
        "drain": bounds.drain if is_limited else None,
        "operating": bounds.operating_limit,
    }


def ending_of(totals: Totals, ending: Ending, ended_at: Epoch, *, left: int) -> Description:
    """What is added when it has ended.

    Args:
        left: Pages that were named and have no line.
    """
    error = ending.error
    return {
        "ended": as_utc(ended_at),
        "totals": {
            "counts": {status.value: count for status, count in totals.counts.items()},
            "errors": {code: failures.count for code, failures in totals.failures.items()},
            "left": left,
            "seconds": round(ending.seconds, 3),
            "cost": _cost(totals),
            "waited": {limit.value: round(s, 3) for limit, s in ending.waited.items()},
            "is_whole": ending.is_whole,
            "is_interrupted": ending.is_interrupted,
            "stopped_by": None if error is None else {"message": error.message, "hint": error.hint},
            "stopped_sites": {str(stop.site): stop.fault.code for stop in ending.stopped_sites},
        },
    }


def _cost(totals: Totals) -> float | None:
    """Seconds of the portal's time a page that was done; null where there is none, or no account."""
    done = totals.counts[Status.PUBLISHED] + totals.counts[Status.UNPUBLISHED]
    return round(totals.duration / done, 4) if done and totals.duration else None


def write_first(folder: RunFolder, description: Description) -> None:
    """Write the description of a run of which nothing is sent yet.

    Raises:
        BadSetting: If the disk does not take it.
    """
    try:
        folder.write_description(description)
    except OSError as error:
        raise BadSetting(
            f"{folder.description}: it can't be written: {error.strerror}.",
            "Make room, or name another place with --runs or BULK_PUBLISHER_RUNS.",
        ) from error


def job_of(folder: RunFolder, description: Mapping[str, Any]) -> Job:
    """The job that a run was begun with, its CSV as seen from the current folder.

    Raises:
        BadJournal: If it is not there.
    """
    if "job" not in description or "portal" not in description:
        raise BadJournal(f"{folder.description}: it is no description of a run.")
    try:
        job = decode_job(description["job"])
    except BadJournal as error:
        raise BadJournal(f"{folder.description}: {error.message}.", error.hint) from error
    began_in = description.get("folder")
    if not isinstance(began_in, str) or Path(began_in) == Path.cwd():
        return job
    return msgspec.structs.replace(job, select=_seen_from_here(job.select, Path(began_in)))


def check_portal(folder: RunFolder, description: Mapping[str, Any], webhook: Webhook) -> None:
    """Refuse a webhook of another portal than the run's.

    Raises:
        BadSetting: If it is one.
    """
    host = description.get("portal")
    if host != webhook.host:
        raise BadSetting(
            f"Run {folder.run_id} is of {host}, and the webhook is of {webhook.host}.",
            "Give the webhook of the run's portal, in BITRIX24_WEBHOOK or with --webhook-file.",
        )


def check_real(folder: RunFolder, job: Job) -> None:
    """Refuse a run on a sandbox of its own, which is gone.

    Raises:
        BadSetting: If it was one.
    """
    if job.portal.sandbox is not None:
        raise BadSetting(
            f"Run {folder.run_id} was on a simulated portal of its own, which ended with it.",
            "To try this, start one that stays: bulk-publisher sandbox.",
        )


def _seen_from_here(select: Selection, began_in: Path) -> Selection:
    if select.csv is None or select.csv == "-":
        return select
    return msgspec.structs.replace(select, csv=str(began_in / select.csv))
