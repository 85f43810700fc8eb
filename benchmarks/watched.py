"""Programs as processes of their own, and what they and PostgreSQL have used of the processor."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.postgres_server import PostgresServer, running

_TICK = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One of ours: what it is at, and where its words are."""

    pid: int
    popen: "subprocess.Popen[bytes]"
    said: Path

    @property
    def words(self) -> str:
        return self.said.read_text(errors="replace")

    @property
    def cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        return cpu_of(self.pid)

    @property
    def megabytes(self) -> float:
        """Of memory that it holds now."""
        return megabytes_of(self.pid)

    def until(self, word: str, *, most: float) -> None:
        """Wait until it has said *word*."""
        ends_at = time.monotonic() + most
        while word not in self.words:
            if self.popen.poll() is not None or time.monotonic() > ends_at:
                raise SystemExit(f"it has not said {word!r}: {self.words}")
            time.sleep(0.1)


def cpu_of(pid: int) -> float:
    """CPU seconds of all threads of a process so far."""
    # A process's own clock, as the kernel numbers it: to the nanosecond, however busy the machine is.
    return time.clock_gettime((~pid << 3) | 2)


def megabytes_of(pid: int) -> float:
    """Of memory that a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def descriptors_of(pid: int) -> int:
    """Files and connections that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextmanager
def program(
    name: str, folder: Path, words: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Process]:
    """``bulk-publisher`` with *words*; it is ended in order when the block ends.

    Args:
        name: Of the file in *folder* that gets what it says.
    """
    said = folder / f"{name}.err"
    with said.open("wb") as stderr:
        popen = subprocess.Popen(
            [sys.executable, "-m", "bulk_publisher", *words],
            env={**os.environ, "BULK_PUBLISHER_REPORT": "0", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        yield Process(popen.pid, popen, said)
        popen.terminate()
        popen.wait(60)
    finally:
        popen.kill()
        popen.wait()


@contextmanager
def postgres(*, is_safe: bool = True) -> Iterator[PostgresServer]:
    """A PostgreSQL of its own; where there is none to be started, that is said in a line.

    Args:
        is_safe: What it commits is forced to disk.
    """
    try:
        with running(is_safe=is_safe) as server:
            yield server
    except pytest.skip.Exception as missing:
        raise SystemExit(str(missing)) from None


def cpu_of_postgres(server: PostgresServer) -> float:
    """CPU seconds of all its processes so far, of those that have ended, too; to the hundredth."""
    first = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    own = _times(first)
    return (sum(own) + sum(sum(_times(int(child))[:2]) for child in children)) / _TICK


def _times(pid: int) -> list[int]:
    """Ticks in the program and in the kernel, and those of its children that have ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return [int(word) for word in stat.rpartition(")")[2].split()[11:15]]


def statements(server: PostgresServer, name: str) -> int:
    """Committed in the database *name* so far: ours are each committed by themselves."""
    told = server.sql(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{name}'")
    return int(told)


def load() -> str:
    """How busy this machine is, for beside a figure."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
