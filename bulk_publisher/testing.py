"""A simulated portal for tests of programs that use this package.

In a test of one's own loop::

    async with sandbox(pages=300) as portal:
        client = Client(Webhook(portal.webhook))

Or by pytest, with ``pytest_plugins = ["bulk_publisher.testing"]`` in the outermost ``conftest.py``: the
fixture ``sandbox_portal`` runs beside the test, which may be of any kind.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Thread
from typing import Any

from bulk_publisher.sandbox import Sandbox, Scenario, serve

__all__ = ["Sandbox", "Scenario", "sandbox", "sandbox_beside"]


@asynccontextmanager
async def sandbox(scenario: Scenario | None = None, /, **settings: Any) -> AsyncIterator[Sandbox]:
    """A simulated portal in the running loop, while the block runs.

    Args:
        scenario: What it is like; None for what *settings* say.
        settings: Those of a scenario: ``pages=300``, ``cost=0.05``, ``missing_pages=[57]``.

    Raises:
        ValueError: If there can be no such portal.
    """
    async with serve(scenario or Scenario(**settings)) as portal:
        yield portal


@contextmanager
def sandbox_beside(scenario: Scenario | None = None, /, **settings: Any) -> Iterator[Sandbox]:
    """The same in a thread and a loop of its own, for whoever has no loop, or shares none."""
    is_up: Future[tuple[Sandbox, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with sandbox(scenario, **settings) as portal:
            is_wanted_no_more = asyncio.Event()
            is_up.set_result((portal, asyncio.get_running_loop(), is_wanted_no_more))
            await is_wanted_no_more.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except Exception as error:
            if is_up.done():
                raise
            is_up.set_exception(error)

    thread = Thread(target=work, name="sandbox")
    thread.start()
    try:
        portal, loop, is_wanted_no_more = is_up.result()
        try:
            yield portal
        finally:
            loop.call_soon_threadsafe(is_wanted_no_more.set)
    finally:
        thread.join()


# Who has no pytest has no use for a fixture.
with suppress(ImportError):
    import pytest

    @pytest.fixture
    def sandbox_portal(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
        """A simulated portal of 300 pages, or as an indirect parameter's settings say."""
        with sandbox_beside(**getattr(request, "param", {})) as portal:
            yield portal
