"""Coming in with a token, and leaving again."""

from urllib.parse import quote

from aiohttp import web

from bulk_publisher.report.text import in_words
from bulk_publisher.web.guard.doorkeeper import DOORKEEPER, VISITOR
from bulk_publisher.web.guard.roles import Proof, Visitor
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import TARGET, Route
from bulk_publisher.web.surroundings import around

_LONGEST_PATH = 2000
_IN_PATHS = "%/?&=+:@!$'()*,;~-._"
"""What stays as it is: the rest of the query is encoded already."""


async def login_form(request: web.Request) -> web.StreamResponse:
    """Ask for a token."""
    return _form(request)


async def login(request: web.Request) -> web.StreamResponse:
    """Begin a session by a token."""
    keeper, clock = request.app[DOORKEEPER], around(request).clock
    address = keeper.address(request)
    wait = keeper.login_rate.wait(address, now=clock.now())
    if wait > 0:
        why = f"Too many wrong tokens were entered. Try again in {in_words(wait)}."
        response = _form(request, why, status=429)
        response.headers["Retry-After"] = str(int(wait) + 1)
        return response
    given = (await request.post()).get("token", "")
    token = keeper.tokens.match(given.strip()) if isinstance(given, str) else None
    if token is None:
        keeper.login_rate.on_wrong(address, now=clock.now())
        return _form(request, "This token does not count here.", status=403)
    request[TARGET] = f"token {token.name}"
    response = _redirect(path_within(request.query.get("then", "/")))
    # Never the session that the browser came with: somebody else may have put it there.
    keeper.let_out(request, response)
    keeper.let_in(request, response, keeper.sessions.begin(token))
    request[VISITOR] = Visitor(token.name, token.role, Proof.SESSION)
    return response


async def logout(request: web.Request) -> web.StreamResponse:
    """End a session."""
    response = _redirect("/login")
    request.app[DOORKEEPER].let_out(request, response)
    return response


def path_within(text: str) -> str:
    r"""*text* if it is a path of ours, else the first page.

    ``//example.com`` and ``/\example.com`` are other hosts to a browser.
    """
    is_path = text.startswith("/") and text[1:2] not in {"/", "\\"}
    is_short = text.isprintable() and len(text) <= _LONGEST_PATH
    return quote(text, safe=_IN_PATHS) if is_path and is_short else "/"


def _form(request: web.Request, why: str = "", *, status: int = 200) -> web.Response:
    keeper = request.app[DOORKEEPER]
    keeper.welcome(request)
    then = path_within(request.query.get("then", "/"))
    response = render(request, "login.html", status=status, why=why, then=then)
    keeper.set_guest(request, response)
    return response


def _redirect(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/login", login_form, role=None),
    Route("POST", "/login", login, role=None),
    Route("POST", "/logout", logout, role=None),
)
