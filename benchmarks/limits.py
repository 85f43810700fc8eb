"""At the limit, never over it: how long runs take, against the best that the limits allow.

    python benchmarks/limits.py             # 500 and 5,000 pages, some minutes
    python benchmarks/limits.py --long      # 100,000 and 1,000,000 pages too: an hour
    python benchmarks/limits.py --only "others: 80 %" --processes 1

Results of the same case are replaced, all others are kept.

Each run is the whole program against the sandbox over real loopback sockets, in virtual time: a
portal's day passes in seconds. One factor at a time is varied around a base of 5,000 pages that
cost 0.28 s each. Printed, and written to benchmarks/results/, never asserted.

The best compliant time for W seconds of work under a limit of B with c requests in flight is
``600·⌊W/B⌋ + (W mod B)/c``, of one meter; where the bucket of requests takes longer, the time that
it takes for batches of 50 and the lists. What others use is not there for us: it is taken off.
Refusals are counted twice: pages that the portal refused, and moments at which it did, since all
requests in flight meet a limit together.
"""

import argparse
import asyncio
import concurrent.futures
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import structlog
import virtual

from bulk_publisher.engine.events import Event, PagesSettled, Refused
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.sandbox.meters import MeterKey
from bulk_publisher.store import open_store

RESULTS = Path(__file__).parent / "results"
PUBLICATION = "landing.landing.publication"
BATCH = 50
TENANT_RATE = 1.6
CLOCK_OFF = 900.0
STARTS_AT = 1_800_000_020.0
"""By the portal's clock, so that its minutes fall alike in each run."""
SHOWN = ("5,000 pages of 0.28 s", "2 single calls a second")
"""Cases whose meter is drawn over time."""


@dataclass(frozen=True)
class Case:
    """One run to measure; *factor* is what it varies, and *pages* are given as IDs, else all are listed."""

    factor: str
    name: str
    scenario: dict[str, Any]
    pace: dict[str, Any] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    is_plain: bool = False


@dataclass(frozen=True)
class Figures:
    """What was measured, as the sandbox saw it."""

    factor: str
    name: str
    pages: int
    cost: float
    billing: str
    limit: float | None
    plan: str
    seconds: float
    best: float
    refusals: int
    moments: int
    requests: int
    highest_meter: float
    highest_bucket: float
    capacity: float | None
    is_whole: bool
    real_seconds: float
    levels: list[tuple[float, float]]

    @property
    def ratio(self) -> float:
        return self.seconds / self.best


def cases(*, is_long: bool) -> list[Case]:
    sizes = (500, 5_000, 100_000) if is_long else (500, 5_000)
    chosen = [
        Case("size", f"{pages:,} pages of {cost:g} s", {"pages": pages, "cost": cost})
        for pages in sizes
        for cost in (0.05, 0.28, 1.4)
    ]
    if is_long:
        million = {"pages": 1_000_000, "cost": 0.28}
        chosen.append(Case("size", "1,000,000 pages of 0.28 s", million))
    for billing, is_banning in (("batch", False), ("both", True)):
        scenario = {"pages": 5_000, "billing": billing, "ban": is_banning}
        chosen.append(Case("billing", f"billing by {billing}", scenario))
    for limit in (420.0, 240.0):
        scenario = {"pages": 5_000, "operating_limit": limit}
        known = {"operating_limit": limit}
        chosen.append(Case("limit", f"limit {limit:g}, known", scenario, known))
        chosen.append(Case("limit", f"limit {limit:g}, not known", scenario))
        chosen.append(Case("limit", f"limit {limit:g}, not known, ban", {**scenario, "ban": True}))
    tenant = {"tenant_rate": TENANT_RATE}
    chosen += [
        Case("plan", "enterprise", {"pages": 5_000, "plan": "enterprise"}),
        Case("plan", "self-hosted", {"pages": 5_000, "plan": "self-hosted"}),
        Case("others", "80 % of the bucket", {"pages": 5_000, **tenant}),
        Case("others", "80 %, small pages", {"pages": 50_000, "cost": 0.01, **tenant}),
        Case("others", "0.2 operating s a second", {"pages": 5_000, "tenant_operating": 0.2}),
        Case("clock", "15 min ahead", {"pages": 5_000, "clock_offset": CLOCK_OFF}),
        Case("clock", "15 min behind", {"pages": 5_000, "clock_offset": -CLOCK_OFF}),
        Case("clock", "baskets leave with their minute", {"pages": 5_000, "release": "minute"}),
        *not_listed(),
        Case("plain loop", "2 single calls a second", {"pages": 5_000}, is_plain=True),
        Case("plain loop", "the same at 1.4 s", {"pages": 5_000, "cost": 1.4}, is_plain=True),
    ]
    return chosen


