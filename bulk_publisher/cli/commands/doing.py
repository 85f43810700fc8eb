"""A job from the command line: signals, progress, summary and exit status around an operation."""

import asyncio
import contextlib
import contextvars
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from bulk_publisher.cli.commands.conclusion import Came, Conclusion
from bulk_publisher.cli.commands.dry_run import dry_run
from bulk_publisher.cli.commands.interruption import (
    Interruption,
    how_to_quit,
    words_of_fault,
)
from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.commands.telling import Done, do_and_tell
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.metrics import watched
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.showing import progress_for
from bulk_publisher.engine.events import Event, Warned, Watcher
from bulk_publisher.errors import BadSetting, BulkPublisherError
from bulk_publisher.jobs import Job, find_portal
from bulk_publisher.log import RunLog, log
from bulk_publisher.model import Action, Only
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Entry, Reached
from bulk_publisher.operations.afterwards import Afterwards, Means
from bulk_publisher.operations.chance import new_seed
from bulk_publisher.operations.publishing import Finished, OnStart, Started, begin
from bulk_publisher.operations.resuming import Reopened, is_seen_to_by_resume
from bulk_publisher.operations.secrets import Webhook, doubt_of, read_credential
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.report.text import in_words, pages_in_words, passed_over_lines, portal_in_words
from bulk_publisher.sources.known_failures import KnownFailures, check_known_failures
from bulk_publisher.store import KeptRun, SharedState, Store, open_store, shared_state


def check_sense(job: Job) -> None:
    """Refuse a job that can't be meant.

    Raises:
        BadSetting: If it is one.
    """
    if job.action is Action.UNPUBLISH and job.select.only is not Only.ALL:
        raise BadSetting(
            f"Taking down only {job.select.only} pages makes no sense: only online pages can be taken down.",
            "Leave out --only.",
        )


def do_job(job: Job, output: Output, *, runs: Runs, is_dry_run: bool) -> None:
    """Do *job*, or say what it would do, and exit with the status that the contract gives it.

    Raises:
        BulkPublisherError: If it cannot be begun.
    """
    check_sense(job)
    if is_dry_run:
        output.open_log()
        # Before there is a loop: it would keep Ctrl-C from whoever waits for a list that does not come.
        selected = check_selection(job.select)
        asyncio.run(_dry(job, selected, output, shared_state(runs, os.environ)))
    else:
        sys.exit(run_job(job, output, runs=runs))


def run_job(job: Job, output: Output, *, runs: Runs, selected: Selected | None = None) -> int:
    """Do *job*; gives the exit status.

    Args:
        selected: Its selection, where that was checked already.

    Raises:
        BulkPublisherError: If it cannot be begun.
    """

    def do() -> Done:
        store = open_store(runs)
        chosen = selected or check_selection(job.select)
        care = Care(store, check_known_failures(job.after.expected))
        task = partial(begin, job, chosen, store=store)
        return _done(job, task, output, care, runs)

    return do_and_tell(job, output, runs, do, open_credential)


def go_on(
    again: Reopened, opened: contextlib.ExitStack, output: Output, store: Store, *, runs: Runs
) -> int:
    """Go on with a run, and do what its job asks for afterwards; gives the exit status.

    Args:
        opened: Holds the run, and is closed when it has ended: what comes afterwards asks for it itself.

    Raises:
        BulkPublisherError: If it cannot go on.
    """

    async def rest(entry: Entry, /, *, seed: int, watch: Watcher, on_start: OnStart) -> Finished:
        with opened:
            return await again.go_on(entry, seed=seed, watch=watch, on_start=on_start)

    job = again.undertaking.job
    if not is_seen_to_by_resume(again.kept, store):
        return run_task(job, rest, output, runs=runs)
    care = Care(store, check_known_failures(job.after.expected))

    def do() -> Done:
        return _done(job, rest, output, care, runs)

    return do_and_tell(job, output, runs, do, open_credential)


