"""What time is it, and wake me then: the only room that sleeps.

Under a loop with virtual time everything that asks a ``LoopClock`` runs at virtual speed.
"""

import asyncio
import os
import time
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bulk_publisher.model import Epoch, Mono

_LOCAL_ZONE = Path("/etc/localtime")
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is none - it is Linux's - the other one counts a machine's sleep as well or is not to be had."""
_TICK = 0.001
"""Seconds below which no moment is told from another."""


class Clock(Protocol):
    """Our own time, in its two forms."""

    def now(self) -> Mono:
        """Seconds that never run back."""
        ...

    def epoch(self) -> Epoch:
        """UTC seconds."""
        ...

    async def sleep_until(self, at: Mono) -> None:
        """Return at *at*, or at once where that is past."""
        ...


class LoopClock:
    """The running loop's time. UTC is taken once and moves with the loop, never by itself."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._basetime = time.time() - self._loop.time()

    def now(self) -> Mono:
        """The loop's time."""
        return Mono(self._loop.time())

    def epoch(self) -> Epoch:
        """The loop's time as UTC seconds."""
        return Epoch(self._basetime + self._loop.time())

    async def sleep_until(self, at: Mono) -> None:
        """Return at *at*, or after one turn of the loop where that is past."""
        wait = at - self._loop.time()
        await asyncio.sleep(max(wait, _TICK) if wait > 0 else 0)


class WallClock(LoopClock):
    """The running loop's time, and UTC as the clock on the wall has it now.

    For who waits for hours and weeks: the loop stands still while the machine sleeps, and drifts. UTC may
    run back here, where somebody sets the clock.
    """

    def epoch(self) -> Epoch:
        """UTC seconds."""
        return Epoch(time.time())


def boottime() -> float:
    """Seconds since this machine was started, also those that it slept or this process was stopped.

    It can't be set, and no other machine's says anything of it.
    """
    return time.clock_gettime(_BOOTTIME)


def utc_now() -> Epoch:
    """UTC seconds, for who has no loop."""
    return Epoch(time.time())


def busy_seconds() -> float:
    """CPU seconds of this thread so far: what something costs, however busy the machine is."""
    return time.thread_time()


def local_zone() -> tzinfo:
    """The time zone of this machine, or of the user where ``TZ`` names one; UTC where none is told."""
    named = os.environ.get("TZ", "").lstrip(":")
    try:
        if named:
            return ZoneInfo(named)
        with _LOCAL_ZONE.open("rb") as file:
            return ZoneInfo.from_file(file, key=_name_of_zone())
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return UTC


def _name_of_zone() -> str:
    _, _, name = str(_LOCAL_ZONE.resolve()).partition("/zoneinfo/")
    return name or "local"


def seconds_since_written(path: Path) -> float:
    """How old a file is, by the clock on the wall, which goes on while its writer is stopped.

    Raises:
        OSError: If there is no such file.
    """
    return max(0.0, time.time() - path.stat().st_mtime)


async def wait_until(clock: Clock, changed: asyncio.Event, at: Mono) -> None:
    """Return when *changed* is set, and no later than *at*; *changed* is cleared."""
    if at == float("inf"):
        await changed.wait()
    elif not changed.is_set() and at > clock.now():
        # A loop rounds its timers: what is less than a tick ahead would be waited for in a circle.
        at = Mono(max(at, clock.now() + _TICK))
        try:
            async with asyncio.timeout_at(at):
                await changed.wait()
        except TimeoutError:
            return
    changed.clear()
