"""What a portal calls its things is text, whatever it says."""

from collections.abc import Callable
from pathlib import Path

from bulk_publisher.web.guard.roles import Role
from tests.browser.nights import Night, Words, night
from tests.browser.stage import NARROW, Stage, browsed, reading

MARK = "<script>told('a script')</script>"
EVIL = f"{MARK}<img src=x onerror=told('a_picture')>\"'><svg onload=told('a_drawing')></title></textarea><a href=javascript:told('a_link')>7*7\u202egnp.exe"
HOSTILE = Words(
    host="{portal}.example.com" + EVIL,
    job="nightly" + EVIL,
    title="{topic}" + EVIL,
    said="{said}" + EVIL,
    address="javascript:told('an_address')//{page}",
    by=EVIL[:200],
)
LOOKS: dict[str, Callable[[Night], str]] = {
    "now": lambda _: "/",
    "runs": lambda _: "/runs",
    "a run at work": lambda it: f"/runs/{it.run.name}",
    "a run that has ended": lambda it: f"/runs/{it.ended.name}?status=bad",
    "jobs": lambda _: "/jobs",
    "history": lambda _: "/history",
    "history of a job": lambda _: "/history?job=handbook",
    "plans": lambda _: "/plans",
    "a plan": lambda it: f"/plans/{it.plan}",
    "audit": lambda _: "/audit",
    "stop?": lambda it: f"/runs/{it.run.name}/stop",
    "retry?": lambda it: f"/runs/{it.ended.name}/retry",
    "approve?": lambda it: f"/plans/{it.plan}/approve",
}  # fmt: skip
SAYS_NOTHING = {"audit", "stop?", "retry?", "history of a job"}
"""Pages that show nothing of a portal's own, at least not here."""


@browsed
async def test_hostile_titles_are_shown_as_text_and_do_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    silent: set[str] = set()
    async with (
        night(tmp_path, ("harbour", "orchard", f"mill{EVIL}", "foundry", "nursery", "library"), HOSTILE) as it,
        reading(stage, it.page.url) as boris,
    ):  # fmt: skip
        await boris.log_in(it.page.add_token("boris", Role.STEER))
        for name, look in LOOKS.items():
            assert await boris.open(look(it)) == 200, name
            await boris.page.locator("details").evaluate_all("all => all.forEach((one) => one.open = true)")  # fmt: skip
            text = await boris.page.inner_text("body")
            if MARK not in text:
                silent.add(name)
            assert "\u202e" not in text, name
            assert await boris.page.locator("main script, main img, main svg[onload]").count() == 0
            assert await boris.page.locator("a[href^='javascript' i]").count() == 0, name

    assert silent <= SAYS_NOTHING


@browsed
async def test_long_and_hostile_titles_fit_a_phone(stage: Stage, tmp_path: Path) -> None:
    words = Words(title=HOSTILE.title * 4 + "x" * 300, said=HOSTILE.said + "y" * 300, job="nightly" + "z" * 150)  # fmt: skip
    async with (
        night(tmp_path, ("h" * 120, "orchard"), words) as it,
        reading(stage, it.page.url) as boris,
    ):
        await boris.log_in(it.page.add_token("boris", Role.STEER))
        await boris.show("light", NARROW)
        found = {}
        for name, look in LOOKS.items():
            assert await boris.open(look(it)) == 200, name
            found[name] = await boris.too_wide()

    assert {name: wide for name, wide in found.items() if wide} == {}
