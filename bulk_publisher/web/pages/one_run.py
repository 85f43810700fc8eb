"""A run: how it stands, and how each of its pages ended."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Status
from bulk_publisher.report.text import in_words
from bulk_publisher.web.guard.doorkeeper import VISITOR
from bulk_publisher.web.live import stream
from bulk_publisher.web.pages import drawing
from bulk_publisher.web.pages.watching import only_if_changed
from bulk_publisher.web.rendering import render, render_text
from bulk_publisher.web.route import Route
from bulk_publisher.web.viewing import Query, query_of, views_of
from bulk_publisher.web.views.digest import Course, Digest
from bulk_publisher.web.views.one_run import OneRun
from bulk_publisher.web.views.outcomes import Outcomes, OutcomesAsked
from bulk_publisher.web.views.paging import SIZES

_NAMES = ("q", "status", "code", "page", "size")
_STATUSES = {"": "all", "bad": "failed or unknown"} | {status.value: status.value for status in Status}  # fmt: skip
_ROWS = 24
"""Of a course as a table."""


async def one_run(request: web.Request) -> web.StreamResponse:
    """The page."""
    name = request.match_info["run"]
    query = query_of(request, *_NAMES)
    asked = OutcomesAsked(
        words=query.text("q"),
        status=query.text("status"),
        code=query.text("code"),
        number=query.number("page", 1),
        size=query.number("size", 50),
    )
    told = await views_of(request).run(name)
    outcomes, why = await _outcomes(request, name, asked)
    return render(
        request,
        "run.html",
        **_context(told),
        table=_table(told.digest),
        asked=asked,
        outcomes=outcomes,
        outcomes_why=why,
        query=query,
        statuses=_STATUSES,
        sizes=SIZES,
        live=Query(f"/live{request.path}", {}).link(),
    )


async def live_run(request: web.Request) -> web.StreamResponse:
    """What of it changes."""
    name = request.match_info["run"]
    visitor = request.get(VISITOR)
    may_steer = visitor is not None and visitor.may_steer

    async def fragment() -> str:
        told = await views_of(request).run(name)
        return render_text(request, "run_now.html", **_context(told), may_steer=may_steer)

    # Its buttons go with its state, and are there for some.
    key = f"run {name} {may_steer}"
    return await stream(request, key, only_if_changed(views_of(request), fragment))


async def _outcomes(
    request: web.Request, name: str, asked: OutcomesAsked
) -> tuple[Outcomes | None, str]:
    """Those that are asked for; or why they can't be read."""
    try:
        return await views_of(request).outcomes(name, asked), ""
    except BadJournal as error:
        return None, f"{error.message} {error.hint}"


def _context(told: OneRun) -> dict[str, Any]:
    digest = told.digest
    has_course = digest is not None and digest.pages > 0
    return {
        "told": told,
        "row": told.row,
        "digest": digest,
        "plots": plots_of(digest.course) if digest is not None and has_course else [],
        "costs": _costs(digest) if digest is not None and digest.costs else None,
        "course_data": course_data(digest.course) if digest is not None and has_course else "",
    }


def plots_of(course: Course) -> list[dict[str, Any]]:
    """The pictures of a run over time, and the words beside each."""
    whole = course.seconds[-1]
    began = datetime.fromtimestamp(course.began_at, UTC)
    ends = (f"{began:%Y-%m-%d %H:%M:%S} UTC", f"{in_words(whole)} later")
    settled: list[tuple[str, tuple[float, ...]]] = [("s1", course.settled)]
    if course.bad[-1]:
        settled.append(("s2", course.bad))
    label = f"Pages over time: {course.settled[-1]:,} settled in {in_words(whole)}, {course.bad[-1]:,} of them failed or unknown"
    made = [
        _plot("Pages", settled, course, label, ends, [("1", "settled"), ("2", "failed or unknown")])
    ]
    if course.operating:
        label = f"Operating time in use over time: at most {max(course.operating):,.0f} s in ten minutes"
        keys = [("3", "seconds in ten minutes")]
        made.append(_plot("Operating time", [("s3", course.operating)], course, label, ends, keys, course.operating_limit))  # fmt: skip
    if course.requests:
        label = f"Requests in the portal's bucket over time: at most {max(course.requests):,.0f}"
        keys = [("4", "in the portal's bucket")]
        made.append(_plot("Requests", [("s4", course.requests)], course, label, ends, keys, course.requests_limit))  # fmt: skip
    return made


def _plot(
    title: str,
    lines: list[tuple[str, tuple[float, ...]]],
    course: Course,
    label: str,
    ends: tuple[str, str],
    keys: list[tuple[str, str]],
    limit: float | None = None,
) -> dict[str, Any]:
    return {
        "title": title,
        "svg": drawing.line_plot(
            course.seconds, lines, label=label, limit=limit, waits=course.waits
        ),
        "most": f"{drawing.highest(lines, limit):,.0f}",
        "keys": keys[: len(lines)],
        "limit": limit,
        "has_waits": bool(course.waits),
        "ends": ends,
        "is_low": title != "Pages",
    }


def _costs(digest: Digest) -> dict[str, Any]:
    bins = digest.costs
    most = max(bins, key=lambda one: one.pages)
    label = f"What a page costs: from {bins[0].begins:.2g} to {bins[-1].ends:.2g} s of the portal's time, most often {most.begins:.2g} to {most.ends:.2g} s"
    return {
        "svg": drawing.column_plot([one.pages for one in bins], label=label),
        "most": f"{most.pages:,}",
        "words": label,
        "ends": (f"{bins[0].begins:.2g} s", f"{bins[-1].ends:.2g} s"),
    }


def course_data(course: Course) -> str:
    """What a script draws the same pictures from."""
    return msgspec.json.encode(course).decode()


def _table(digest: Digest | None) -> list[dict[str, Any]]:
    """A course as rows, few enough to be read."""
    if digest is None or not digest.pages:
        return []
    course = digest.course
    last = len(course.seconds) - 1
    places = sorted({round(number * last / _ROWS) for number in range(_ROWS + 1)})
    return [
        {
            "at": course.began_at + course.seconds[place],
            "settled": course.settled[place],
            "bad": course.bad[place],
            "operating": course.operating[place] if place < len(course.operating) else None,
            "requests": course.requests[place] if place < len(course.requests) else None,
        }
        for place in places
    ]


ROUTES = (
    Route("GET", "/runs/{run}", one_run),
    Route("GET", "/live/runs/{run}", live_run),
)
