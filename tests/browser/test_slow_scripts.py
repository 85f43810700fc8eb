"""A page is watched whichever of its scripts comes last."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Route

from tests.browser.nights import night
from tests.browser.stage import Stage, browsed, reading


@pytest.mark.parametrize("slow", ["htmx.min.js", "hx-sse.min.js", "app.js", "moments.js"])
@browsed
async def test_a_page_is_watched_though_a_script_is_slow(
    slow: str, stage: Stage, tmp_path: Path
) -> None:
    async def later(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    async with night(tmp_path, ("harbour",)) as it, reading(stage, it.page.url) as reader:
        await reader.context.route(f"**/static/{slow}*", later)

        await reader.open("/")

        assert await reader.page.evaluate("window.swaps") > 0
