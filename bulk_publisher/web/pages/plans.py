"""Plans that were handed in: what each would do, who has approved it, and what became of it."""

from aiohttp import web

from bulk_publisher.store.agenda import OrderKind
from bulk_publisher.store.approvals import is_same_person
from bulk_publisher.web.deeds.helm import helm_of
from bulk_publisher.web.deeds.on_plans import begun_of, find
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import Route, visitor_of
from bulk_publisher.web.surroundings import around
from bulk_publisher.web.views.proposals import one_plan, proposals_of
from bulk_publisher.web.views.undisturbed import in_thread


async def plans(request: web.Request) -> web.StreamResponse:
    """All of them."""
    surroundings = around(request)
    proposals = await in_thread(surroundings.store.approvals.proposals)
    begun = await begun_of(helm_of(request), proposals)
    told = proposals_of(proposals, begun=begun, at=surroundings.clock.epoch())
    orders = await in_thread(surroundings.store.agenda.orders)
    making = [order for order in orders if order.kind is OrderKind.PLAN]
    return render(request, "plans.html", told=told, making=making)


async def plan(request: web.Request) -> web.StreamResponse:
    """One."""
    found = await find(helm_of(request), request.match_info["plan"])
    begun = await begun_of(helm_of(request), [found.proposal])
    told = one_plan(found, begun=begun, at=around(request).clock.epoch())
    is_own = is_same_person(found.proposal.proposed.by, visitor_of(request).name)
    return render(request, "plan.html", told=told, row=told.row, is_own=is_own)


ROUTES = (Route("GET", "/plans", plans, nav="Plans"), Route("GET", "/plans/{plan}", plan))
