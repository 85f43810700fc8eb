"""Who holds a lock is said, and that it is stopped, with what to do."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting, RunBusy
from bulk_publisher.jobs import Secret
from bulk_publisher.operations.secrets import doubt_of, read_webhook
from bulk_publisher.store import machine_state
from bulk_publisher.store.files import FOLDER_MODE
from bulk_publisher.store.folder import holders
from bulk_publisher.store.folder.holders import LockHolder, read_holder, write_holder
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.run_lock import FolderLock

HERE = socket.gethostname()


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process, as the kernel would tell of it after Ctrl-Z."""
    told = tmp_path / "proc" / str(os.getpid()) / "stat"
    told.parent.mkdir(parents=True)
    told.write_bytes(f"{os.getpid()} (python) T 1 1".encode())
    monkeypatch.setattr(holders, "_PROCESSES", tmp_path / "proc")


@pytest.mark.usefixtures("stopped")
def test_a_folder_whose_process_is_stopped_says_so_and_what_to_do(tmp_path: Path) -> None:
    with FolderLock(RunFolder(tmp_path)), pytest.raises(RunBusy) as caught:
        FolderLock(RunFolder(tmp_path)).__enter__()

    assert f"host {HERE}, pid {os.getpid()}, which is stopped" in caught.value.message
    assert f"kill -CONT {os.getpid()}" in caught.value.hint


@pytest.mark.usefixtures("stopped")
def test_a_job_whose_process_is_stopped_says_so_and_what_to_do(tmp_path: Path) -> None:
    state = machine_state({"XDG_STATE_HOME": str(tmp_path)})
    with (
        state.alone(tmp_path / "a.toml"),
        pytest.raises(RunBusy) as caught,
        state.alone(tmp_path / "a.toml"),
    ):
        pass

    assert f"pid {os.getpid()}, which is stopped" in caught.value.message
    assert f"kill -CONT {os.getpid()}" in caught.value.hint
    jobs = tmp_path / "bulk-publisher" / "jobs"
    assert stat.S_IMODE(jobs.stat().st_mode) == FOLDER_MODE


def test_the_kernel_tells_whether_a_process_is_stopped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = LockHolder(HERE, process.pid, "")
    try:
        before = holder.is_stopped
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)

        assert not before
        assert holder.is_stopped
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"host a, pid 0\n", b"host a\x1b[2J, pid 7\n", b"host a, pid 99999999999\n"],
)
def test_a_lock_that_names_nobody_is_nobodys(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "lock").write_bytes(text)
    file = os.open(tmp_path / "lock", os.O_RDWR)

    assert read_holder(file).words == "unknown"
    write_holder(file)
    assert read_holder(file).pid == os.getpid()
    os.close(file)


@pytest.mark.parametrize(("mode", "is_doubtful"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])  # fmt: skip
def test_a_webhook_that_others_may_read_is_doubted(
    tmp_path: Path, mode: int, is_doubtful: bool
) -> None:
    file = tmp_path / "webhook.secret"
    file.write_text("https://a.bitrix24.com/rest/1/abc/")
    file.chmod(mode)

    doubt = doubt_of(Secret(file=str(file)))

    assert bool(doubt) is is_doubtful
    assert "chmod 600" in doubt or not doubt
    assert "abc" not in doubt


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full"])
def test_a_webhook_without_an_end_is_none(name: str) -> None:
    with pytest.raises(BadSetting, match="the webhook can't be read from it: it has over 1 MB"):
        read_webhook(Secret(file=name), {})
