"""Commands as processes of their own that begin where ``python -m bulk_publisher`` has loaded its modules.

Loading is nine tenths of what a short command costs, and hundreds of tests need one or several. A process of
its own, the nursery, loads everything once and forks for each command; all that makes a command one - words,
folder, environment, streams, signals, how it ends - is as in a process that was started, and so is its exit. What an
interpreter reads when it starts can't be given to a fork: ``is_forkable`` tells.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from threading import Thread
from typing import BinaryIO

_MOST = 2**18
"""Bytes of words and environment."""
_ROOT = Path(__file__).parents[1]
_LEFT_OUT = (".__main__", ".testing", ".report.charts", ".web", ".mcp_server", ".postgres")
"""Modules that are run, or that load an extra: that is loaded when it is used."""
_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "COVERAGE_")


class Forked:
    """A command at work. Its streams are pipes."""

    def __init__(
        self, reply: socket.socket, stdin: BinaryIO, stdout: BinaryIO, stderr: BinaryIO
    ) -> None:
        self._reply = reply
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.pid = int(reply.recv(32))
        self._status: int | None = None

    def terminate(self) -> None:
        """As for any process."""
        if not select.select([self._reply], [], [], 0)[0]:
            os.kill(self.pid, signal.SIGTERM)

    def communicate(self, given: bytes = b"", *, timeout: float) -> tuple[bytes, bytes]:
        """What it has said, when it has ended.

        Raises:
            TimeoutError: If it does not end within *timeout* seconds; it is killed.
        """
        said: list[bytes] = [b"", b""]

        def read(number: int, stream: BinaryIO) -> None:
            with stream:
                said[number] = stream.read()

        readers = [Thread(target=read, args=one) for one in enumerate((self.stdout, self.stderr))]
        for reader in readers:
            reader.start()
        with suppress(BrokenPipeError), self.stdin:
            self.stdin.write(given)
        if not select.select([self._reply], [], [], timeout)[0]:
            os.kill(self.pid, signal.SIGKILL)
        status = int(self._reply.recv(32))
        for reader in readers:
            reader.join()
        self._reply.close()
        if status == -signal.SIGKILL:
            raise TimeoutError(f"It takes more than {timeout} s: {said}")
        self._status = status
        return said[0], said[1]

    @property
    def returncode(self) -> int:
        """As ``subprocess`` has it."""
        assert self._status is not None
        return self._status


class Nursery:
    """A process that has loaded all that commands need, and forks."""

    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"from tests.forks import tend; tend({theirs.fileno()})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=_ROOT, pass_fds=[theirs.fileno()]
            )

    def close(self) -> None:
        """End it, and what is left of what it has begun."""
        self._asks.close()
        self._process.wait(timeout=20)

    def begin(self, *words: str, folder: Path, environment: Mapping[str, str]) -> Forked:
        """``python -m bulk_publisher`` with *words*."""
        ours: list[int] = []
        theirs: list[int] = []
        for is_given in (True, False, False):
            reads, writes = os.pipe()
            ours.append(writes if is_given else reads)
            theirs.append(reads if is_given else writes)
        reply, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = json.dumps([words, str(folder), dict(environment)]).encode()
        with answers:
            socket.send_fds(self._asks, [asked], [*theirs, answers.fileno()])
        for file in theirs:
            os.close(file)
        stdin, stdout, stderr = ours
        return Forked(reply, open(stdin, "wb"), open(stdout, "rb"), open(stderr, "rb"))  # noqa: PTH123


def is_forkable(environment: Mapping[str, str]) -> bool:
    """Whether *environment* differs from ours in nothing that an interpreter reads when it starts."""
    names = {name for name in {*environment, *os.environ} if name.startswith(_READ_AT_START)}
    return all(environment.get(name) == os.environ.get(name) for name in names)


# in the nursery


def tend(asks: int) -> None:
    """Fork for each command until nobody asks any more; returns in each fork, when it is to end."""
    _kept = _load()
    # What is loaded stays: no fork looks through it, and so it stays shared.
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=asks)
    ended, ends = socket.socketpair()
    ended.setblocking(False)
    ends.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ends.fileno())
    replies: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _reap(replies)
        if control not in ready:
            continue
        asked, files, _, _ = socket.recv_fds(control, _MOST, 4)
        if not asked:
            break
        reply = socket.socket(fileno=files.pop())
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (control, ended, ends, reply, *replies.values()):
                one.close()
            words, folder, environment = json.loads(asked)
            _become(files, folder, environment)
            sys.argv = ["", *words]
            runpy.run_module("bulk_publisher", run_name="__main__", alter_sys=True)
            return
        for file in files:
            os.close(file)
        replies[pid] = reply
        reply.send(str(pid).encode())
    for pid in replies:
        os.kill(pid, signal.SIGKILL)


def _load() -> object:
    """Everything of ours but what is left out."""
    import bulk_publisher

    for module in walk_packages(bulk_publisher.__path__, "bulk_publisher."):
        if not any(one in module.name for one in _LEFT_OUT):
            import_module(module.name)
    from bulk_publisher.portal.trust import tls_context

    # Whoever comes when it is in use shares it; to read all authorities is a fifth of a short command.
    return tls_context(None)


def _reap(replies: dict[int, socket.socket]) -> None:
    for pid in list(replies):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            with replies.pop(pid) as reply, suppress(OSError):
                reply.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(files: list[int], folder: str, environment: dict[str, str]) -> None:
    """As an interpreter is when it has started."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[0] = folder
    sys.stdin = sys.__stdin__ = open(0)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w")  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", errors="backslashreplace", buffering=1)  # noqa: SIM115
