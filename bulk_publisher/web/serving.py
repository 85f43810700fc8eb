"""Listening: the sockets of the page, from before the daemon begins until after it has ended."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address

from aiohttp import web

from bulk_publisher.errors import BadSetting
from bulk_publisher.log import log
from bulk_publisher.operations import crash
from bulk_publisher.web.place import WebPlace

_KEEPALIVE = 75.0
"""Seconds in which the first request, and each next one, has to have come on a connection: as nginx has it
for its own clients, so that a proxy reuses what is still open. Whoever sends a byte a minute is cut off."""
_SHUTDOWN = 2.0
"""Seconds for answers that are on their way when the daemon has ended."""
_LINGERING = 5.0
"""Seconds for which the rest of a refused body is read, so that its sender sees the refusal."""
_MOST_LINE = 4096
"""Bytes of a request line: a search and its sorting need a few hundred."""
_MOST_FIELD = 8190
"""Bytes of a header: a proxy's cookies may be in it."""
_MOST_HEADERS = 100
_BACKLOG = 128
MOST_CONNECTIONS = 500
"""At once: a browser has six at most, and each takes a descriptor, as do those of runs."""


@asynccontextmanager
async def serving(listener: socket.socket, app: web.Application) -> AsyncIterator[None]:
    """Serve *app* until the block ends.

    Args:
        listener: What ``open_socket`` gave; it is closed at the end.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,  # who has gone away is worked for no more
        logger=_logger(),
        access_log=None,  # addresses and paths are nobody's business; what was done is in the audit
        keepalive_timeout=_KEEPALIVE,
        shutdown_timeout=_SHUTDOWN,
        lingering_time=_LINGERING,
        max_line_size=_MOST_LINE,
        max_field_size=_MOST_FIELD,
        max_headers=_MOST_HEADERS,
        auto_decompress=False,  # a body that is small packed may be huge
    )
    await runner.setup()
    try:
        server = await asyncio.get_running_loop().create_server(
            partial(_protocol, runner.server), sock=listener, backlog=_BACKLOG
        )
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()
        listener.close()


class _Refusing(asyncio.Protocol):
    """One connection too many: it is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def _protocol(server: web.Server | None) -> asyncio.Protocol:
    """What a new connection is spoken to by; a page takes no descriptors that runs need."""
    if server is None or len(server.connections) >= MOST_CONNECTIONS:
        return _Refusing()
    return server()


class _ToLog(logging.Handler):
    """What aiohttp says of bad requests and lost readers is for who looks for it; no traceback goes by."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        why = "" if error is None else crash.words_of(error)
        log.debug("web.http", said=record.getMessage(), why=why)


def _logger() -> logging.Logger:
    logger = logging.Logger("bulk_publisher.web")  # noqa: LOG001 - nobody else's: no root has it, either
    logger.addHandler(_ToLog())
    return logger


def open_socket(place: WebPlace) -> socket.socket:
    """A socket that listens at *place*: its port is taken from now on.

    Raises:
        BadSetting: If it can't be.
    """
    host = "127.0.0.1" if place.host == "localhost" else place.host
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _unusable(place, error) from error
    try:
        # The port of a daemon that has just ended is free, and one that is in use is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, place.port))
        listener.listen(_BACKLOG)
        listener.settimeout(0.0)
    except OSError as error:
        listener.close()
        raise _unusable(place, error) from error
    return listener


def _unusable(place: WebPlace, error: OSError) -> BadSetting:
    what = f"--web {place.host}:{place.port}: can't be used: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return BadSetting(what, "Choose a free port.")
    return BadSetting(what, "Choose an address of this machine and a port above 1023.")
