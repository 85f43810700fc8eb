"""Thousands of schedules that are due in the same minute, and several hosts: does each fall due exactly once?

    python benchmarks/many_schedules.py > benchmarks/results/many_schedules.md
    python benchmarks/many_schedules.py --jobs 500 --hosts 3 --parallel 5

Each host is a process with the daemon that ``serve`` runs. The jobs end at once, since they find no credential: what
is measured is the plan, not the runs. A trigger in the database writes down whatever falls due, and knows
nothing of hosts.
"""

import argparse
import asyncio
import multiprocessing as mp
import statistics
import sys
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from watched import cpu_of_postgres, load, postgres, statements

from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.clock import WallClock
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job
from bulk_publisher.operations.access import Entry
from bulk_publisher.serve.daemon import Daemon
from bulk_publisher.serve.happenings import Happening, JobDue, JobEnds
from bulk_publisher.serve.job_files import JobFiles
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store import open_store
from tests.postgres_server import PostgresServer, name_in

SPAWN = mp.get_context("spawn")
_AHEAD = 25.0
"""Seconds before they are due in which the hosts read their files, and what they cost at rest is seen."""
_JOB = """
name = "due-{number:05}"
[portal]
plan = "self-hosted"
[select]
scope = "KNOWLEDGE"
[schedule]
cron = "{minute} {hour} * * *"
timezone = "UTC"
"""
_WITNESS = """
CREATE TABLE fallen (name text NOT NULL, due float8 NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION due_in(data bytea) RETURNS float8 LANGUAGE sql IMMUTABLE AS
    'SELECT (convert_from(data, ''UTF8'')::json -> ''firing'' ->> ''due'')::float8';
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.due_in(NEW.data) IS DISTINCT FROM public.due_in(OLD.data) AND public.due_in(NEW.data) IS NOT NULL THEN
        INSERT INTO public.fallen (name, due) VALUES (NEW.name, public.due_in(NEW.data));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER UPDATE ON bulk_publisher.slot FOR EACH ROW EXECUTE FUNCTION witness();
"""
_ENDED = "SELECT count(*) FROM bulk_publisher.slot WHERE convert_from(data, 'UTF8')::json ->> 'last' <> ''"


class Seen(NamedTuple):
    """Of one host: CPU seconds up to when they were due, and in all; and how long each look took."""

    cpu_before: float
    cpu: float
    looks: list[float]
    fallen: int
    ended: int
    megabytes: float


class LookedAt(Daemon):
    """A daemon that knows how long it looks."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.looks: list[float] = []

    async def _look(self, group: asyncio.TaskGroup, *, reads_files: bool) -> None:
        began_at = time.monotonic()
        await super()._look(group, reads_files=reads_files)
        self.looks.append(time.monotonic() - began_at)


class _NoEntrance(AbstractAsyncContextManager[Entry]):
    """Of a portal without a credential."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def __aenter__(self) -> Entry:
        raise BadSetting(f"There is no credential for {self._job.name}.")

    async def __aexit__(self, *_: object) -> None:
        """It was never entered."""


def be_a_host(wire: Connection, url: str, folder: Path, due_at: float, parallel: int) -> None:
    """Serve until *wire* says that it is over."""
    told: list[type[Happening]] = []

    async def main() -> Seen:
        clock = WallClock()
        around = Surroundings(
            open_store(url), _NoEntrance, lambda one: told.append(type(one)), clock
        )
        daemon = LookedAt(JobFiles([folder]), around, zone=UTC, parallel=parallel)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(daemon.serve())
            await asyncio.sleep(max(0.0, due_at - time.time()))
            before = time.process_time()
            daemon.looks.clear()
            await loop.run_in_executor(None, wire.recv)
            cpu, looks = time.process_time(), daemon.looks
            daemon.drain()
        return Seen(before, cpu, looks, told.count(JobDue), told.count(JobEnds), _most_memory())

    configure_log(verbosity=0, is_json=True, has_colour=False)
    wire.send(asyncio.run(main()))


