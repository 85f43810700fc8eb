"""The address of an application that is registered with a port of this machine: taken by itself.

It listens on 127.0.0.1 alone, for one visit. Any page in a browser may ask this port for anything, so
what does not have the visit's state is told no, and changes nothing.
"""

import asyncio
from contextlib import suppress

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.authorising import Granted, NotThisVisit, Visit

_HOST = "127.0.0.1"
_LINE = 16 * 1024
"""Bytes of a request's first line."""
_PATIENCE = 10.0
"""Seconds in which a browser must have sent it."""


async def granted_on(port: int, visit: Visit, *, seconds: float) -> Granted | None:
    """What a browser brings to *port* from the page of *visit*; None where none comes within *seconds*.

    Raises:
        BadSetting: If the port can't be listened on, or the portal has not let the application in.
    """
    arrived: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                line = await reader.readuntil(b"\r\n")
                writer.write(_answer(*_judged(line, visit, arrived)))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(take, _HOST, port, limit=_LINE)
    except OSError as error:
        raise BadSetting(
            f"--listen {port}: the port can't be listened on: {error.strerror or error}.",
            "Stop what listens there, or paste the address instead: leave out --listen.",
        ) from error
    async with server:
        try:
            async with asyncio.timeout(seconds):
                granted = await arrived
        except TimeoutError:
            return None
        # What the browser is told is on its way.
        server.close()
        return granted


def _judged(line: bytes, visit: Visit, arrived: "asyncio.Future[Granted]") -> tuple[int, str]:
    """The status and the words for a browser; what it brought is handed over."""
    words = line.decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != "GET" or not words[1].startswith("/"):
        return 405, "Nothing is here but the end of a login."
    try:
        granted = visit.read(f"http://{_HOST}{words[1]}")
    except NotThisVisit:
        return 400, "This is not the login that bulk-publisher waits for."
    except BadSetting as error:
        if not arrived.done():
            arrived.set_exception(error)
        return 403, "The portal has not let the application in."
    if not arrived.done():
        arrived.set_result(granted)
    return 200, "Done. You can close this page and go back to the terminal."


def _answer(status: int, words: str) -> bytes:
    body = f"{words}\n".encode()
    head = (
        f"HTTP/1.1 {status} -\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
