"""Many portals in one process: is each at its own limit, and what does that cost?

    python benchmarks/many_portals.py > benchmarks/results/many_portals.md
    python benchmarks/many_portals.py --portals 20

*Virtual*: all portals and the program in one process, in virtual time. Each run is held against the best
compliant time of its own portal, as in ``limits.py``, and each portal counts its refusals. What the process
has used of the processor is that of both sides; its share is of the time that the runs would take.

*Real*: the program alone in its process, on the clock on the wall, the portals in another one. They have no
limits and hardly a cost, so that all runs are at work at once and the processor is what they wait for. The
memory is what this process holds at most, Python and all libraries included.
"""

import argparse
import asyncio
import multiprocessing as mp
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import structlog
import virtual
from limits import STARTS_AT, best_time

from bulk_publisher.cli.commands.many import use_all_descriptors
from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.engine.events import Event, PagesSettled
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.jobs import Portal as PortalOfJob
from bulk_publisher.model import Scope
from bulk_publisher.operations.many import ManyRuns, PortalEnd, PortalJob
from bulk_publisher.operations.publishing import Started
from bulk_publisher.portal.credentials import Credential, Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import open_store

COSTS = (0.05, 0.28, 1.0)
"""Seconds a page: two portals that are held by their requests in flight, and one by its meter."""
SPAWN = mp.get_context("spawn")


class Measured(NamedTuple):
    """Seconds on the wall and of CPU, the most memory in MB, that before the runs, and pages settled."""

    seconds: float
    cpu: float
    peak: float
    before: float
    pages: int