@dataclass(frozen=True, slots=True)
class Care:
    """What is seen to once a run has come to its end.

    Attributes:
        known: Pages that are known to fail.
    """

    store: Store
    known: KnownFailures


class Task(Protocol):
    """What is done on an open portal: a run that begins, or one that goes on."""

    def __call__(
        self, entry: Entry, /, *, seed: int, watch: Watcher, on_start: OnStart
    ) -> Coroutine[Any, Any, Finished]: ...


def run_task(job: Job, task: Task, output: Output, care: Care | None = None, *, runs: Runs) -> int:
    """Do *task* on the portal of *job*; gives the exit status.

    Args:
        care: What is seen to afterwards; None for nothing.
        runs: Where the limits are shared: with those who keep their runs there, too.

    Raises:
        BulkPublisherError: If it cannot be begun.
    """
    return _done(job, task, output, care, runs).status


def _done(job: Job, task: Task, output: Output, care: Care | None, runs: Runs) -> Done:
    output.open_log()
    doing = _Doing(job, task, output, care, shared_state(runs, os.environ))
    try:
        done = asyncio.run(doing.do())
    except Exception as error:
        doing.first_progress.end(crash.status_of(error), job.name)
        raise
    doing.first_progress.end(done.status, job.name)
    return done


class _Doing:
    """One job that is being done, and how it is interrupted."""

    def __init__(
        self, job: Job, what: Task, output: Output, care: Care | None, state: SharedState
    ) -> None:
        self._job = job
        self._care = care
        self._conclusion = Conclusion(job, output)
        self._afterwards: Afterwards | None = None
        self._what = what
        self._output = output
        self._state = state
        self.first_progress: Progress = watched(progress_for(output, output.progress), output)
        self._progress = self.first_progress
        self._started: Started | None = None
        self._interruption = Interruption(self._interrupt)
        self._has_told_of_fault = False
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[Came] | None = None

    async def do(self) -> Done:
        loop = asyncio.get_running_loop()
        # The loop calls it wherever it is: the run's log is told, as from within the run.
        loop.set_exception_handler(lambda _, context: self._context.run(self._note_fault, context))
        self._interruption.listen()
        try:
            async with (
                open_credential(self._job, self._output, self._state) as reached,
                asyncio.TaskGroup() as group,
            ):
                self._task = group.create_task(self._publish(reached))
        except* asyncio.CancelledError:
            pass
        finally:
            self._progress.finish()
        if self._task is None or self._task.cancelled():
            kept = None if self._started is None else self._started.kept
            return Done(self._left_at_once(), kept=kept)
        came = self._task.result()
        if came.error is not None and came.finished is None:
            raise came.error
        return self._conclusion.conclude(came, self._interruption.signal)

    async def _publish(self, entry: Entry) -> Came:
        self._context = contextvars.copy_context()
        came = Came()
        # A group of tasks would wrap what is raised in it.
        try:
            came.finished = await self._what(
                entry, seed=new_seed(), watch=self._watch, on_start=self._start
            )
            if came.finished.ending.is_whole and self._care is not None:
                await self._see_to(entry, came.finished, self._care, came)
        except BulkPublisherError as error:
            came.error = error
        return came

    async def _see_to(self, entry: Entry, finished: Finished, care: Care, came: Came) -> None:
        """Do what is to be done after the run."""
        job = self._job
        if not job.after.is_wanted and job.notify is None:
            return
        self._progress.finish()
        self._progress = Progress(self._output)
        self._conclusion.say_summary(finished)
        means = Means(
            store=care.store,
            seed=new_seed(),
            watch=self._watch,
            on_start=self._start,
            on_verifying=self._say_verifying,
        )
        self._afterwards = Afterwards(finished.kept, job.after, care.known, means)
        if self._interruption.signal is None:
            came.aftermath = await self._afterwards.do(entry)
        came.was_left = came.aftermath is None

    def _say_verifying(self, kept: KeptRun) -> None:
        self._output.say(f"Verifying run {kept.run_id} ...", event="verifying")

    def _watch(self, event: Event) -> None:
        self._progress(event)

    def _start(self, started: Started) -> None:
        if self._afterwards is not None:
            self._progress = watched(
                progress_for(self._output, self._output.progress), self._output
            )
        self._started = started
        self._context = contextvars.copy_context()
        for line in _notes(started.selected):
            self._output.say(line)
        self._output.say(
            f"Run {started.kept.run_id} on {portal_in_words(started.session.client.host, started.portal_name)}",
            event="started",
        )
        self._progress.start(started)

    def _interrupt(self, number: signal.Signals, is_first: bool) -> None:
        if is_first and self._started is not None:
            self._started.engine.drain()
            self._progress(Warned(self._stopping(self._started, number)))
            if self._afterwards is not None:
                self._afterwards.drain()
        elif self._task is not None:
            self._task.cancel()

    @staticmethod
    def _stopping(started: Started, number: signal.Signals) -> str:
        """``Waiting for 40 pages in flight, about 12 s. Press Ctrl-C again to quit now.``."""
        pages, seconds = started.session.governor.pending(now=started.session.clock.now())
        if not pages:
            return "Stopping: nothing is in flight."
        whole = math.ceil(seconds)
        words = f"{whole} s" if whole < 60 else in_words(whole)
        about = f", about {words}" if whole else ""
        return f"Waiting for {pages_in_words(pages)} in flight{about}. {how_to_quit(number)}."

    def _note_fault(self, context: dict[str, Any]) -> None:
        """Something beside the run has failed, which ends nothing: the log has it, and a line says so once."""
        what, trace = words_of_fault(context)
        log.error("fault.aside", what=what, traceback=trace)
        if not self._has_told_of_fault and not self._output.is_terse:
            self._has_told_of_fault = True
            self._output.explain(
                f"Internal error in bulk-publisher; the run goes on: {what}. Details are in the run's log.jsonl.",
                colour="yellow",
            )

    def _left_at_once(self) -> int:
        if self._started is None:
            self._output.complain("Stopped: nothing was sent.")
        else:
            folder = self._started.kept
            self._output.complain(
                f"Stopped at once. Continue with: bulk-publisher resume {name_for_commands(folder)}"
            )
        return self._interruption.status


