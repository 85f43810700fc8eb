"""A disk that takes no more ends a run in order, and with room again it goes on."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting, JournalLost
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import KeptRun, open_store
from tests.folders import files_of
from tests.oracle import assert_journal_tells_the_truth, journal_of, run_job
from tests.processes import PUBLISH, RESUME, begun, do, ended, lines_of, repeats, spawn
from tests.resumption import resume

QUICK = Scenario(pages=400, cost=0.005, plan="self-hosted")


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() != 0 or not mount("-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)):
        pytest.skip("a small disk can be mounted by root alone")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.crash
@pytest.mark.real_time
async def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(small_disk: Path) -> None:
    async with serve(QUICK) as sandbox:
        stopped, words = await do(sandbox, small_disk, *PUBLISH)
        before = len(lines_of(open_store(small_disk).find("latest")))
        still, _ = await do(sandbox, small_disk, *RESUME)
        mount("-o", "remount,size=16m", str(small_disk))
        status, _ = await do(sandbox, small_disk, *RESUME)

        lines = lines_of(open_store(small_disk).find("latest"))
        assert (stopped, still, status) == (3, 3, 0), words
        assert "No space left" in words
        assert "Traceback" not in words
        assert 0 < before < len(lines) == 400
        assert_journal_tells_the_truth(lines, sandbox)
        assert repeats(sandbox) < 120


@pytest.mark.real_time
async def test_a_journal_that_may_not_grow_stops_the_run(tmp_path: Path) -> None:
    async with serve(QUICK) as sandbox:
        stopped, words = await do(sandbox, tmp_path, *PUBLISH, shell="ulimit -f 64")
        status, _ = await do(sandbox, tmp_path, *RESUME)

        lines = lines_of(open_store(tmp_path).find("latest"))
        assert (stopped, status) == (3, 0), words
        assert "Traceback" not in words
        assert len(lines) == 400
        assert_journal_tells_the_truth(lines, sandbox)


@pytest.mark.crash
@pytest.mark.real_time
async def test_a_disk_for_reading_alone_is_said(small_disk: Path) -> None:
    mount("-o", "remount,size=16m", str(small_disk))
    async with serve(Scenario(pages=400, cost=0.02, plan="self-hosted")) as sandbox:
        process = await spawn(sandbox, small_disk, *PUBLISH)
        await begun(process)
        process.send_signal(signal.SIGTERM)
        first, _ = await ended(process)
        mount("-o", "remount,ro", str(small_disk))
        stopped, words = await do(sandbox, small_disk, *RESUME)
        mount("-o", "remount,rw", str(small_disk))
        status, _ = await do(sandbox, small_disk, *RESUME)

        assert (first, stopped, status) == (143, 3, 0)
        assert "Read-only file system" in words
        assert "Traceback" not in words
        assert_journal_tells_the_truth(lines_of(open_store(small_disk).find("latest")), sandbox)


@pytest.mark.crash
@pytest.mark.real_time
async def test_a_folder_that_is_gone_stops_the_run(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with serve(Scenario(pages=400, cost=0.02, plan="self-hosted")) as sandbox:
        process = await spawn(sandbox, runs, *PUBLISH)
        await begun(process)
        await asyncio.sleep(0.1)
        shutil.rmtree(runs)
        status, words = await ended(process)

        assert status == 3
        assert "Traceback" not in words
        assert len(sandbox.truth.publications) < 400


class Failing:
    """A disk that works for a while: each call for the run's files counts."""

    def __init__(self, works_for: int, code: int, *, heals: bool = False) -> None:
        self.calls_left, self.code, self.heals = works_for, code, heals
        self.write, self.sync = os.write, os.fdatasync

    def check(self, file: int) -> None:
        path = str(Path(f"/proc/self/fd/{file}").readlink())
        if path.endswith(("outcomes.jsonl", "sent.jsonl", "sent.jsonl.new")):
            self.calls_left -= 1
            if self.calls_left == -1 or (self.calls_left < 0 and not self.heals):
                raise OSError(self.code, os.strerror(self.code))

    def failing_write(self, file: int, data: bytes) -> int:
        self.check(file)
        return self.write(file, data)

    def failing_sync(self, file: int) -> None:
        self.check(file)
        self.sync(file)


@pytest.mark.parametrize(
    ("code", "heals"), [(errno.EROFS, False), (errno.ESTALE, False), (errno.ESTALE, True)]
)
@pytest.mark.parametrize("works_for", [*range(2, 10), 14, 22])
async def test_a_disk_that_fails_in_mid_run_at_any_call_loses_nothing(
    works_for: int, code: int, heals: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Failing(works_for, code, heals=heals)
    async with serve(Scenario(pages=400, cost=0.1)) as sandbox:
        with monkeypatch.context() as broken:
            broken.setattr(os, "write", disk.failing_write)
            broken.setattr(os, "fdatasync", disk.failing_sync)
            stopped = await run_job(sandbox, tmp_path)
        out, _ = stopped.kept.read_notes()
        before = journal_of(stopped)
        done = set(sandbox.truth.publications)
        finished = await resume(sandbox, stopped.kept)

        assert isinstance(stopped.ending.error, JournalLost)
        assert not stopped.ending.is_whole
        assert {line.page for line in before} <= done <= {line.page for line in before} | set(out)
        assert finished.ending.is_whole
        assert len(journal_of(finished)) == 400
        assert_journal_tells_the_truth(journal_of(finished), sandbox)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_disk_that_takes_nothing_keeps_no_folder_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    async with serve(QUICK) as sandbox:
        with pytest.raises(BadSetting, match="No space left"):
            await run_job(sandbox, tmp_path)

    assert names_in(tmp_path) == []
    assert not sandbox.truth.publications


@pytest.mark.real_time
async def test_a_second_process_in_a_folder_is_told_who_is_there(tmp_path: Path) -> None:
    async with serve(Scenario(pages=4_000, cost=0.02, plan="self-hosted")) as sandbox:
        first = await spawn(sandbox, tmp_path, *PUBLISH)
        await begun(first)
        status, words = await do(sandbox, tmp_path, *RESUME)
        first.send_signal(signal.SIGTERM)
        await ended(first)

        assert status == 5
        assert f"pid {first.pid}" in words


@pytest.mark.crash
async def test_a_journal_cut_at_any_byte_of_its_last_lines_is_resumed(tmp_path: Path) -> None:
    async with serve(Scenario(pages=6, cost=0.01, plan="self-hosted")) as sandbox:
        first = await run_job(sandbox, tmp_path)
        whole = files_of(first.kept).journal.read_bytes()
        last_three = len(b"".join(whole.splitlines(keepends=True)[-3:]))

        resumed = [
            await _resumed_after_cut(first.kept, sandbox, whole[: len(whole) - missing])
            for missing in range(1, last_three + 1)
        ]

        assert {tuple(pages) for pages in resumed} == {(1, 2, 3, 4, 5, 6)}


async def _resumed_after_cut(folder: KeptRun, sandbox, data: bytes) -> list[int]:
    files_of(folder).journal.write_bytes(data)
    finished = await resume(sandbox, folder)
    return sorted(line.page for line in journal_of(finished))
