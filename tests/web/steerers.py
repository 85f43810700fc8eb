"""A page beside a daemon at work on a sandbox, and who steers it."""

import html
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.serve.happenings import JobEnds, RunBegins
from bulk_publisher.store import KeptRun, Store, open_store
from bulk_publisher.web.guard.roles import Role
from tests.serve.daemons import Played, job_file, served
from tests.web.pages import Answer, Page, page_served

_ACTION = re.compile(r'<form method="post" action="([^"]*)" class="stacked">')
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def hidden(answer: Answer) -> dict[str, str]:
    """What a form carries."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(answer.text)}


@dataclass
class Beside:
    """A page, the daemon beside it, and the portal."""

    page: Page
    daemon: Played
    sandbox: Sandbox
    store: Store

    async def enter(self, name: str = "anna", role: Role = Role.STEER) -> None:
        """Log in."""
        self.page.session.cookie_jar.clear()
        answer = await self.page.log_in(self.page.add_token(name, role))
        assert answer.status == 303

    async def confirm(self, path: str, **fields: str) -> Answer:
        """Open the question at *path*, and press its button."""
        asked = await self.page.get(path)
        assert asked.status == 200, (self.page.said, asked.text)
        (action,) = _ACTION.findall(asked.text)
        return await self.answer(html.unescape(action), asked, **fields)

    async def answer(self, path: str, asked: Answer, **fields: str) -> Answer:
        """Press the button of a question that was opened."""
        headers = {"Origin": self.page.url, "Sec-Fetch-Site": "same-origin"}
        return await self.page.post(path, hidden(asked) | fields, headers=headers)

    async def done_once(self, number: int = 1) -> KeptRun:
        """A run of the job, from beginning to end."""
        assert (await self.confirm("/jobs/nightly/submit")).status == 303
        await self.daemon.until(JobEnds, number)
        return self.store.find("latest")

    async def going_on(self) -> KeptRun:
        """A run in the middle."""
        assert (await self.confirm("/jobs/nightly/submit")).status == 303
        await self.daemon.until(RunBegins)
        await self.daemon.wait(20)
        return self.store.find("latest")


@asynccontextmanager
async def steered(
    folder: Path, scenario: Scenario | None = None, *, more: Sequence[Path] = (), **job: Any
) -> AsyncIterator[Beside]:
    """A daemon that knows the job ``nightly``, and its page, at which ``anna`` may steer."""
    path, runs = job_file(folder, **job), folder / "runs"
    async with (
        serve(scenario or Scenario(pages=30)) as sandbox,
        served(sandbox, runs, path, *more) as daemon,
        page_served(folder, plan=daemon.daemon) as page,  # type: ignore[arg-type]
    ):
        beside = Beside(page, daemon, sandbox, open_store(runs))
        await beside.enter()
        await daemon.wait(3)
        yield beside


@dataclass
class Program:
    """A program with a token."""

    url: str
    token: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """A request."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        async with self.session.request(
            method, self.url + path, headers=headers, **more
        ) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: object = None, **more: Any) -> Answer:
        """POST of JSON."""
        return await self.ask("POST", path, json={} if json is None else json, **more)


@asynccontextmanager
async def program(beside: Beside, name: str = "robot", role: Role = Role.STEER) -> AsyncIterator[Program]:  # fmt: skip
    """A program that has a token of its own."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Program(beside.page.url, beside.page.add_token(name, role), session)
