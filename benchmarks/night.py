"""A night in small: eight hours of schedules on many portals, several hosts and one PostgreSQL.

    python benchmarks/night.py > benchmarks/results/night.md
    python benchmarks/night.py --portals 50 --hosts 2 --speed 240

Each host is a process with the daemon that ``serve`` runs. Its clock on the wall runs fast, so that the schedules
of eight hours fall due in minutes; all else takes the time that it takes: leases, limits, pages, and the portals,
which are one process of sandboxes. Each portal counts what it was asked for.
"""

import argparse
import asyncio
import multiprocessing as mp
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from watched import (
    cpu_of,
    cpu_of_postgres,
    descriptors_of,
    load,
    megabytes_of,
    postgres,
    statements,
)

from bulk_publisher.cli.commands.many import use_all_descriptors
from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.clock import WallClock
from bulk_publisher.jobs import Job
from bulk_publisher.model import Epoch
from bulk_publisher.operations.access import Reached
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.daemon import Daemon
from bulk_publisher.serve.happenings import Happening, JobsRead, RunBegins
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store import open_store, shared_state
from tests.postgres_server import PostgresServer, name_in

SPAWN = mp.get_context("spawn")
TIMES, HOURS = 4, 8
"""How often each portal's job is due, and in how many hours."""
_BEGINS = 1_772_395_200.0
"""1 March 2026, 20:00 UTC."""
_READS_FOR, _WARMS_UP_FOR = 15.0, 20.0
"""Seconds before the first job is due, and those after it that are not measured."""
_LATEST = 600.0
"""Seconds after the last time that a job was due, after which nobody waits any more."""
_JOB = """
name = "portal-{number:03}"
[portal]
plan = "standard"
[select]
scope = "KNOWLEDGE"
[schedule]
cron = "{minute} {hours} * * *"
timezone = "UTC"
overlap = "queue"
"""
_LATE = (
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - beat_at)), 0)::float8 "
    "FROM bulk_publisher.lease WHERE is_held"
)
_SIZES = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
    "WHERE relnamespace = 'bulk_publisher'::regnamespace AND relkind = 'r' ORDER BY 2 DESC"
)
_LINES = "SELECT sum(lines), count(*), sum(octet_length(data)) FROM bulk_publisher.chunk"


class Portals(NamedTuple):
    """What all of them have seen: how often each page was published, and what they refused."""

    published: Counter[int]
    refused: int
    requests: int
    cpu: float


@dataclass
class Held:
    """What one host has at a moment."""

    cpu: float
    megabytes: float
    descriptors: int


@dataclass
class Watch:
    """What was seen meanwhile.

    Attributes:
        oldest_beat: The most seconds that a lease which is held was not renewed.
        missed: Looks at which one was later than two renewals.
    """

    oldest_beat: float = 0.0
    looks: int = 0
    missed: int = 0
    halfway: list[float] = field(default_factory=list)
    """Megabytes of each host, in the middle of it."""
    loads: list[float] = field(default_factory=list)


class FastClock(WallClock):
    """The loop's time, and a clock on the wall that goes *speed* times as fast."""

    def __init__(self, starts_at: float, speed: int) -> None:
        """It stands at *_BEGINS* when the machine's clock, which cannot be set, is at *starts_at*."""
        super().__init__()
        self._starts_at = starts_at
        self._speed = speed

    def epoch(self) -> Epoch:
        return Epoch(_BEGINS + (time.monotonic() - self._starts_at) * self._speed)


def be_a_host(
    wire: Connection, url: str, folder: Path, webhooks: list[str], starts_at: float, speed: int
) -> None:
    """Serve until *wire* says that it is over; tells how many runs have begun here, or gone on."""
    # What has begun is not kept: it would hold all of its run.
    begun: list[str] = []

    def tell(happening: Happening) -> None:
        if isinstance(happening, RunBegins):
            begun.append(happening.job)
        elif isinstance(happening, JobsRead):
            wire.send(happening.names)

    @asynccontextmanager
    async def entrance(job: Job) -> AsyncIterator[Reached]:
        webhook = webhooks[int(job.name.rpartition("-")[2])]
        yield Reached(Webhook(webhook), job.portal, state)

    async def main() -> None:
        around = Surroundings(store, entrance, tell, FastClock(starts_at, speed))
        daemon = Daemon(JobFiles([folder / "jobs"]), around, zone=UTC, parallel=50)
        async with asyncio.TaskGroup() as group:
            group.create_task(daemon.serve())
            await asyncio.get_running_loop().run_in_executor(None, wire.recv)
            daemon.drain()

    os.environ["XDG_STATE_HOME"] = str(folder / f"state-{os.getpid()}")
    use_all_descriptors()
    configure_log(verbosity=0, is_json=True, has_colour=False)
    store, state = open_store(url), shared_state(url, os.environ)
    asyncio.run(main())
    wire.send(len(begun))


