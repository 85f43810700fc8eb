"""A way in for programs: what it takes, what it gives, and who may."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from bulk_publisher.text.misfits import misfit_in_words
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.refusal import hinted
from bulk_publisher.web.route import Route

_LONGEST = 200
"""Characters of a value in a query."""
_JSON = "application/json"

S = TypeVar("S")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that says nothing: what is named stands in the path."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way in.

    Attributes:
        path: As for a ``Route``, and as OpenAPI writes it.
        handler: Gives a struct of *answers*.
        query: What the address may ask for, a struct; None for nothing.
        body: What is sent, a struct; None for nothing.
        status: Of an answer that went well.
        refusals: Statuses of other answers that it may give, beside those that all may.
    """

    method: str
    path: str
    summary: str
    handler: Callable[[web.Request], Awaitable[Any]]
    answers: type
    role: Role = Role.SEE
    query: type | None = None
    body: type | None = None
    status: int = 200
    refusals: tuple[int, ...] = ()


def route_of(endpoint: Endpoint) -> Route:
    """*endpoint* as a way in of the application."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await endpoint.handler(request)
        if not isinstance(answer, endpoint.answers):
            raise TypeError(f"{endpoint.path} gives {type(answer).__name__}")
        return json_of(msgspec.json.encode(answer), status=endpoint.status)

    return Route(endpoint.method, endpoint.path, handle, endpoint.role)


def json_of(body: bytes, *, status: int = 200) -> web.Response:
    """An answer of which nobody keeps a copy."""
    response = web.Response(
        body=body, status=status, content_type=_JSON, headers={"Cache-Control": "no-store"}
    )
    if len(body) > 1024:
        response.enable_compression()
    return response


def query_as(request: web.Request, kind: type[S]) -> S:
    """What the address of *request* asks for.

    Raises:
        HTTPBadRequest: If it asks for what can't be.
    """
    told = {name: request.query[name] for name in request.query}
    for name, text in told.items():
        if len(text) > _LONGEST or not text.isprintable():
            raise web.HTTPBadRequest(
                text=f"{name[:40]!a}: at most {_LONGEST} printable characters."
            )
    return _converted(told, kind)


async def body_as(request: web.Request, kind: type[S]) -> S:
    """What *request* sends as JSON; without a body, what a struct says by itself.

    Raises:
        HTTPBadRequest: If it says anything else.
        HTTPUnsupportedMediaType: If it is something else than JSON.
    """
    body = await request.read()
    if not body:
        return _converted({}, kind)
    if request.content_type != _JSON:
        raise hinted(
            web.HTTPUnsupportedMediaType(
                text="The header Content-Type: application/json is missing."
            ),
            "Send JSON with this header, or nothing. With curl: --json in place of -d.",
        )
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = misfit_in_words(error, kind)
        raise web.HTTPBadRequest(text=f"The body can't be used: {why}.") from error


def _converted(told: Mapping[str, object], kind: type[S]) -> S:
    try:
        return msgspec.convert(told, kind, strict=False)
    except msgspec.ValidationError as error:
        why = misfit_in_words(error, kind)
        raise web.HTTPBadRequest(text=f"The query can't be used: {why}.") from error
