"""What only asks a portal: whether a run's journal is right, and what a job would do.

Nothing is changed by it, so it is not gone on with: whoever is drained in the middle leaves it to be begun anew.
"""

import asyncio
from collections.abc import Callable

import msgspec

from bulk_publisher.errors import FAULT_OF_OURS, BadSetting, BulkPublisherError
from bulk_publisher.jobs import Job
from bulk_publisher.log import log
from bulk_publisher.model import Action, Epoch
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Entry
from bulk_publisher.operations.approving import propose
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.plan_file import encode_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.operations.verifying import verify
from bulk_publisher.report.text import pages_in_words, portal_in_words
from bulk_publisher.serve.happenings import RunEnds
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store.agenda import Order, OrderKind, Part
from bulk_publisher.store.approvals import Door


class Asking:
    """What *order* asks of one portal."""

    def __init__(
        self,
        order: Order,
        job: Job,
        portal: str,
        part: Part,
        around: Surroundings,
        note: Callable[[Part], None],
        places: asyncio.Semaphore,
    ) -> None:
        """Nothing is asked yet; see ``PartDoing``."""
        self._order = order
        self._job = job
        self._portal = portal
        self._part = part
        self._around = around
        self._note = note
        self._places = places
        self._task: asyncio.Task[RunEnds] | None = None
        self._is_draining = False

    def drain(self) -> None:
        """Leave it: the next daemon asks anew."""
        self._is_draining = True
        if self._task is not None:
            self._task.cancel()

    @property
    def is_at_work(self) -> bool:
        """No page is ever in flight."""
        return False

    def rests_beyond(self, _moment: Epoch) -> bool:
        """It never rests."""
        return False

    async def do(self) -> RunEnds | None:
        """Ask; None where it was drained before the end."""
        async with self._places, asyncio.TaskGroup() as group:
            if self._is_draining:
                return None
            self._task = group.create_task(self._asked())
        if self._task.cancelled():
            return None
        ends = self._task.result()
        self._note(msgspec.structs.replace(self._part, status=ends.status))
        self._around.tell(ends)
        return ends

    async def _asked(self) -> RunEnds:
        try:
            async with self._around.entrance(self._job) as entry:
                if self._order.kind is OrderKind.VERIFY:
                    return await self._verified(entry)
                return await self._planned(entry)
        except BulkPublisherError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - one order's fault ends no other's
            inner = crash.innermost(error)
            if isinstance(inner, BulkPublisherError):
                return self._failed(inner)
            log.error("order.crashed", order=self._order.name, what=crash.words_of(error))
            return self._ends(FAULT_OF_OURS, f"Internal error: {crash.words_of(error)}")

    async def _verified(self, entry: Entry) -> RunEnds:
        kept = self._around.store.find(self._order.of)
        verified = await verify(
            kept,
            entry,
            change=lambda _: self._job,
            visits_urls=False,
            on_progress=lambda _: None,
            warn=self._log_warning,
        )
        return self._ends(verified.status, verified.agreement)

    async def _planned(self, entry: Entry) -> RunEnds:
        job, store = self._job, self._around.store
        if job.action is not Action.PUBLISH:
            raise BadSetting(f"{job.name} takes pages down: only what is published can be planned.")
        if job.select.plan is not None:
            raise BadSetting(f"{job.name} does what a plan says already.")
        selected = await beside(lambda: check_selection(job.select))
        made = await make_plan(job, selected, entry, store=store, cost=None, warn=self._log_warning)
        proposal = await beside(
            lambda: propose(store, encode_plan(made), by=self._order.by, through=Door.PAGE)
        )
        where = portal_in_words(made.portal, made.portal_name)
        would = f"would {job.action} {pages_in_words(made.sent)} on {where}"
        return self._ends(0, f"Plan {proposal.name} {would}.")

    def _log_warning(self, text: str) -> None:
        log.warning("order.warned", order=self._order.name, text=text)

    def _failed(self, error: BulkPublisherError) -> RunEnds:
        return self._ends(error.exit_status, error.message, error.hint)

    def _ends(self, status: int, why: str, hint: str = "") -> RunEnds:
        order = self._order
        return RunEnds(self._job.name, self._portal, order.of, status, why, hint, kind=order.kind)
