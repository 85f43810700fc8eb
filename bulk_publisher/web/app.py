"""The application: its ways in, and what each request passes on them."""

from aiohttp import web
from aiohttp.typedefs import Handler

from bulk_publisher.web import api, pages
from bulk_publisher.web.api.looking import READERS, Readers
from bulk_publisher.web.aside import ASIDE, Aside, doing_whole
from bulk_publisher.web.auditing import KNOCKS, Knocks, writing_down
from bulk_publisher.web.deeds.once import Once
from bulk_publisher.web.deeds.pressing import ONCE
from bulk_publisher.web.failures import PREPARED, TOLD, FaultsTold, failing_well
from bulk_publisher.web.guard.doorkeeper import DOORKEEPER, Doorkeeper, check
from bulk_publisher.web.guard.headers import HEADERS
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.live import LIVE, Live
from bulk_publisher.web.rendering import RENDERING, Rendering
from bulk_publisher.web.route import Route
from bulk_publisher.web.signs_of_life import READINESS, SIGNS_OF_LIFE, Readiness
from bulk_publisher.web.static_files import StaticFiles
from bulk_publisher.web.surroundings import SURROUNDINGS, WebSurroundings
from bulk_publisher.web.viewing import VIEWS
from bulk_publisher.web.views.watched import Views

LARGEST_BODY = 64 * 1024
"""Bytes: forms and requests of programs name things, and never bring them."""


ROUTES: tuple[Route, ...] = (*pages.ROUTES, *api.ROUTES, *SIGNS_OF_LIFE)
"""All ways in, but that to the files that come with the package."""


def make_app(surroundings: WebSurroundings, routes: tuple[Route, ...] = ROUTES) -> web.Application:
    """The application of *surroundings*; it listens nowhere yet."""
    static = StaticFiles()
    routes = (*routes, Route("GET", "/static/{name}", static.serve, role=None))
    app = web.Application(
        # What goes wrong is an answer before it is written down, and so is what goes wrong with that.
        middlewares=[doing_whole, failing_well, writing_down, failing_well, letting_in],
        client_max_size=LARGEST_BODY,
    )
    app[ASIDE] = Aside()
    app.cleanup_ctx.append(app[ASIDE].own)
    app[SURROUNDINGS] = surroundings
    app[DOORKEEPER] = Doorkeeper(surroundings.place, surroundings.tokens, surroundings.clock)
    app[TOLD] = FaultsTold(surroundings.clock)
    app[KNOCKS] = Knocks(surroundings.clock)
    app[LIVE] = Live(surroundings.clock)
    app[ONCE] = Once(surroundings.clock)
    app[READERS] = Readers()
    app[READINESS] = Readiness(surroundings.clock)
    app[VIEWS] = Views(surroundings.store, now=surroundings.clock.epoch)
    app[RENDERING] = Rendering(surroundings, routes, static)
    app[_ROLES] = {}
    for route in routes:
        resource = app.router.add_resource(route.path)
        added = resource.add_route(route.method, route.handler)
        app[_ROLES][added] = route.role
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_end_streams)
    return app


_ROLES: web.AppKey[dict[web.AbstractRoute, Role | None]] = web.AppKey("roles", dict)


@web.middleware
async def letting_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody come to a handler who may not."""
    route = request.match_info.route
    # What has no route of ours is not there; who may not see anything is not told even that.
    await check(request, request.app[_ROLES].get(route, Role.SEE))
    return await handler(request)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    request[PREPARED] = True
    for name, value in HEADERS.items():
        response.headers[name] = value


async def _end_streams(app: web.Application) -> None:
    app[LIVE].close()
    app[ASIDE].closing.set()
