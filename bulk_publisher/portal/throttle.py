"""The door of the portal: never more than X requests in any X/Y seconds go through it.

A window of X requests in X/Y seconds never exceeds the portal's leaky bucket of X that drains Y a
second: over any span L the count is at most X·⌈L·Y/X⌉. Whatever is decided above, the door holds.

Source: docs/bitrix24.md §6 "Intensity" [doc].
"""

from types import TracebackType
from typing import Self

from asyncio_throttle.throttler import Throttler

_POLLS_A_WINDOW = 100


class Door:
    """Lets requests through, one after another, at the pace that the portal's plan allows."""

    def __init__(self, *, capacity: float, drain: float) -> None:
        self._throttler = Throttler(rate_limit=1)
        self._is_limited = False
        self.set_pace(capacity=capacity, drain=drain)

    def set_pace(self, *, capacity: float, drain: float) -> None:
        """Use another plan's numbers from now on.

        Args:
            capacity: X, requests that the bucket holds, 1 or more; infinite for no limit.
            drain: Y, requests a second, above 0.
        """
        self._is_limited = capacity != float("inf")
        if self._is_limited:
            self._throttler.rate_limit = int(capacity)
            self._throttler.period = capacity / drain
            self._throttler.retry_interval = self._throttler.period / _POLLS_A_WINDOW

    async def __aenter__(self) -> Self:
        if self._is_limited:
            await self._throttler.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None
