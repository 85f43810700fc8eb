"""Standard input and output, which are the protocol's alone.

What anything else writes to standard output - a library, a program that was started - goes to standard
error, and nobody else reads from standard input. It is read without a thread: one that waits there could
not be ended while the assistant's side stays open.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import cast

import anyio
from mcp.server.stdio import stdio_server

from bulk_publisher.mcp_server.desk import Desk
from bulk_publisher.mcp_server.server import make_server

_LONGEST = 8 * 2**20
"""Bytes of a message that is read: a thousand pages and addresses take an eighth of it."""


class Serving:
    """A server on standard input and output."""

    def __init__(self, desk: Desk) -> None:
        """It serves nobody yet."""
        self._desk = desk
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = asyncio.Event()

    async def serve(self) -> None:
        """Serve until the other side closes standard input, or it is stopped; runs have ended then, in order."""
        async with self._desk, asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(self._desk))
            stopping = group.create_task(self._is_stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            stopping.cancel()

    def stop(self) -> None:
        """Answer no more, and let what is in flight end."""
        self._desk.drain()
        self._is_stopping.set()


async def _serve(desk: Desk) -> None:
    server = make_server(desk)
    with _own_streams() as (theirs, ours):
        lines = cast("anyio.AsyncFile[str]", _Lines(theirs))
        out = anyio.wrap_file(TextIOWrapper(os.fdopen(ours, "wb", closefd=False), "utf-8"))
        async with stdio_server(lines, out) as (read, write):
            await server.run(read, write, server.create_initialization_options())


class _Lines:
    """The lines of a pipe, as they come; of a file, which nothing can wait for, as they are read."""

    def __init__(self, file: int) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[str]:
        if not _can_be_waited_for(self._file):
            with os.fdopen(self._file, "rb", closefd=False) as file:
                while (line := file.readline(_LONGEST + 1)) and len(line) <= _LONGEST:
                    yield line.decode("utf-8", "replace")
            return
        reader = asyncio.StreamReader(limit=_LONGEST)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(self._file, "rb", buffering=0, closefd=False)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while line := await _next_line(reader):
                yield line.decode("utf-8", "replace")
        finally:
            transport.close()


def _can_be_waited_for(file: int) -> bool:
    """Whether *file* is a pipe, a socket or a terminal: of a file and ``/dev/null`` there is all at once."""
    mode = os.fstat(file).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(file)


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """Nothing at the end; one that is too long is the end, too."""
    try:
        return await reader.readline()
    except ValueError:
        return b""


@contextmanager
def _own_streams() -> Iterator[tuple[int, int]]:
    """Standard input and output under numbers of their own; under the usual ones stand nothing and standard error."""
    theirs, ours = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        yield theirs, ours
    finally:
        os.dup2(theirs, 0)
        os.dup2(ours, 1)
        for file in (theirs, ours, nothing):
            os.close(file)