def be_the_portals(wire: Connection, asked: argparse.Namespace) -> None:
    """Serve sandboxes until *wire* says that it is over."""

    async def main() -> Portals:
        async with AsyncExitStack() as stack:
            scenario = Scenario(pages=asked.pages, cost=asked.cost, php_workers=20)
            portals: list[Sandbox] = [
                await stack.enter_async_context(serve(scenario)) for _ in range(asked.portals)
            ]
            wire.send([portal.webhook for portal in portals])
            await asyncio.get_running_loop().run_in_executor(None, wire.recv)
            published: Counter[int] = Counter()
            for portal in portals:
                published.update(portal.truth.publications.values())
            return Portals(
                published,
                sum(sum(portal.truth.refused.values()) for portal in portals),
                sum(portal.truth.requests for portal in portals),
                time.process_time(),
            )

    use_all_descriptors()
    wire.send(asyncio.run(main()))


def write_jobs(folder: Path, portals: int) -> None:
    """A job for each portal, due *TIMES* times, all of them spread evenly over the hours."""
    apart = HOURS * 60 // TIMES
    for number in range(portals):
        first = 20 * 60 + 1 + number * (apart - 1) // portals
        hours = [str((first + time_ * apart) // 60 % 24) for time_ in range(TIMES)]
        job = _JOB.format(number=number, minute=first % 60, hours=",".join(hours))
        (folder / f"{number}.toml").write_text(job)


def _held(pid: int) -> Held:
    return Held(cpu_of(pid), megabytes_of(pid), descriptors_of(pid))


def watch(
    server: PostgresServer, url: str, pids: Sequence[int], until: float, renew_every: float
) -> Watch:
    """Look on until all is done that was due up to *until*, by this process's clock."""
    seen, agenda, name = Watch(), open_store(url).agenda, name_in(url)
    middle = (time.monotonic() + until) / 2
    while True:
        time.sleep(1)
        late = float(server.sql(_LATE, name=name))
        seen.looks += 1
        seen.oldest_beat = max(seen.oldest_beat, late)
        seen.missed += late > 2 * renew_every
        seen.loads.append(float(Path("/proc/loadavg").read_text().split()[0]))
        if not seen.halfway and time.monotonic() > middle:
            seen.halfway = [megabytes_of(pid) for pid in pids]
        if time.monotonic() < until:
            continue
        slots = agenda.read_slots().values()
        is_over = all(slot.next_due and slot.next_due > _BEGINS + HOURS * 3600 for slot in slots)
        if is_over and not any(slot.firing or slot.queued for slot in slots):
            return seen
        if time.monotonic() > until + _LATEST:
            raise SystemExit("the hosts do not come to an end")


def check(url: str, asked: argparse.Namespace, seen: Portals) -> int:
    """See that each run has each page once, and the portals say so; gives the number of runs."""
    runs = open_store(url).runs()
    for run in runs:
        pages = [mark.page for mark in run.marks()]
        if len(pages) != asked.pages or len(set(pages)) != asked.pages:
            raise SystemExit(f"{run.name} has {len(pages)} lines for {len(set(pages))} pages")
        if not run.read_description().is_whole:
            raise SystemExit(f"{run.name} is not whole")
    if len(runs) != TIMES * asked.portals:
        times = Counter(Counter(run.read_description().job.name for run in runs).values())
        raise SystemExit(
            f"{TIMES * asked.portals} runs were due; jobs by how many they had: {times}"
        )
    if seen.published != Counter({TIMES: asked.portals * asked.pages}):
        raise SystemExit(f"pages by how often they were published: {seen.published}")
    return len(runs)


def started(work: Any, *given: object) -> tuple[Connection, Any]:
    """A process that does *work*, and the wire to it."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(there, *given), daemon=True)
    process.start()
    there.close()
    return here, process


def measure(server: PostgresServer, asked: argparse.Namespace) -> None:
    url, renew_every = server.prepared(), 10.0
    name = name_in(url)
    to_portals, portals = started(be_the_portals, asked)
    webhooks: list[str] = to_portals.recv()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "jobs").mkdir()
        write_jobs(folder / "jobs", asked.portals)
        starts_at = time.monotonic() + _READS_FOR
        ends_at = starts_at + HOURS * 3600 / asked.speed
        given = (url, folder, webhooks, starts_at, asked.speed)
        hosts = [started(be_a_host, *given) for _ in range(asked.hosts)]
        for wire, _ in hosts:
            wire.recv()
        # Not before the first of its runs: what is loaded with it is no leak.
        time.sleep(max(0.0, starts_at + _WARMS_UP_FOR - time.monotonic()))
        pids = [host.pid for _, host in hosts]
        before, began_at = [_held(pid) for pid in pids], time.monotonic()
        theirs, asked_of = cpu_of_postgres(server), statements(server, name)
        wal, lines = _wal(server), _count(server, name)[0]
        seen = watch(server, url, pids, ends_at, renew_every)
        took, after = time.monotonic() - began_at, [_held(pid) for pid in pids]
        theirs = cpu_of_postgres(server) - theirs
        asked_of, wal = statements(server, name) - asked_of, _wal(server) - wal
        begun = [_over(wire, host) for wire, host in hosts]
    to_portals.send("over")
    truth: Portals = to_portals.recv()
    portals.join()
    runs = check(url, asked, truth)
    _tell_all(asked, runs, truth, seen, begun)
    pages, pieces, size = _count(server, name)
    _tell_costs(before, seen.halfway, after, begun, took, pages - lines)
    print(
        f"\nPostgreSQL: {asked_of / took:.0f} statements a second, {asked_of / (pages - lines):.2f} for each page;"
        f" {theirs:.1f} s of CPU, {theirs / (pages - lines) * 1e6:.0f} µs a page;"
        f" {wal / (pages - lines):.0f} bytes of WAL a page."
    )
    _tell_sizes(server, name, pages, pieces, size)


def _over(wire: Connection, host: Any) -> int:
    """End a host in order; gives how many runs have begun there."""
    wire.send("over")
    while wire.poll(60) and not isinstance(said := wire.recv(), int):
        pass
    host.join(60)
    return int(said)


def _count(server: PostgresServer, name: str) -> tuple[int, int, int]:
    """Lines, pieces, and their bytes."""
    lines, pieces, size = server.sql(_LINES, name=name).strip().split("|")
    return int(lines or 0), int(pieces), int(size or 0)


def _wal(server: PostgresServer) -> int:
    return int(server.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))


def _tell_all(
    asked: argparse.Namespace, runs: int, truth: Portals, seen: Watch, begun: list[int]
) -> None:
    loads = sorted(seen.loads)
    print(
        f"{asked.portals} portals, each due {TIMES} times in {HOURS} hours that pass in"
        f" {HOURS * 3600 / asked.speed:.0f} s; {asked.hosts} hosts; {asked.pages} pages of {asked.cost:g} s each time"
        f" (load {loads[len(loads) // 2]:.1f} in the middle, {loads[-1]:.1f} at most).\n"
    )
    print(
        f"{runs} runs, all whole; {runs * asked.pages:,} pages, each with one line in its run and published once for it;"
        f" {truth.refused} refusals of {truth.requests:,} requests. The longest that a lease was not renewed:"
        f" {seen.oldest_beat:.1f} s; {seen.missed} of {seen.looks} looks found one that had missed a renewal;"
        f" {sum(begun) - runs} runs were lost to another host.\n"
    )


def _tell_costs(
    before: Sequence[Held],
    halfway: Sequence[float],
    after: Sequence[Held],
    begun: Sequence[int],
    took: float,
    pages: int,
) -> None:
    print("| | runs | CPU s | of a core | MB at the beginning, halfway, at the end | open files |")
    print("|--|--:|--:|--:|--:|--:|")
    hosts = zip(before, halfway, after, begun, strict=True)
    for number, (old, middle, new, runs) in enumerate(hosts, start=1):
        cpu = new.cpu - old.cpu
        print(
            f"| host {number} | {runs} | {cpu:.1f} | {cpu / took:.1%}"
            f" | {old.megabytes:.0f}, {middle:.0f}, {new.megabytes:.0f}"
            f" | {old.descriptors}, {new.descriptors} |"
        )
    cpu = sum(new.cpu - old.cpu for old, new in zip(before, after, strict=True))
    print(
        f"\nAll hosts: {pages / took:.0f} pages a second, {cpu / pages * 1e6:.0f} µs of CPU a page."
    )


def _tell_sizes(server: PostgresServer, name: str, pages: int, pieces: int, size: int) -> None:
    print(
        f"\nThe journal: {pages / pieces:.1f} lines a piece, {size / pages:.0f} bytes a page. On the disk, by table,"
        " in bytes a page:"
    )
    for line in server.sql(_SIZES, name=name).split()[:6]:
        table, _, there = line.partition("|")
        print(f"{table} {int(there) / pages:.0f}", end="; ")
    print(f"{load()} at the end.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--portals", type=int, default=120)
    parser.add_argument("--pages", type=int, default=100, help="of each portal")
    parser.add_argument("--cost", type=float, default=0.1, help="seconds a page, in real time")
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--speed", type=int, default=120, help="of the clock on the wall")
    asked = parser.parse_args()
    with postgres() as server:
        measure(server, asked)


if __name__ == "__main__":
    main()