def not_listed() -> list[Case]:
    """A list of 3,000 IDs, 134 of which are gone, or hidden from lists, or left out of it."""
    bad = list(range(11, 3_000, 22))[:134]
    good = tuple(str(page) for page in range(1, 3_001) if page not in set(bad))
    chosen = []
    for cost in (0.15, 0.28):
        scenario = {"pages": 3_000, "cost": cost}
        gone, hidden = {**scenario, "missing_pages": bad}, {**scenario, "unlisted_pages": bad}
        chosen += [
            Case("not listed", f"none of 2,866 of {cost:g} s", gone, pages=good),
            Case("not listed", f"134 of 3,000 of {cost:g} s, gone", gone, pages=("1-3000",)),
            Case("not listed", f"134 of 3,000 of {cost:g} s, hidden", hidden, pages=("1-3000",)),
        ]
    return chosen


# One run


class Onlooker:
    """Sums up what pages really took, and lets everything else pass."""

    def __init__(self) -> None:
        self.work = 0.0
        self.refused_at: list[float] = []

    def __call__(self, event: Event) -> None:
        match event:
            case PagesSettled(outcomes):
                self.work += sum(outcome.duration or 0.0 for outcome in outcomes)
            case Refused():
                self.on_refused()
            case _:
                pass

    def on_refused(self) -> None:
        now = asyncio.get_running_loop().time()
        # A request ends within a minute: what was in flight then meets the same limit.
        if not self.refused_at or now > self.refused_at[-1] + 60.0:
            self.refused_at.append(now)


async def publish_all(sandbox: Sandbox, case: Case) -> tuple[float, Onlooker, bool]:
    """Seconds that the run took, what was seen of it, and whether it is whole."""
    onlooker = Onlooker()
    select = Selection(page=case.pages, scope=Scope.KNOWLEDGE)
    job = Job(name="bench", select=select, pace=Pace(**case.pace))
    with tempfile.TemporaryDirectory() as folder:
        # Ports are used again: nothing is to be known of the run before.
        os.environ["XDG_STATE_HOME"] = folder
        done = await publish(
            job,
            Webhook(sandbox.webhook),
            store=open_store(Path(folder)),
            seed=1,
            watch=onlooker,
            on_start=lambda _: None,
        )
    return done.ending.seconds, onlooker, done.ending.is_whole


async def publish_plainly(sandbox: Sandbox, case: Case) -> tuple[float, Onlooker, bool]:
    """What one writes in ten minutes: a call a page, two a second, and again after a refusal."""
    loop = asyncio.get_running_loop()
    began_at, onlooker = loop.time(), Onlooker()
    async with aiohttp.ClientSession() as session:
        for page in range(1, case.scenario["pages"] + 1):
            next_at = loop.time() + 0.5
            while True:
                call, sent_at = {"lid": page, "scope": "KNOWLEDGE"}, loop.time()
                async with session.post(f"{sandbox.webhook}{PUBLICATION}", json=call) as answer:
                    said = await answer.json()
                seconds = loop.time() - sent_at
                await asyncio.sleep(max(0.0, next_at - loop.time()))
                if "error" not in said:
                    # Its start is cut to a whole second, so that its duration is too long.
                    onlooker.work += min(seconds, said["time"]["duration"])
                    break
                onlooker.on_refused()
                next_at = loop.time() + 1.0
    is_whole = len(sandbox.truth.publications) == case.scenario["pages"]
    return loop.time() - began_at, onlooker, is_whole


