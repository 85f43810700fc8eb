"""One time that a job was due, from its beginning until it has ended on each of its portals."""

import asyncio
from collections.abc import Mapping

import msgspec

from bulk_publisher.errors import BadJobFile, BadJournal, JournalLost
from bulk_publisher.jobs import Job
from bulk_publisher.model import Mono
from bulk_publisher.serve.happenings import RunEnds
from bulk_publisher.serve.ordered import Doing, doing_of
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.serve.plan import Plan
from bulk_publisher.store.agenda import Order, Part, with_part

_AGAIN_AFTER = 10.0
"""Seconds after which a part goes on whose store did not answer."""


class FiringDoing:
    """What is done of the firing of *name*."""

    def __init__(
        self, name: str, job: Job, plan: Plan, around: Surroundings, order: Order | None = None
    ) -> None:
        """Nothing is done yet.

        Args:
            plan: Where it says how far it has come.
            order: None for a job that its schedule asks for.
        """
        self.job = job
        self.order = order
        self.parts: dict[str, Doing] = {}
        self.is_late = False
        """Whether somebody was told that it takes long."""
        self._name = name
        self._plan = plan
        self._around = around
        self._ends: dict[str, RunEnds | None] = {}
        self._is_draining = False

    def drain(self) -> None:
        """Let what is in flight end; others go on with it."""
        self._is_draining = True
        for part in self.parts.values():
            part.drain()

    async def do(
        self, jobs: Mapping[str, Job], places: asyncio.Semaphore
    ) -> tuple[RunEnds, ...] | None:
        """How it has ended on each portal; None where others have to go on with it, or do already.

        Args:
            jobs: By the portals that the job names now.
            places: For runs that are at work.
        """
        try:
            firing = self._plan.firing_of(self._name)
        except JournalLost:
            return None
        async with asyncio.TaskGroup() as group:
            if self._around.notices is not None:
                group.create_task(self._around.notices.begins(self.job))
            for portal in firing.parts:
                group.create_task(self._do_part(portal, jobs.get(portal), places))
        ends = tuple(one for one in self._ends.values() if one is not None)
        return ends if len(ends) == len(self._ends) else None

    async def _do_part(self, portal: str, job: Job | None, places: asyncio.Semaphore) -> None:
        # Its place among the others, whenever it ends; and none is left out that has not.
        self._ends[portal] = None
        clock = self._around.clock
        while not self._is_draining and not await self._try_part(portal, job, places):
            # Whoever goes on with the firing could not before all others have ended.
            await clock.sleep_until(Mono(clock.now() + _AGAIN_AFTER))

    async def _try_part(self, portal: str, job: Job | None, places: asyncio.Semaphore) -> bool:
        """Do a part from where the plan has it; False where the store did not answer, and may later."""

        def note(part: Part) -> None:
            self._note(portal, part)

        try:
            part = self._plan.firing_of(self._name).parts[portal]
            if part.status is not None:
                self._ends[portal] = RunEnds(self._name, portal, part.run, part.status)
            elif job is None:
                self._ends[portal] = self._not_named_any_more(portal, part)
            else:
                doing = doing_of(self.order, job, portal, part, self._around, note, places)
                self.parts[portal] = doing
                self._ends[portal] = await doing.do()
        except (BadJournal, JournalLost) as error:
            # What the plan says is for whoever goes on.
            return not error.is_passing
        return True

    def _not_named_any_more(self, portal: str, part: Part) -> RunEnds:
        """A portal that the job was begun for, and that is gone from it since."""
        hint = f"Continue its run with: bulk-publisher resume {part.run}" if part.run else ""
        why = "The job does not name this portal any more."
        ends = RunEnds(self._name, portal, part.run, BadJobFile.exit_status, why, hint)
        self._note(portal, msgspec.structs.replace(part, status=ends.status))
        self._around.tell(ends)
        return ends

    def _note(self, portal: str, part: Part) -> None:
        """Write into the plan how far a part has come."""
        firing = with_part(self._plan.firing_of(self._name), portal, part)
        slot = self._plan[self._name]
        self._plan.put(self._name, msgspec.structs.replace(slot, firing=firing))
