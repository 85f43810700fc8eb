"""Jobs: when each is due, how it was done, how long it takes."""

from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

from aiohttp import web

from bulk_publisher.web.live import stream
from bulk_publisher.web.pages.watching import only_if_changed
from bulk_publisher.web.rendering import render, render_text
from bulk_publisher.web.route import Route
from bulk_publisher.web.surroundings import around
from bulk_publisher.web.viewing import Query, query_of, views_of
from bulk_publisher.web.views.job_rows import JobKind, JobRow
from bulk_publisher.web.views.night import zone_named
from bulk_publisher.web.views.paging import SIZES, excerpt

_NAMES = ("q", "kind", "page", "size")


async def jobs(request: web.Request) -> web.StreamResponse:
    """The page."""
    query = query_of(request, *_NAMES)
    return render(request, "jobs.html", **await _context(request, query))


async def live_jobs(request: web.Request) -> web.StreamResponse:
    """What of it changes."""
    query = Query("/jobs", query_of(request, *_NAMES).asked)

    async def fragment() -> str:
        return render_text(request, "jobs_rows.html", **await _context(request, query))

    key = f"jobs {query.link()}"
    return await stream(request, key, only_if_changed(views_of(request), fragment))


async def _context(request: web.Request, query: Query) -> dict[str, Any]:
    rows = await views_of(request).jobs()
    words, kind = query.text("q").lower().split(), query.text("kind")
    found = [row for row in rows if _is_shown(row, words, kind)]
    zone = around(request).daemon.zone
    return {
        "part": excerpt(found, query.number("page", 1), query.number("size", 50)),
        "jobs": len(rows),
        "query": query,
        "words": query.text("q"),
        "kind": kind,
        "kinds": {"": "all jobs"} | {one.value: one.value for one in JobKind},
        "sizes": SIZES,
        "in_zone": partial(in_zone_of, zone=zone),
        "live": Query("/live/jobs", query.asked).link(),
    }


def _is_shown(row: JobRow, words: list[str], kind: str) -> bool:
    told = f"{row.name} {row.cron} {row.by}".lower()
    return all(word in told for word in words) and kind in {"", row.kind.value}


def in_zone_of(row: JobRow, zone: tzinfo) -> str:
    """When *row* is due by the clock of its own time zone; empty where that is *zone*'s."""
    if row.next_due is None or not row.timezone or row.timezone == str(zone):
        return ""
    moment = datetime.fromtimestamp(row.next_due, UTC)
    there = moment.astimezone(zone_named(row.timezone))
    if there.utcoffset() == moment.astimezone(zone).utcoffset():
        return ""
    return f"{there:%d %b %H:%M} in {row.timezone}"


ROUTES = (Route("GET", "/jobs", jobs, nav="Jobs"), Route("GET", "/live/jobs", live_jobs))
