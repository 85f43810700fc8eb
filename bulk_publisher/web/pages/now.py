"""What goes on now."""

from aiohttp import web

from bulk_publisher.operations.beside import beside
from bulk_publisher.web.live import stream
from bulk_publisher.web.rendering import render, render_text
from bulk_publisher.web.route import Route
from bulk_publisher.web.surroundings import around


async def now(request: web.Request) -> web.StreamResponse:
    """The page."""
    return render(request, "now.html", runs=await _names(request))


async def live_now(request: web.Request) -> web.StreamResponse:
    """What of it changes."""

    async def fragment() -> str:
        return render_text(request, "now_runs.html", runs=await _names(request))

    return await stream(request, "now", fragment)


async def _names(request: web.Request) -> list[str]:
    store = around(request).store
    return await beside(lambda: [kept.run_id for kept in store.runs()])


ROUTES = (Route("GET", "/", now, nav="Now"), Route("GET", "/live/now", live_now))
