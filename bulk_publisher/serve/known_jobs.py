"""The jobs that a daemon knows: those of its files, and those that somebody has submitted."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs import Job, Portal, Secret
from bulk_publisher.jobs.job import Schedule
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.ordered import alone, job_of_order
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.serve.submitting import Permits, check_order
from bulk_publisher.store.agenda import Order, OrderKind


class KnownJobs:
    """By their names, which no two share: an order's has a number behind it."""

    def __init__(
        self, files: JobFiles, permits: Permits, zone: tzinfo, around: Surroundings
    ) -> None:
        """No order is known yet.

        Args:
            permits: What jobs that are submitted may name of this machine.
            zone: Of schedules that name none.
        """
        self.files = files
        self._permits = permits
        self.zone = zone
        self._around = around
        self._orders: dict[str, Order] = {}

    @property
    def orders(self) -> Mapping[str, Order]:
        """Those that are there."""
        return self._orders

    def take(self, orders: Iterable[Order]) -> tuple[set[str], set[str]]:
        """Know these orders and no other; the names of those that have come, and of those that have gone."""
        before, self._orders = self._orders, {order.name: order for order in orders}
        come = {name for name, order in self._orders.items() if before.get(name) != order}
        return come, before.keys() - self._orders.keys()

    def schedule_of(self, name: str) -> Schedule | None:
        """When *name* is due; None where it is an order, or only when it is submitted."""
        job = None if name in self._orders else self.files.jobs.get(name)
        return None if job is None else job.schedule

    def zone_of(self, schedule: Schedule | None) -> tzinfo:
        """Of *schedule*."""
        named = None if schedule is None else schedule.timezone
        return self.zone if named is None else ZoneInfo(named)

    def has(self, name: str) -> bool:
        """Whether there is such a job here."""
        order = self._orders.get(name)
        if order is not None:
            return not order.known or order.known in self.files.jobs
        return name in self.files.jobs

    def find(self, name: str) -> Job:
        """The job *name*.

        Raises:
            BulkPublisherError: If there is none, or it is an order that can't be done, or may not.
        """
        order = self._orders.get(name)
        if order is not None and (order.of or not order.known):
            return job_of_order(order, self._around.store)
        known = name if order is None else order.known
        job = self.files.jobs.get(known)
        if job is None:
            raise BadJobFile(f"There is no job {known} any more.")
        return job if order is None or order.kind is OrderKind.JOB else alone(job)

    def check(self, name: str, jobs: Iterable[Job], copies: str) -> None:
        """See that an order names nothing that it may not: *jobs* are what becomes of it.

        Args:
            copies: The folder where the lists of orders are.

        Raises:
            BulkPublisherError: If it does.
        """
        order = self._orders.get(name)
        if order is None or (order.known and not order.of):
            return
        own = self._own(order.known)
        for job in jobs:
            if not any(_is_of(job, one) for one in own):
                check_order(job, self._permits, copies=Path(copies))

    def _own(self, known: str) -> Iterable[Job]:
        """The job of our own files of that name, for each of its portals."""
        job = self.files.jobs.get(known)
        return () if job is None else self._around.by_portal(job).values()


def _is_of(job: Job, own: Job) -> bool:
    """Whether *job* names nothing of this machine that *own* does not."""
    expected = job.after.expected
    return (
        _rooted(job.portal) == _rooted(own.portal)
        and not job.portals
        and _files(job) <= _files(own)
        and expected in {None, own.after.expected}
        and job.notify in {None, own.notify}
    )


def _files(job: Job) -> set[str]:
    return {str(Path(file).absolute()) for file in job.select.files.values()}


def _rooted(portal: Portal) -> Portal:
    """*portal* with its files as seen from anywhere: a run, and a plan, may name them so."""

    def file(named: str | None) -> str | None:
        return None if named is None else str(Path(named).absolute())

    def secret(named: Secret | None) -> Secret | None:
        return None if named is None else msgspec.structs.replace(named, file=file(named.file))

    return msgspec.structs.replace(
        portal,
        webhook=secret(portal.webhook),
        oauth=secret(portal.oauth),
        ca_file=file(portal.ca_file),
        named_in=file(portal.named_in),
    )
