"""What changes on a page while somebody looks at it: server-sent events.

How it works:
    Each watcher's own request sends to it, once a second at most and only what has changed. Who comes first
    in a second has the fragment made, and all others who watch the same take that one: a thousand watchers
    cost one rendering. So a fragment is the same for all who give the same key: nothing of a single visitor
    is in it, though what may be pressed can be, where the key says who may.
    There is no task beside: a stream ends when its reader goes, when the page is closed, and when its
    reader may not see it any more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from bulk_publisher.clock import Clock
from bulk_publisher.model import Mono
from bulk_publisher.web.guard.doorkeeper import DOORKEEPER

EVERY = 1.0
"""Seconds between two looks."""
HEART_BEAT = 15.0
"""Seconds without news after which a comment is sent: proxies close what is silent for 30 to 60 s."""
MOST = 200
"""Streams at once, over all pages."""
_WRITE_TIMEOUT = 30.0
"""Seconds in which a reader has to take what it is sent."""

Make = Callable[[], Awaitable[str]]
"""Makes a fragment of HTML."""


@dataclass(slots=True)
class _Watched:
    """One thing that is watched.

    Attributes:
        number: Of its versions: it moves with the text.
    """

    text: str = ""
    number: int = 0
    made_at: Mono | None = None
    watchers: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Live:
    """All streams of one application."""

    def __init__(self, clock: Clock) -> None:
        """Nobody watches yet."""
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._streams = 0
        self._closing = asyncio.Event()

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return self._streams

    def close(self) -> None:
        """Let all streams end."""
        self._closing.set()

    async def stream(self, request: web.Request, key: str, make: Make) -> web.StreamResponse:
        """Send what *make* gives to whoever has sent *request*, now and whenever it has changed.

        Args:
            key: Of what is watched. Who gives the same one gets the same fragment: nothing of the
                visitor may be in it.
            make: Called once a second at most for all who watch the same.
        """
        if self._streams >= MOST:
            raise web.HTTPServiceUnavailable(
                reason="Too many pages are watched at once. Reload this one by hand."
            )
        watched = self._watched.setdefault(key, _Watched())
        watched.watchers += 1
        self._streams += 1
        try:
            return await self._send(request, watched, make)
        finally:
            self._streams -= 1
            watched.watchers -= 1
            if not watched.watchers:
                self._watched.pop(key, None)

    async def _send(
        self, request: web.Request, watched: _Watched, make: Make
    ) -> web.StreamResponse:
        # A fault in the first fragment is an answer of its own, with its status.
        await self._refresh(watched, make)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would keep events back
            }
        )
        await response.prepare(request)
        sent, sent_at = -1, self._clock.now()
        while not self._closing.is_set() and request.app[DOORKEEPER].still_may(request):
            now = self._clock.now()
            piece = None
            if watched.number != sent:
                piece, sent = as_event(watched.text), watched.number
            elif now >= sent_at + HEART_BEAT:
                piece = b":\n\n"
            if piece is not None:
                sent_at = now
                if not await _written(response, piece):
                    break
            await self._pause()
            await self._refresh(watched, make)
        return response

    async def _refresh(self, watched: _Watched, make: Make) -> None:
        async with watched.turn:
            now = self._clock.now()
            # Who has slept for a second comes a little early by the rounding of timers.
            if watched.made_at is not None and now < watched.made_at + EVERY * 0.9:
                return
            text = await make()
            watched.made_at = now
            if text != watched.text or not watched.number:
                watched.text = text
                watched.number += 1

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY):
                await self._closing.wait()


LIVE: web.AppKey[Live] = web.AppKey("live", Live)


async def stream(request: web.Request, key: str, make: Make) -> web.StreamResponse:
    """The answer of a handler whose route is watched; see ``Live.stream``."""
    return await request.app[LIVE].stream(request, key, make)


def as_event(text: str) -> bytes:
    """*text* as one event, whatever ends its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return ("".join(f"data: {line}\n" for line in lines) + "\n").encode("utf-8", "replace")


async def _written(response: web.StreamResponse, piece: bytes) -> bool:
    """Whether its reader has taken it; one that is gone, or asleep, has not."""
    try:
        async with asyncio.timeout(_WRITE_TIMEOUT):
            await response.write(piece)
    except (TimeoutError, ConnectionError):
        return False
    return True
