"""What goes wrong in a request, as an answer: a page for a person, JSON for a program; never a traceback."""

from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bulk_publisher.clock import Clock
from bulk_publisher.errors import (
    BadJournal,
    BulkPublisherError,
    JournalLost,
    NotApproved,
    PortalUnusable,
    RunBusy,
    StoppedByPortal,
    UsageError,
)
from bulk_publisher.log import log
from bulk_publisher.model import Mono
from bulk_publisher.operations import crash
from bulk_publisher.text.escaping import legible
from bulk_publisher.web.guard.doorkeeper import is_for_program
from bulk_publisher.web.guard.forms import SAFE
from bulk_publisher.web.problem import PROBLEM_TYPE, problem_of
from bulk_publisher.web.refusal import HINT
from bulk_publisher.web.rendering import render
from bulk_publisher.web.surroundings import around

_STATUSES: tuple[tuple[type[BulkPublisherError], int], ...] = (
    (BadJournal, 404),
    (NotApproved, 409),
    (UsageError, 422),
    (RunBusy, 409),
    (StoppedByPortal, 409),
    (PortalUnusable, 502),
    (JournalLost, 503),
)
"""The first that fits; 500 for all others."""
_MINUTE = 60.0
_MOST_FAULTS = 100
"""Of different words that are remembered."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong.

    Attributes:
        message: What and where, in a sentence.
        hint: What to do; empty for nothing.
    """

    status: int
    message: str
    hint: str = ""


class FaultsTold:
    """Which faults were told of late: one that comes each second is told once a minute."""

    def __init__(self, clock: Clock) -> None:
        """None yet."""
        self._clock = clock
        self._at: OrderedDict[str, Mono] = OrderedDict()

    def is_news(self, words: str) -> bool:
        """Whether to tell it; it counts as told then."""
        now = self._clock.now()
        if words in self._at and now < self._at[words] + _MINUTE:
            return False
        self._at[words] = now
        self._at.move_to_end(words)
        if len(self._at) > _MOST_FAULTS:
            self._at.popitem(last=False)
        return True


TOLD: web.AppKey[FaultsTold] = web.AppKey("told", FaultsTold)
PREPARED: web.RequestKey[bool] = web.RequestKey("prepared", bool)
"""An answer has begun to leave: no other can take its place."""


@web.middleware
async def failing_well(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever a handler raises."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _answered(request, _failure_of_http(error), error)
    except BulkPublisherError as error:
        return _answered(request, failure_of(error))
    except ConnectionError:
        # Its reader has gone: nobody is told anything.
        raise
    except Exception as error:  # noqa: BLE001 - a fault in a page ends no job
        return _answered(request, _failure_of_ours(request, error))


def failure_of(error: BulkPublisherError) -> Failure:
    """How *error* is answered."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    return Failure(status, legible(error.message), legible(error.hint))


def _failure_of_http(error: web.HTTPException) -> Failure:
    said = error.text or ""
    plain = f"{error.status}: {error.reason}"
    hint = error.get(HINT, "")
    return Failure(error.status, error.reason if said == plain else said, hint)


def _failure_of_ours(request: web.Request, error: Exception) -> Failure:
    inner = crash.innermost(error)
    if isinstance(inner, BulkPublisherError):
        return failure_of(inner)
    # The words of a fault may hold anything; who looks at the page is told that there was one.
    route = request.match_info.route.resource
    what = route.canonical if route is not None else "?"
    words = crash.words_of(error)
    if request.app[TOLD].is_news(f"{what} {words}"):
        trace = crash.traceback_of(error)
        log.error("web.crashed", method=request.method, path=what, what=words, traceback=trace)
        around(request).complain(f"{request.method} {what}: internal error: {words}")
    return Failure(
        500, "Something went wrong here. The jobs go on.", "The daemon's log says what it was."
    )


def _answered(
    request: web.Request, failure: Failure, error: web.HTTPException | None = None
) -> web.StreamResponse:
    if PREPARED in request:
        # What has begun can only be broken off: its reader sees that it is not whole.
        raise ConnectionResetError
    response: web.StreamResponse
    if error is not None and error.status == HTTPStatus.MISDIRECTED_REQUEST:
        # A page's links would lead back to the host that is not ours.
        response = _line(failure)
    elif is_for_program(request):
        response = web.Response(
            body=msgspec.json.encode(problem_of(failure.status, failure.message, failure.hint)),
            status=failure.status,
            content_type=PROBLEM_TYPE,
            headers={"Cache-Control": "no-store"},
        )
    elif not is_for_person(request):
        response = _line(failure)
    elif failure.status == HTTPStatus.UNAUTHORIZED and "Authorization" not in request.headers:
        return _to_login(request)
    else:
        response = render(request, "error.html", status=failure.status, failure=failure)
    for name in ("WWW-Authenticate", "Allow", "Retry-After"):
        if error is not None and name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def is_for_person(request: web.Request) -> bool:
    """Whether a browser shows the answer."""
    return "text/html" in request.headers.get("Accept", "")


def _line(failure: Failure) -> web.Response:
    text = "\n".join(part for part in (failure.message, failure.hint) if part)
    return web.Response(text=f"{text}\n", status=failure.status)


def _to_login(request: web.Request) -> web.StreamResponse:
    """Ask a person for a token; a script that fetches a part of a page has the whole page go there."""
    headers = {"Cache-Control": "no-store"}
    if "HX-Request" in request.headers:
        return web.Response(status=401, headers=headers | {"HX-Redirect": "/login"})
    then = request.path_qs if request.method in SAFE else "/"
    location = f"/login?{urlencode({'then': then})}"
    return web.Response(status=303, headers=headers | {"Location": location})