async def look_at_meter(sandbox: Sandbox, levels: list[tuple[float, float]], every: float) -> None:
    """Note the portal's fullest meter, now and then."""
    limiter, began_at = sandbox.portal.limiter, sandbox.now()
    credential = f"webhook{sandbox.portal.users[0].id}"
    keys = [
        MeterKey(credential, PUBLICATION),
        MeterKey(credential, "batch"),
        MeterKey("", PUBLICATION),
    ]
    while limiter is not None:
        moment = sandbox.portal.portal_time(sandbox.now())
        level = max(limiter.total(key, moment) for key in keys)
        levels.append((round(sandbox.now() - began_at, 1), round(level, 2)))
        await asyncio.sleep(every)


async def measure(case: Case) -> Figures:
    scenario = Scenario(starts_at=STARTS_AT, **case.scenario)
    began = time.perf_counter()
    levels: list[tuple[float, float]] = []
    async with serve(scenario) as sandbox:
        every = max(2.0, scenario.pages * scenario.cost / 500)
        looking = asyncio.get_running_loop().create_task(look_at_meter(sandbox, levels, every))
        run = publish_plainly if case.is_plain else publish_all
        seconds, onlooker, is_whole = await run(sandbox, case)
        looking.cancel()
        truth = sandbox.truth
        lists = truth.requests_by_method["landing.landing.getlist"]
        return Figures(
            factor=case.factor,
            name=case.name,
            pages=scenario.pages,
            cost=scenario.cost,
            billing=scenario.billing + (", ban" if scenario.ban else ""),
            limit=scenario.limit,
            plan=scenario.plan,
            seconds=seconds,
            best=best_time(scenario, onlooker.work, Pace(**case.pace).concurrency, lists=lists),
            refusals=sum(truth.refused.values()),
            moments=len(onlooker.refused_at),
            requests=truth.requests,
            highest_meter=max(truth.highest_meter.values(), default=0.0),
            highest_bucket=truth.highest_bucket,
            capacity=truth.bucket_capacity,
            is_whole=is_whole,
            real_seconds=time.perf_counter() - began,
            levels=levels if case.name in SHOWN else [],
        )


