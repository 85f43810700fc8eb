"""How long does a killed run of a million lines take until its next request: in a folder, and in PostgreSQL?

``python benchmarks/takeover.py [LINES] > benchmarks/results/takeover.md``. A run begins on a sandbox and is killed;
its journal gets so many lines more, in groups of fifty; then ``resume`` goes on with it. What a lease makes
another host wait for is no part of it: this is the machine on which the process died.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from watched import Process, cpu_of_postgres, load, postgres, program

from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.totals import Totals
from tests.outcomes import outcome
from tests.postgres_server import PostgresServer
from tests.processes import PUBLISH, RESUME

_GROUP, _FIRST = 50, 10_000_000
_A_SECOND = 30
"""Lines that the run has had, by what they say: those of the last minutes are read once more, for the meters."""
_SLOW = Scenario(pages=2_000, cost=0.2, plan="self-hosted", php_workers=10)


class Resumed(NamedTuple):
    """Seconds on the wall, and of CPU: ours, and PostgreSQL's; and megabytes."""

    wall: float
    cpu: float
    postgres: float
    megabytes: float
    reads: float
    """CPU seconds in which this process reads how far the run has come, and nothing else."""


async def _sends(sandbox: Sandbox, process: Process) -> None:
    """Wait until a page is published."""
    before = sum(sandbox.truth.publications.values())
    while sum(sandbox.truth.publications.values()) == before:
        if process.popen.poll() is not None:
            raise SystemExit(f"it has ended: {process.words}")
        await asyncio.sleep(0.005)


async def _lengthen(store: Store, lines: int) -> None:
    """Have so many lines more in the latest run."""
    run = store.find("latest")
    now = time.time()
    made = outcome(1).__class__
    names = made.__struct_fields__
    pattern = {name: getattr(outcome(1, run=run.run_id, operating=0.0), name) for name in names}
    with run.lock(), run.record(Totals(), out=run.still_out()) as recording:
        for first in range(0, lines, _GROUP):
            moment = datetime.fromtimestamp(now - (lines - first) / _A_SECOND, UTC)
            pattern["time"] = f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
            numbers = range(first, min(lines, first + _GROUP))
            await recording.append(
                [made(**{**pattern, "page": _FIRST + 3 * number}) for number in numbers]
            )


async def _measure(place: str, lines: int, server: PostgresServer) -> Resumed:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(serve(_SLOW))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "BITRIX24_WEBHOOK": sandbox.webhook,
            "BULK_PUBLISHER_STORE": place,
            "XDG_STATE_HOME": str(folder),
        }
        with program("first", folder, PUBLISH, environment) as process:
            await _sends(sandbox, process)
            await asyncio.sleep(1)
            process.popen.kill()
            process.popen.wait()
        store = open_store(place)
        await _lengthen(store, lines)
        # What the killed one has asked for is still being done.
        while sandbox.busy:  # noqa: ASYNC110 - it ends within seconds, and has no event
            await asyncio.sleep(0.1)
        began = time.process_time()
        standing = store.find("latest").read_standing(print)
        reads = time.process_time() - began
        if len(standing.settled) < lines:
            raise SystemExit(f"{len(standing.settled)} of {lines} lines are read back")
        theirs, began_at = cpu_of_postgres(server), time.monotonic()
        with program("second", folder, RESUME, environment) as process:
            await _sends(sandbox, process)
            it = Resumed(
                time.monotonic() - began_at,
                process.cpu,
                cpu_of_postgres(server) - theirs,
                process.megabytes,
                reads,
            )
            # In order it would end with answers of the sandbox, which is in this loop.
            process.popen.kill()
            return it


def main(lines: int) -> None:
    with postgres(is_safe=False) as server, tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        stores = {"folder": f"{folder}/runs", "PostgreSQL": server.prepared()}
        print(
            f"`resume` of a run with {lines:,} lines, until it publishes the next page ({load()}):\n"
        )
        print(
            "| store | CPU s | PostgreSQL's | on the wall, s | CPU s of reading the journal | memory, MB |"
        )
        print("|--|--:|--:|--:|--:|--:|")
        for name, place in stores.items():
            it = asyncio.run(_measure(place, lines, server))
            print(
                f"| {name} | {it.cpu:.1f} | {it.postgres:.1f} | {it.wall:.1f}"
                f" | {it.reads:.1f} | {it.megabytes:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
