"""Stores for pages to be seen with: runs of many portals that went in many ways, and a daemon's plan."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import msgspec

from bulk_publisher.model import Action, Epoch, Outcome, PageId, Scope, Status
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.agenda import Slot
from bulk_publisher.store.description import (
    Description,
    FinalTotals,
    KeptLimits,
    SelectedCounts,
    StoppedBy,
)
from bulk_publisher.store.heard import Bar, Snapshot, Wait
from bulk_publisher.utc import as_utc

BEGAN_AT = 1_772_334_000.0
"""2026-03-01T03:00:00Z."""
LIMITS = KeptLimits(capacity=50.0, drain=2.0, operating=480.0)


def ended_run(
    store: Store,
    *,
    at: float = BEGAN_AT,
    job: str = "nightly",
    portal: str | None = "shop",
    host: str = "shop.bitrix24.com",
    counts: Mapping[Status, int] | None = None,
    seconds: float = 120.0,
    left: int = 0,
    stopped: str = "",
    pace: Mapping[str, Any] | None = None,
    is_died: bool = False,
    cost: float | None = 0.28,
    more: Mapping[str, Any] | None = None,
) -> KeptRun:
    """A run that began at *at* and has ended; it has no journal."""
    counts = {Status.PUBLISHED: 100} if counts is None else dict(counts)
    kept = begun_run(store, at=at, job=job, portal=portal, host=host, total=sum(counts.values()) + left, pace=pace, more=more)  # fmt: skip
    if is_died:
        return kept
    final = FinalTotals(
        counts=dict(counts),
        left=left,
        seconds=seconds,
        cost=cost,
        is_whole=not left,
        stopped_by=StoppedBy(message=stopped, hint="Look.") if stopped else None,
    )
    told = msgspec.structs.replace(
        kept.read_description(), ended=as_utc(Epoch(at + seconds)), totals=final
    )
    with kept.lock():
        kept.write_description(told)
    return kept


def begun_run(
    store: Store,
    *,
    at: float = BEGAN_AT,
    job: str = "nightly",
    portal: str | None = "shop",
    host: str = "shop.bitrix24.com",
    total: int | None = 100,
    pace: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> KeptRun:
    """A run that has begun at *at*, and whose process is gone without a word."""
    data = {"name": job, "portal": {"name": portal} if portal else {}, "pace": dict(pace or {})}
    with store.create(Epoch(at), random.Random(f"{at} {job} {portal} {host}")) as kept:
        told = Description(
            run=kept.run_id,
            portal=host,
            started=as_utc(Epoch(at)),
            limits=LIMITS,
            selected=SelectedCounts(total=total),
            **(more or {}),
        ).with_job(data)
        kept.begin(told)
    return kept


def snapshot_of(kept: KeptRun, *, time: float, pages: int = 40, total: int | None = 100, **changes: Any) -> Snapshot:  # fmt: skip
    """What the process of *kept* says."""
    told: dict[str, Any] = {
        "run": kept.run_id, "portal": "shop.bitrix24.com", "time": time, "pages": pages, "total": total,
        "counts": {"published": pages}, "errors": {}, "bad": 0, "seconds": 30.0, "rate": pages / 30,
        "operating": Bar(level=120.0, limit=480.0), "requests": Bar(level=10.0, limit=50.0), "waiting": None,
        "arrives_at": time + 45.0, "last_failures": (),
    }  # fmt: skip
    return Snapshot(**{**told, **changes})


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what a store that several hosts share writes and hears beside."""
    pause = Event()
    for _ in range(500):
        if is_so():
            return
        pause.wait(0.01)
    raise AssertionError("it is not so after five seconds")


@dataclass
class AtWork:
    """Runs that this process is at work on."""

    _stack: ExitStack = field(default_factory=ExitStack)

    def begin(self, kept: KeptRun, snapshot: Snapshot | None = None) -> None:
        """Take *kept* up, and say how it stands."""
        self._stack.enter_context(kept.lock())
        if snapshot is not None:
            kept.write_progress(snapshot)
            until(lambda: kept.read_progress() is not None)


@contextmanager
def at_work() -> Iterator[AtWork]:
    """What takes runs up until the block ends."""
    work = AtWork()
    with work._stack:
        yield work


def plan(store: Store, slots: Mapping[str, Slot]) -> None:
    """Have *slots* be the daemon's plan."""
    with store.agenda.serving(lambda: None):
        store.agenda.write_slots(slots)


def lines(kept: KeptRun, count: int, *, began_at: float = BEGAN_AT) -> Iterator[Outcome]:
    """Lines of *count* pages, of which each tenth fails, in several ways."""
    for number in range(1, count + 1):
        is_bad = number % 10 == 0
        code = ("ACCESS_DENIED", "PUBLICATION_ERROR", "TIMEOUT")[number % 3] if is_bad else None
        yield Outcome(
            time=as_utc(Epoch(began_at + number // 25 * 2.5 + number % 25 * 0.001)),
            run=kept.run_id,
            portal="shop.bitrix24.com",
            scope=Scope.KNOWLEDGE,
            page=PageId(number),
            action=Action.PUBLISH,
            status=Status.FAILED if is_bad else Status.PUBLISHED,
            error=code,
            error_description=f"The portal says {code}." if is_bad else None,
            hint="Ask whoever administers the portal." if is_bad else None,
            attempts=2 if is_bad else 1,
            duration=0.05 + number % 7 / 10,
            operating=0.3,
            site=(11, 12, 17)[number % 3],  # type: ignore[arg-type]
            folder=None,
            title=f"Page {number} of the handbook",
            url=f"/knowledge/handbook/{number}/",
            was_active=False,
            source=f"pages.csv:{number + 1}",
        )


async def record(kept: KeptRun, outcomes: Sequence[Outcome]) -> None:
    """Have *outcomes* in the journal of *kept*."""
    from bulk_publisher.store.totals import Totals

    totals = Totals()
    with kept.lock(), kept.record(totals) as recording:
        for first in range(0, len(outcomes), 1000):
            await recording.append(outcomes[first : first + 1000])


def waiting_for(limit: str, because: str, until: float | None = None) -> Wait:
    """A wait."""
    return Wait(until=until, limit=limit, because=because)
