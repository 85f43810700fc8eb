"""What is said at the end of a job from the command line: summary, what came after, how to go on; or one line."""

import signal
from collections import Counter
from dataclasses import dataclass

from bulk_publisher.cli.commands.telling import Done
from bulk_publisher.cli.output.complaints import say_error
from bulk_publisher.cli.output.ending_line import ending_line
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.after_lines import after_fields, after_lines
from bulk_publisher.cli.progress.ending import (
    how_to_go_on,
    no_page_line,
    summary_fields,
    summary_lines,
)
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job
from bulk_publisher.operations.afterwards import Aftermath
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.report.writing import leave_report
from bulk_publisher.store.database_address import is_database


@dataclass(slots=True)
class Came:
    """What has come of a job.

    Attributes:
        aftermath: None where nothing was done after the run, or not to its end.
        was_left: That is so because it was interrupted.
        error: What ended all of it; None for nothing.
    """

    finished: Finished | None = None
    aftermath: Aftermath | None = None
    was_left: bool = False
    error: BulkPublisherError | None = None


class Conclusion:
    """The end of one job."""

    def __init__(self, job: Job, output: Output) -> None:
        self._job = job
        self._output = output
        self._has_summed_up = False

    @property
    def _is_terse(self) -> bool:
        """Whether one line is said in all, and that only where it did not end well: cron mails it."""
        return self._output.is_terse

    def conclude(self, came: Came, number: signal.Signals | None) -> Done:
        """Say it all; gives how it has ended.

        Args:
            number: What has interrupted it; None for nothing.
        """
        finished = came.finished
        assert finished is not None  # noqa: S101 - else its error was raised
        if came.error is not None and not self._is_terse:
            say_error(self._output, came.error)
        if not self._has_summed_up:
            self.say_summary(finished)
        aftermath = came.aftermath
        if self._output.leaves_report:
            self._leave_report(finished)
        last = finished
        if aftermath is not None:
            last = aftermath.unfinished or finished
            self._say_aftermath(aftermath)
        status = self._status(last, came, number)
        if self._is_terse:
            self._say_tersely(last, came, status)
        else:
            self._say_how_to_go_on(last)
            if came.was_left and came.error is None:
                self._output.complain(
                    f"Stopped before it was verified. To verify it: bulk-publisher verify {name_for_commands(finished.kept)}"
                )
        return Done(status, finished, aftermath, finished.kept, came.error or last.ending.error)

    def say_summary(self, finished: Finished) -> None:
        """How a run has ended; of the first one it is said before anything is done after it."""
        self._has_summed_up = True
        lines = [*summary_lines(finished)]
        if not self._is_terse:
            self._output.tell(lines)
        if self._output.is_json:
            self._output.event("summary", **summary_fields(finished), text="\n".join(lines))

    def _say_aftermath(self, aftermath: Aftermath) -> None:
        if not self._job.after.is_wanted or self._is_terse:
            return
        if aftermath.unfinished is not None:
            self.say_summary(aftermath.unfinished)
            return
        name = name_for_commands(aftermath.runs[-1])
        lines = [*after_lines(aftermath, self._job.after, name)]
        self._output.tell(lines)
        if self._output.is_json:
            self._output.event("after", **after_fields(aftermath), text="\n".join(lines))

    def _say_how_to_go_on(self, finished: Finished) -> None:
        is_empty = not finished.totals.pages and finished.ending.is_whole
        if is_empty and (why := no_page_line(self._job.select)):
            self._output.explain(why, colour="yellow")
        error = finished.ending.error
        if error is not None:
            say_error(self._output, error)
        if _can_go_on(finished):
            self._output.complain(how_to_go_on(finished), event="hint")

    def _say_tersely(self, last: Finished, came: Came, status: int) -> None:
        if not status:
            return
        error, aftermath = came.error or last.ending.error, came.aftermath
        run = last.kept if aftermath is None else aftermath.runs[-1]
        name = name_for_commands(run)
        advice = how_to_go_on(last) if _can_go_on(last) else ""
        if not advice and status == 1:
            advice = f"Retry them with: bulk-publisher retry {name}"
        why = "" if error is None else f"{error.message} {error.hint}".strip()
        if error is None and status > 1:
            why = "It was interrupted."
        failed = Counter(aftermath.new.values()) if aftermath else _failed(last)
        line = ending_line(
            self._job.name, run.run_id, failed=failed, why=why, advice=advice, status=status
        )
        self._output.complain(line)

    def _leave_report(self, finished: Finished) -> None:
        try:
            path = leave_report(finished.kept)
        except BulkPublisherError as error:
            if not self._is_terse:
                self._output.complain(f"No report.html: {error.message}", colour="yellow")
            return
        if path is None or self._is_terse:
            return
        if is_database(path):
            name = name_for_commands(finished.kept)
            self._output.tell([f"Report: bulk-publisher report {name} --html report.html"])
        else:
            self._output.tell([f"Report: {path}"])

    def _status(self, last: Finished, came: Came, number: signal.Signals | None) -> int:
        """Of all that was done; *last* is what ended it."""
        if came.error is not None:
            return came.error.exit_status
        ending, aftermath = last.ending, came.aftermath
        if came.was_left or (
            ending.is_interrupted and not ending.is_whole and ending.error is None
        ):
            return 128 + (number or signal.SIGINT)
        if aftermath is not None and aftermath.unfinished is None:
            return aftermath.status
        return last.status


def _can_go_on(finished: Finished) -> bool:
    error = finished.ending.error
    is_for_resume = error is None or error.is_for_resume
    return not finished.is_whole and finished.can_be_followed and is_for_resume


def _failed(finished: Finished) -> dict[str, int]:
    return {code: one.count for code, one in finished.totals.failures.items()}
