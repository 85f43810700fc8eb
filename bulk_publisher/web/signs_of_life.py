"""For who watches the daemon: is it alive, can it work, and its numbers."""

import asyncio

from aiohttp import web

from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.operations.beside import beside
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import Route
from bulk_publisher.web.surroundings import around

_PATIENCE = 5.0
"""Seconds for a store to answer: who asks waits 1 to 10 s."""
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


async def healthz(_request: web.Request) -> web.Response:
    """The process is alive: that it answers says so."""
    return _line("ok")


async def readyz(request: web.Request) -> web.Response:
    """The store answers. Whoever asks need not be known: no name of a file or a job is told."""
    agenda = around(request).store.agenda
    try:
        async with asyncio.timeout(_PATIENCE):
            await beside(agenda.read_slots)
    except TimeoutError:
        return _line(f"not ready: the store has not answered for {_PATIENCE:.0f} s", status=503)
    except (BulkPublisherError, OSError) as error:
        kind = type(error).__name__
        return _line(f"not ready: the plan in the store can't be read ({kind})", status=503)
    return _line("ok")


async def metrics(request: web.Request) -> web.Response:
    """The numbers for Prometheus, guarded like the pages: names of jobs and portals are in them."""
    made = around(request).metrics
    if made is None:
        raise web.HTTPNotFound(
            text="Nothing counts here. Install prometheus-client: pip install 'bulk-publisher[metrics]'"
        )
    return web.Response(body=await beside(made), headers={"Content-Type": _METRICS})


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
