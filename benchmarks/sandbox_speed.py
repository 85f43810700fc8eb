"""How fast the sandbox is, and how much it holds: printed, not asserted.

    python benchmarks/sandbox_speed.py

The sandbox runs in a process of its own, the load in another, as many as two cores allow.
"""

import argparse
import asyncio
import multiprocessing as mp
import resource
import time
from multiprocessing.connection import Connection

import aiohttp

from bulk_publisher.sandbox import Scenario, serve


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve_until_told(wire: Connection, pages: int) -> None:
    async def main() -> None:
        before = megabytes()
        began = time.perf_counter()
        scenario = Scenario(
            pages=pages, plan="self-hosted", cost=0.0, list_cost=0.0, php_workers=500
        )
        async with serve(scenario) as sandbox:
            wire.send((sandbox.webhook, before, megabytes(), time.perf_counter() - began))
            await asyncio.get_running_loop().run_in_executor(None, wire.recv)
            wire.send((sandbox.truth.as_dict(), megabytes()))

    asyncio.run(main())


async def publish(webhook: str, calls: int, concurrency: int) -> float:
    pages = iter(range(1, calls + 1))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for page in pages:
                body = {"lid": page, "scope": "KNOWLEDGE"}
                async with session.post(f"{webhook}landing.landing.publication", json=body) as got:
                    await got.read()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())
        return time.perf_counter() - began


async def publish_in_batches(webhook: str, first: int, batches: int) -> float:
    began = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        for number in range(batches):
            start = first + number * 50
            cmd = {
                f"p{page}": f"landing.landing.publication?lid={page}&scope=KNOWLEDGE"
                for page in range(start, start + 50)
            }
            async with session.post(f"{webhook}batch", json={"halt": 0, "cmd": cmd}) as got:
                await got.read()
    return time.perf_counter() - began


async def list_all(webhook: str, limit: int) -> tuple[int, int, float]:
    began, last, rows, requests = time.perf_counter(), 0, 0, 0
    async with aiohttp.ClientSession() as session:
        while True:
            params = {
                "select": ["ID", "ACTIVE", "PUBLIC"],
                "filter": {">ID": last, "SITE_ID": 1, "=ACTIVE": "N"},
                "order": {"ID": "ASC"},
                "limit": limit,
            }
            body = {"scope": "KNOWLEDGE", "params": params}
            async with session.post(f"{webhook}landing.landing.getList", json=body) as got:
                page = (await got.json())["result"]
            rows, requests = rows + len(page), requests + 1
            if len(page) < limit:
                return rows, requests, time.perf_counter() - began
            last = int(page[-1]["ID"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=50)
    asked = parser.parse_args()
    here, there = mp.get_context("spawn").Pipe()
    process = mp.get_context("spawn").Process(target=serve_until_told, args=(there, asked.pages))
    process.start()
    webhook, before, after, seconds = here.recv()
    print(f"{asked.pages:,} pages built in {seconds:.2f} s: {before:.0f} → {after:.0f} MB at most")
    seconds = asyncio.run(publish(webhook, asked.calls, asked.concurrency))
    print(f"{asked.calls:,} single calls in {seconds:.2f} s: {asked.calls / seconds:,.0f} a second")
    seconds = asyncio.run(publish_in_batches(webhook, asked.calls + 1, 200))
    print(f"200 batches of 50 in {seconds:.2f} s: {10_000 / seconds:,.0f} pages a second")
    rows, requests, seconds = asyncio.run(list_all(webhook, 500))
    print(
        f"{rows:,} rows listed in {requests:,} requests, {seconds:.2f} s: {rows / seconds:,.0f} rows/s"
    )
    here.send("stop")
    truth, peak = here.recv()
    print(f"published {truth['pages_published']:,}; {peak:.0f} MB at most in the end")
    process.join()


if __name__ == "__main__":
    main()