def best_time(scenario: Scenario, work: float, concurrency: int, *, lists: int) -> float:
    """The least seconds for *work* seconds of pages, within all limits."""
    operating = work / concurrency
    if scenario.limit is not None:
        limit = scenario.limit - 600.0 * scenario.tenant_operating
        operating = 600.0 * (work // limit) + work % limit / concurrency
    if scenario.bucket is None:
        return operating
    capacity, drain = scenario.bucket
    requests = -(-scenario.pages // BATCH) + lists
    return max(operating, (requests - capacity) / (drain - scenario.tenant_rate))


def run_case(case: Case) -> Figures:
    for name, value in virtual.patches().items():
        mock.patch(name, value).start()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    loop = virtual.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(measure(case))
    finally:
        loop.close()


# What is shown

HEADER = (
    "factor", "case", "pages", "cost", "billing", "limit", "plan", "time", "best", "ratio",
    "refused", "at moments", "requests", "highest meter", "highest bucket",
)  # fmt: skip


def row(figures: Figures) -> tuple[str, ...]:
    limit = "none" if figures.limit is None else f"{figures.limit:g}"
    meter = "–" if figures.limit is None else f"{figures.highest_meter:.1f}/{limit}"
    bucket = "–"
    if figures.capacity is not None:
        bucket = f"{figures.highest_bucket:.1f}/{figures.capacity:g}"
    return (
        figures.factor,
        figures.name + ("" if figures.is_whole else " (NOT WHOLE)"),
        f"{figures.pages:,}",
        f"{figures.cost:g}",
        figures.billing,
        limit,
        figures.plan,
        f"{figures.seconds:,.1f}",
        f"{figures.best:,.1f}",
        f"{figures.ratio:.3f}",
        str(figures.refusals),
        str(figures.moments),
        f"{figures.requests:,}",
        meter,
        bucket,
    )


def table(all_figures: Sequence[Figures]) -> str:
    lines = [HEADER, tuple("---" for _ in HEADER), *map(row, all_figures)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def draw(all_figures: Sequence[Figures], path: Path) -> None:
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - the table needs none
    except ModuleNotFoundError:
        print("No picture: pip install --group bench")
        return
    ours = [figures for figures in all_figures if figures.factor != "plain loop"]
    plain = [figures for figures in all_figures if figures.factor == "plain loop"]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(13, 0.32 * len(ours) + 1.5), width_ratios=(3, 2), layout="constrained"
    )
    names = [f"{figures.factor}: {figures.name}" for figures in ours]
    ratios = [figures.ratio for figures in ours]
    colours = ["#b3261e" if figures.refusals else "#1f6f54" for figures in ours]
    left.hlines(names, 0, ratios, color="#c9ced6", linewidth=2)
    left.scatter(ratios, names, color=colours, zorder=3)
    for name, ratio in zip(names, ratios, strict=True):
        left.annotate(
            f"{ratio:.3f}", (ratio, name), xytext=(7, 0), textcoords="offset points", va="center"
        )
    left.axvline(1.0, color="#444444", linewidth=1)
    left.axvline(1.03, color="#444444", linewidth=1, linestyle=":")
    left.set_xlim(0, max(1.3, *(ratio * 1.1 for ratio in ratios)))
    left.invert_yaxis()
    left.set_title("time ÷ best compliant time (dotted: 1.03; red: the portal refused)", loc="left")
    for shown, colour in ((ours, "#1f6f54"), (plain, "#c77700")):
        figures = next((each for each in shown if each.levels), None)
        if figures is None:
            continue
        label = "bulk-publisher" if shown is ours else "plain loop"
        moments, levels = zip(*figures.levels, strict=True)
        right.plot(moments, levels, color=colour, label=f"{label}: {figures.seconds:,.0f} s")
    right.axhline(480.0, color="#b3261e", linewidth=1, label="the limit")
    right.set_xlabel("seconds")
    right.set_ylabel("operating seconds in the meter")
    right.set_title("5,000 pages of 0.28 s, as the portal saw it")
    right.legend(loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--long", action="store_true", help="100,000 and 1,000,000 pages too")
    parser.add_argument("--only", default="", help="cases whose factor or name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args()
    chosen = [
        case for case in cases(is_long=asked.long) if asked.only in f"{case.factor}: {case.name}"
    ]
    context = multiprocessing.get_context("spawn")
    asked.results.mkdir(exist_ok=True)
    with concurrent.futures.ProcessPoolExecutor(asked.processes, mp_context=context) as pool:
        for figures in pool.map(run_case, chosen):
            print(" | ".join(row(figures)), f"| {figures.real_seconds:.1f} s real", flush=True)
            keep(figures, asked.results)
    everything = kept(asked.results)
    (asked.results / "limits.md").write_text(table(everything), encoding="utf-8")
    draw(everything, asked.results / "limits.svg")


def keep(figures: Figures, results: Path) -> None:
    """Put *figures* in the place of an earlier run of the same case."""
    others = [each for each in kept(results) if each.name != figures.name]
    everything = [asdict(each) for each in (*others, figures)]
    (results / "limits.json").write_text(json.dumps(everything), encoding="utf-8")


def kept(results: Path) -> list[Figures]:
    """What was measured so far, in the order of the cases."""
    path = results / "limits.json"
    if not path.exists():
        return []
    order = [case.name for case in cases(is_long=True)]
    known = [Figures(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    known = [each for each in known if each.name in order]
    return sorted(known, key=lambda each: order.index(each.name))


if __name__ == "__main__":
    main()
