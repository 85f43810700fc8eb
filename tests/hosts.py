"""Hosts: daemons that share a database, each a process with a name and process numbers of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bulk_publisher.sandbox import Sandbox

_NAMESPACES = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def need_namespaces() -> None:
    """Skip the test where this machine can't play several."""
    tried = subprocess.run([*_NAMESPACES, "true"], check=False, capture_output=True)
    if tried.returncode:
        pytest.skip(
            "hosts need name spaces of their own: run it as root, with unshare of util-linux"
        )


def need_faketime() -> None:
    """Skip the test where processes can't be given a time of their own."""
    if not Path(_FAKETIME).exists():
        pytest.skip("libfaketime is not installed here: apt-get install -y faketime")


@dataclass
class PlayedTime:
    """A time that goes faster than ours, the same for all hosts."""

    begins: float
    speed: int
    _since: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """In UTC seconds."""
        return self.begins + (time.monotonic() - self._since) * self.speed

    def environment(self) -> dict[str, str]:
        """For a process that begins now."""
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now()))
        return {
            "LD_PRELOAD": _FAKETIME,
            "FAKETIME": f"@{now} x{self.speed}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }


@dataclass
class Host:
    """A host and its daemon."""

    name: str
    outer: Process
    pid: int
    """Of the daemon, as this machine counts."""
    said: list[str] = field(default_factory=list)
    _listening: "asyncio.Task[None] | None" = None

    @property
    def is_alive(self) -> bool:
        return self.outer.returncode is None

    def send(self, number: signal.Signals) -> None:
        """A signal to the daemon."""
        os.kill(self.pid, number)

    async def ended(self) -> int:
        """Its exit status, once it has ended; 128 and the signal's number where one has ended it."""
        status = await self.outer.wait()
        if self._listening is not None:
            await self._listening
        return status

    async def until(self, word: str, *, most: float = 60.0) -> None:
        """Wait until it has said *word*."""
        async with asyncio.timeout(most):
            while not any(word in line for line in self.said):
                if not self.is_alive:
                    raise AssertionError(f"{self.name} has ended: {''.join(self.said)}")
                await asyncio.sleep(0.02)

    def listen(self) -> None:
        """Keep what it says."""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        assert self.outer.stderr is not None
        while line := await self.outer.stderr.readline():
            self.said.append(line.decode(errors="replace"))


async def start_host(
    name: str,
    sandbox: Sandbox,
    url: str,
    *words: str,
    environment: Mapping[str, str] | None = None,
    before: tuple[str, ...] = (),
) -> Host:
    """A daemon of the database *url*.

    Args:
        words: Job files and options.
        before: A command that the host is started by, such as one that gives it a network of its own.
    """
    outer = await asyncio.create_subprocess_exec(
        *before,
        *_NAMESPACES,
        "sh",
        "-c",
        f'hostname {name}; exec "$@"',
        "sh",
        sys.executable,
        "-m",
        "bulk_publisher",
        "serve",
        *words,
        env={
            **os.environ,
            "BITRIX24_WEBHOOK": sandbox.webhook,
            "BULK_PUBLISHER_STORE": url,
            "BULK_PUBLISHER_REPORT": "0",
            "PYTHONWARNINGS": "",
            **(environment or {}),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    pid = await _child_of(outer)
    host = Host(name, outer, pid)
    host.listen()
    return host


async def _child_of(outer: Process) -> int:
    """The process that ``unshare`` has forked."""
    path = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    async with asyncio.timeout(30):
        while True:
            try:
                children = path.read_text().split()
            except OSError:
                raise AssertionError("the host has ended at once") from None
            # With a command before it, its own child is on the way.
            if children and _name_of(int(children[0])) != "unshare":
                return int(children[0])
            if children:
                path = Path(f"/proc/{children[0]}/task/{children[0]}/children")
            await asyncio.sleep(0.01)


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
