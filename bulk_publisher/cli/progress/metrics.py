"""Numbers of a command's run for Prometheus: ``--metrics-port`` while it goes on, ``--metrics-file`` at its end."""

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.exposition import (
    Port,
    check_metrics_file,
    successes_in,
    write_metrics,
)
from bulk_publisher.cli.progress.families import Families
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.cli.progress.run_numbers import LastNumbers, RunNumbers
from bulk_publisher.clock import utc_now
from bulk_publisher.engine.events import Event
from bulk_publisher.errors import BadSetting
from bulk_publisher.operations.publishing import Started
from bulk_publisher.report.past import past_run
from bulk_publisher.store.heard import Snapshot


def watched(progress: Progress, output: Output) -> Progress:
    """*progress*, and the numbers beside it where *output* names a port or a file for them.

    Raises:
        BadSetting: If they can't be had there.
    """
    if output.metrics_port is None and output.metrics_file is None:
        return progress
    return _Both(progress, Metrics(output))


class Metrics(Progress):
    """A watcher that counts for Prometheus."""

    every = 1.0

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        port, file = output.metrics_port, output.metrics_file
        self.families = Families("--metrics-file" if port is None else "--metrics-port")
        if file is not None:
            check_metrics_file(file)
        self._port = None if port is None else Port(self.families.registry, port)
        self._last = LastNumbers(self.families)
        self._numbers: RunNumbers | None = None
        self._labels = "", ""

    def start(self, started: Started) -> None:
        """The run begins."""
        self.attend(started)
        super().start(started)

    def attend(self, started: Started) -> None:
        """Count what happens in the run."""
        past = past_run(started.kept)
        self._labels = past.job, past.portal
        self._numbers = RunNumbers(self.families, *self._labels, started)

    def finish(self) -> None:
        """The run has ended: its own series go, and the port closes."""
        super().finish()
        if self._numbers is not None:
            self._numbers.end()
        if self._port is not None:
            self._port.close()
            self._port = None

    def end(self, status: int, job: str) -> None:
        """The command ends: leave word in the file."""
        file = self.output.metrics_file
        if file is None:
            return
        for name, portal, at in successes_in(file):
            if name == (self._labels[0] or job):
                self._last.know_success(name, portal, at)
        self._note_end(status, job)
        try:
            write_metrics(self.families.registry, file)
        except BadSetting as error:
            self.output.complain(f"No metrics: {error.message}", colour="yellow")

    def _note_end(self, status: int, job: str) -> None:
        if self._started is None:
            # Which portal it was is not known; where the job has one alone, it was that.
            portals = self._last.portals_of(job)
            of = job, portals[0] if len(portals) == 1 else ""
            past = None
        else:
            of, past = self._labels, past_run(self._started.kept)
        self.families.ended_runs.labels(*of, str(status)).inc()
        if past is not None and past.is_rollback:
            # It has taken back what the job did, which is no success of the job.
            return
        now = utc_now()
        self._last.know_success(*of, 0.0 if status else now)
        self._last.note(
            *of,
            status=status,
            at=now,
            seconds=None if past is None else past.seconds,
            counts=None if past is None else past.counts,
        )

    def warn(self, text: str) -> None:
        """Numbers say nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Take over what the limits say now."""
        if self._numbers is not None:
            self._numbers.show(snapshot)

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if self._numbers is not None:
            self._numbers(event)


class _Both(Progress):
    """Two that look on."""

    def __init__(self, first: Progress, second: Progress) -> None:
        super().__init__(first.output)
        self._all = (first, second)

    def start(self, started: Started) -> None:
        for one in self._all:
            one.start(started)

    def finish(self) -> None:
        for one in self._all:
            one.finish()

    def end(self, status: int, job: str) -> None:
        for one in self._all:
            one.end(status, job)

    def __call__(self, event: Event) -> None:
        for one in self._all:
            one(event)
