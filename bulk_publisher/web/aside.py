"""What goes on though its reader has gone: a request that changes something, and what it has begun.

Every task has an owner here: they end with the application. A fault in one ends no other.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.log import log
from bulk_publisher.operations import crash
from bulk_publisher.web.guard.forms import SAFE

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds in which what was begun may end when the application does; a supervisor waits two minutes."""


class Aside:
    """The tasks of one application."""

    def __init__(self) -> None:
        """None yet."""
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.closing = asyncio.Event()
        """The application ends: whoever can end in order does so now."""

    def begin(self, work: Coroutine[Any, Any, T], *, what: str) -> "asyncio.Future[T]":
        """Do *work* to its end, whoever waits for it or not; gives what comes of it.

        To wait for it use ``asyncio.shield``. A fault goes to whoever waits; where nobody does, it is in
        the log.

        Args:
            what: Stands in the log.
        """
        if self._group is None:
            work.close()
            raise web.HTTPServiceUnavailable(text="The daemon ends. Nothing was done.")
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(_done(work, outcome, what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return outcome

    async def own(self, _app: web.Application) -> AsyncIterator[None]:
        """Own the tasks while the application lives."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            yield
            self._group = None
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while self._tasks:
                        await asyncio.wait(self._tasks)
            for task in self._tasks:
                task.cancel()


async def _done(work: Coroutine[Any, Any, T], outcome: "asyncio.Future[T]", what: str) -> None:
    try:
        result = await work
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - whoever waits for it is told; a fault ends no other task
        if not isinstance(error, web.HTTPException):
            is_ours = not isinstance(crash.innermost(error), BulkPublisherError)
            (log.error if is_ours else log.info)(
                "web.aside_failed", what=what, why=crash.words_of(error)
            )
        if not outcome.done():
            outcome.set_exception(error)
            outcome.exception()  # it was told, whether or not somebody waits
    else:
        if not outcome.done():
            outcome.set_result(result)


ASIDE: web.AppKey[Aside] = web.AppKey("aside", Aside)


@web.middleware
async def doing_whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request that changes something is carried out as a whole, though its browser may have gone."""
    if request.method in SAFE:
        return await handler(request)
    doing = request.app[ASIDE].begin(_carried_out(request, handler), what=request.method)
    return await asyncio.shield(doing)


async def _carried_out(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)
