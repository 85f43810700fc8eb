"""The engine alone: against a bare loop that sends the same batches, and its memory over a long run.

    python benchmarks/engine.py > benchmarks/results/engine.md
    python benchmarks/engine.py --memory-pages 0   # without the run of 1,000,000 pages

The sandbox has no limits and no cost, and a process of its own; so has each run that is measured.
The bare loop is what one writes by hand for speed: as many workers, 50 pages a request, the answer
decoded and each page's result looked at - no pace, no retry, no journal, no log. The recording loop
is the same with what no run may be without: the pages of a request are on disk before it leaves, and
each page's line before its worker takes another.
"""

import argparse
import asyncio
import json
import multiprocessing as mp
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import aiohttp

from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.engine.events import Event, PagesSettled
from bulk_publisher.jobs import Job, Pace, PortalPlan, Selection
from bulk_publisher.jobs import Portal as PortalOfJob
from bulk_publisher.model import Scope
from bulk_publisher.operations.publishing import publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store

BATCH = 50
CONCURRENCY = 4
PUBLICATION = "landing.landing.publication"
SPAWN = mp.get_context("spawn")

Runner = Callable[[str, int], Coroutine[Any, Any, list[tuple[int, float]]]]
"""Publishes so many pages at a webhook; says what memory it held after how many."""


class Measured(NamedTuple):
    """Seconds on the wall and of CPU, the most memory in MB, and memory as it went."""

    seconds: float
    cpu: float
    peak: float
    memory: list[tuple[int, float]]


def resident() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class Onlooker:
    """Notes the memory now and then."""

    def __init__(self, every: int) -> None:
        self.every, self.settled = every, 0
        self.memory: list[tuple[int, float]] = []

    def __call__(self, event: Event) -> None:
        if not isinstance(event, PagesSettled):
            return
        before, self.settled = self.settled, self.settled + len(event.outcomes)
        if before // self.every != self.settled // self.every:
            self.memory.append((self.settled, resident()))


async def with_engine(webhook: str, pages: int) -> list[tuple[int, float]]:
    onlooker = Onlooker(max(1, pages // 10))
    job = Job(
        name="engine",
        portal=PortalOfJob(plan=PortalPlan.SELF_HOSTED),
        select=Selection(page=(f"1-{pages}",), scope=Scope.KNOWLEDGE, lookup=False),
        pace=Pace(concurrency=CONCURRENCY),
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        done = await publish(
            job,
            Webhook(webhook),
            store=open_store(Path(folder)),
            seed=1,
            watch=onlooker,
            on_start=lambda _: None,
        )
    if not done.ending.is_whole:
        raise SystemExit(f"the run is not whole: {done.ending.error}")
    return onlooker.memory


async def with_bare_loop(webhook: str, pages: int) -> list[tuple[int, float]]:
    await loop_by_hand(webhook, pages, records=None)
    return []


async def with_recording_loop(webhook: str, pages: int) -> list[tuple[int, float]]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "records").open("wb") as records:
        await loop_by_hand(webhook, pages, records=records)
    return []


async def loop_by_hand(webhook: str, pages: int, *, records: BinaryIO | None) -> None:
    batches = batches_of(pages)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def work() -> None:
            for batch in batches:
                if records is not None:
                    await asyncio.to_thread(write, records, batch)
                async with session.post(f"{webhook}batch", data=batch) as got:
                    answer = json.loads(await got.read())
                if not all(answer["result"]["result"].values()):
                    raise SystemExit("a page was not published")
                if records is not None:
                    await asyncio.to_thread(write, records, lines_of(answer["result"]))

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(work())


def write(records: BinaryIO, data: bytes) -> None:
    records.write(data + b"\n")
    records.flush()
    os.fdatasync(records.fileno())


def lines_of(result: dict[str, dict[str, Any]]) -> bytes:
    """A line for each page, with the fields that are not the same for all of them."""
    moment = datetime.now(UTC).isoformat()
    return b"\n".join(
        json.dumps(
            {
                "time": moment,
                "page": int(key[1:]),
                "status": "published",
                "duration": timing["duration"],
                "operating": timing.get("operating"),
            }
        ).encode()
        for key, timing in result["result_time"].items()
    )


def batches_of(pages: int) -> Iterator[bytes]:
    for start in range(1, pages + 1, BATCH):
        some = range(start, min(start + BATCH, pages + 1))
        cmd = {f"p{page}": f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in some}
        yield json.dumps({"halt": 0, "cmd": cmd}).encode()


RUNNERS: dict[str, Runner] = {
    "bare loop": with_bare_loop,
    "recording loop": with_recording_loop,
    "engine": with_engine,
}


def serve_until_told(wire: Connection, pages: int) -> None:
    async def main() -> None:
        scenario = Scenario(
            pages=pages, plan="self-hosted", cost=0.0, list_cost=0.0, php_workers=500
        )
        async with serve(scenario) as sandbox:
            wire.send(sandbox.webhook)
            await asyncio.get_running_loop().run_in_executor(None, wire.recv)

    asyncio.run(main())


def measure_here(wire: Connection, run: Runner, webhook: str, pages: int) -> None:
    configure_log(verbosity=0, is_json=True, has_colour=False)
    began, cpu = time.perf_counter(), time.process_time()
    memory = asyncio.run(run(webhook, pages))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wire.send(Measured(time.perf_counter() - began, time.process_time() - cpu, peak, memory))


def measure(run: Runner, webhook: str, pages: int) -> Measured:
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=measure_here, args=(there, run, webhook, pages))
    process.start()
    measured: Measured = here.recv()
    process.join()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-pages", type=int, default=1_000_000, help="0 for none")
    asked = parser.parse_args()
    here, there = SPAWN.Pipe()
    most = max(asked.pages, asked.memory_pages)
    portal = SPAWN.Process(target=serve_until_told, args=(there, most))
    portal.start()
    webhook = here.recv()
    pages = asked.pages
    print(f"{pages:,} pages a run: pages a second, and µs of CPU a page.\n")
    print(f"| round | {' | '.join(RUNNERS)} |\n|--:|{'--:|' * len(RUNNERS)}")
    rounds: list[dict[str, Measured]] = []
    for number in range(1, asked.rounds + 1):
        measured = {name: measure(run, webhook, pages) for name, run in RUNNERS.items()}
        rounds.append(measured)
        told = (
            f"{pages / one.seconds:,.0f}, {one.cpu / pages * 1e6:.0f}" for one in measured.values()
        )
        print(f"| {number} | {' | '.join(told)} |", flush=True)
    print()
    for name in ("bare loop", "recording loop"):
        speed = statistics.median(one[name].seconds / one["engine"].seconds for one in rounds)
        thrift = statistics.median(one[name].cpu / one["engine"].cpu for one in rounds)
        print(
            f"Engine to {name}, in the middle: pages a second {speed:.2f},"
            f" pages a second of CPU {thrift:.2f}.  "
        )
    if asked.memory_pages:
        long = measure(with_engine, webhook, asked.memory_pages)
        grown = ", ".join(f"{megabytes:.0f}" for _, megabytes in long.memory)
        print(
            f"{asked.memory_pages:,} pages in {long.seconds:.0f} s: {long.peak:.0f} MB at most;"
            f" after each tenth {grown}."
        )
    here.send("stop")
    portal.join()


if __name__ == "__main__":
    main()
