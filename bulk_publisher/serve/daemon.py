"""The daemon: looks what is due, begins it, and sees that all that was begun comes to its end.

How it works:
    One loop looks each second at the orders and the timetable. What is due gets its firing into the plan.
    A firing that nobody does is taken up and gets a task that does it, a part for each portal. The plan is
    written before and after each step (``timetable``, ``part``), so that another daemon goes on where this
    one was: the next one, or one on another host that shares the store.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo

import msgspec

from bulk_publisher.clock import wait_until
from bulk_publisher.errors import BadJobFile, BadJournal, BulkPublisherError, JournalLost
from bulk_publisher.jobs import ALONE, Job
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.notices.runs_told import job_ended
from bulk_publisher.operations.beside import beside
from bulk_publisher.operations.many import worst
from bulk_publisher.serve import timetable
from bulk_publisher.serve.firing_doing import FiringDoing
from bulk_publisher.serve.happenings import (
    ClockSetBack,
    Draining,
    JobDue,
    JobEnds,
    JobsRead,
    PlanAway,
    PlanBack,
    RunEnds,
)
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.known_jobs import KnownJobs
from bulk_publisher.serve.ordered import call_back, first_part, write_down
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.serve.plan import Plan
from bulk_publisher.serve.submitting import Permits
from bulk_publisher.store import KeptRun
from bulk_publisher.store.agenda import Order, Slot, runs_of

_LOOK_EVERY = 1.0
"""Seconds between two looks at the clock and at the orders."""
_FILES_EVERY = 5
"""Of these looks, how many make one at the job files."""
_PUNCTUAL_ONCE = 3600.0
"""Seconds of lateness that are none where something else decides when we look, as cron does."""
_SET_BACK = 10.0
"""Seconds by which the clock on the wall must have gone back to have been set, and not adjusted."""
_FOR_OTHERS = 120.0
"""Seconds for which a job that this daemon does not know is left to one that may."""
_LEFT_FOR = 10.0
"""Seconds after which something is taken up again that this daemon could not go on with."""
_LONG_REST = 3600.0
"""Seconds for which nobody waits who was to do what is due, and end."""


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
        on_standstill: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is done yet.

        Args:
            on_standstill: See ``Agenda.serving``.
            permits: What jobs that are submitted may name of this machine.
            zone: Of schedules that name none.
            parallel: The most runs at once.
            is_once: End as soon as nothing is due and all has ended.
        """
        self._known = KnownJobs(files, permits, zone, around)
        self._around = around
        self._agenda = around.store.agenda
        self._parallel = parallel
        self._places = asyncio.Semaphore(parallel)
        self._is_once = is_once
        self._on_standstill = on_standstill
        self._plan = Plan(self._agenda, self._lose)
        self._had_files_of: frozenset[str] = frozenset()
        self._doing: dict[str, FiringDoing] = {}
        self._left_until: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._is_draining = self._is_to_read = self._was_away = False
        self._ahead: float | None = None
        self._lost: JournalLost | None = None
        self._status = 0

    # steer

    def drain(self) -> None:
        """End in order: runs drain, and go on when a daemon is started again."""
        if not self._is_draining:
            self._is_draining = True
            runs = [part for one in self._doing.values() for part in one.parts.values()]
            why = "" if self._lost is None else self._lost.message
            self._around.tell(Draining(sum(part.is_at_work for part in runs), why))
            for one in self._doing.values():
                one.drain()
        self._changed.set()

    def _lose(self, error: JournalLost) -> None:
        """The plan can't be written any more."""
        self._lost = error
        self.drain()

    def reload(self) -> None:
        """Read the job files again."""
        self._is_to_read = True
        self._changed.set()

    @property
    def slots(self) -> Mapping[str, Slot]:
        """The plan, as it is now."""
        return self._plan.slots

    @property
    def status(self) -> int:
        """The worst exit status of the jobs that it has ended and the files that are none; 0 of none."""
        return self._status

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The jobs of the files, by their names."""
        return self._known.files.jobs

    @property
    def zone(self) -> tzinfo:
        """Of schedules that name none."""
        return self._known.zone

    # do

    async def serve(self) -> None:
        """Do it until it is drained, or all that is due has been done once.

        Raises:
            RunBusy: If another daemon serves the store.
            JournalLost: If the plan can't be written any more; what was in flight has ended.
        """
        with self._agenda.serving(self._on_standstill):
            self._plan.read()
            # Orders first: what the files' jobs leave of the plan depends on them.
            self._take_orders(self._agenda.orders())
            self._read_files()
            async with asyncio.TaskGroup() as group:
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
            is_to_read = self._is_to_read or (
                looks % _FILES_EVERY == 0 and self._known.files.have_changed()
            )
            await self._look(group, reads_files=is_to_read)
            self._look_for_late(group)
            if self._is_once and not self._doing:
                return
            if self._is_once and self._rests_long():
                self.drain()
                return
            clock = self._around.clock
            await wait_until(clock, self._changed, Mono(clock.now() + _LOOK_EVERY))

    async def _look(self, group: asyncio.TaskGroup, *, reads_files: bool) -> None:
        """See what is due, and take up what nobody does.

        Raises:
            JournalLost: If the plan can't be written, and no other daemon could go on by it.
        """
        try:
            await self._hear()
            if reads_files:
                self._is_to_read = False
                self._read_files()
            self._leave_to_others()
            self._fire(group)
            await self._take_up(group)
        except (BadJournal, JournalLost) as error:
            if not self._agenda.is_shared:
                raise
            self._is_to_read = self._is_to_read or reads_files
            self._is_away(error)
        else:
            self._is_away(None)

    def _leave_to_others(self) -> None:
        """Let end what another daemon has taken up, while this one was cut off from the store."""
        for name, one in self._doing.items():
            if self._agenda.has_lost(name):
                one.drain()

    def _is_away(self, error: BulkPublisherError | None) -> None:
        """Tell once that the plan can't be reached, and once that it can."""
        if (error is not None) != self._was_away:
            self._was_away = error is not None
            self._around.tell(PlanAway(error.message) if error is not None else PlanBack())

    async def _hear(self) -> None:
        """Know what other daemons have changed, and which orders there are."""
        if self._agenda.is_shared:
            # Another machine answers: that is waited for beside the loop.
            # The orders first: what has changed in the plan is told once.
            orders, (told, is_whole) = await beside(
                lambda: (self._agenda.orders(), self._plan.news())
            )
            self._plan.hear(told, is_whole=is_whole)
        else:
            orders = self._agenda.orders()
        self._take_orders(orders)

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
        files, now = self._known.files, self._now
        for refused in files.read():
            self._around.tell(refused)
            self._status = worst([self._status, BadJobFile.exit_status])
        slots: dict[str, Slot | None] = {}
        for name, job in files.jobs.items():
            zone = self._known.zone_of(job.schedule)
            slots[name] = timetable.planned(
                self._plan.slots.get(name), job.schedule, now=now, zone=zone
            )
        # A daemon beside this one may have files that this one never had.
        doubtful = self._had_files_of if self._agenda.is_shared else self._plan.slots.keys()
        for name in doubtful - files.jobs.keys() - self._known.orders.keys():
            if self._is_idle(name):
                slots[name] = None
        self._plan.change(slots)
        self._had_files_of = frozenset(files.jobs)
        self._around.tell(JobsRead(tuple(files.jobs)))

    def _take_orders(self, orders: Iterable[Order]) -> None:
        come, gone = self._known.take(orders)
        slots: dict[str, Slot | None] = {}
        for name in come:
            order = self._known.orders[name]
            slot = slots[name] = timetable.ordered(self._plan.slots.get(name), order)
            if timetable.is_done(slot, order):
                # An earlier daemon died, or the disk was read-only, before it could be removed.
                self._agenda.remove_order(name)
        for name in gone - self._known.files.jobs.keys():
            if self._is_idle(name):
                slots[name] = None
        self._plan.change(slots)

    def _is_idle(self, name: str) -> bool:
        """Whether nothing of it has begun: what has comes to its end, whatever has become of its file."""
        return name in self._plan.slots and self._plan[name].firing is None

    # what is due

    def _fire(self, group: asyncio.TaskGroup) -> None:
        now = self._now
        punctual = _PUNCTUAL_ONCE if self._is_once else timetable.PUNCTUAL
        fallen: dict[str, Slot] = {}
        happened: dict[str, timetable.Happened] = {}
        for name, slot in self._plan.slots.items():
            if slot.next_due is None or slot.next_due > now or not self._is_for_us(name):
                continue
            schedule = self._known.schedule_of(name)
            zone = self._known.zone_of(schedule)
            after, what = timetable.fall_due(
                name, slot, schedule, now=now, zone=zone, punctual=punctual
            )
            if what is not None:
                fallen[name], happened[name] = after, what
        # Where several daemons look, one of them has it fall due.
        for name in sorted(self._plan.change(fallen)):
            what = happened[name]
            self._around.tell(JobDue(name, what))
            if isinstance(what, timetable.Missed):
                self._tell_late(self._known.files.jobs[name], what.due, group, is_missed=True)

    def _is_for_us(self, name: str) -> bool:
        """Whether this daemon does *name*, if only to say that it can't be done."""
        if not self._agenda.is_shared or self._known.has(name):
            return True
        # Another one may know it; where none does, it must come to its end, too.
        slot = self._plan[name]
        if slot.firing is None and name not in self._known.orders:
            return False
        due = slot.next_due if slot.firing is None else slot.firing.due
        return due is not None and self._now > due + _FOR_OTHERS

    async def _take_up(self, group: asyncio.TaskGroup) -> None:
        """Begin, or go on with, what has fallen due and nobody does."""
        wanting = [
            name
            for name, slot in self._plan.slots.items()
            if slot.firing is not None
            and name not in self._doing
            and self._is_for_us(name)
            and self._left_until.get(name, 0.0) <= self._around.clock.now()
        ]
        if not wanting:
            return
        if not self._agenda.is_shared:
            ours = self._agenda.take_up(wanting, len(wanting))
        elif (most := self._parallel - len(self._doing)) > 0:
            ours = await beside(lambda: self._agenda.take_up(wanting, most))
            try:
                # Whoever did it before may have written something meanwhile.
                await self._hear()
            except BulkPublisherError:
                for name in ours:
                    self._agenda.let_go(name)
                raise
        else:
            return
        for name in ours:
            if self._is_draining or name not in self._plan.slots or self._is_idle(name):
                self._agenda.let_go(name)
            else:
                self._begin(name, group)

    def _look_for_late(self, group: asyncio.TaskGroup) -> None:
        """See which jobs have not ended so long after they were due; each is looked at once."""
        now = self._now
        for name, undertaken in self._doing.items():
            slot = self._plan.slots.get(name)
            notify, firing = undertaken.job.notify, None if slot is None else slot.firing
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
            job = self._known.find(name)
            jobs = self._by_portal(name, job)
        except BulkPublisherError as error:
            if isinstance(error, JournalLost) or (error.is_passing and self._agenda.is_shared):
                # It is not begun, and nothing is wrong with it.
                self._let_go_for_a_while(name)
                if not self._agenda.is_shared:
                    raise
                return
            self._refuse(name, error, group)
            return
        order = self._known.orders.get(name)
        self._doing[name] = FiringDoing(name, job, self._plan, self._around, order)
        group.create_task(self._do(name, jobs))

    def _by_portal(self, name: str, job: Job) -> dict[str, Job]:
        """*job* for each of its portals; once it has begun they stay those that they were.

        Raises:
            BulkPublisherError: If they can't be told, or an order may not name them.
        """
        self._known.check(name, [job], self._agenda.lists)
        jobs = self._around.by_portal(job)
        self._known.check(name, jobs.values(), self._agenda.lists)
        slot = self._plan[name]
        if slot.firing is not None and not slot.firing.parts:
            order = self._known.orders.get(name)
            call_back(order, self._around.store)
            parts = dict.fromkeys(jobs, first_part(order))
            firing = msgspec.structs.replace(slot.firing, parts=parts)
            self._plan.put(name, msgspec.structs.replace(slot, firing=firing))
        return jobs

    def _refuse(self, name: str, error: BulkPublisherError, group: asyncio.TaskGroup) -> None:
        """What can't be begun has ended."""
        firing = self._plan[name].firing
        runs = list(runs_of(firing)) if firing is not None else []
        ends = RunEnds(
            name, ALONE, "".join(runs[:1]), BadJobFile.exit_status, error.message, error.hint
        )
        self._around.tell(ends)
        self._doing[name] = FiringDoing(name, Job(name=name), self._plan, self._around)
        group.create_task(self._end_or_leave(name, (ends,)))

    async def _do(self, name: str, jobs: Mapping[str, Job]) -> None:
        ends = await self._doing[name].do(jobs, self._places)
        if ends is None:
            self._leave_for_a_while(name)
        else:
            await self._end_or_leave(name, ends)

    async def _end_or_leave(self, name: str, ends: tuple[RunEnds, ...]) -> None:
        try:
            await self._end(name, ends)
        except JournalLost:
            self._leave_for_a_while(name)

    def _leave_for_a_while(self, name: str) -> None:
        self._let_go_for_a_while(name)
        self._leave(name)

    def _let_go_for_a_while(self, name: str) -> None:
        """The plan can't be written, or another daemon does it: neither changes within a second."""
        self._left_until[name] = self._around.clock.now() + _LEFT_FOR
        self._agenda.let_go(name)

    def _leave(self, name: str) -> None:
        """Let whoever looks next go on with it: the next daemon, or one beside this one."""
        self._agenda.let_go(name)
        del self._doing[name]
        self._changed.set()

    async def _end(self, name: str, ends: tuple[RunEnds, ...]) -> None:
        job, firing = self._doing[name].job, self._plan.firing_of(name)
        # First somebody is told: a daemon that dies in between tells it when it is started again.
        if self._around.notices is not None and job.notify is not None:
            kept = await beside(lambda: self._only_run(ends))
            await self._around.notices.ended(job, job_ended(ends, kept=kept))
        status = worst([one.status for one in ends])
        self._status = worst([self._status, status])
        # An order is done in the plan before it is removed, and leaves the plan afterwards: whenever a
        # daemon dies, it is done once.
        ended = timetable.ended(self._plan[name], status=status, now=self._now)
        self._plan.put(name, ended)
        order = self._known.orders.get(name)
        if order is not None:
            audit, now = self._around.store.audit, self._now
            await beside(lambda: write_down(audit, order, ends, at=now))
            self._agenda.remove_order(name)
        self._leave(name)
        self._around.tell(JobEnds(job, Epoch(firing.due), status, ends))

    def _only_run(self, ends: Sequence[RunEnds]) -> KeptRun | None:
        """The run whose log hears what became of a message; None where there are several, or none any more."""
        begun = [one.run for one in ends if one.run]
        with suppress(BadJournal):
            return self._around.store.find(begun[0]) if len(begun) == 1 else None
        return None

    @property
    def _now(self) -> Epoch:
        return self._around.clock.epoch()
