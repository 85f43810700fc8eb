"""By keys alone: where one is, is seen, and goes from the top to the bottom; nothing moves that need not."""

from pathlib import Path

import pytest

from bulk_publisher.store.steering import Wish
from bulk_publisher.web.guard.roles import Role
from tests.browser.nights import night
from tests.browser.played import played
from tests.browser.stage import NARROW, WIDE, Stage, browsed, reading
from tests.browser.test_five_hundred import focus
from tests.browser.test_other_websites import going_on

_WHERE = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const all = [...document.querySelectorAll("*")];
  return {
    place: all.indexOf(one), name: one.textContent.trim() || one.name, isOnNothing: one === document.body,
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.left >= 0 && box.right <= innerWidth + 1,
  };
}"""
_MOVES = """() => [...document.querySelectorAll("*")].filter((one) => {
  const style = getComputedStyle(one);
  return parseFloat(style.transitionDuration) > 0 || parseFloat(style.animationDuration) > 0;
}).length + document.getAnimations().length"""


@pytest.mark.parametrize("width", [WIDE, NARROW])
@browsed
async def test_what_has_the_focus_is_seen_and_follows_the_page(
    width: int, stage: Stage, tmp_path: Path
) -> None:
    async with (
        night(tmp_path, ("harbour", "orchard")) as it,
        reading(stage, it.page.url, reduced_motion="reduce") as boris,
    ):
        await boris.log_in(it.page.add_token("boris", Role.STEER))
        await boris.show("light", width)
        for path in (
            "/",
            "/jobs",
            f"/runs/{it.ended.name}?size=25",
            f"/runs/{it.ended.name}/retry",
        ):
            await boris.open(path)
            places: list[int] = []
            for _ in range(500):
                await boris.page.keyboard.press("Tab")
                at = await boris.page.evaluate(_WHERE)
                if at["isOnNothing"] or at["place"] in places:
                    break
                assert at["isSeen"], (path, at)
                places.append(at["place"])
            assert len(places) > 5
            assert places == sorted(places), path


@browsed
async def test_the_first_key_leads_past_the_head_of_the_page(stage: Stage, tmp_path: Path) -> None:
    async with night(tmp_path, ("harbour",)) as it, reading(stage, it.page.url) as reader:
        await reader.open("/")
        await reader.page.keyboard.press("Tab")
        skip = reader.page.locator(".skip")
        await reader.page.wait_for_timeout(200)
        box = await skip.bounding_box()
        await reader.page.keyboard.press("Enter")
        within = await reader.page.evaluate("document.activeElement.id")
        await reader.page.keyboard.press("Tab")

        assert box is not None
        assert box["y"] >= 0
        assert within == "main"
        assert await reader.page.evaluate("document.activeElement.name") == "q"


@browsed
async def test_a_run_is_stopped_by_keys_alone(stage: Stage, tmp_path: Path) -> None:
    async with played(tmp_path) as it, reading(stage, it.page.url) as anna:
        run = await going_on(it, anna)
        await anna.open(run)
        await anna.until(".actions", "Stop")
        await focus(anna, f"a[href='{run}/stop']")
        await anna.page.keyboard.press("Enter")
        await anna.page.wait_for_url(f"**{run}/stop")
        await focus(anna, "form.stacked button")
        await anna.page.keyboard.press("Enter")
        await anna.page.wait_for_url(f"**{run}")

        steering = it.run.read_steering()
        assert steering is not None
        assert (steering.wish, steering.by) == (Wish.STOP, "anna")


@pytest.mark.parametrize("path", ["/", "/history"])
@browsed
async def test_nothing_moves_where_somebody_wants_that(
    path: str, stage: Stage, tmp_path: Path
) -> None:
    async with (
        night(tmp_path, ("harbour",)) as it,
        reading(stage, it.page.url, reduced_motion="reduce") as still,
        reading(stage, it.page.url) as other,
    ):
        await still.open(path)
        await other.open(path)

        assert await still.page.evaluate(_MOVES) == 0
        assert await other.page.evaluate(_MOVES) > 0
