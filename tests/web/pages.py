"""The page in the test's own loop, and a browser without a window."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from bulk_publisher.clock import WallClock
from bulk_publisher.jobs import Job
from bulk_publisher.model import Epoch
from bulk_publisher.serve.part import Surroundings
from bulk_publisher.store import open_store
from bulk_publisher.store.agenda import Slot
from bulk_publisher.web.app import ROUTES, make_app
from bulk_publisher.web.guard.page_tokens import PageTokens
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.place import WebPlace
from bulk_publisher.web.route import Route
from bulk_publisher.web.serving import open_socket, serving
from bulk_publisher.web.surroundings import WebSurroundings

_CSRF = re.compile(r'name="csrf-token" content="([0-9a-f]*)"')


@dataclass
class PlannedJobs:
    """A daemon's plan, as a test has it."""

    slots: dict[str, Slot] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def csrf(self) -> str:
        """What a script on the page would send."""
        found = _CSRF.search(self.text)
        return found[1] if found else ""


@dataclass
class Page:
    """A page that is served, and who looks at it: cookies are kept, as in a browser."""

    url: str
    clock: WallClock
    tokens: PageTokens
    around: WebSurroundings
    session: aiohttp.ClientSession
    said: list[str]
    app: web.Application

    async def get(self, path: str, **more: Any) -> Answer:
        """GET, as a browser does."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """POST of a form, from nowhere that is told."""
        return await self.ask("POST", path, data=form or {}, **more)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Any request; redirects are not followed."""
        headers = {"Accept": "text/html"} | more.pop("headers", {})
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **more
        ) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def press(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """POST of a form of our own page, as a browser sends it."""
        csrf = (await self.get("/login")).csrf
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} | more.pop("headers", {})
        return await self.post(path, {"csrf": csrf, **(form or {})}, headers=headers, **more)

    def add_token(self, name: str = "anna", role: Role = Role.SEE) -> str:
        """A token, as ``web token add`` makes it."""
        return self.tokens.add(name, role, Epoch(0.0))

    async def log_in(self, token: str, **more: Any) -> Answer:
        """Enter *token*."""
        return await self.press("/login", {"token": token}, **more)


@asynccontextmanager
async def page_served(
    folder: Path,
    *,
    plan: PlannedJobs | None = None,
    more: tuple[Route, ...] = (),
    metrics: Callable[[], bytes] | None = None,
    **place: Any,
) -> AsyncIterator[Page]:
    """A page of the runs in *folder*.

    Args:
        more: Ways in that only a test has.
        place: As for ``WebPlace``; loopback by default.
    """
    listening = WebPlace("127.0.0.1", 0, frozenset(["127.0.0.1", "localhost"]))
    listener = open_socket(listening)
    port = listener.getsockname()[1]
    own = WebPlace(**{"host": "127.0.0.1", "port": port, "hosts": listening.hosts} | place)
    clock, said = WallClock(), list[str]()
    tokens = PageTokens(folder / "config" / "tokens.json", said.append)
    around = WebSurroundings(
        Surroundings(open_store(folder / "runs"), _no_entrance, _tell_nobody, clock),
        plan or PlannedJobs(),
        own,
        tokens,
        said.append,
        metrics,
    )
    jar = aiohttp.CookieJar(unsafe=True)  # addresses have no cookies otherwise
    app = make_app(around, (*ROUTES, *more))
    async with (
        serving(listener, app),
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        yield Page(f"http://127.0.0.1:{port}", clock, tokens, around, session, said, app)


def _no_entrance(job: Job) -> Any:
    raise AssertionError(job)


def _tell_nobody(_event: object) -> None:
    pass
