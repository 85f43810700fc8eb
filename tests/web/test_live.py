"""What changes is sent while somebody looks at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.web.live import LIVE, MOST, as_event, stream
from bulk_publisher.web.route import Route
from tests.web.pages import Page, page_served


class Watched:
    """A thing that changes, and how often it was looked at."""

    def __init__(self) -> None:
        self.text = "one"
        self.looks = 0
        self.app: web.Application | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.app = request.app
        return await stream(request, "thing", self._make)

    async def _make(self) -> str:
        self.looks += 1
        if self.text == "broken":
            raise RuntimeError(self.text)
        return self.text

    @property
    def streams(self) -> int:
        assert self.app is not None
        return self.app[LIVE].streams


@asynccontextmanager
async def watched(folder: Path, **place: object) -> AsyncIterator[tuple[Page, Watched]]:
    thing = Watched()
    async with page_served(folder, more=(Route("GET", "/live", thing.serve),), **place) as page:
        yield page, thing


async def read(response: aiohttp.ClientResponse) -> bytes:
    """The next event."""
    return await response.content.readuntil(b"\n\n")


async def test_what_has_changed_is_sent_and_nothing_else(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, thing), page.session.get(page.url + "/live") as response:
        first = await read(response)
        await asyncio.sleep(5)
        thing.text = "two\nlines"
        second = await read(response)

    assert response.content_type == "text/event-stream"
    assert first == b"data: one\n\n"
    assert second == b"data: two\ndata: lines\n\n"


async def test_a_thousand_looks_are_one(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, thing):
        responses = [await page.session.get(page.url + "/live") for _ in range(20)]
        events = [await read(response) for response in responses]
        await asyncio.sleep(10)
        looks = thing.looks
        for response in responses:
            response.close()

    assert set(events) == {b"data: one\n\n"}
    assert 9 <= looks <= 12


async def test_what_is_silent_beats(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, _), page.session.get(page.url + "/live") as response:
        await read(response)
        began = page.clock.now()
        beat = await read(response)

        assert beat == b":\n\n"
        assert 15 <= page.clock.now() - began <= 17


async def test_a_stream_ends_with_its_reader(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, thing):
        response = await page.session.get(page.url + "/live")
        await read(response)
        during = thing.streams
        response.close()
        await asyncio.sleep(2)

        assert (during, thing.streams) == (1, 0)


async def test_a_stream_ends_with_the_right_to_see_it(tmp_path: Path) -> None:
    async with watched(tmp_path, host="0.0.0.0") as (page, _):
        headers = {"Authorization": f"Bearer {page.add_token()}"}
        async with page.session.get(page.url + "/live", headers=headers) as response:
            await read(response)
            page.tokens.remove("anna")
            rest = await response.content.read()

    assert rest == b""


async def test_a_stream_ends_with_the_daemon(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        async with watched(tmp_path) as (page, _):
            response = await session.get(page.url + "/live")
            await read(response)
            began = page.clock.now()

        assert page.clock.now() - began < 3
        assert await response.content.read() == b""


async def test_a_fault_ends_the_stream_and_is_said_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, thing):
        async with page.session.get(page.url + "/live") as response:
            await read(response)
            thing.text = "broken"
            with pytest.raises(aiohttp.ClientError):
                await response.content.read()
        again = await page.get("/live")

    assert again.status == 500
    assert page.said == ["GET /live: internal error: RuntimeError: broken"]


async def test_one_too_many_is_told_so(tmp_path: Path) -> None:
    async with watched(tmp_path) as (page, _):
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            responses = [await session.get(page.url + "/live") for _ in range(MOST)]
            refused = await session.get(page.url + "/live")
            for response in responses:
                response.close()

    assert refused.status == 503


@given(st.text())
def test_an_event_gives_back_its_text(text: str) -> None:
    event = as_event(text).decode("utf-8", "surrogatepass")
    assert event.endswith("\n\n")
    lines = event[:-2].split("\n")

    assert all(line.startswith("data: ") for line in lines)
    sent = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    assert "\n".join(line.removeprefix("data: ") for line in lines) == sent
