"""The door of the portal: what goes through it never fills the bucket that the portal keeps.

How it works: a bucket of X that drains Y a second, kept here as the portal keeps it. Up to one below
X it lets through at once; what comes then goes one by one, each 1/Y s after the last, and so raises
the level to X at most. Whoever keeps to the bucket by himself never waits here. It shares no line with
the bucket of the limits, which decides: whatever may be wrong there, the door holds. What it has let
through is handed on to the next session, whose door begins with it.

Source: docs/bitrix24.md §6 "Intensity" [doc].
"""

import asyncio
from types import TracebackType
from typing import Self

from asyncio_throttle.throttler import Throttler

_POLLS = 20
"""Looks, between two requests that go one by one, at whether the next may go."""
_TRIFLE = 1e-6


class Door:
    """Lets requests through, one after another, at the pace that the portal's plan allows."""

    def __init__(self, *, capacity: float, drain: float) -> None:
        self._one_by_one = Throttler(rate_limit=1)
        self._level = self._at = 0.0
        self.set_pace(capacity=capacity, drain=drain)

    def set_pace(self, *, capacity: float, drain: float) -> None:
        """Use another plan's numbers from now on.

        Args:
            capacity: X, requests that the bucket holds, 1 or more; infinite for no limit.
            drain: Y, requests a second, above 0.
        """
        self._capacity, self._drain = capacity, drain
        self._one_by_one.period = 1 / drain
        self._one_by_one.retry_interval = 1 / drain / _POLLS

    @property
    def drain(self) -> float:
        """Requests a second that leave it."""
        return self._drain

    @property
    def level(self) -> float:
        """Requests in the bucket now."""
        return self._level_now()

    def raise_to(self, level: float) -> None:
        """An earlier process has filled it to *level*, or other requests have."""
        self._level = max(self._level_now(), min(level, self._capacity))

    async def __aenter__(self) -> Self:
        if self._level_now() + 1 > self._capacity - 1 + _TRIFLE:
            await self._one_by_one.acquire()
        self._level = self._level_now() + 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def _level_now(self) -> float:
        now = asyncio.get_running_loop().time()
        self._level = max(0.0, self._level - (now - self._at) * self._drain)
        self._at = now
        return self._level
