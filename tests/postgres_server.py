"""A PostgreSQL of the tests' own: started once a session, on a socket in a folder of its own; a database a test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from bulk_publisher.store import migrate_store

HOW_TO_INSTALL = "PostgreSQL is not installed here: apt-get install -y postgresql"
_TEMPLATE = "template_of_tests"
_numbers = count(1)


class PostgresServer:
    """A server that runs, and can be stopped and started again."""

    def __init__(self, folder: Path, binaries: Path, *, is_safe: bool) -> None:
        self.folder = folder
        self._fsync = "on" if is_safe else "off"
        self._binaries = binaries
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        # Nothing of it is to outlive the machine.
        self.run("initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "-N")
        self.start()

    def run(self, program: str, *words: str) -> str:
        """A program of PostgreSQL, as a user that it takes."""
        as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        done = subprocess.run(
            [*as_user, str(self._binaries / program), *words],
            cwd=self.folder, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self) -> None:
        """Take connections again."""
        options = (
            f"-k {self.folder} -c listen_addresses= -c fsync={self._fsync} -c max_connections=200"
        )
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log", "-w", "start")  # fmt: skip

    def stop(self) -> None:
        """As after a power cut, but for the disk."""
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")

    def sql(self, statement: str, *, name: str = "postgres") -> str:
        """What a statement gives."""
        return self.run("psql", "-h", str(self.folder), "-U", "postgres", "-d", name, "-XAtqc", statement)  # fmt: skip

    def url(self, name: str, user: str = "postgres") -> str:
        """Of the database *name*."""
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def empty(self) -> str:
        """The URL of a new database in which nothing is."""
        name = f"test_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def prepared(self) -> str:
        """The URL of a new database with our tables."""
        name = f"test_{next(_numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url(name)

    def leave(self, url: str) -> None:
        """Let nobody use a database any more, whoever still does."""
        name = name_in(url)
        self.sql(
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false; "
            f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
        )


def name_in(url: str) -> str:
    """The database in one of these URLs."""
    return url.partition("@/")[2].partition("?")[0]


def binaries() -> Path:
    """The folder of the server's programs; the test is skipped where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip(HOW_TO_INSTALL)
    return Path(initdb).parent


@contextmanager
def running(*, is_safe: bool = False) -> Iterator[PostgresServer]:
    """A server; the test is skipped where there is none to be started.

    Args:
        is_safe: What it commits is forced to disk.
    """
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="bulk-publisher-"))
    try:
        server = PostgresServer(folder, programs, is_safe=is_safe)
        server.sql(f"CREATE DATABASE {_TEMPLATE}")
        migrate_store(server.url(_TEMPLATE))
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
