"""Who holds a lock, and how that process stands: for whoever waits for it.

A process that was stopped, by Ctrl-Z or a signal, keeps its locks and does nothing. The kernel tells
so of processes of this machine; of others only their name is known.
"""

import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_HOLDER = re.compile(r"host (?P<host>[\w.-]{1,255}), pid (?P<pid>[1-9][0-9]{0,9})(?![0-9])")
_STOPPED = ([b"T"], [b"t"])


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that has a lock.

    Attributes:
        pid: 0 where it is not known.
        text: All that it has written; another one each time that it takes a lock.
    """

    host: str
    pid: int
    text: str

    @property
    def is_stopped(self) -> bool:
        """Whether it is one of this machine that was stopped, and can be continued."""
        return bool(self.pid) and self.host == socket.gethostname() and _is_stopped(self.pid)

    @property
    def words(self) -> str:
        """Who it is, and that it is stopped where it is: ``host a, pid 7, which is stopped``."""
        if not self.pid:
            return "unknown"
        return f"host {self.host}, pid {self.pid}{', which is stopped' if self.is_stopped else ''}"

    @property
    def what_to_do(self) -> str:
        """About it, so that the lock gets free."""
        if self.is_stopped:
            return f"Continue it with: kill -CONT {self.pid} - or end it with: kill -KILL {self.pid}, and resume the run."
        return "Wait until it has ended, or stop it."


NOBODY = LockHolder("", 0, "")


def write_holder(file: int, rest: str = "") -> None:
    """Write this process's name into the lock *file* that it has taken.

    A lock holds on a full disk too; only its holder's name is not to be had then.

    Args:
        rest: What tells this time from others.
    """
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, f"host {socket.gethostname()}, pid {os.getpid()}{rest}\n".encode(), 0)


def read_holder(file: int) -> LockHolder:
    """Who has written its name into the lock *file*."""
    try:
        text = os.pread(file, 400, 0).decode("utf-8", "replace")
    except OSError:
        text = ""
    found = _HOLDER.match(text)
    return LockHolder(found["host"], int(found["pid"]), text) if found else LockHolder("", 0, text)


def _is_stopped(pid: int) -> bool:
    try:
        stat = (_PROCESSES / str(pid) / "stat").read_bytes()
    except OSError:
        return False
    # The name before it stands in brackets, and may hold anything.
    return stat.rpartition(b")")[2].split()[:1] in _STOPPED
