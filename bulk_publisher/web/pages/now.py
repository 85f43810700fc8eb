"""What goes on now: a row for each portal."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from bulk_publisher.web.live import stream
from bulk_publisher.web.pages.watching import only_if_changed
from bulk_publisher.web.rendering import render, render_text
from bulk_publisher.web.route import Route
from bulk_publisher.web.viewing import Query, query_of, views_of
from bulk_publisher.web.views.now import NowAsked, NowOrder, NowShow
from bulk_publisher.web.views.paging import SIZES

_NAMES = ("q", "show", "sort", "reversed", "page", "size")
_SHOWN = {
    NowShow.ALL: "all portals",
    NowShow.TROUBLE: "in trouble",
    NowShow.WORK: "at work",
    NowShow.REST: "at rest",
}
_ORDERS = {
    NowOrder.TROUBLE: "trouble first",
    NowOrder.PORTAL: "portal",
    NowOrder.STATE: "state",
    NowOrder.PAGES: "pages done",
    NowOrder.FAILED: "failed",
    NowOrder.LEFT: "left",
    NowOrder.ARRIVAL: "expected end",
    NowOrder.NEXT: "next run",
}


async def now(request: web.Request) -> web.StreamResponse:
    """The page."""
    query = query_of(request, *_NAMES)
    return render(request, "now.html", **await _context(request, query))


async def live_now(request: web.Request) -> web.StreamResponse:
    """What of it changes."""
    query = Query("/", query_of(request, *_NAMES).asked)

    async def fragment() -> str:
        return render_text(request, "now_rows.html", **await _context(request, query))

    return await stream(request, query.link(), only_if_changed(views_of(request), fragment))


async def _context(request: web.Request, query: Query) -> dict[str, Any]:
    asked = NowAsked(
        words=query.text("q"),
        show=query.choice("show", NowShow.ALL),
        order=query.choice("sort", NowOrder.TROUBLE),
        is_reversed=query.has("reversed"),
        number=query.number("page", 1),
        size=query.number("size", 50),
    )
    told = await views_of(request).now(asked)
    sort: Callable[[str], str] = lambda order: query.sorted_by(order, now=asked.order)  # noqa: E731
    return {
        "now": told,
        "asked": asked,
        "query": query,
        "sort": sort,
        "shown": _SHOWN,
        "orders": _ORDERS,
        "sizes": SIZES,
        "live": Query("/live/now", query.asked).link(),
    }


ROUTES = (Route("GET", "/", now, nav="Now"), Route("GET", "/live/now", live_now))
