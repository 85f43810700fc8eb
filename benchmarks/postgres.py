"""What a database takes: fenced lines a second from several runs, how long each waits, and what the loop feels.

``python benchmarks/postgres.py [SECONDS] > benchmarks/results/postgres.md``; it starts a PostgreSQL of its own, which forces what it commits to disk.
"""

import asyncio
import random
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from watched import load, postgres

from bulk_publisher.model import Epoch
from bulk_publisher.store import open_store
from bulk_publisher.store.description import Description
from bulk_publisher.store.protocol import KeptRun, Recording
from bulk_publisher.store.totals import Totals
from tests.outcomes import outcome

RUNS, A_SECOND = 10, 300


async def _append(
    run: KeptRun, recording: Recording, ends_at: float, waits: list[float], first: int
) -> None:
    """One line at a time, each this run's share of all of them."""
    page, due = first, time.monotonic()
    while due < ends_at:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        began_at = time.monotonic()
        await recording.append([outcome(page, run=run.run_id)])
        waits.append(time.monotonic() - began_at)
        page, due = page + 1, due + RUNS / A_SECOND


async def _feel(ends_at: float, lags: list[float]) -> None:
    """How late the loop comes back."""
    while (now := time.monotonic()) < ends_at:
        await asyncio.sleep(0.005)
        lags.append(time.monotonic() - now - 0.005)


async def _measure(url: str, seconds: float) -> None:
    store, rng = open_store(url), random.Random(1)
    waits: list[float] = []
    lags: list[float] = []
    async with AsyncExitStack() as stack:
        recordings = []
        for _ in range(RUNS):
            run = stack.enter_context(store.create(Epoch(1_772_334_000.0), rng))
            run.begin(Description(run=run.run_id))
            recordings.append((run, stack.enter_context(run.record(Totals()))))
        began_at, cpu = time.monotonic(), time.process_time()
        ends_at = began_at + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(_feel(ends_at, lags))
            for number, (run, recording) in enumerate(recordings):
                group.create_task(_append(run, recording, ends_at, waits, 1 + number * 10**6))
        took = time.monotonic() - began_at
        share = (time.process_time() - cpu) / took
    print(
        f"{len(waits) / took:.0f} fenced lines a second, each committed by itself, of {RUNS} runs,"
        f" for {took:.0f} s ({load()})\n"
    )
    print(f"- commit: {_in_ms(waits)}; the loop comes back late by: {_in_ms(lags)}")
    print(f"- {share:.1%} of a core is ours")
    run = store.runs()[0]
    began_at = time.monotonic()
    count = sum(1 for _ in run.marks())
    print(f"- {count / (time.monotonic() - began_at):,.0f} lines a second are read back")


def _in_ms(seconds: list[float]) -> str:
    hundredths = statistics.quantiles(seconds, n=100)
    return f"p50 {hundredths[49] * 1000:.1f} ms, p99 {hundredths[98] * 1000:.1f} ms"


if __name__ == "__main__":
    with postgres() as server:
        asyncio.run(_measure(server.prepared(), float(sys.argv[1]) if sys.argv[1:] else 60.0))
