"""A portal that lists pages badly: the sandbox is too well-mannered for it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

Rows = list[Any]


@dataclass
class ListingPortal:
    """It publishes what it is told to, and lists pages as it pleases.

    Attributes:
        pages: Each page's site.
        kinds: Each site's type.
        cap: Rows that it gives at most.
        ignores: Keys of the filter, and ``order`` and ``limit``, that it does not heed.
        spoil: What it makes of the rows of an answer; told what it was asked.
        total: What it says there are, of so many that match; None to say nothing.
        missing: Pages that it lists nowhere.
        asked: The lists it was asked for.
        published: How often each page was.
    """

    pages: dict[int, int]
    kinds: dict[int, str] = field(default_factory=lambda: {1: "KNOWLEDGE"})
    cap: int | None = None
    ignores: set[str] = field(default_factory=set)
    spoil: Callable[[Rows, dict[str, Any]], Rows] = lambda rows, _: rows
    total: Callable[[int], int | None] = lambda _: None
    missing: set[int] = field(default_factory=set)
    cost: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    published: Counter[int] = field(default_factory=Counter)
    active: set[int] = field(default_factory=set)
    webhook: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        params = await request.json()
        method = request.match_info["method"].removesuffix(".json")
        if method == "batch":
            done = {key: self._command(text) for key, text in params["cmd"].items()}
            parts = {"result": done, "result_error": [], "result_time": {}}
            return web.json_response({"result": parts})
        if method == "landing.landing.getlist":
            return web.json_response(self._list(params.get("params", {})))
        return web.json_response({"result": self._call(method, params)})

    def _command(self, text: str) -> Any:
        method, _, query = text.partition("?")
        params = {key: values[0] for key, values in parse_qs(query).items()}
        return self._call(method, params)

    def _call(self, method: str, params: dict[str, Any]) -> Any:
        match method:
            case "landing.landing.publication":
                self.published[int(params["lid"])] += 1
                self.active.add(int(params["lid"]))
                return True
            case "landing.site.getlist":
                return [{"ID": str(site), "TYPE": kind} for site, kind in self.kinds.items()]
            case "app.info":
                return {"LICENSE": "ru_ent250"}
        return []

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(params)
        wanted = {k: v for k, v in params["filter"].items() if k not in self.ignores}
        found = [page for page in self.pages if page not in self.missing]
        if "ID" in wanted:
            found = [page for page in found if page in wanted["ID"]]
        found = [page for page in found if page > int(wanted.get(">ID", 0))]
        found = [
            page for page in found if self.pages[page] == wanted.get("SITE_ID", self.pages[page])
        ]
        if "=ACTIVE" in wanted:
            found = [page for page in found if page not in self.active]
        if "order" not in self.ignores:
            found.sort()
        total = self.total(len(found))
        if "limit" not in self.ignores:
            found = found[: int(params["limit"])]
        rows = self.spoil([self._row(page) for page in found[: self.cap]], params)
        return {"result": rows} if total is None else {"result": rows, "total": total}

    def _row(self, page: int) -> dict[str, Any]:
        active = "Y" if page in self.active else "N"
        site = str(self.pages[page])
        return {"ID": str(page), "SITE_ID": site, "ACTIVE": active, "PUBLIC": active}


@asynccontextmanager
async def listing(**tricks: Any) -> AsyncIterator[ListingPortal]:
    """Such a portal, that goes on until the block ends."""
    portal = ListingPortal(**tricks)
    app = web.Application()
    app.router.add_post("/rest/1/secretsecret/{method}", portal.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        portal.webhook = f"http://127.0.0.1:{port}/rest/1/secretsecret/"
        yield portal
    finally:
        await runner.cleanup()


def of_site(site: int, *pages: int) -> dict[int, int]:
    """These pages, on one site."""
    return dict.fromkeys(pages, site)
