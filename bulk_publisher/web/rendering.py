"""Templates into pages. All that is put in is escaped: whatever a portal calls a page is text."""

from functools import partial
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from bulk_publisher import __version__
from bulk_publisher.web import filters
from bulk_publisher.web.guard.doorkeeper import DOORKEEPER, VISITOR
from bulk_publisher.web.guard.forms import FIELD
from bulk_publisher.web.guard.roles import Role, Visitor
from bulk_publisher.web.route import Route
from bulk_publisher.web.static_files import StaticFiles
from bulk_publisher.web.surroundings import WebSurroundings

_HTML = "text/html"


class Rendering:
    """The templates of one application."""

    def __init__(
        self, around: WebSurroundings, routes: tuple[Route, ...], files: StaticFiles
    ) -> None:
        """Nothing is read yet; a template is read once."""
        self._templates = Environment(
            loader=PackageLoader("bulk_publisher.web", "templates"),
            autoescape=True,  # whatever the file is called
            undefined=StrictUndefined,  # a name that is misspelt is a fault, not nothing
            finalize=filters.finalized,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {
            "count": filters.count,
            "duration": filters.duration,
            "in_path": filters.in_path,
            "lines": filters.lines,
            "pages": filters.pages,
            "percent": filters.percent,
            "when": partial(filters.when, zone=around.daemon.zone),
        }
        self._templates.globals |= {
            "csrf_field": FIELD,
            "nav": [
                (route.path, route.nav, route.role is Role.STEER) for route in routes if route.nav
            ],
            "static_url": files.url,
            "version": __version__,
            "zone_name": str(around.daemon.zone),
        }

    def text(self, template: str, /, **context: Any) -> str:
        """A fragment that many watch; it knows no visitor, and no form is in it."""
        return self._templates.get_template(template).render(context)

    def page(self, request: web.Request, template: str, /, **context: Any) -> str:
        """A page for whoever has sent *request*: ``visitor``, ``csrf`` and ``path`` are in it besides."""
        visitor: Visitor | None = request.get(VISITOR)
        own = {
            "visitor": visitor,
            "may_steer": visitor is not None and visitor.may_steer,
            "csrf": request.app[DOORKEEPER].form_token(request, visitor),
            "path": request.path,
        }
        return self._templates.get_template(template).render(own | context)


RENDERING: web.AppKey[Rendering] = web.AppKey("rendering", Rendering)


def render(
    request: web.Request, template: str, /, *, status: int = 200, **context: Any
) -> web.Response:
    """The answer to *request* that *template* makes of *context*; nobody keeps a copy of it."""
    text = request.app[RENDERING].page(request, template, **context)
    return web.Response(
        text=text, content_type=_HTML, status=status, headers={"Cache-Control": "no-store"}
    )


def render_text(request: web.Request, template: str, /, **context: Any) -> str:
    """A fragment that many watch, such as ``live.stream`` sends."""
    return request.app[RENDERING].text(template, **context)
