"""The runs of a store and its daemon's plan, as they were a moment ago; only what may have changed is read again.

How it works:
    A look reads how the runs stand that a process is at work on, and asks of each that is not whole whether one
    is; of thousands of these some in turn. Less often it lists all runs, or at once where the plan names one
    that is not known. What a look costs says when the next one is: whoever watches costs a share of a core.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bulk_publisher.clock import busy_seconds, utc_now
from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Epoch
from bulk_publisher.report.past import PastRun, past_run
from bulk_publisher.store.agenda import Order, Slot, runs_of
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.steering import Steering
from bulk_publisher.text.escaping import printable

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


@dataclass(slots=True)
class Known:
    """A run, as it was at the last look.

    Attributes:
        steering: What was asked of it last; None for nothing.
        holder: Who worked on it last, where it has not come to its end.
    """

    kept: KeptRun
    past: PastRun
    steering: Steering | None = None
    holder: str = ""

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
        self._look_at_runs()
        looked = busy_seconds()
        if is_forced or now >= self._list_at or self._misses_one():
            self._list_runs()
            listed = busy_seconds() - looked
            self._list_at = now + _wait_after(2 * listed)
        self.looked_at = now
        self.number += 1
        self._next_at = now + _wait_after(looked - began)

    def _look_at_runs(self) -> None:
        for name in self._to_be_asked():
            known = _read_again(self._known[name])
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
    told = order.known or order.job.get("name")
    return told if isinstance(told, str) and told else order.name


def _read(kept: KeptRun) -> Known:
    past = past_run(kept)
    if past.description is not None and past.description.is_whole and not past.is_running:
        # Nothing can be asked of it any more, and nobody goes on with it.
        return Known(kept, past)
    return Known(kept, past, kept.read_steering(), kept.holder().text)


def _read_again(known: Known) -> Known:
    """*known* as it is now; its description is read where a process has begun or ended since."""
    kept, past = known.kept, known.past
    is_running = kept.is_locked
    if is_running != past.is_running or past.description is None:
        return _read(kept)
    if is_running:
        heard = kept.read_progress()
        if heard is None and past.heard is not None:
            # It is about to end, or another process has just gone on with it.
            return _read(kept)
        return replace(known, past=replace(past, heard=heard), steering=kept.read_steering())
    if kept.holder().text != known.holder:
        # Somebody has gone on with it, and has ended since the last look.
        return _read(kept)
    return replace(known, steering=kept.read_steering())
