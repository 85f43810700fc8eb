"""A way into the page: its method and path, who does it, and who may."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from bulk_publisher.web.guard.doorkeeper import VISITOR
from bulk_publisher.web.guard.roles import Role, Visitor

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TARGET: web.RequestKey[str] = web.RequestKey("target", str)
"""What an audited request is about, in the words of its handler; without it the values in its path."""

REPEATED: web.RequestKey[bool] = web.RequestKey("repeated", bool)
"""An audited request asks for what was done at its first, and is answered alike."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way in. What has no route is not there, and what has no role is for everybody.

    Attributes:
        path: As aiohttp writes it: ``/runs/{run}``.
        role: Who may; None for everybody, which is for signs of life and for logging in.
        nav: What the navigation calls it; empty for what is not in it.
    """

    method: str
    path: str
    handler: Handler
    role: Role | None = Role.SEE
    nav: str = ""


def visitor_of(request: web.Request) -> Visitor:
    """Who has sent *request*; only where its route asks for a role."""
    return request[VISITOR]
