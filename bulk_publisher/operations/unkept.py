"""A run of which nothing is kept: its outcomes are for whoever takes them, and for nobody else."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import cast

from bulk_publisher.clock import utc_now
from bulk_publisher.engine.events import Watcher, warner
from bulk_publisher.jobs import Job
from bulk_publisher.log import RunLog
from bulk_publisher.model import Outcome, Page, PageId
from bulk_publisher.operations import crash
from bulk_publisher.operations.access import Entry, credential_of, session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.deadlines import check_hours, with_moments
from bulk_publisher.operations.publishing import Finished, OnStart, Undertaking, go_through
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.store.description import Description, new_run_id
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.totals import Totals


@dataclass(frozen=True, slots=True)
class Unkept:
    """A run that is kept nowhere: it has a name, and nothing else of it is ever asked for."""

    run_id: str


class Counted:
    """A sink that counts, and keeps nothing: a page is settled once it is counted."""

    def __init__(self, totals: Totals) -> None:
        """Nothing has come yet."""
        self._totals = totals
        self._ahead: set[PageId] = set()

    @property
    def ahead(self) -> int:
        """Pages that are noted and have not left yet."""
        return len(self._ahead)

    async def note_sent(self, pages: Sequence[Page]) -> None:
        """These leave now."""
        self._ahead.difference_update(page.id for page in pages)

    async def note_ahead(self, pages: Sequence[Page]) -> None:
        """These leave next."""
        self._ahead.update(page.id for page in pages)

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        """These are settled."""
        for outcome in outcomes:
            self._totals.add(outcome)

    def watched(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """*pages*: nobody will go on with them."""
        return pages

    async def forget_place(self) -> None:
        """There is none."""


async def begin_unkept(
    job: Job,
    selected: Selected,
    entry: Entry,
    *,
    seed: int,
    watch: Watcher,
    on_start: OnStart,
) -> Finished:
    """A run of *selected* that writes no file; otherwise as ``publishing.begin``."""
    rng = random.Random(seed)
    job = with_moments(job, utc_now())
    check_hours(job.pace, utc_now())
    async with session_of(job, entry, rng, warn=warner(watch)) as session:
        selected = await find_selected(selected, session, warn=warner(watch))
        run_id = new_run_id(session.clock.epoch(), rng)
        unkept, description = cast("KeptRun", Unkept(run_id)), Description(run=run_id)
        undertaking = Undertaking(unkept, job, selected, description)
        run_log = RunLog(credential_of(entry).redactor, clock=session.clock)
        with crash.hidden(run_log):
            keeper = Counted(undertaking.totals)
            ending = await go_through(undertaking, session, keeper, watch, on_start)
    return Finished(unkept, description, selected, undertaking.totals, ending)
