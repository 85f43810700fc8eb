"""The daemon: looks what is due, begins it, and sees that all that was begun comes to its end.

How it works:
    One loop looks each second at the orders and the timetable. What is due gets its firing into the plan,
    and then a task that does it, a part for each portal. The plan is written before and after each step
    (``timetable``, ``part``), so that the next daemon goes on where this one was.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from bulk_publisher.clock import wait_until
from bulk_publisher.errors import BadJobFile, BulkPublisherError, JournalLost
from bulk_publisher.jobs import ALONE, Job, decode_job
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.notices.runs_told import job_ended
from bulk_publisher.operations.many import worst
from bulk_publisher.serve import timetable
from bulk_publisher.serve.happenings import (
    ClockSetBack,
    Draining,
    JobDue,
    JobEnds,
    JobsRead,
    RunEnds,
)
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.part import PartDoing, Surroundings
from bulk_publisher.serve.submitting import Permits, check_order
from bulk_publisher.store.agenda import Order, Part, Slot, runs_of, with_part

_LOOK_EVERY = 1.0
"""Seconds between two looks at the clock and at the orders."""
_FILES_EVERY = 5
"""Of these looks, how many make one at the job files."""
_PUNCTUAL_ONCE = 3600.0
"""Seconds of lateness that are none where something else decides when we look, as cron does."""
_SET_BACK = 10.0
"""Seconds by which the clock on the wall must have gone back to have been set, and not adjusted."""
_LONG_REST = 3600.0
"""Seconds for which nobody waits who was to do what is due, and end."""


@dataclass(slots=True)
class _Undertaken:
    """A firing that is being done."""

    job: Job
    parts: dict[str, PartDoing] = field(default_factory=dict[str, PartDoing])
    is_late: bool = False


class Daemon:
    """The daemon of one store."""

    def __init__(
        self,
        files: JobFiles,
        around: Surroundings,
        *,
        zone: tzinfo,
        parallel: int,
        permits: Permits = Permits(),  # noqa: B008 - frozen
        is_once: bool = False,
    ) -> None:
        """Nothing is done yet.

        Args:
            permits: What jobs that are submitted may name of this machine.
            zone: Of schedules that name none.
            parallel: The most runs at once.
            is_once: End as soon as nothing is due and all has ended.
        """
        self._files = files
        self._around = around
        self._agenda = around.store.agenda
        self._zone = zone
        self._permits = permits
        self._places = asyncio.Semaphore(parallel)
        self._is_once = is_once
        self._slots: dict[str, Slot] = {}
        self._orders: dict[str, Order] = {}
        self._doing: dict[str, _Undertaken] = {}
        self._changed = asyncio.Event()
        self._is_draining = self._is_to_read = False
        self._ahead: float | None = None
        self._lost: JournalLost | None = None

    # steer

    def drain(self) -> None:
        """End in order: runs drain, and go on when a daemon is started again."""
        if not self._is_draining:
            self._is_draining = True
            runs = [part for one in self._doing.values() for part in one.parts.values()]
            self._around.tell(Draining(sum(part.is_at_work for part in runs)))
            for part in runs:
                part.drain()
        self._changed.set()

    def reload(self) -> None:
        """Read the job files again."""
        self._is_to_read = True
        self._changed.set()

    @property
    def slots(self) -> Mapping[str, Slot]:
        """The plan, as it is now."""
        return self._slots

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The jobs of the files, by their names."""
        return self._files.jobs

    @property
    def zone(self) -> tzinfo:
        """Of schedules that name none."""
        return self._zone

    # do

    async def serve(self) -> None:
        """Do it until it is drained, or all that is due has been done once.

        Raises:
            RunBusy: If another daemon serves the store.
            JournalLost: If the plan can't be written any more; what was in flight has ended.
        """
        with self._agenda.alone():
            self._slots = self._agenda.read_slots()
            # Orders first: what the files' jobs leave of the plan depends on them.
            self._take_orders()
            self._read_files()
            async with asyncio.TaskGroup() as group:
                for name, slot in list(self._slots.items()):
                    if slot.firing is not None:
                        self._begin(name, group)
                # What is in flight ends in order, whatever has become of the plan.
                with suppress(JournalLost):
                    await self._look_on(group)
            if self._lost is not None:
                raise self._lost

    async def _look_on(self, group: asyncio.TaskGroup) -> None:
        looks = 0
        while not self._is_draining:
            looks += 1
            self._look_at_the_clock()
            if self._is_to_read or (looks % _FILES_EVERY == 0 and self._files.have_changed()):
                self._is_to_read = False
                self._read_files()
            self._take_orders()
            self._fire(group)
            self._look_for_late(group)
            if self._is_once and not self._doing:
                return
            if self._is_once and self._rests_long():
                self.drain()
                return
            clock = self._around.clock
            await wait_until(clock, self._changed, Mono(clock.now() + _LOOK_EVERY))

    def _look_at_the_clock(self) -> None:
        """See that a plan does not wait for times that a clock which was ahead has given it."""
        ahead = self._now - self._around.clock.now()
        back = 0.0 if self._ahead is None else self._ahead - ahead
        self._ahead = ahead
        if back > _SET_BACK:
            self._around.tell(ClockSetBack(back))
            self._is_to_read = True

    def _rests_long(self) -> bool:
        """Whether all that has begun goes on so late that the next daemon had better do it."""
        until = Epoch(self._now + _LONG_REST)
        return all(
            one.parts and all(part.rests_beyond(until) for part in one.parts.values())
            for one in self._doing.values()
        )

    # jobs and orders

    def _read_files(self) -> None:
        for refused in self._files.read():
            self._around.tell(refused)
        jobs = self._files.jobs
        now = self._around.clock.epoch()
        slots = {
            name: timetable.planned(
                self._slots.get(name), job.schedule, now=now, zone=self._zone_of(job)
            )
            for name, job in jobs.items()
        }
        # What has begun comes to its end, whatever has become of its file.
        left = {
            name: slot
            for name, slot in self._slots.items()
            if name not in jobs and (slot.firing is not None or name in self._orders)
        }
        self._write({**left, **slots})
        self._around.tell(JobsRead(tuple(jobs)))

    def _take_orders(self) -> None:
        orders = {order.name: order for order in self._agenda.orders()}
        slots = dict(self._slots)
        for name in orders.keys() - self._orders.keys():
            slot = slots.setdefault(name, timetable.ordered(orders[name]))
            if timetable.is_done(slot):
                # An earlier daemon died, or the disk was read-only, before it could be removed.
                self._agenda.remove_order(name)
        for name in self._orders.keys() - orders.keys():
            if name in slots and slots[name].firing is None and name not in self._files.jobs:
                del slots[name]
        self._orders = orders
        self._write(slots)

    def _job_of(self, name: str) -> Job | None:
        """The job of a slot; None where its file is gone.

        Raises:
            BulkPublisherError: If it is an order that can't be, or may not.
        """
        order = self._orders.get(name)
        if order is None or order.known:
            return self._files.jobs.get(name if order is None else order.known)
        job = decode_job(order.job)
        check_order(job, self._permits, copies=Path(self._agenda.place))
        return job

    def _zone_of(self, job: Job | None) -> tzinfo:
        named = None if job is None or job.schedule is None else job.schedule.timezone
        return self._zone if named is None else ZoneInfo(named)

    # what is due

    def _fire(self, group: asyncio.TaskGroup) -> None:
        now = self._around.clock.epoch()
        punctual = _PUNCTUAL_ONCE if self._is_once else timetable.PUNCTUAL
        for name, slot in list(self._slots.items()):
            job = None if name in self._orders else self._files.jobs.get(name)
            schedule = None if job is None else job.schedule
            fallen, what = timetable.fall_due(
                name, slot, schedule, now=now, zone=self._zone_of(job), punctual=punctual
            )
            if what is not None:
                self._write({**self._slots, name: fallen})
                self._around.tell(JobDue(name, what))
                if isinstance(what, timetable.Missed) and job is not None:
                    self._tell_late(job, what.due, group, is_missed=True)
            if fallen.firing is not None and name not in self._doing:
                self._begin(name, group)

    def _look_for_late(self, group: asyncio.TaskGroup) -> None:
        """See which jobs have not ended so long after they were due; each is looked at once."""
        now = self._now
        for name, undertaken in self._doing.items():
            notify, firing = undertaken.job.notify, self._slots[name].firing
            if notify is None or notify.late_after is None or firing is None:
                continue
            if not undertaken.is_late and now >= firing.due + notify.late_after:
                undertaken.is_late = True
                self._tell_late(undertaken.job, Epoch(firing.due), group)

    def _tell_late(
        self, job: Job, due: Epoch, group: asyncio.TaskGroup, *, is_missed: bool = False
    ) -> None:
        if self._around.notices is not None:
            group.create_task(self._around.notices.is_late(job, due, is_missed=is_missed))

    def _begin(self, name: str, group: asyncio.TaskGroup) -> None:
        try:
            job = self._job_of(name)
        except BulkPublisherError as error:
            self._refuse(name, error, group)
            return
        if job is None:
            known = self._orders[name].known if name in self._orders else name
            self._refuse(name, BadJobFile(f"There is no job {known} any more."), group)
            return
        try:
            jobs = self._by_portal(name, job)
        except BulkPublisherError as error:
            self._refuse(name, error, group)
            return
        self._doing[name] = _Undertaken(job)
        group.create_task(self._do(name, job, jobs))

    def _by_portal(self, name: str, job: Job) -> dict[str, Job]:
        """*job* for each of its portals; once it has begun they stay those that they were.

        Raises:
            BulkPublisherError: If they can't be told, or an order may not name them.
        """
        jobs = self._around.by_portal(job)
        if name in self._orders and not self._orders[name].known:
            for one in jobs.values():
                check_order(one, self._permits, copies=Path(self._agenda.place))
        slot = self._slots[name]
        if slot.firing is not None and not slot.firing.parts:
            parts = {portal: Part() for portal in jobs}
            firing = msgspec.structs.replace(slot.firing, parts=parts)
            self._write({**self._slots, name: msgspec.structs.replace(slot, firing=firing)})
        return jobs

    def _refuse(self, name: str, error: BulkPublisherError, group: asyncio.TaskGroup) -> None:
        """What can't be begun has ended."""
        firing = self._slots[name].firing
        runs = list(runs_of(firing)) if firing is not None else []
        ends = RunEnds(
            name, ALONE, "".join(runs[:1]), BadJobFile.exit_status, error.message, error.hint
        )
        self._around.tell(ends)
        self._doing[name] = _Undertaken(Job(name=name))
        group.create_task(self._end_or_leave(name, Job(name=name), (ends,)))

    async def _do(self, name: str, job: Job, jobs: Mapping[str, Job]) -> None:
        undertaken = self._doing[name]
        ends: dict[str, RunEnds | None] = {}
        firing = self._slots[name].firing
        async with asyncio.TaskGroup() as group:
            if self._around.notices is not None:
                group.create_task(self._around.notices.begins(job))
            for portal, part in (firing.parts if firing else {}).items():
                if part.status is not None:
                    ends[portal] = RunEnds(name, portal, part.run, part.status)
                    continue
                if portal not in jobs:
                    ends[portal] = self._not_named_any_more(name, portal, part)
                    continue
                note = partial(self._note, name, portal)
                doing = PartDoing(jobs[portal], portal, part, self._around, note, self._places)
                undertaken.parts[portal] = doing
                group.create_task(self._do_part(portal, doing, ends))
        if any(one is None for one in ends.values()):
            del self._doing[name]
            self._changed.set()
            return
        await self._end_or_leave(name, job, tuple(one for one in ends.values() if one is not None))

    def _not_named_any_more(self, name: str, portal: str, part: Part) -> RunEnds:
        """A portal that the job was begun for, and that is gone from it since."""
        hint = f"Continue its run with: bulk-publisher resume {part.run}" if part.run else ""
        why = "The job does not name this portal any more."
        ends = RunEnds(name, portal, part.run, BadJobFile.exit_status, why, hint)
        self._note(name, portal, msgspec.structs.replace(part, status=ends.status))
        self._around.tell(ends)
        return ends

    async def _do_part(
        self, portal: str, doing: PartDoing, ends: dict[str, RunEnds | None]
    ) -> None:
        try:
            ends[portal] = await doing.do()
        except JournalLost:
            # The plan can't say how far it has come: what it says is for the next daemon.
            ends[portal] = None

    async def _end_or_leave(self, name: str, job: Job, ends: tuple[RunEnds, ...]) -> None:
        with suppress(JournalLost):
            await self._end(name, job, ends)

    async def _end(self, name: str, job: Job, ends: tuple[RunEnds, ...]) -> None:
        # First somebody is told: a daemon that dies in between tells it when it is started again.
        if self._around.notices is not None and job.notify is not None:
            begun = [one.run for one in ends if one.run]
            kept = self._around.store.find(begun[0]) if len(begun) == 1 else None
            await self._around.notices.ended(job, job_ended(ends, kept=kept))
        slot = self._slots[name]
        due = Epoch(slot.firing.due) if slot.firing is not None else self._now
        status = worst([one.status for one in ends])
        # An order is done in the plan before it is removed, and leaves the plan afterwards: whenever a
        # daemon dies, it is done once.
        self._write({**self._slots, name: timetable.ended(slot, status=status, now=self._now)})
        if name in self._orders:
            self._agenda.remove_order(name)
        del self._doing[name]
        self._changed.set()
        self._around.tell(JobEnds(job, due, status, ends))

    def _note(self, name: str, portal: str, part: Part) -> None:
        """Write into the plan how far a part has come."""
        slot = self._slots[name]
        if slot.firing is not None:
            firing = with_part(slot.firing, portal, part)
            self._write({**self._slots, name: msgspec.structs.replace(slot, firing=firing)})

    def _write(self, slots: dict[str, Slot]) -> None:
        if slots == self._slots:
            return
        try:
            self._agenda.write_slots(slots)
        except JournalLost as error:
            # Without a plan nothing may begin: the next daemon would do it once more.
            self._lost = error
            self.drain()
            raise
        self._slots = slots

    @property
    def _now(self) -> Epoch:
        return self._around.clock.epoch()
