"""Jobs on many portals from the command line: signals, progress, summary and exit status around them all."""

import asyncio
import math
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

from bulk_publisher.cli.commands.doing import check_sense, open_credential
from bulk_publisher.cli.commands.interruption import (
    Interruption,
    how_to_quit,
    words_of_fault,
)
from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.commands.telling import tell_end, with_notices
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.crowd import Row
from bulk_publisher.cli.progress.crowd_ending import go_on_lines, summary_of_all, summary_table
from bulk_publisher.cli.progress.crowd_progress import CrowdProgress
from bulk_publisher.cli.progress.showing import crowd_for
from bulk_publisher.errors import FAULT_OF_OURS, BadSetting, RunBusy
from bulk_publisher.jobs import Job, Selection, by_portal
from bulk_publisher.log import log
from bulk_publisher.operations.many import ManyRuns, PortalEnd, PortalJob, worst
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.report.text import in_words, pages_in_words
from bulk_publisher.store import open_store, shared_state
from bulk_publisher.text.escaping import printable

_NAMED = 5
"""Portals in a line."""


@dataclass(frozen=True, slots=True)
class AskedJob:
    """A job file, and the job in it as it is asked for."""

    path: Path
    job: Job


def use_all_descriptors() -> None:
    """Open as many files and connections as this process may: hundreds of portals need thousands."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def portal_jobs(asked: AskedJob, refusal: RunBusy | None = None) -> list[PortalJob]:
    """The job on each of its portals.

    Args:
        refusal: Why it can't be begun; None where it can.

    Raises:
        UsageError: If it can't be meant, or its portals can't be told.
    """
    check_sense(asked.job)
    jobs = by_portal(asked.job, os.environ)
    return [PortalJob(job, portal, refusal) for portal, job in jobs.items()]


def run_many(asked: Sequence[AskedJob], output: Output, *, runs: Runs, parallel: int) -> int:
    """Do the jobs on all of their portals; gives the exit status.

    All files are read through before anything is sent.

    Raises:
        UsageError: If one of them can't be begun as asked.
    """
    if output.metrics_port is not None:
        raise BadSetting("--metrics-port shows one run, and these are many.", "Leave it out.")
    selected = _checked([one.job for one in asked])
    use_all_descriptors()
    with _held(asked, runs) as jobs:
        output.open_log()
        _tell_begin(asked, output, runs)
        doing = _DoingMany(jobs, selected, output, runs=runs, parallel=parallel)
        status = asyncio.run(doing.do())
        for one in asked:
            _tell_end(
                one.job,
                [end for end in doing.ends if end.of.job.name == one.job.name],
                output,
                runs,
            )
        return status


def _tell_begin(asked: Sequence[AskedJob], output: Output, runs: Runs) -> None:
    for one in asked:
        if one.job.notify is not None:
            begins = methodcaller("begins", one.job)
            with_notices(output, runs, begins, open_credential)


def _tell_end(job: Job, ends: Sequence[PortalEnd], output: Output, runs: Runs) -> None:
    """One message of a job, however many portals it is for."""
    if job.notify is None or not ends:
        return
    from bulk_publisher.notices.runs_told import job_ended

    tell_end(job, job_ended(ends, kept=None), output, runs, open_credential)


def _checked(jobs: Sequence[Job]) -> dict[Selection, Selected]:
    """Their selections, each once, however many portals it is for."""
    selections = dict.fromkeys(job.select for job in jobs if job.select.plan is None)
    return {select: check_selection(select) for select in selections}


@contextmanager
def _held(asked: Sequence[AskedJob], runs: Runs) -> Iterator[list[PortalJob]]:
    """The jobs, while nobody else does them; those of a file that somebody does just now can't be begun."""
    state = shared_state(runs, os.environ)
    jobs: list[PortalJob] = []
    with ExitStack() as stack:
        for one in asked:
            refusal = None
            try:
                stack.enter_context(state.alone(one.path))
            except RunBusy as busy:
                refusal = busy
            jobs += portal_jobs(one, refusal)
        yield jobs


