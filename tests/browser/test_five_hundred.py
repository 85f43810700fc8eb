"""500 portals stay readable: filtered, sorted and turned over by the keyboard, and watched."""

import pytest

from tests.browser.nights import Night, night
from tests.browser.stage import Reader, Stage, browsed, reading

MANY = tuple(f"client-{number:03}" for number in range(500))
NAMES = "tbody th a.name"


async def names(reader: Reader) -> list[str]:
    """The portals on the page."""
    return await reader.page.locator(NAMES).all_inner_texts()


async def focus(reader: Reader, place: str) -> None:
    """Go to *place* by the key Tab alone."""
    await reader.page.evaluate("document.activeElement.blur()")
    for _ in range(400):
        await reader.page.keyboard.press("Tab")
        if await reader.page.evaluate("(place) => document.activeElement.matches(place)", place):
            return
    raise AssertionError(place)


async def many(stage: Stage, folders: pytest.TempPathFactory) -> Night:
    """The night of all of them; begun once a session."""
    begun: Night = await stage.kept("many", lambda: night(folders.mktemp("many"), MANY))
    return begun


@browsed
async def test_500_portals_are_found_sorted_and_turned_over_by_keys(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    it = await many(stage, tmp_path_factory)
    async with reading(stage, it.page.url) as reader:
        await reader.open("/")
        first = await names(reader)
        summary = await reader.page.locator(".summary").inner_text()
        states = await reader.page.locator("td[data-label=State] .state").all_inner_texts()
        long = await reader.page.evaluate("document.querySelectorAll('*').length")

        await focus(reader, "th[scope=col]:first-child a")
        await reader.page.keyboard.press("Enter")
        await reader.page.wait_for_url("**/?sort=portal")
        await reader.settled()
        by_name = await names(reader)

        await focus(reader, "a[rel=next]")
        await reader.page.keyboard.press("Enter")
        await reader.page.wait_for_url("**page=2")
        await reader.settled()
        second = await names(reader)
        part = await reader.page.locator(".pager").inner_text()

        await focus(reader, "input[name=q]")
        await reader.page.keyboard.type("client-04")
        await reader.page.keyboard.press("Enter")
        await reader.page.wait_for_url("**q=client-04*")
        found = await names(reader)

    assert len(first) == 50
    assert "of 501 portals at work" in summary
    assert "in trouble" in summary
    # Trouble stands on top.
    assert not any("running" in one or "done" in one for one in states)
    assert long < 4000
    assert by_name == sorted(MANY)[:50]
    assert second == sorted(MANY)[50:100]
    assert "51–100 of 501" in part
    assert found == [f"client-04{number}" for number in range(10)]


@browsed
async def test_what_is_watched_of_500_goes_on_and_keeps_the_focus(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    it = await many(stage, tmp_path_factory)
    async with reading(stage, it.page.url) as reader:
        await reader.open("/?show=work&sort=portal")
        link = reader.page.locator(NAMES).nth(3)
        await link.focus()
        named = await link.inner_text()
        cell = "tr:nth-child(1) td[data-label=Pages]"
        before = await reader.page.locator(cell).first.inner_text()
        await reader.until_other(cell, than=before)

        assert await reader.page.evaluate("document.activeElement.textContent") == named
        assert len(await names(reader)) == 50
