"""Work that goes on to its end, also where whoever waited for it has gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bulk_publisher.operations.beside import beside

T = TypeVar("T")

_going_on: set["asyncio.Task[Any]"] = set()
"""Held here, since a loop holds its tasks by a thread alone."""


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives; who is cancelled meanwhile leaves at once, and it goes on.

    A thread can't be broken off, and a task that waits for one in order would hold the loop that long.
    """
    task = asyncio.create_task(work)  # noqa: TID251 - its owner may leave before it; it is held here
    _going_on.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


async def in_thread(work: Callable[[], T]) -> T:
    """What *work* gives, done beside the loop to its end."""
    return await undisturbed(beside(work))


def _forget(task: "asyncio.Task[Any]") -> None:
    _going_on.discard(task)
    if not task.cancelled():
        # Where nobody waits any more nobody is told.
        task.exception()