class _DoingMany:
    """Many runs that are being done, and how they are interrupted."""

    def __init__(
        self,
        jobs: list[PortalJob],
        selected: dict[Selection, Selected],
        output: Output,
        *,
        runs: Runs,
        parallel: int,
    ) -> None:
        state = shared_state(runs, os.environ)
        self._output = output
        self._progress: CrowdProgress = crowd_for(output, jobs)
        self._runs = ManyRuns(
            jobs,
            entrance=lambda job: open_credential(job, output, state),
            store=open_store(runs),
            parallel=parallel,
            onlooker=self._progress,
            selected=selected,
        )
        self._interruption = Interruption(self._interrupt)
        self._has_told_of_fault = False
        self._task: asyncio.Task[None] | None = None

    @property
    def ends(self) -> list[PortalEnd]:
        """How those have ended that have."""
        rows = self._progress.crowd.rows.values()
        return [row.end for row in rows if row.end is not None]

    async def do(self) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._note_fault(context))
        self._interruption.listen()
        self._progress.start()
        try:
            async with asyncio.TaskGroup() as group:
                self._task = group.create_task(self._runs.do())
        except* asyncio.CancelledError:
            pass
        finally:
            self._progress.finish()
        return self._end()

    def _interrupt(self, number: signal.Signals, is_first: bool) -> None:
        if is_first:
            self._progress.warn(self._stopping(number))
            self._runs.drain()
        elif self._task is not None:
            self._task.cancel()

    def _note_fault(self, context: dict[str, Any]) -> None:
        """Something beside the runs has failed, which ends none of them: a line says so once."""
        what, _ = words_of_fault(context)
        log.error("fault.aside", what=what)
        if not self._has_told_of_fault:
            self._has_told_of_fault = True
            self._progress.warn(f"Internal error in bulk-publisher; the runs go on: {what}.")

    def _stopping(self, number: signal.Signals) -> str:
        """``Waiting for 400 pages in flight on 12 portals, about 50 s. Press Ctrl-C again to quit now.``."""
        pending = [
            one.session.governor.pending(now=one.session.clock.now()) for one in self._runs.at_work
        ]
        portals = sum(pages > 0 for pages, _ in pending)
        if not portals:
            return "Stopping: nothing is in flight."
        seconds = math.ceil(max(seconds for _, seconds in pending))
        about = f", about {in_words(seconds)}" if seconds else ""
        where = "1 portal" if portals == 1 else f"{portals:,} portals"
        pages = pages_in_words(sum(pages for pages, _ in pending))
        return f"Waiting for {pages} in flight on {where}{about}. {how_to_quit(number)}."

    def _end(self) -> int:
        crowd = self._progress.crowd
        rows, status = list(crowd.rows.values()), self._status()
        if self._output.is_terse:
            self._say_shortly(rows, status)
            return status
        lines = list(summary_table(rows, crowd.seconds))
        self._output.tell(lines)
        if self._output.is_json:
            fields = summary_of_all(rows, crowd.seconds, status)
            self._output.event("summary", **fields, text="\n".join(lines))
        for line in go_on_lines(rows):
            self._output.complain(line, event="hint")
        left = [row for row in rows if row.end is None and row.started is not None]
        if left:
            self._output.complain(
                f"Stopped at once: {len(left):,} runs were left as they were. "
                "bulk-publisher status lists them; continue each with: bulk-publisher resume RUN"
            )
        return status

    def _say_shortly(self, rows: Sequence[Row], status: int) -> None:
        """One line for a mail of cron, and none where all is well."""
        bad = [row.name for row in rows if row.end is None or row.end.status]
        if bad or status:
            names = ", ".join(bad[:_NAMED]) + (f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else "")  # fmt: skip
            self._output.complain(
                printable(
                    f"{len(bad):,} of {len(rows):,} portals did not end well: {names}. "
                    f"Status {status}. bulk-publisher status lists the runs."
                )
            )

    def _status(self) -> int:
        ends = [row.end for row in self._progress.crowd.rows.values()]
        status = worst(end.status for end in ends if end is not None)
        is_cut = any(end is None or end.is_interrupted for end in ends)
        if self._interruption.signal is not None and is_cut and status != FAULT_OF_OURS:
            return self._interruption.status
        return status
