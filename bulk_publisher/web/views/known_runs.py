"""The runs of a store and its daemon's plan, as they were a moment ago; only what may have changed is read again.

How it works:
    A look reads how the runs stand that a process is at work on, and asks of each that is not whole whether one
    is; of thousands of these some in turn. Less often it lists all runs, or at once where the plan names one
    that is not known. What a look costs says when the next one is: whoever watches costs a share of a core.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field

from bulk_publisher.clock import busy_seconds, utc_now
from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Epoch
from bulk_publisher.report.past import PastRun, past_run
from bulk_publisher.store.agenda import Order, OrderKind, Slot, runs_of
from bulk_publisher.store.heard import Heard
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.steering import Steering
from bulk_publisher.text.escaping import printable
from bulk_publisher.web.views.run_row import RunRow, row_of
from bulk_publisher.web.views.run_state import RunState

_LEAST = 2.0
"""Seconds between two looks: a run says how it stands every five."""
_AT_LEAST = 1.0
"""Seconds between two of them, whoever asks for one."""
_LONGEST = 60.0
"""Seconds after which a look is worth what it costs."""
_SHARE = 0.008
"""Of a core, that looks take; and half of that, that listing all runs takes."""
_IN_TURN = 1_000
"""Runs that are not whole, and that are asked at a look whether a process is at work on them."""
_STEERED_EVERY, _FEW = 4, 50
"""Looks in which each run is asked all once, what changes seldom, too; and runs that are asked it at each."""


@dataclass(slots=True)
class Known:
    """A run, as it was at the last look.

    Attributes:
        steering: What was asked of it last; None for nothing.
        row: As it was shown last; None where it was not yet.
        job: Its name; empty where it is not told.
        portal: What its portal is called; empty where it is not told.
    """

    kept: KeptRun
    past: PastRun
    steering: Steering | None = None
    row: RunRow | None = None
    job: str = field(init=False)
    portal: str = field(init=False)

    def __post_init__(self) -> None:
        # Asked for a dozen times at each look, and made of words of others each time.
        self.job, self.portal = self.past.job, self.past.portal

    @property
    def is_open(self) -> bool:
        """Whether it may change: a process is at work on it, or may go on with it."""
        description = self.past.description
        return self.past.is_running or description is None or not description.is_whole


@dataclass(slots=True)
class Plan:
    """What a daemon of the store means to do.

    Attributes:
        is_served: Whether one is at work.
        why: The plan can't be read.
    """

    slots: Mapping[str, Slot] = field(default_factory=dict[str, Slot])
    orders: Mapping[str, Order] = field(default_factory=dict[str, Order])
    is_served: bool = False
    why: str = ""


class KnownRuns:
    """What is known of a store. Each method blocks, and is called by one thread at a time."""

    def __init__(self, store: Store, *, now: Callable[[], Epoch] = utc_now) -> None:
        """Nothing was looked at yet."""
        self.store = store
        self.plan = Plan()
        self.looked_at = Epoch(0.0)
        self.number = 0
        """Of looks so far: what was made at an older one is out of date."""
        self._agenda = store.agenda
        self._now = now
        self._known: dict[str, Known] = {}
        self._next_at = self._list_at = 0.0
        self._turn = 0

    def __iter__(self) -> Iterator[Known]:
        """Each run, the newest first."""
        return iter(self._known.values())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    def get(self, name: str) -> Known | None:
        """The run of that name; None where there is none."""
        return self._known.get(name)

    @property
    def is_due(self) -> bool:
        """Whether the last look is old enough for another one."""
        return self._now() >= self._next_at

    def look(self, *, is_forced: bool = False) -> None:
        """See what has changed, where the last look is old enough.

        Args:
            is_forced: Also where it is not, but for one of this second.
        """
        now = self._now()
        if now < (self.looked_at + _AT_LEAST if is_forced else self._next_at):
            return
        began = busy_seconds()
        self.plan = self._read_plan()
        self._look_at_runs(is_forced=is_forced)
        looked = busy_seconds()
        if is_forced or now >= self._list_at or self._misses_one():
            self._list_runs()
            listed = busy_seconds() - looked
            self._list_at = now + _wait_after(2 * listed)
        self.looked_at = now
        self.number += 1
        self._next_at = now + _wait_after(looked - began)

    def _look_at_runs(self, *, is_forced: bool) -> None:
        for place, name in enumerate(self._to_be_asked()):
            # What is asked of runs is seldom: of hundreds each look sees to some.
            is_asked = is_forced or (place + self.number) % _STEERED_EVERY == 0
            known = _read_again(self._known[name], is_asked=is_asked or place < _FEW)
            if known.past.description is None and not known.kept.is_described:
                # It was removed since runs were listed.
                del self._known[name]
            else:
                self._known[name] = known

    def _to_be_asked(self) -> list[str]:
        open_ones = [name for name, known in self._known.items() if known.is_open]
        at_work = [name for name in open_ones if self._known[name].past.is_running]
        others = [name for name in open_ones if not self._known[name].past.is_running]
        self._turn = self._turn % len(others) if others else 0
        part = others[self._turn : self._turn + _IN_TURN]
        self._turn += _IN_TURN
        return at_work + part

    def _misses_one(self) -> bool:
        """Whether the plan names a run that is not known."""
        return any(
            run not in self._known
            for slot in self.plan.slots.values()
            if slot.firing is not None
            for run in runs_of(slot.firing)
        )

    def _list_runs(self) -> None:
        known: dict[str, Known] = {}
        for kept in self.store.runs():
            if not kept.is_copy:
                known[kept.name] = self._known.get(kept.name) or _read(kept)
        self._known = known

    def _read_plan(self) -> Plan:
        try:
            slots = self._agenda.read_slots()
        except BadJournal as error:
            return Plan(why=printable(error.message), is_served=self._agenda.is_served)
        orders = {order.name: order for order in self._agenda.orders()}
        return Plan(slots, orders, self._agenda.is_served)


def _wait_after(cost: float) -> float:
    """Seconds until what has cost so much of a core is worth it again."""
    return min(_LONGEST, max(_LEAST, cost / _SHARE))


def name_of_order(order: Order) -> str:
    """The name of the job that *order* is for."""
    if order.kind is not OrderKind.JOB:
        return f"{order.kind} {order.of or order.known}"
    told = order.known or order.job.get("name")
    return told if isinstance(told, str) and told else order.name


def _read(kept: KeptRun) -> Known:
    past = past_run(kept)
    if past.description is not None and past.description.is_whole and not past.is_running:
        # Nothing can be asked of it any more, and nobody goes on with it.
        return Known(kept, past)
    return Known(kept, past, kept.read_steering())


def _read_again(known: Known, *, is_asked: bool) -> Known:
    """*known* as it is now; its description is read where a process has begun or ended since.

    Args:
        is_asked: Look what was asked of it, and how it has ended, too.
    """
    kept, past = known.kept, known.past
    heard = kept.read_progress() if past.is_running else None
    if heard is not None and not heard.is_silent:
        # Whoever has just said so is at work on it: to end, it takes its word back.
        return _as_heard(known, heard, is_asked=is_asked)
    is_running = kept.is_locked
    if is_running != past.is_running or past.description is None:
        return _read(kept)
    if is_running:
        if heard is None and past.heard is not None:
            # It is about to end, or another process has just gone on with it.
            return _read(kept)
        return _as_heard(known, heard, is_asked=is_asked)
    # Somebody may have gone on with it, and have ended, since the last look.
    return _read(kept) if is_asked else known


def _as_heard(known: Known, heard: Heard | None, *, is_asked: bool) -> Known:
    past = PastRun(known.kept, known.past.description, known.past.is_running, heard)
    fresh = copy(known)
    fresh.past, fresh.row = past, None
    if is_asked:
        fresh.steering = known.kept.read_steering()
    return fresh


def row_as_known(known: Known, state: RunState) -> RunRow:
    """*known* as a row: made once for as long as it stays as it is."""
    if known.row is None or known.row.state is not state:
        known.row = row_of(known.past, state)
    return known.row
