"""What goes on though nobody waits for it."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from bulk_publisher.errors import RunBusy
from bulk_publisher.web.aside import ASIDE, PATIENCE, Aside
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.route import Route
from tests.web.pages import page_served


def beginning(work, waited: list[object]) -> tuple[Route, ...]:
    """A button that begins *work* and answers at once."""

    async def press(request: web.Request) -> web.Response:
        aside = request.app[ASIDE]
        waited.append(aside.begin(work(aside), what="a test"))
        return web.Response(status=202)

    return (Route("POST", "/begin", press, Role.STEER),)


async def press(page) -> int:
    token = page.add_token("boris", Role.STEER)
    return (await page.post("/begin", headers={"Authorization": f"Bearer {token}"})).status


async def test_what_was_begun_goes_on_and_ends_in_order_with_the_daemon(tmp_path: Path) -> None:
    ended: list[str] = []

    async def work(aside: Aside) -> None:
        await aside.closing.wait()
        await asyncio.sleep(PATIENCE / 2)
        ended.append("in order")

    async with page_served(tmp_path, more=beginning(work, [])) as page:
        status = await press(page)
        before = list(ended)

    assert (status, before, ended) == (202, [], ["in order"])


async def test_what_does_not_end_is_broken_off(tmp_path: Path) -> None:
    waited: list[asyncio.Future[None]] = []

    async def work(_aside: Aside) -> None:
        await asyncio.sleep(1e6)

    async with page_served(tmp_path, more=beginning(work, waited)) as page:
        await press(page)
        began = page.clock.now()

    assert waited[0].cancelled()
    assert page.clock.now() - began < PATIENCE + 5


@pytest.mark.parametrize("error", [RuntimeError("broken"), RunBusy("busy")], ids=["fault", "ours"])
async def test_a_fault_ends_nothing_else_and_is_for_who_waits(
    tmp_path: Path, error: Exception
) -> None:
    waited: list[asyncio.Future[None]] = []

    async def work(_aside: Aside) -> None:
        raise error

    async with page_served(tmp_path, more=beginning(work, waited)) as page:
        status = await press(page)
        alive = await page.get("/healthz")
        with pytest.raises(type(error)):
            await waited[0]

    assert (status, alive.status) == (202, 200)


async def test_nothing_begins_when_the_daemon_has_ended() -> None:
    async def work() -> None:
        raise AssertionError

    with pytest.raises(web.HTTPServiceUnavailable):
        Aside().begin(work(), what="a test")
