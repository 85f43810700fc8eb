"""A job, done once: its folder, its journal, its run, and how it ended."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bulk_publisher import __version__
from bulk_publisher.app.logs import log_to
from bulk_publisher.app.selecting import Selected, check_selection
from bulk_publisher.app.session import Session, open_session
from bulk_publisher.clock import as_utc
from bulk_publisher.jobs import Job, encode_job
from bulk_publisher.journal.folder import FolderLock, RunFolder, create_folder, point_latest
from bulk_publisher.journal.record import SCHEMA_VERSION
from bulk_publisher.journal.writer import JournalWriter
from bulk_publisher.model import Epoch, Outcome
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.fold import Totals
from bulk_publisher.runner.ports import Observer, Sink
from bulk_publisher.runner.run import Ending, Run, RunSettings

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Started:
    """A run that is about to begin: what there is to know, and how to end it."""

    folder: RunFolder
    selected: Selected
    session: Session
    run: Run


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended."""

    folder: RunFolder
    selected: Selected
    totals: Totals
    ending: Ending


async def publish(
    job: Job,
    webhook: Webhook,
    *,
    runs: Path,
    seed: int,
    observer: Observer,
    on_start: Callable[[Started], None],
) -> Finished:
    """Do *job* once.

    Args:
        runs: Where the run's folder is made.
        seed: Of everything that is left to chance, so that a run can be understood afterwards.
        on_start: Told when the run begins; an interruption is asked for through what it is told.

    Raises:
        UsageError: If the selection cannot be read; nothing was sent.
        PortalUnusable: If the portal or the credential cannot be used.
        StoppedByPortal: If the portal does not answer at all.
    """
    selected = check_selection(job.select)
    rng = random.Random(seed)
    async with open_session(job, webhook, rng) as session:
        began_at = session.clock.epoch()
        folder = create_folder(runs, began_at, rng)
        with FolderLock(folder), log_to(folder.log, webhook, session.clock, run=folder.run_id):
            description = _description(folder, job, webhook, selected, session, began_at, seed)
            folder.write_description(description)
            point_latest(folder)
            with JournalWriter(folder.journal) as journal:
                counted = _Counted(journal)
                ending = await _run(job, selected, session, folder, counted, observer, on_start)
            ended_at = session.clock.epoch()
            folder.write_description({**description, **_ended(counted.totals, ending, ended_at)})
        return Finished(folder, selected, counted.totals, ending)


async def _run(
    job: Job,
    selected: Selected,
    session: Session,
    folder: RunFolder,
    sink: Sink,
    observer: Observer,
    on_start: Callable[[Started], None],
) -> Ending:
    max_failures = 1 if job.pace.fail_fast else job.pace.max_failures
    run = Run(
        RunSettings(folder.run_id, job.action, max_failures),
        session.client,
        session.governor,
        sink,
        observer,
        clock=session.clock,
        portal_clock=session.portal_clock,
        rng=session.rng,
    )
    on_start(Started(folder, selected, session, run))
    _log.info("run.started", action=job.action.value, plan=session.plan.name, job=job.name)
    ending = await run.execute(selected.pages(session.calls))
    _log.info("run.ended", is_whole=ending.is_whole, seconds=round(ending.seconds, 3))
    return ending


def _description(
    folder: RunFolder,
    job: Job,
    webhook: Webhook,
    selected: Selected,
    session: Session,
    began_at: Epoch,
    seed: int,
) -> dict[str, Any]:
    return {
        "run": folder.run_id,
        "version": __version__,
        "schema": SCHEMA_VERSION,
        "portal": webhook.host,
        "user": webhook.user,
        "plan": session.plan.name,
        "started": as_utc(began_at),
        "ended": None,
        "seed": seed,
        "job": encode_job(job),
        "selected": {
            "total": selected.total,
            "duplicates": selected.duplicates,
            "bad_rows": selected.bad_rows,
            "sha256": selected.sha256,
        },
        "totals": None,
    }


def _ended(totals: Totals, ending: Ending, ended_at: Epoch) -> Mapping[str, Any]:
    error = ending.error
    return {
        "ended": as_utc(ended_at),
        "totals": {
            "counts": {status.value: count for status, count in totals.counts.items()},
            "errors": {code: failures.count for code, failures in totals.failures.items()},
            "seconds": round(ending.seconds, 3),
            "waited": {limit.value: round(s, 3) for limit, s in ending.waited.items()},
            "is_whole": ending.is_whole,
            "is_interrupted": ending.is_interrupted,
            "stopped_by": None if error is None else {"message": error.message, "hint": error.hint},
            "stopped_sites": {str(stop.site): stop.fault.code for stop in ending.stopped_sites},
        },
    }


class _Counted:
    """A sink that counts what is on disk."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.totals = Totals()

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write, then count."""
        self._sink.append(outcomes)
        for outcome in outcomes:
            self.totals.add(outcome)
