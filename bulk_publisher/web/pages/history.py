"""What was and what comes: the coming night, how each job has gone, and what fails again and again."""

from functools import partial
from typing import Any

from aiohttp import web
from markupsafe import Markup

from bulk_publisher.web.pages import drawing
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import Route
from bulk_publisher.web.viewing import query_of, views_of
from bulk_publisher.web.views.course_of_jobs import LAST, JobCourse, PortalCourse
from bulk_publisher.web.views.night import Night, NightEntry
from bulk_publisher.web.views.paging import SIZES, excerpt
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.run_state import RunState

_NAMES = ("q", "job", "page", "size", "night")
_NIGHT_ROWS = 50
_SLOWER, _FASTER = 0.25, -0.25
"""Changes of a duration from which one is marked."""


async def history(request: web.Request) -> web.StreamResponse:
    """The page; of one job with what fails again and again."""
    query = query_of(request, *_NAMES)
    job = query.text("job")
    night = await views_of(request).night()
    courses = await views_of(request).courses(job)
    words = query.text("q").lower().split()
    rows = [
        _course_row(course, one)
        for course in courses
        for one in course.portals
        if all(word in f"{course.job} {one.portal}".lower() for word in words)
    ]
    return render(
        request,
        "history.html",
        job=job,
        part=excerpt(rows, query.number("page", 1), query.number("size", 50)),
        rows=len(rows),
        repeats=await views_of(request).repeats(job) if job else None,
        night=night,
        night_part=excerpt(night.entries, query.number("night", 1), _NIGHT_ROWS),
        picture=partial(entry_picture, night=night),
        query=query,
        words=query.text("q"),
        sizes=SIZES,
    )


def _course_row(course: JobCourse, one: PortalCourse) -> dict[str, Any]:
    oldest_first = one.runs[::-1]
    change = one.change_share
    return {
        "job": course.job,
        "portal": one.portal,
        "newest": one.newest,
        "runs": len(one.runs),
        "trend": one.trend,
        "change": change,
        "is_notable": change is not None and not _FASTER < change < _SLOWER,
        "durations": drawing.sparks(
            [(run.seconds or 0.0, _kind(run)) for run in oldest_first],
            label=f"Durations of the last {len(oldest_first)} runs",
            most=LAST,
        ),
        "failures": drawing.sparks(
            [(float(run.failed), "bad" if run.failed else "") for run in oldest_first],
            label=f"Failed pages of the last {len(oldest_first)} runs",
            most=LAST,
        ),
        "has_failed": any(run.failed for run in one.runs),
    }


def _kind(run: RunRow) -> str:
    if run.state is RunState.FAILED:
        return "bad"
    return "" if run.state is RunState.DONE else "early"


def entry_picture(one: NightEntry, night: Night) -> Markup:
    """When something is done, as a stretch of the day."""
    whole = night.ends - night.begins
    begins = min(1.0, max(0.0, (one.begins - night.begins) / whole))
    ends = one.last_at if one.times > 1 else one.ends or one.begins
    share = min(1.0, max(begins, (ends - night.begins) / whole))
    return drawing.day_bar(begins, share, _span_kind(one))


def _span_kind(one: NightEntry) -> str:
    if one.meets or one.is_due_again:
        return "meets"
    return "open" if one.ends is None or one.times > 1 else ""


ROUTES = (Route("GET", "/history", history, nav="History"),)
