"""A run in a terminal that is stopped by a key, and goes on."""

import os
import select
import signal
import subprocess
from pathlib import Path

from tests.contract.conftest import COMMAND, environment

SHOWN, HIDDEN = b"\x1b[?25h", b"\x1b[?25l"


def _read_until(terminal: int, wanted: bytes) -> None:
    screen = b""
    while wanted not in screen:
        assert select.select([terminal], [], [], 30)[0], screen
        screen += os.read(terminal, 4096)


def test_the_cursor_is_the_shell_s_while_a_run_is_stopped(start_sandbox, tmp_path: Path) -> None:
    webhook = start_sandbox("--pages", "80", "--cost", "0.1")
    ours, theirs = os.openpty()
    # A group of its own in our session: the kernel stops no group that nobody could let go on.
    process = subprocess.Popen(
        [*COMMAND, "publish", "--scope", "KNOWLEDGE"],
        cwd=tmp_path,
        env={**environment(webhook), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        process_group=0,
    )
    try:
        _read_until(ours, HIDDEN)

        process.send_signal(signal.SIGTSTP)

        _read_until(ours, SHOWN)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        _read_until(ours, HIDDEN)
        _read_until(ours, b"published")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