def most_memory() -> float:
    """Megabytes that this process has held at most; what ``getrusage`` says may be its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Onlooker:
    """Sums up what pages really took, by portal."""

    def __init__(self) -> None:
        self.work: dict[str, float] = {}
        self.ended: dict[str, PortalEnd] = {}

    def starts(self, of: PortalJob, started: Started) -> None:
        """Nothing is to be seen of it."""

    def hears(self, of: PortalJob, event: Event) -> None:
        if isinstance(event, PagesSettled):
            spent = sum(outcome.duration or 0.0 for outcome in event.outcomes)
            self.work[of.portal] = self.work.get(of.portal, 0.0) + spent

    def ends(self, end: PortalEnd) -> None:
        if end.finished is None or not end.finished.is_whole:
            raise SystemExit(f"the run on {end.of.portal} is not whole: {end.error}")
        self.ended[end.of.portal] = end


async def publish_all(webhooks: dict[str, str], folder: Path) -> Onlooker:
    """Publish all pages of all portals, all of them at once."""
    onlooker = Onlooker()
    select = Selection(scope=Scope.KNOWLEDGE)
    jobs = [
        PortalJob(Job(name="bench", portal=PortalOfJob(name=name), select=select), name)
        for name in webhooks
    ]

    @asynccontextmanager
    async def entrance(job: Job) -> AsyncIterator[Credential]:
        yield Webhook(webhooks[job.portal.name or ""])

    # Ports are used again: nothing is to be known of the run before.
    os.environ["XDG_STATE_HOME"] = str(folder)
    store = open_store(folder / "runs")
    many = ManyRuns(jobs, entrance=entrance, store=store, parallel=len(jobs), onlooker=onlooker)
    await many.do()
    return onlooker


@asynccontextmanager
async def serving(scenarios: Sequence[Scenario]) -> AsyncIterator[dict[str, Sandbox]]:
    async with AsyncExitStack() as stack:
        yield {
            f"portal-{number:03}": await stack.enter_async_context(serve(scenario))
            for number, scenario in enumerate(scenarios)
        }


# In virtual time


def measure_virtually(portals: int, pages: int) -> None:
    for name, value in virtual.patches().items():
        mock.patch(name, value).start()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    loop = virtual.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(virtually(portals, pages))
    finally:
        loop.close()


async def virtually(portals: int, pages: int) -> None:
    scenarios = [
        Scenario(starts_at=STARTS_AT, pages=pages, cost=COSTS[number % len(COSTS)])
        for number in range(portals)
    ]
    loop = asyncio.get_running_loop()
    async with serving(scenarios) as sandboxes:
        webhooks = {name: sandbox.webhook for name, sandbox in sandboxes.items()}
        began, cpu = loop.time(), time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            onlooker = await publish_all(webhooks, Path(folder))
        seconds, cpu = loop.time() - began, time.process_time() - cpu
        print(f"{portals} portals × {pages:,} pages, all at once, in virtual time.\n")
        print("| seconds a page | portals | time | best | ratio, middle | ratio, worst | refused |")
        print("|--:|--:|--:|--:|--:|--:|--:|")
        for cost in COSTS:
            names = [name for name, one in sandboxes.items() if one.scenario.cost == cost]
            if names:
                print(row(cost, {name: sandboxes[name] for name in names}, onlooker))
    print(
        f"\nBoth sides together: {cpu:.0f} s of CPU for {seconds:,.0f} s of runs,"
        f" {cpu / seconds:.0%} of one processor.\n"
    )


def row(cost: float, sandboxes: dict[str, Sandbox], onlooker: Onlooker) -> str:
    ratios, times, bests, refused = [], [], [], 0
    for name, sandbox in sandboxes.items():
        finished = onlooker.ended[name].finished
        seconds = 0.0 if finished is None else finished.ending.seconds
        lists = sandbox.truth.requests_by_method["landing.landing.getlist"]
        work = onlooker.work[name]
        best = best_time(sandbox.scenario, work, Pace().concurrency, lists=lists)
        times.append(seconds)
        bests.append(best)
        ratios.append(seconds / best)
        refused += sum(sandbox.truth.refused.values())
    middle = statistics.median
    return (
        f"| {cost:g} | {len(ratios)} | {middle(times):,.1f} | {middle(bests):,.1f}"
        f" | {middle(ratios):.3f} | {max(ratios):.3f} | {refused} |"
    )


# On the clock on the wall


def serve_until_told(wire: Connection, portals: int, pages: int, cost: float) -> None:
    async def main() -> None:
        scenario = Scenario(
            pages=pages, plan="self-hosted", cost=cost, list_cost=0.0, php_workers=50
        )
        async with serving([scenario] * portals) as sandboxes:
            wire.send({name: sandbox.webhook for name, sandbox in sandboxes.items()})
            await asyncio.get_running_loop().run_in_executor(None, wire.recv)

    use_all_descriptors()
    asyncio.run(main())


def measure_here(wire: Connection, webhooks: dict[str, str]) -> None:
    use_all_descriptors()
    configure_log(verbosity=0, is_json=True, has_colour=False)
    before = most_memory()
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        onlooker = asyncio.run(publish_all(webhooks, Path(folder)))
    peak = most_memory()
    pages = sum(end.finished.totals.pages for end in onlooker.ended.values() if end.finished)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    wire.send(Measured(seconds, cpu, peak, before, pages))


def measure_really(portals: int, pages: int, cost: float) -> None:
    here, there = SPAWN.Pipe()
    serving_process = SPAWN.Process(target=serve_until_told, args=(there, portals, pages, cost))
    serving_process.start()
    webhooks = here.recv()
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=measure_here, args=(theirs, webhooks))
    process.start()
    measured: Measured = ours.recv()
    process.join()
    here.send("stop")
    serving_process.join()
    print(
        f"{portals} portals × {pages:,} pages of {cost:g} s without limits, on the clock on the wall:"
        f" {measured.pages:,} pages in {measured.seconds:.0f} s,"
        f" {measured.cpu:.0f} s of CPU ({measured.cpu / measured.pages * 1e6:.0f} µs a page);"
        f" {measured.peak:.0f} MB at most, {measured.before:.0f} MB of them before the first run."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--portals", type=int, default=200)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--cost", type=float, default=0.05, help="seconds a page, in real time")
    parser.add_argument("--only", choices=["virtual", "real"])
    asked = parser.parse_args()
    use_all_descriptors()
    if asked.only != "real":
        measure_virtually(asked.portals, asked.pages)
    if asked.only != "virtual":
        measure_really(asked.portals, asked.pages, asked.cost)


if __name__ == "__main__":
    main()
