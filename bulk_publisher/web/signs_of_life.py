"""For who watches the daemon: is it alive, can it work, and its numbers."""

import asyncio

from aiohttp import web

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.model import Mono
from bulk_publisher.operations.beside import beside
from bulk_publisher.store.protocol import Store
from bulk_publisher.web.aside import ASIDE
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import Route
from bulk_publisher.web.surroundings import around
from bulk_publisher.web.views.undisturbed import in_thread

_PATIENCE = 5.0
"""Seconds for a store to answer: who asks waits 1 to 10 s."""
_FRESH_FOR = 1.0
"""Seconds for which an answer counts: anybody may ask, as often as he likes."""
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Readiness:
    """Whether the store answers: it is asked once for all who ask within a second."""

    def __init__(self, clock: Clock) -> None:
        """Nobody has asked yet."""
        self._clock = clock
        self._look: asyncio.Future[str] | None = None
        self._looked_at = Mono(0.0)

    def look(self, request: web.Request) -> "asyncio.Future[str]":
        """Why it is not ready, empty where it is; where the store has not answered yet, the same as before."""
        now = self._clock.now()
        if self._look is None or (self._look.done() and now >= self._looked_at + _FRESH_FOR):
            self._looked_at = now
            store = around(request).store
            self._look = request.app[ASIDE].begin(_why_not_ready(store), what="readyz")
        return self._look


READINESS: web.AppKey[Readiness] = web.AppKey("readiness", Readiness)


async def _why_not_ready(store: Store) -> str:
    try:
        await beside(lambda: store.agenda.read_slots())  # noqa: PLW0108 - to reach the agenda may ask, too
    except (BulkPublisherError, OSError) as error:
        return f"the plan in the store can't be read ({type(error).__name__})"
    return ""


async def healthz(_request: web.Request) -> web.Response:
    """The process is alive: that it answers says so."""
    return _line("ok")


async def readyz(request: web.Request) -> web.Response:
    """The store answers. Whoever asks need not be known: no name of a file or a job is told."""
    look = request.app[READINESS].look(request)
    try:
        async with asyncio.timeout(_PATIENCE):
            why = await asyncio.shield(look)
    except TimeoutError:
        why = f"the store has not answered for {_PATIENCE:.0f} s"
    return _line(f"not ready: {why}", status=503) if why else _line("ok")


async def metrics(request: web.Request) -> web.Response:
    """The numbers for Prometheus, guarded like the pages: names of jobs and portals are in them."""
    made = around(request).metrics
    if made is None:
        raise web.HTTPNotFound(
            text="Nothing counts here. Install prometheus-client: pip install 'bulk-publisher[metrics]'"
        )
    return web.Response(body=await in_thread(made), headers={"Content-Type": _METRICS})


def _line(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers={"Cache-Control": "no-store"})


SIGNS_OF_LIFE = (
    Route("GET", "/healthz", healthz, role=None),
    Route("GET", "/readyz", readyz, role=None),
    *(
        Route("HEAD", path, sign, role=None)
        for path, sign in (("/healthz", healthz), ("/readyz", readyz))
    ),
    Route("GET", "/metrics", metrics, role=Role.SEE),
)
