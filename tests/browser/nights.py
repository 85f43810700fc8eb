"""A night on many portals, as a daemon and its runs leave it in a store: with every state that a run can be in."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import Epoch, Outcome, Scope, Status
from bulk_publisher.operations.approving import propose
from bulk_publisher.operations.plan_file import encode_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.store.agenda import Ended, Firing, Part, Slot
from bulk_publisher.store.approvals import Door
from bulk_publisher.store.description import FinalTotals
from bulk_publisher.store.heard import Bar, Snapshot
from bulk_publisher.store.steering import Steering, Wish
from bulk_publisher.store.totals import Totals
from bulk_publisher.utc import as_utc
from tests.web.pages import Page, PlannedJobs, page_served
from tests.web.stores import (
    AtWork,
    at_work,
    begun_run,
    ended_run,
    lines,
    plan,
    snapshot_of,
    waiting_for,
)

HOUR, DAY = 3600.0, 86_400.0
PORTALS = (
    "harbour", "orchard", "lighthouse", "mill", "foundry", "brewery", "nursery", "library", "museum", "clinic", "pharmacy",
    "bakery", "printer", "garage", "garden", "school", "theatre", "winery", "sawmill", "quarry", "ferry", "railway", "market",
    "studio",
)  # fmt: skip
_KINDS = (
    "running", "operating", "running", "done", "running", "failed", "running", "turn", "running", "running", "outage", "done",
    "operating", "running", "running", "stopped", "requests", "running", "done", "running", "died", "running", "paused", "done",
)  # fmt: skip
_DENIED = "The webhook's owner may not publish on this site; give them the right in Sites > Access rights."
_GONE = "No such page for this credential: deleted, in the trash or in a deleted folder, not visible to the webhook's owner, or of another scope (knowledge bases need --scope KNOWLEDGE)."
_TOPICS = ("Holiday rules", "Travel expenses", "First day at work", "Price list", "Delivery times", "Returns", "Opening hours", "Contacts", "Safety in the workshop", "How we answer complaints")  # fmt: skip


@dataclass
class Words:
    """What portals call their things."""

    host: str = "{portal}.bitrix24.com"
    job: str = "nightly"
    title: str = "{topic}"
    said: str = "{said}"
    address: str = "/knowledge/handbook/{page}/"
    by: str = "anna"


@dataclass
class Night:
    """A page of many portals.

    Attributes:
        run: At work, with a journal of many pages.
        ended: Ended, and some pages failed.
        plan: Proposed by somebody; not approved yet.
    """

    page: Page
    store: Store
    run: KeptRun
    ended: KeptRun
    plan: str
    words: Words
    _at_work: list[tuple[str, KeptRun, float]] = field(default_factory=list)

    def tell(self) -> None:
        """Have each run at work say how it stands now."""
        for number, (kind, kept, began_at) in enumerate(self._at_work):
            kept.write_progress(_snapshot(kind, kept, number, began_at, self.words))


@asynccontextmanager
async def night(
    folder: Path, portals: Sequence[str] = PORTALS, words: Words | None = None, **place: Any
) -> AsyncIterator[Night]:
    """The page of a night on *portals*; runs at work say every two seconds how they stand.

    Args:
        place: As for ``WebPlace``.
    """
    now, words, store = time.time(), words or Words(), open_store(folder / "runs")
    for number, portal in enumerate(portals):
        _past_nights(store, number, portal, words, now)
    ended = await ended_by_hand(store, words, now)
    proposal = await _proposed(store, words)
    with at_work() as work:
        begun = dict(_this_night(store, portals, work, words, now))
        run = begun[portals[0]][1]
        await _with_journal(run, words, now)
        parts = {portal: Part(run=kept.name) for portal, (_, kept, _) in begun.items()}
        slots = _slots(now, words, parts, ended.name)
        plan(store, slots)
        jobs = {name: Job(name=name, select=Selection(scope=Scope.KNOWLEDGE)) for name in slots}
        planned = PlannedJobs(slots=slots, jobs=jobs)
        with store.agenda.serving(lambda: None):
            async with page_served(folder, plan=planned, **place) as page:
                it = Night(page, store, run, ended, proposal, words, list(begun.values()))
                it.tell()
                telling = asyncio.create_task(_keep_telling(it))
                try:
                    yield it
                finally:
                    telling.cancel()
                    await asyncio.wait([telling])


async def _keep_telling(it: Night) -> None:
    while True:
        await asyncio.sleep(2)
        it.tell()


def _named(words: Words, portal: str) -> dict[str, Any]:
    return {"portal": portal, "host": words.host.format(portal=portal), "job": words.job}


def _past_nights(store: Store, number: int, portal: str, words: Words, now: float) -> None:
    rng = random.Random(portal)
    for night_before in range(3, 0, -1):
        bad = rng.choice([0, 0, 3, 12]) if number % 5 == 0 else 0
        counts = {Status.PUBLISHED: 380 + number} | ({Status.FAILED: bad} if bad else {})
        ended_run(
            store, at=now - DAY * night_before + number * 0.01, counts=counts, seconds=900 + 300 * rng.random(),
            pace={"between": "22:00-06:00"}, **_named(words, portal),
        )  # fmt: skip


def _this_night(
    store: Store, portals: Sequence[str], work: AtWork, words: Words, now: float
) -> Iterator[tuple[str, tuple[str, KeptRun, float]]]:
    """Those at work, by portal."""
    for number, portal in enumerate(portals):
        kind, named = _KINDS[number % len(_KINDS)], _named(words, portal)
        began_at = now - 700 + number * 0.01
        match kind:
            case "done":
                ended_run(
                    store,
                    at=began_at,
                    counts={Status.PUBLISHED: 380 + number},
                    seconds=480,
                    **named,
                )
            case "failed":
                ended_run(
                    store,
                    at=began_at,
                    counts={Status.PUBLISHED: 371, Status.FAILED: 9},
                    seconds=510,
                    **named,
                )
            case "stopped":
                ended_run(
                    store,
                    at=began_at,
                    counts={Status.PUBLISHED: 100},
                    left=280,
                    stopped=words.said.format(
                        said="The plan of the portal allows no more published sites."
                    ),
                    **named,
                )
            case "died":
                ended_run(store, at=began_at, is_died=True, **named)
            case _:
                kept = begun_run(store, at=began_at, total=900 + number * 20, **named)
                work.begin(kept)
                if kind == "paused":
                    kept.steer(Steering(wish=Wish.PAUSE, at=Epoch(now), by=words.by))
                yield portal, (kind, kept, began_at)  # fmt: skip


def _snapshot(kind: str, kept: KeptRun, number: int, began_at: float, words: Words) -> Snapshot:
    now = time.time()
    seconds = now - began_at
    total = 900 + number * 20
    pages = min(total - 1, int(seconds * (0.6 + number % 7 / 20)))
    told: dict[str, Any] = {
        "total": total, "pages": pages, "seconds": seconds, "rate": pages / seconds, "arrives_at": now + (total - pages) / (pages / seconds),
        "operating": Bar(level=180.0 + number * 13 % 250, limit=480.0), "requests": Bar(level=float(12 + number * 7 % 30), limit=50.0),
    }  # fmt: skip
    match kind:
        case "operating":
            told["operating"] = Bar(level=479.0, limit=480.0)
            told["waiting"] = waiting_for(
                "operating", "operating time (479 of 480 s used)", now + 45
            )
        case "requests":
            told["requests"] = Bar(level=49.0, limit=50.0)
        case "turn":
            told["waiting"] = waiting_for("turn", f"its turn: run {kept.run_id[:-4]}7c1e sends with the same webhook")  # fmt: skip
        case "outage":
            told["waiting"] = waiting_for("outage", "a portal that does not answer")
    if number == 0:
        told |= {
            "bad": 7, "counts": {"published": pages - 7, "failed": 7}, "errors": {"ACCESS_DENIED": 3, "LANDING_NOT_EXIST": 4},
            "last_failures": (words.title.format(topic="page 302: ACCESS_DENIED “Travel expenses 31”", page=302),),
        }  # fmt: skip
    else:
        told["counts"] = {"published": pages}
    return snapshot_of(kept, time=now, portal=kept.read_description().portal, **told)


def _story(kept: KeptRun, count: int, words: Words, began_at: float, rate: float) -> Iterator[Outcome]:  # fmt: skip
    """*count* pages that go on at *rate*, with a wait, and with some that fail."""
    rng = random.Random(kept.run_id)
    for number, line in enumerate(lines(kept, count)):
        is_bad = number in {96, 97, 180, 181, 240, 301, 333}
        code, hint = ("LANDING_NOT_EXIST", _GONE) if number % 3 == 0 else ("ACCESS_DENIED", _DENIED)
        wait = 90.0 if number > count * 0.6 else 0.0
        yield msgspec.structs.replace(
            line,
            time=as_utc(Epoch(began_at + number // 4 * 4 / rate + wait)),
            title=words.title.format(topic=f"{_TOPICS[number % len(_TOPICS)]} {number // len(_TOPICS) + 1}", page=number),
            url=words.address.format(page=number),
            status=Status.FAILED if is_bad else Status.PUBLISHED,
            error=code if is_bad else None,
            error_description=words.said.format(said="Access denied." if code == "ACCESS_DENIED" else "Landing not found.") if is_bad else None,
            hint=hint if is_bad else None,
            operating=(cost := round(rng.lognormvariate(-1.25, 0.3), 3)),
            duration=cost,
        )  # fmt: skip


async def _with_journal(run: KeptRun, words: Words, now: float) -> None:
    # Its lock is held already: a second one of this process's own would wait for it.
    with run.record(Totals()) as recording:
        await recording.append(list(_story(run, 420, words, now - 700, 0.72)))


async def ended_by_hand(store: Store, words: Words, now: float) -> KeptRun:
    """A run of a job by hand, which has ended an hour ago, and whose failures came again and again."""
    kept = None
    for days in (2, 1, 0):
        began_at = now - DAY * days - 2 * HOUR
        kept = begun_run(store, at=began_at, job="handbook", portal="headquarters", host=words.host.format(portal="headquarters"), total=600)  # fmt: skip
        with kept.lock(), kept.record(Totals()) as recording:
            await recording.append(list(_story(kept, 600, words, began_at, 1.5)))
        final = FinalTotals(counts={Status.PUBLISHED: 593, Status.FAILED: 7}, seconds=490.0, cost=0.3, is_whole=True, waited={"operating": 90.0})  # fmt: skip
        told = msgspec.structs.replace(kept.read_description(), ended=as_utc(Epoch(began_at + 490)), totals=final)  # fmt: skip
        with kept.lock():
            kept.write_description(told)
    assert kept is not None
    return kept


async def _proposed(store: Store, words: Words) -> str:
    select = Selection(page=("1-20",), scope=Scope.KNOWLEDGE)
    async with serve(Scenario(pages=30)) as sandbox:
        made = await make_plan(Job(name=words.job, select=select), check_selection(select), Webhook(sandbox.webhook), store=None, cost=None)  # fmt: skip
    return propose(store, encode_plan(made), by=words.by, through=Door.PAGE).name


def _slots(now: float, words: Words, parts: dict[str, Part], ended: str) -> dict[str, Slot]:
    zone = "Europe/Berlin"
    began = datetime.fromtimestamp(now - 700, ZoneInfo(zone))

    def due(cron: str, where: str = zone) -> dict[str, Any]:
        coming = next(CronSim(cron, datetime.fromtimestamp(now, ZoneInfo(where))))
        return {"cron": cron, "timezone": where, "next_due": coming.timestamp()}

    return {
        words.job: Slot(**due(f"{began.minute} {began.hour} * * *"), firing=Firing(due=now - 700, parts=parts), last=Ended(due=now - DAY, at=now - DAY + 1200, status=1)),
        "handbook": Slot(**due("30 2 * * *", "America/New_York"), last=Ended(due=now - 2 * HOUR, at=now - HOUR, status=1, runs=(ended,))),
        "price-lists": Slot(**due("*/30 * * * *")),
        "by-hand": Slot(),
        "rebuild": Slot(**due("0 5 * * *")),
    }  # fmt: skip
