"""A database whose disk is full: nothing counts that is not there, the run says why, and goes on when there is room."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk_publisher.model import Status
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import open_store
from tests.postgres_server import PostgresServer, name_in
from tests.processes import lines_of

pytestmark = [pytest.mark.service, pytest.mark.real_time]

PAGES = 3_000
_ROOM = 64 * 1024
"""Bytes that are left for the journal: a few hundred lines."""


@pytest.fixture
def small(postgres: PostgresServer) -> Iterator[Path]:
    """A disk of a megabyte, on which the tablespace ``small`` is."""
    if os.getuid() != 0:
        pytest.skip("a small disk can be mounted by root alone")
    disk = Path(tempfile.mkdtemp(prefix="bulk-publisher-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        disk.rmdir()
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        (disk / "space").mkdir()
        shutil.chown(disk / "space", "postgres")
        postgres.sql(f"CREATE TABLESPACE small LOCATION '{disk}/space'")
        yield disk
        postgres.sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", str(disk)], check=False)
        disk.rmdir()


async def do(sandbox: Sandbox, url: str, folder: Path, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bulk_publisher", *words),
        env={
            **os.environ,
            "BITRIX24_WEBHOOK": sandbox.webhook,
            "BULK_PUBLISHER_STORE": url,
            "PYTHONWARNINGS": "",
        },
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_run_on_a_full_disk_says_why_and_goes_on_when_there_is_room(
    postgres: PostgresServer, small: Path, tmp_path: Path
) -> None:
    url = postgres.prepared()
    postgres.sql("ALTER TABLE bulk_publisher.chunk SET TABLESPACE small", name=name_in(url))
    filler = small / "filler"
    free = shutil.disk_usage(small).free
    filler.write_bytes(b"\0" * (free - _ROOM))
    try:
        async with serve(Scenario(pages=PAGES, cost=0.0, latency=0.0, plan="self-hosted")) as sandbox:  # fmt: skip
            status, said = await do(sandbox, url, tmp_path, "publish", "--scope", "KNOWLEDGE")
            run = open_store(url).find("latest")
            first = lines_of(run)
            published = set(sandbox.truth.publications)
            out = {page.id for page in run.still_out()}
            still, also_said = await do(sandbox, url, tmp_path, "resume", "latest", "--yes")
            second = len(lines_of(run))
            out_then = {page.id for page in run.still_out()}
            filler.unlink()
            after, told = await do(sandbox, url, tmp_path, "resume", "latest", "--yes")
        lines = lines_of(run)

        assert (status, still) == (3, 3), said + also_said
        assert "No space left on device" in said
        assert "Traceback" not in said + also_said
        assert 0 < len(first) <= second < PAGES
        # What has left and has no line stands in the notes: that alone may be sent again, each time once.
        assert published <= {line.page for line in first} | out
        assert sum(sandbox.truth.publications.values()) - PAGES <= len(out) + len(out_then)
        assert after == 0, told
        assert Counter(line.status for line in lines) == {Status.PUBLISHED: PAGES}
        assert len({line.page for line in lines}) == PAGES
        assert not list(run.flaws())
    finally:
        postgres.sql("ALTER TABLE bulk_publisher.chunk SET TABLESPACE pg_default", name=name_in(url))  # fmt: skip
