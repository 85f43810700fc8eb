"""The sockets: what is too large, too slow or too much."""

import asyncio
import socket
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting
from bulk_publisher.web.place import WebPlace
from bulk_publisher.web.serving import MOST_CONNECTIONS, open_socket
from tests.web.pages import Page, page_served


async def said(page: Page, data: bytes, *, most: float = 1000) -> tuple[bytes, float]:
    """What comes back for *data*, and after how many seconds the connection is closed."""
    port = page.around.place.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = page.clock.now()
    try:
        writer.write(data)
        async with asyncio.timeout(most):
            answer = await reader.read()
    finally:
        writer.close()
    return answer, page.clock.now() - began


async def test_a_head_that_does_not_come_to_its_end_is_cut_off(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        answer, after = await said(page, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")

    assert answer == b""
    assert after < 80


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\ncsrf="
    async with page_served(tmp_path) as page:
        answer, after = await said(page, head)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert after < 80


@pytest.mark.parametrize(
    "data",
    [
        b"GET /?q=" + b"x" * 5000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
    ids=["long line", "long header", "many headers", "nonsense", "two lengths"],
)
async def test_a_head_that_cannot_be_is_refused(tmp_path: Path, data: bytes) -> None:
    async with page_served(tmp_path) as page:
        answer, _ = await said(page, data)

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n"],
    ids=["no host", "two hosts"],
)
async def test_a_request_means_one_host(tmp_path: Path, head: bytes) -> None:
    async with page_served(tmp_path) as page:
        answer, _ = await said(page, head)

    assert answer.split(b" ")[1] in {b"421", b"400"}


async def test_a_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    async with page_served(tmp_path) as page:
        port = page.around.place.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS)]
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.1)
        after = await page.get("/healthz")

    assert after.status == 200


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = WebPlace("127.0.0.1", taken.getsockname()[1], frozenset())

        with pytest.raises(
            BadSetting, match=r"--web 127.0.0.1:\d+: can't be used: Address already in use\."
        ) as error:
            open_socket(place)

    assert error.value.hint == "Choose a free port."


def test_an_address_of_another_machine_is_told_in_one_line() -> None:
    with pytest.raises(BadSetting, match=r"--web 192\.0\.2\.1:8080: can't be used"):
        open_socket(WebPlace("192.0.2.1", 8080, frozenset()))