async def _dry(job: Job, selected: Selected, output: Output, state: SharedState) -> None:
    async with open_credential(job, output, state) as reached:
        await dry_run(job, selected, reached, output)


@contextlib.asynccontextmanager
async def open_credential(
    job: Job, output: Output, state: SharedState | None = None
) -> AsyncIterator[Reached]:
    """The job's portal with its credential, looked up if it has a name; its sandbox is started where it has one.

    Says so if others may read it. Meanwhile its secret is hidden in whatever is told.

    Args:
        state: Where its limits are shared; None for with the runs of this machine.

    Raises:
        BadSetting: If there is none.
    """
    if job.portal.sandbox is None:
        portal = find_portal(job.portal, os.environ)
        credential = read_credential(portal, os.environ, state)
        if (doubt := doubt_of(portal.webhook)) and not output.is_terse:
            output.explain(doubt, colour="yellow")
        with crash.hidden(RunLog(credential.redactor)):
            yield Reached(credential, portal, state)
        return
    from bulk_publisher.sandbox import ScenarioError, load_scenario, serve

    try:
        scenario = load_scenario(job.portal.sandbox)
    except ScenarioError as error:
        raise BadSetting(str(error)) from error
    async with serve(scenario) as sandbox:
        yield Reached(Webhook(sandbox.webhook), job.portal, state)


def _notes(selected: Selected) -> list[str]:
    return [
        *passed_over_lines(selected.counts),
        *(f"  {problem}" for problem in selected.problems),
    ]
