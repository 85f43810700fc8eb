"""Hosts: daemons that share a database, each a process with a name, a network and process numbers of its own.

How it works:
    In its network a host finds the sandbox where it is in ours; a relay stands there and passes on what it
    hears, so that a test sees who asks which portal when, and can cut one host off.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bulk_publisher.sandbox import Sandbox

# Hosts end with the tests, however these end.
_NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--uts", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"),
)
_BEGIN = 'hostname "$0"; ip link set lo up; read _; exec "$@"'
"""Waits for a line: the network is to be there before the daemon is."""
_NO_NAMESPACES = "hosts need name spaces: run it as root; apt-get install -y util-linux iproute2"
_CLONE_NEWNET = 0x40000000
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def need_namespaces() -> None:
    """Skip the test where this machine can't play several."""
    if shutil.which("unshare") is None:
        pytest.skip(_NO_NAMESPACES)
    tried = [*_NAMESPACES, "ip", "link", "set", "lo", "up"]
    if subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip(_NO_NAMESPACES)


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
class Asking:
    """Who publishes on which portal just now.

    Attributes:
        overlaps: Ports at which two hosts did at once.
    """

    overlaps: list[int] = field(default_factory=list)
    _waiting: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def begins(self, port: int, host: int) -> None:
        """A question is on its way."""
        others = self._waiting[port].total() - self._waiting[port][host]
        if others:
            self.overlaps.append(port)
        self._waiting[port][host] += 1

    def ends(self, port: int, host: int) -> None:
        """It is answered, or nobody waits for it any more."""
        self._waiting[port][host] -= 1


@dataclass
class Relay:
    """What passes on what a host says to a portal.

    Attributes:
        heard: When the host said something, by this process's clock, and to which port.
        asking: Shared by hosts whose questions are to be told apart.
    """

    heard: list[tuple[float, int]] = field(default_factory=list)
    asking: Asking = field(default_factory=Asking)
    is_cut: bool = False
    _servers: list[asyncio.Server] = field(default_factory=list)
    _ways: set["asyncio.Task[None]"] = field(default_factory=set)

    async def open(self, pid: int, ports: Sequence[int]) -> None:
        """Stand in the network of the process *pid*, at the ports of sandboxes."""
        for opened in await asyncio.to_thread(_listening_in, pid, ports):
            port = opened.getsockname()[1]
            self._servers.append(
                await asyncio.start_server(partial(self._pass_on, port), sock=opened)
            )

    def close(self) -> None:
        """No more."""
        for server in self._servers:
            server.close()
        for way in self._ways:
            way.cancel()

    def since(self, moment: float) -> list[tuple[float, int]]:
        """What the host has said after *moment*."""
        return [one for one in self.heard if one[0] > moment]

    async def _pass_on(
        self, port: int, near: asyncio.StreamReader, to_near: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._ways.add(task)
        far, to_far = await asyncio.open_connection("127.0.0.1", port)
        way = _Way(self, port)
        try:
            with suppress(asyncio.CancelledError, ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(near, to_far, way.asks))
                    group.create_task(self._copy(far, to_near, way.is_answered))
        finally:
            way.is_answered()
            to_near.close()
            to_far.close()
            self._ways.discard(task)

    async def _copy(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, hear: Callable[[bytes], None]
    ) -> None:
        while data := await source.read(65536):
            hear(data)
            if not self.is_cut:
                to.write(data)
                await to.drain()
        to.close()


class _Way:
    """One connection: it asks, and is answered."""

    def __init__(self, relay: Relay, port: int) -> None:
        self._relay = relay
        self._port = port
        self._is_asking = False

    def asks(self, data: bytes) -> None:
        self._relay.heard.append((time.monotonic(), self._port))
        # Lists may be asked for whoever has the turn: they leave room in the bucket for each other.
        if not self._is_asking and b"landing.landing.publication" in data:
            self._is_asking = True
            self._relay.asking.begins(self._port, id(self._relay))

    def is_answered(self, _data: bytes = b"") -> None:
        if self._is_asking:
            self._is_asking = False
            self._relay.asking.ends(self._port, id(self._relay))


def _listening_in(pid: int, ports: Sequence[int]) -> list[socket.socket]:
    """Sockets in the network of another process; called in a thread, which is there from then on."""
    libc = ctypes.CDLL(None, use_errno=True)
    opened: list[socket.socket] = []
    ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    theirs = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(theirs, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        for port in ports:
            one = socket.create_server(("127.0.0.1", port), backlog=512)
            one.setblocking(False)
            opened.append(one)
    finally:
        libc.setns(ours, _CLONE_NEWNET)
        os.close(ours)
        os.close(theirs)
    return opened


@dataclass
class Host:
    """A host and its daemon."""

    name: str
    outer: Process
    pid: int
    """Of the daemon, as this machine counts."""
    relay: Relay
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
        self.relay.close()
        return status

    async def kill(self) -> None:
        """End it at once, as if its power were cut."""
        if self.is_alive:
            self.send(signal.SIGKILL)
        await self.ended()

    async def until(self, word: str, *, times: int = 1, most: float = 60.0) -> None:
        """Wait until it has said *word* so many times."""
        async with asyncio.timeout(most):
            while self.words.count(word) < times:
                assert self.is_alive, f"{self.name} has ended: {self.words}"
                await asyncio.sleep(0.02)

    @property
    def words(self) -> str:
        """All that it has said."""
        return "".join(self.said)

    def listen(self) -> None:
        """Keep what it says."""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        assert self.outer.stderr is not None
        while line := await self.outer.stderr.readline():
            self.said.append(line.decode(errors="replace"))


async def start_host(
    name: str,
    sandboxes: Sequence[Sandbox],
    url: str,
    *words: str,
    environment: Mapping[str, str] | None = None,
    asking: Asking | None = None,
) -> Host:
    """A daemon of the database *url*.

    Args:
        sandboxes: The portals that it finds; the first one's webhook is the usual one.
        words: Job files and options.
    """
    outer = await asyncio.create_subprocess_exec(
        *_NAMESPACES,
        *("sh", "-c", _BEGIN, name, sys.executable, "-m", "bulk_publisher", "serve", *words),
        env={
            **os.environ,
            "BITRIX24_WEBHOOK": sandboxes[0].webhook,
            "BULK_PUBLISHER_STORE": url,
            "BULK_PUBLISHER_REPORT": "0",
            "PYTHONWARNINGS": "",
            **(environment or {}),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    host = Host(name, outer, await _child_of(outer), Relay(asking=asking or Asking()))
    host.listen()
    await host.relay.open(host.pid, [_port_of(sandbox) for sandbox in sandboxes])
    assert outer.stdin is not None
    outer.stdin.write(b"\n")
    outer.stdin.close()
    return host


def _port_of(sandbox: Sandbox) -> int:
    port = urlsplit(sandbox.webhook).port
    assert port is not None
    return port


async def _child_of(outer: Process) -> int:
    """The process that ``unshare`` has forked, once it has its own name."""
    async with asyncio.timeout(30):
        while True:
            if pid := _child_at_work(outer.pid):
                return pid
            await asyncio.sleep(0.01)


def _child_at_work(pid: int) -> int:
    """0 while it is not yet what it is to be."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    is_there = children and Path(f"/proc/{children[0]}/comm").read_text().strip() != "unshare"
    return int(children[0]) if is_there else 0
