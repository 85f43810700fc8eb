"""Each button asks first, with the count, and is done when that is answered; it needs no script."""

from collections.abc import Iterator
from functools import partial

from aiohttp import web

from bulk_publisher.web.deeds.button import Button
from bulk_publisher.web.deeds.pressing import BUTTONS, answered, asked
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.rendering import render
from bulk_publisher.web.route import Route

_LONGEST = 200


async def ask(button: Button, request: web.Request) -> web.StreamResponse:
    """What would be done, and a button for it."""
    question, once = await asked(request, button)
    here = request.rel_url.raw_path
    back = here.removesuffix(f"/{button.name}") if button.kind != "job" else "/jobs"
    return render(request, "confirm.html", question=question, once=once, here=here, back=back)


async def press(button: Button, request: web.Request) -> web.StreamResponse:
    """Do it, and show where it is seen."""
    form = await request.post()

    def field(name: str) -> str:
        given = form.get(name, "")
        return given[:_LONGEST] if isinstance(given, str) else ""

    done = await answered(
        request, button, once=field("once"), mark=field("mark"), moment=field("moment")
    )
    headers = {"Location": done.seen_at, "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)


def _routes() -> Iterator[Route]:
    for button in BUTTONS:
        path = f"/{button.kind}s/{{{button.kind}}}/{button.name}"
        yield Route("GET", path, partial(ask, button), Role.STEER)
        yield Route("POST", path, partial(press, button), Role.STEER)


ROUTES = tuple(_routes())
