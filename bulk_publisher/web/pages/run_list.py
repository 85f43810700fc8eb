"""All runs."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from bulk_publisher.web.live import stream
from bulk_publisher.web.pages.watching import only_if_changed
from bulk_publisher.web.rendering import render, render_text
from bulk_publisher.web.route import Route
from bulk_publisher.web.viewing import Query, query_of, views_of
from bulk_publisher.web.views.paging import SIZES
from bulk_publisher.web.views.run_list import RunsAsked, RunsOrder, RunsShow

_NAMES = ("q", "job", "portal", "show", "sort", "reversed", "page", "size")
_SHOWN = {
    RunsShow.ALL: "all runs",
    RunsShow.TROUBLE: "in trouble",
    RunsShow.WORK: "at work",
    RunsShow.DONE: "come to their end",
}
_ORDERS = {
    RunsOrder.STARTED: "begin",
    RunsOrder.DURATION: "duration",
    RunsOrder.PAGES: "pages done",
    RunsOrder.FAILED: "failed",
}


async def runs(request: web.Request) -> web.StreamResponse:
    """The page."""
    query = query_of(request, *_NAMES)
    return render(request, "runs.html", **await _context(request, query))


async def live_runs(request: web.Request) -> web.StreamResponse:
    """What of it changes."""
    query = Query("/runs", query_of(request, *_NAMES).asked)

    async def fragment() -> str:
        return render_text(request, "runs_rows.html", **await _context(request, query))

    return await stream(request, query.link(), only_if_changed(views_of(request), fragment))


async def _context(request: web.Request, query: Query) -> dict[str, Any]:
    asked = RunsAsked(
        words=query.text("q"),
        job=query.text("job"),
        portal=query.text("portal"),
        show=query.choice("show", RunsShow.ALL),
        order=query.choice("sort", RunsOrder.STARTED),
        is_reversed=query.has("reversed"),
        number=query.number("page", 1),
        size=query.number("size", 50),
    )
    sort: Callable[[str], str] = lambda order: query.sorted_by(order, now=asked.order)  # noqa: E731
    return {
        "told": await views_of(request).runs(asked),
        "asked": asked,
        "query": query,
        "sort": sort,
        "shown": _SHOWN,
        "orders": _ORDERS,
        "sizes": SIZES,
        "live": Query("/live/runs", query.asked).link(),
    }


ROUTES = (Route("GET", "/runs", runs, nav="Runs"), Route("GET", "/live/runs", live_runs))
