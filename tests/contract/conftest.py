"""Real processes: the command line, and a sandbox that it talks to."""

import atexit
import contextlib
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from tests.forks import Forked, Nursery, is_forkable

COMMAND = [sys.executable, "-m", "bulk_publisher"]
AS_LEADER = (
    "import fcntl, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from bulk_publisher.cli import main; main()"
)
"""The command, on a terminal whose keys reach it: Ctrl-C is a signal there."""

AtTerminal = Callable[..., tuple[int, str]]


def environment(webhook: str | None) -> dict[str, str]:
    """What a command is given: no setting of whoever runs the tests, and no report to draw."""
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BITRIX24_", "BULK_PUBLISHER_"))
    }
    # Drawing takes longer than all the rest of a short run.
    given["BULK_PUBLISHER_REPORT"] = "0"
    return given if webhook is None else {**given, "BITRIX24_WEBHOOK": webhook}


@contextlib.contextmanager
def sandboxes() -> Iterator[Callable[..., str]]:
    """What starts sandboxes, which live as long as this."""
    processes: list[Forked] = []

    def start(*options: str) -> str:
        process = nursery().begin(
            "sandbox", *options, folder=Path.cwd(), environment=dict(os.environ)
        )
        processes.append(process)
        said = process.stdout.readline().decode()
        return said.strip().removeprefix("export BITRIX24_WEBHOOK=")

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=20)


@cache
def nursery() -> Nursery:
    """Whence commands come, in this process of tests."""
    begun = Nursery()
    atexit.register(begun.close)
    return begun


def carry_out(
    folder: Path, *words: str, webhook: str | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in *folder*, through pipes."""
    given = environment(webhook)
    if is_forkable(given):
        process = nursery().begin(*words, folder=folder, environment=given)
        said = [one.decode().replace("\r\n", "\n") for one in process.communicate((stdin or "").encode(), timeout=60)]  # fmt: skip
        return subprocess.CompletedProcess(words, process.returncode, *said)
    return started(folder, *words, given=given, stdin=stdin)


def started(
    folder: Path, *words: str, given: dict[str, str], stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The same in a process that is started for it, with the environment *given*."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=given,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., str]]:
    """Starts a sandbox in a process of its own; gives its webhook."""
    with sandboxes() as start:
        yield start


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a folder of its own, through pipes."""
    return partial(carry_out, tmp_path)


@pytest.fixture
def at_terminal(tmp_path: Path) -> AtTerminal:
    """Runs a command at a terminal of its own, on which *keys* are typed; gives status and screen."""

    def run(
        *words: str, webhook: str | None = None, keys: str = "", columns: int = 80
    ) -> tuple[int, str]:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        process = subprocess.Popen(
            [sys.executable, "-c", AS_LEADER, *words],
            cwd=tmp_path,
            env={**environment(webhook), "NO_COLOR": "1", "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        screen, types_left = "", 3 if keys else 0
        deadline = time.monotonic() + 60
        # Linux ends the reading with an error when the last writer is gone.
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                if select.select([ours], [], [], 0.2 if types_left == 3 else 1.0)[0]:
                    if not (read := os.read(ours, 4096)):
                        break
                    screen += read.decode()
                elif types_left and ("[y/N]" in screen or "(not shown)" in screen):
                    # What is typed while a terminal changes its mode may be lost: once more. A question
                    # for what is not shown comes after that, and what is typed later is shown.
                    types_left = 0 if "(not shown)" in screen else types_left - 1
                    os.write(ours, keys.encode())
        os.close(ours)
        try:
            return process.wait(timeout=10), screen.replace("\r\n", "\n")
        finally:
            process.kill()

    return run
