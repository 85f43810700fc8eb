"""A portal on raw sockets, which keeps to no rule but the one that a test gives it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from bulk_publisher.engine.events import Watcher, watch_nothing
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.operations.publishing import Finished, publish
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.store import open_store

SECRET = "s3cr3tC0de"
TIME = {"start": 1_700_000_000.5, "finish": 1_700_000_000.6, "duration": 0.1, "processing": 0.1}


@dataclass(frozen=True)
class Request:
    """One request: which it is in all, and which on its connection, both from 1."""

    method: str
    params: dict
    number: int
    on_connection: int

    @property
    def is_about_pages(self) -> bool:
        return "publication" in self.method or "publication" in json.dumps(self.params)


Respond = Callable[[Request], bytes | Awaitable[bytes]]


@dataclass
class Portal:
    """What came to the server; ``published`` counts what a well-mannered answer was given for."""

    host: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def webhook(self) -> str:
        return f"http://{self.host}/rest/1/{SECRET}/"


@asynccontextmanager
async def talking(talk: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
    """A server on a port of this machine, each of whose connections is *talk*'s; gives its address."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()
        tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def served(respond: Respond) -> AsyncIterator[Portal]:
    """A server that writes what *respond* gives for each request; it closes after an empty one."""
    portal = Portal()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        portal.connections += 1
        await _talk(portal, reader, writer, respond)

    async with talking(talk) as portal.host:
        yield portal


async def _talk(portal, reader, writer, respond) -> None:
    on_connection = 0
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        )
        params = json.loads(await reader.readexactly(length))
        on_connection += 1
        method = head.split(" ")[1].rpartition("/")[2].removesuffix(".json")
        request = Request(method, params, len(portal.requests) + 1, on_connection)
        portal.requests.append(request)
        answer = respond(request)
        if not isinstance(answer, bytes):
            answer = await answer
        if not answer:
            return
        writer.write(answer)
        await writer.drain()


def http(body: bytes, status: int = 200, *headers: str) -> bytes:
    """A whole answer as it stands on the wire."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def polite(request: Request, *, time: object = TIME, pages: range = range(1, 1)) -> bytes:
    """What a portal answers: every page is published, *pages* are listed."""
    return http(body_of(request, time=time, pages=pages))


def body_of(request: Request, *, time: object = TIME, pages: range = range(1, 1)) -> bytes:
    """The JSON of a portal's answer."""
    result: object = True
    match request.method:
        case "app.info":
            result = {"ID": 1, "LICENSE": "ru_std"}
        case "batch":
            keys = list(request.params["cmd"])
            times = dict.fromkeys(keys, time)
            result = {"result": dict.fromkeys(keys, True), "result_error": [], "result_time": times}
        case "landing.landing.getlist" | "landing.landing.getList":
            result = _rows(request.params, pages)
    return json.dumps({"result": result, "time": time}).encode()


def _rows(params: dict, pages: range) -> list[dict]:
    wanted = params.get("params", {}).get("filter", {})
    after, ids = int(wanted.get(">ID", 0)), wanted.get("ID")
    listed = [page for page in pages if page > after and (ids is None or page in map(int, ids))]
    row = {"TITLE": "t", "ACTIVE": "N", "PUBLIC": "N", "SITE_ID": "1", "FOLDER_ID": None}
    return [{"ID": str(page), **row} for page in listed[:500]]


def pages_of(request: Request) -> list[int]:
    """The pages that a request is to publish."""
    if request.method == "batch":
        queries = [command.partition("?")[2] for command in request.params["cmd"].values()]
        return [int(parse_qs(query)["lid"][0]) for query in queries]
    return [int(request.params["lid"])] if "publication" in request.method else []


async def run(
    portal: Portal,
    runs: Path,
    pages: int = 200,
    *,
    pace: Pace | None = None,
    watch: Watcher = watch_nothing,
) -> Finished:
    """Publish pages 1 to *pages*, which are not looked up."""
    job = Job(
        name="hostile", select=Selection(page=(f"1-{pages}",), lookup=False), pace=pace or Pace()
    )
    return await publish(
        job,
        Webhook(portal.webhook),
        store=open_store(runs),
        seed=1,
        watch=watch,
        on_start=lambda _: None,
    )
