"""What to do about a refusal, beside what is said of it."""

from typing import TypeVar

from aiohttp import web

HINT: web.ResponseKey[str] = web.ResponseKey("hint", str)
"""What to do; without it nothing is advised."""

E = TypeVar("E", bound=web.HTTPException)


def hinted(error: E, hint: str) -> E:
    """*error*, with what to do about it."""
    error[HINT] = hint
    return error
