"""The views of an application's store, for its pages and for programs; what of them is asked for."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from bulk_publisher.text.escaping import printable
from bulk_publisher.web.views.watched import Views

_LONGEST = 200
"""Characters of what is asked for: more is no name of anything."""
_LARGEST = 10**9

S = TypeVar("S", bound=StrEnum)

VIEWS: web.AppKey[Views] = web.AppKey("views", Views)


def views_of(request: web.Request) -> Views:
    """What is shown of the store."""
    return request.app[VIEWS]


class Query:
    """What the query of an address asks for; what it does not name, or names wrongly, is as usual."""

    def __init__(self, path: str, asked: Mapping[str, str]) -> None:
        """Nothing is taken from it yet."""
        self.path = path
        self.asked = dict(asked)

    def text(self, name: str) -> str:
        """The words after *name*; nothing where it is not there."""
        return printable(self.asked.get(name, "")[:_LONGEST]).strip()

    def number(self, name: str, usual: int) -> int:
        """The number after *name*, 1 or more."""
        told = self.asked.get(name, "")
        is_one = told.isascii() and told.isdecimal() and len(told) <= len(str(_LARGEST))
        return max(1, int(told)) if is_one else usual

    def choice(self, name: str, usual: S) -> S:
        """The one of a kind after *name*."""
        kind = type(usual)
        told = self.asked.get(name, "")
        return kind(told) if told in set(kind) else usual

    def has(self, name: str) -> bool:
        """Whether *name* is switched on."""
        return self.asked.get(name) == "1"

    def link(self, **changes: object) -> str:
        """The same address with *changes*; None, and what is empty, is left out."""
        told: dict[str, object] = {**self.asked, **changes}
        kept = {name: str(value) for name, value in told.items() if value not in {None, ""}}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def sorted_by(self, order: str, *, now: str) -> str:
        """The address where rows are sorted by *order*, and the other way round where they are already.

        Args:
            now: What they are sorted by.
        """
        is_again = order == now and not self.has("reversed")
        return self.link(sort=order, reversed="1" if is_again else None, page=None)


def query_of(request: web.Request, *known: str) -> Query:
    """What *request* asks for under the names that are *known*."""
    told = {name: request.query[name][:_LONGEST] for name in known if name in request.query}
    return Query(request.path, {name: text for name, text in told.items() if text.isprintable()})
