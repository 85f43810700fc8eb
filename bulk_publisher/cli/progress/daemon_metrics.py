"""Numbers of a daemon for Prometheus: of all its jobs, on one port, and in a file for the node exporter."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.exposition import Port, check_metrics_file, page_of, write_metrics
from bulk_publisher.cli.progress.families import Families, Series
from bulk_publisher.cli.progress.run_numbers import LastNumbers, RunNumbers
from bulk_publisher.clock import Clock
from bulk_publisher.engine.events import Watcher
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Mono
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.publishing import Started
from bulk_publisher.report.history import read_last
from bulk_publisher.report.past import past_run
from bulk_publisher.serve.happenings import Happening, JobsRead, RunEnds, RunRests
from bulk_publisher.store import Store
from bulk_publisher.store.agenda import Slot

_REFRESH_EVERY = 5.0
"""Seconds between two looks at how the runs stand."""
_WRITE_EVERY = 3
"""Of these looks, how many make one at the file: the node exporter is read every 15 s or less often."""


class DaemonMetrics:
    """What Prometheus may read of a daemon. Everything but reading is done in the daemon's loop."""

    def __init__(self, output: Output, store: Store, clock: Clock) -> None:
        """Nothing is served before it is opened.

        Raises:
            BadSetting: If what counts is not installed, or the file can't be one.
        """
        self._output = output
        self._store = store
        self._clock = clock
        if output.metrics_file is not None:
            check_metrics_file(output.metrics_file)
        self._families = Families("--metrics-file" if output.metrics_port is None else "--metrics-port")  # fmt: skip
        self._last = LastNumbers(self._families)
        self._due, self._stops = Series(), Series()
        self._runs: dict[str, RunNumbers] = {}
        self._resting: dict[str, Series] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._jobs: frozenset[str] = frozenset()
        self._read: set[str] = set()
        self._has_complained = False

    # what happens

    def watch_run(self, job: str, portal: str, started: Started) -> Watcher:
        """A run begins, or goes on: what counts in it."""
        label = portal or past_run(started.kept).portal
        self._name(job, portal, label)
        self._forget(started.kept.run_id)
        numbers = RunNumbers(self._families, job, label, started)
        self._runs[started.kept.run_id] = numbers
        return numbers

    def __call__(self, happening: Happening) -> None:
        """Something has happened in the daemon."""
        match happening:
            case JobsRead(names):
                self._know_jobs(frozenset(names))
            case RunRests(job, portal, run):
                self._forget(run)
                if run:
                    label = self._label(job, portal)
                    self._resting[run] = Series(job, label)
                    self._resting[run].set(self._families.resting, 1.0)
            case RunEnds(kind=kind) if not kind.only_asks:
                self._note_end(happening)
            case _:
                pass

    def _know_jobs(self, names: frozenset[str]) -> None:
        for gone in self._jobs - names:
            self._last.forget(gone)
        self._jobs = names
        self._read &= names
        fresh = names - self._read
        self._read |= fresh
        for (job, portal), last in read_last(self._store, fresh).items() if fresh else ():
            newest = last.newest
            self._last.know_success(job, portal, last.succeeded_at or 0.0)
            if newest.ended_at is not None and newest.exit_status is not None:
                self._last.note(
                    job,
                    portal,
                    status=newest.exit_status,
                    at=newest.ended_at,
                    seconds=newest.seconds,
                    counts=newest.counts,
                )

    def _note_end(self, ends: RunEnds) -> None:
        self._forget(ends.run)
        job, label, finished = ends.job, self._label(ends.job, ends.portal), ends.finished
        self._families.ended_runs.labels(job, label, str(ends.status)).inc()
        now = self._clock.epoch()
        if job in self._jobs:
            # What was submitted once is not missed when it does not come again.
            self._last.know_success(job, label, 0.0 if ends.status else now)
        self._last.note(
            job,
            label,
            status=ends.status,
            at=now,
            seconds=None if finished is None else finished.seconds,
            counts=None
            if finished is None
            else {status.value: count for status, count in finished.totals.counts.items()},
        )

    def _forget(self, run: str) -> None:
        """It goes on no more, or otherwise: its own series go."""
        if (numbers := self._runs.pop(run, None)) is not None:
            numbers.end()
        if (resting := self._resting.pop(run, None)) is not None:
            resting.forget()

    def _name(self, job: str, portal: str, label: str) -> None:
        """What is known of a portal without its name is not true of another one."""
        if label and not portal and self._labels.get((job, portal), label) != label:
            self._last.forget(job, self._labels[job, portal])
        self._labels[job, portal] = label
        self._last.forget(job, "")

    def _label(self, job: str, portal: str) -> str:
        """What a portal is called: its name, or its host as far as a run has told it."""
        if portal:
            return portal
        known = self._last.portals_of(job)
        return self._labels.get((job, portal)) or (known[0] if len(known) == 1 else "")

    # what is read

    def page(self) -> bytes:
        """The numbers as Prometheus reads them; from any thread."""
        return page_of(self._families.registry)

    @asynccontextmanager
    async def read(self, slots: Callable[[], Mapping[str, Slot]]) -> AsyncIterator[None]:
        """Let the numbers be read until the block ends.

        Args:
            slots: Gives the daemon's plan.

        Raises:
            BadSetting: If the port can't be used, or the file can't be written from the start.
        """
        number = self._output.metrics_port
        port = None if number is None else Port(self._families.registry, number)
        try:
            self._write()
            async with asyncio.TaskGroup() as group:
                refreshing = group.create_task(self._keep_fresh(slots))
                yield
                refreshing.cancel()
        finally:
            if port is not None:
                port.close()
            for run in [*self._runs, *self._resting]:
                self._forget(run)
            self.refresh(slots())
            self._write_if_possible()

    async def _keep_fresh(self, slots: Callable[[], Mapping[str, Slot]]) -> None:
        looks = 0
        while True:
            self.refresh(slots())
            if self._output.metrics_file is not None and looks % _WRITE_EVERY == 0:
                await beside(self._write_if_possible)
            looks += 1
            await self._clock.sleep_until(Mono(self._clock.now() + _REFRESH_EVERY))

    def refresh(self, slots: Mapping[str, Slot]) -> None:
        """Take over how the runs stand, and when jobs are due."""
        for numbers in self._runs.values():
            numbers.refresh()
        self._refresh_stops(slots)
        due = {name: slot.next_due for name, slot in slots.items() if slot.next_due is not None}
        for name, at in due.items():
            self._due.set(self._families.next_due, at, name)
        self._due.keep(self._families.next_due, *((name,) for name in due))

    def _refresh_stops(self, slots: Mapping[str, Slot]) -> None:
        stops = {
            (name, self._label(name, portal)): part.stops
            for name, slot in slots.items()
            for portal, part in (slot.firing.parts if slot.firing is not None else {}).items()
            if part.stops
        }
        for labels, number in stops.items():
            self._stops.set(self._families.stops, number, *labels)
        self._stops.keep(self._families.stops, *stops)

    def _write_if_possible(self) -> None:
        """Where it can't be written that is said once: the jobs go on."""
        try:
            self._write()
            self._has_complained = False
        except BadSetting as error:
            if not self._has_complained:
                self._output.complain(f"No metrics: {error.message}", colour="yellow")
            self._has_complained = True

    def _write(self) -> None:
        if self._output.metrics_file is not None:
            write_metrics(self._families.registry, self._output.metrics_file)
