"""Who has done what here, and when: for who may steer."""

from aiohttp import web

from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import Route
from bulk_publisher.web.surroundings import around
from bulk_publisher.web.viewing import query_of
from bulk_publisher.web.views.deeds_done import DeedsAsked, deeds_of
from bulk_publisher.web.views.undisturbed import in_thread


async def audit(request: web.Request) -> web.StreamResponse:
    """The newest deeds, or those before one."""
    before = query_of(request, "before").number("before", 0)
    kept = around(request).audit
    told = await in_thread(lambda: deeds_of(kept.read(), DeedsAsked(before=before or None)))
    return render(request, "audit.html", told=told, is_newest=not before)


ROUTES = (Route("GET", "/audit", audit, Role.STEER, nav="Audit"),)
