"""What programs may press: GET says what would be done, with the count, and POST does it."""

from collections.abc import Iterator
from functools import partial

import msgspec
from aiohttp import web

from bulk_publisher.web.api.endpoint import Endpoint, Nothing, body_as
from bulk_publisher.web.deeds.button import Button
from bulk_publisher.web.deeds.helm import helm_of
from bulk_publisher.web.deeds.pressing import BUTTONS, pressed
from bulk_publisher.web.deeds.question import Pressed, Question
from bulk_publisher.web.guard.roles import Role

_KEY = "Idempotency-Key"


class Until(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long.

    Attributes:
        until: 06:00, 2026-11-27 06:00 or +2h; without it, until somebody continues it.
    """

    until: str = ""


class At(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When.

    Attributes:
        at: 22:00, 2026-11-27 22:00 or +2h; without it, now.
    """

    at: str = ""


_DONE_AT_ONCE = {"approve": 200}
_BODIES: dict[str, type[Until | At]] = {"pause": Until, "submit": At}


async def ask(button: Button, request: web.Request) -> Question:
    """What would be done."""
    return await button.ask(helm_of(request), request.match_info[button.kind])


async def press(button: Button, request: web.Request) -> Pressed:
    """Do it."""
    moment = await _moment(button, request)
    return await pressed(request, button, key=request.headers.get(_KEY, ""), moment=moment)


async def _moment(button: Button, request: web.Request) -> str:
    given = await body_as(request, _BODIES.get(button.name, Nothing))
    match given:
        case Until(until=moment) | At(at=moment):
            return moment
        case _:
            return ""


def _endpoints() -> Iterator[Endpoint]:
    for button in BUTTONS:
        path = f"/api/{button.kind}s/{{{button.kind}}}/{button.name}"
        refusals = (404, 409, 422)
        summary = f"What this would do: {button.summary[0].lower()}{button.summary[1:]}"
        yield Endpoint(
            "GET", path, summary, partial(ask, button), Question, Role.STEER, refusals=refusals
        )
        yield Endpoint(
            "POST", path, button.summary, partial(press, button), Pressed, Role.STEER,
            body=_BODIES.get(button.name, Nothing), status=_DONE_AT_ONCE.get(button.name, 202), refusals=(400, *refusals, 415, 503),
        )  # fmt: skip


ENDPOINTS = tuple(_endpoints())
