"""The jobs that a daemon knows: those of its files, and those that somebody has submitted."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs import Job, decode_job
from bulk_publisher.jobs.job import Schedule
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.submitting import Permits, check_order
from bulk_publisher.store.agenda import Order


class KnownJobs:
    """By their names, which no two share: an order's has a number behind it."""

    def __init__(self, files: JobFiles, permits: Permits, zone: tzinfo) -> None:
        """No order is known yet.

        Args:
            permits: What jobs that are submitted may name of this machine.
            zone: Of schedules that name none.
        """
        self.files = files
        self._permits = permits
        self.zone = zone
        self._orders: dict[str, Order] = {}

    @property
    def orders(self) -> Mapping[str, Order]:
        """Those that are there."""
        return self._orders

    def take(self, orders: Iterable[Order]) -> tuple[set[str], set[str]]:
        """Know these orders and no other; the names of those that have come, and of those that have gone."""
        before, self._orders = self._orders, {order.name: order for order in orders}
        return self._orders.keys() - before.keys(), before.keys() - self._orders.keys()

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
        if order is None or order.known:
            known = name if order is None else order.known
            job = self.files.jobs.get(known)
            if job is None:
                raise BadJobFile(f"There is no job {known} any more.")
            return job
        return decode_job(order.job)

    def check(self, name: str, jobs: Iterable[Job], copies: str) -> None:
        """See that an order names nothing that it may not: *jobs* are what becomes of it.

        Args:
            copies: The folder where the lists of orders are.

        Raises:
            BulkPublisherError: If it does.
        """
        order = self._orders.get(name)
        if order is not None and not order.known:
            for job in jobs:
                check_order(job, self._permits, copies=Path(copies))
