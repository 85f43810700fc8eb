"""A store that answers late: whoever leaves before it holds up nobody else, and who asks in vain asks once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.surroundings import SURROUNDINGS
from tests.web.pages import Page, page_served

pytestmark = pytest.mark.real_time

_LATE = 1.5


class LateStore:
    """Each question to it takes its time, and is counted."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.questions = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return LatePart(found, self) if name in {"agenda", "approvals", "audit"} else found


class LatePart:
    def __init__(self, part: Any, store: LateStore) -> None:
        self._part = part
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name not in {"read_slots", "proposals", "read"}:
            return found

        def late(*given: Any) -> Any:
            self._store.questions += 1
            time.sleep(_LATE)
            return found(*given)

        return late


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with page_served(tmp_path) as page:
        serve = page.around.serve
        object.__setattr__(serve, "store", LateStore(serve.store))
        yield page


def questions(page: Page) -> int:
    return page.app[SURROUNDINGS].store.questions


async def _longest_pause(until: "asyncio.Future[Any]") -> float:
    """Seconds for which the loop did not come round, until *until* is done and a little longer."""
    loop = asyncio.get_running_loop()
    longest, end = 0.0, None
    while end is None or loop.time() < end:
        at = loop.time()
        await asyncio.sleep(0.02)
        longest = max(longest, loop.time() - at)
        if end is None and until.done():
            end = loop.time() + 2 * _LATE
    return longest


@pytest.mark.parametrize("path", ["/readyz", "/api/plans", "/plans", "/api/audit"])
async def test_who_leaves_before_the_store_has_answered_holds_up_nobody(
    page: Page, path: str
) -> None:
    await page.log_in(page.add_token(role=Role.STEER))

    async def leave() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await page.get(path)

    leaving = asyncio.ensure_future(leave())
    assert await _longest_pause(leaving) < 0.5
    assert questions(page) > 0


async def test_many_who_ask_whether_it_is_ready_ask_the_store_once(page: Page) -> None:
    answers = await asyncio.gather(*(page.get("/readyz") for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert questions(page) == 1