def _most_memory() -> float:
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def measure(server: PostgresServer, asked: argparse.Namespace) -> None:
    url = server.prepared()
    name = name_in(url)
    server.sql(_WITNESS, name=name)
    due_at = (int((time.time() + _AHEAD) // 60) + 1) * 60.0
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        moment = datetime.fromtimestamp(due_at, UTC)
        for number in range(asked.jobs):
            job = _JOB.format(number=number, minute=moment.minute, hour=moment.hour)
            (folder / f"{number}.toml").write_text(job)
        wires, hosts = [], []
        for _ in range(asked.hosts):
            here, there = SPAWN.Pipe()
            host = SPAWN.Process(
                target=be_a_host, args=(there, url, folder, due_at, asked.parallel), daemon=True
            )
            host.start()
            there.close()
            wires.append(here)
            hosts.append(host)
        time.sleep(max(0.0, due_at - time.time()))
        theirs, before = cpu_of_postgres(server), statements(server, name)
        ended = _wait(server, name, asked, hosts)
        theirs = cpu_of_postgres(server) - theirs
        asked_of = statements(server, name) - before
        for wire in wires:
            wire.send("over")
        seen = [wire.recv() for wire in wires]
        for host in hosts:
            host.join()
    _tell(server, name, asked, due_at, ended - due_at, seen)
    print(
        f"\nPostgreSQL: {theirs:.1f} s of CPU for {asked_of:,} statements,"
        f" {asked_of / asked.jobs:.1f} for each job; {load()}."
    )


def _wait(server: PostgresServer, name: str, asked: argparse.Namespace, hosts: list[Any]) -> float:
    """Wait until all has ended; gives when."""
    while int(server.sql(_ENDED, name=name)) < asked.jobs:
        if not all(host.is_alive() for host in hosts):
            raise SystemExit("a host has ended")
        time.sleep(1)
    return time.time()


def _tell(
    server: PostgresServer,
    name: str,
    asked: argparse.Namespace,
    due_at: float,
    took: float,
    seen: list[Seen],
) -> None:
    told = server.sql(
        "SELECT count(*), count(DISTINCT name), count(*) FILTER (WHERE due <> "
        f"{due_at}), extract(epoch FROM max(at)) - {due_at} FROM fallen",
        name=name,
    )
    fallen, names, otherwise, last = told.strip().split("|")
    print(
        f"{asked.jobs:,} schedules due in the same minute, {asked.hosts} hosts with --parallel {asked.parallel}:"
        f" {int(names):,} fell due, {int(fallen) - int(names)} of them twice, {asked.jobs - int(names)} never,"
        f" {otherwise} at another time. The last fell due after {float(last):.1f} s; all had ended"
        f" after {took:.0f} s.\n"
    )
    print(
        "| | fell due | ended | CPU s | ms a job | CPU s before | looks | p50, ms | p99, ms | memory, MB |"
    )
    print("|--|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for number, one in enumerate(seen, start=1):
        cpu = one.cpu - one.cpu_before
        hundredths = statistics.quantiles(one.looks, n=100)
        print(
            f"| host {number} | {one.fallen:,} | {one.ended:,} | {cpu:.1f}"
            f" | {cpu / max(1, one.ended) * 1000:.1f} | {one.cpu_before:.1f} | {len(one.looks):,}"
            f" | {hundredths[49] * 1000:.0f} | {hundredths[98] * 1000:.0f} | {one.megabytes:.0f} |"
        )
    if sum(one.ended for one in seen) != asked.jobs or int(fallen) != int(names):
        raise SystemExit("not each exactly once")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--parallel", type=int, default=10)
    asked = parser.parse_args()
    with postgres() as server:
        measure(server, asked)


if __name__ == "__main__":
    main()
