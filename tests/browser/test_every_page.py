"""Each page and each question: nothing goes wrong, nothing is too wide, and everybody can use it."""

from collections.abc import Callable

import pytest

from bulk_publisher.web.guard.roles import Role
from tests.browser.nights import Night, night
from tests.browser.stage import NARROW, WIDE, Reader, Stage, browsed, reading

LOOKS: dict[str, Callable[[Night], str]] = {
    "now": lambda _: "/",
    "now in trouble": lambda _: "/?show=trouble&sort=failed&reversed=1&size=25",
    "now, nothing found": lambda _: "/?q=nothing+is+like+this",
    "runs": lambda _: "/runs",
    "runs of a job": lambda _: "/runs?job=nightly&portal=harbour",
    "a run at work": lambda it: f"/runs/{it.run.name}",
    "a run that has ended": lambda it: f"/runs/{it.ended.name}",
    "outcomes that were searched": lambda it: f"/runs/{it.ended.name}?q=returns&status=bad&code=ACCESS_DENIED",
    "jobs": lambda _: "/jobs",
    "history": lambda _: "/history",
    "history of a job": lambda _: "/history?job=handbook",
    "plans": lambda _: "/plans",
    "a plan": lambda it: f"/plans/{it.plan}",
    "audit": lambda _: "/audit",
    "log in": lambda _: "/login",
    "submit?": lambda _: "/jobs/handbook/submit",
    "plan?": lambda _: "/jobs/handbook/plan",
    "pause?": lambda it: f"/runs/{it.run.name}/pause",
    "stop?": lambda it: f"/runs/{it.run.name}/stop",
    "retry?": lambda it: f"/runs/{it.ended.name}/retry",
    "verify?": lambda it: f"/runs/{it.ended.name}/verify",
    "approve?": lambda it: f"/plans/{it.plan}/approve",
}  # fmt: skip


async def shown(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, Reader]:
    """A night, and who may steer; begun once a session."""
    it: Night = await stage.kept("night", lambda: night(tmp_path_factory.mktemp("night")))
    reader: Reader = await stage.kept("reader of the night", lambda: reading(stage, it.page.url))
    if reader.page.url == "about:blank":
        await reader.log_in(it.page.add_token("boris", Role.STEER))
    return it, reader


@pytest.mark.parametrize("name", LOOKS)
@browsed
async def test_nothing_goes_wrong_on(
    name: str, stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    it, reader = await shown(stage, tmp_path_factory)
    path = LOOKS[name](it)
    found: dict[str, list[str]] = {}

    # In each of the two once from the start, and once from the other one.
    for scheme, other, width in (("light", "dark", WIDE), ("dark", "light", NARROW)):
        await reader.show(scheme, width)
        assert await reader.open(path) == 200
        await reader.page.locator("details").evaluate_all("all => all.forEach((one) => one.open = true)")  # fmt: skip
        found[f"wider than {width}"] = await reader.too_wide()
        found[f"{scheme}, {width}"] = await reader.unusable()
        await reader.show(other, width)
        if width == WIDE:
            found[f"{other}, {width}"] = await reader.unusable()

    assert {where: what for where, what in found.items() if what} == {}
    troubles, reader.troubles[:] = list(reader.troubles), []
    assert troubles == []
