"""Coming in, going out, and what each of the roles sees."""

from pathlib import Path

from bulk_publisher.web.guard.roles import Role
from tests.browser.nights import night
from tests.browser.stage import Stage, browsed, reading

BUTTONS = "main a.button:not(.plain), main form[method=post]"


@browsed
async def test_who_may_only_see_has_no_buttons_and_no_audit(stage: Stage, tmp_path: Path) -> None:
    shown: dict[str, dict[str, int]] = {}
    async with night(tmp_path, ("harbour", "orchard")) as it:
        paths = ("/", "/jobs", f"/runs/{it.run.name}", f"/runs/{it.ended.name}", f"/plans/{it.plan}")  # fmt: skip
        for role in Role:
            async with reading(stage, it.page.url) as reader:
                await reader.log_in(it.page.add_token(role.value, role))
                shown[role] = {}
                for path in paths:
                    assert await reader.open(path) == 200
                    shown[role][path] = await reader.page.locator(BUTTONS).count()
                nav = await reader.page.locator("nav[aria-label=Main]").inner_text()
                assert ("Audit" in nav) == (role is Role.STEER)

        assert list(shown[Role.SEE].values()) == [0] * 5
        assert [bool(count) for count in shown[Role.STEER].values()] == [False, True, True, True, True]  # fmt: skip


@browsed
async def test_who_may_only_see_is_refused_in_words_that_everybody_can_read(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        night(tmp_path, ("harbour",)) as it,
        reading(stage, it.page.url, may_fail=True) as vera,
    ):
        await vera.log_in(it.page.add_token("vera", Role.SEE))
        statuses, faults = [], []
        for path in (f"/runs/{it.run.name}/stop", "/audit", "/runs/nothing", "/nothing"):
            statuses.append(await vera.open(path))
            faults.extend(await vera.unusable())
            assert await vera.page.get_by_role("alert").count() == 1

        assert statuses == [403, 403, 404, 404]
        assert faults == []
        # A browser itself says that a page was refused; nothing else was said.
        assert all("Failed to load resource" in one for one in vera.troubles)


@browsed
async def test_a_session_begins_with_a_token_and_ends_when_it_is_left(
    stage: Stage, tmp_path: Path
) -> None:
    # As where other machines reach it: nobody sees anything without a token.
    async with (
        night(tmp_path, ("harbour",), host="0.0.0.0") as it,
        reading(stage, it.page.url, may_fail=True) as anna,
    ):
        await anna.page.goto(f"{it.page.url}/jobs?q=handbook")
        asked = anna.page.url
        await anna.page.get_by_label("Token").fill("bpw_wrong")
        await anna.page.keyboard.press("Enter")
        refused = await anna.page.get_by_role("alert").inner_text()
        faults = await anna.unusable()
        await anna.page.get_by_label("Token").fill(it.page.add_token("anna", Role.SEE))
        await anna.page.keyboard.press("Enter")
        await anna.page.wait_for_url("**/jobs?q=handbook")
        named = await anna.page.locator(".visitor").inner_text()
        cookies = {one["name"]: one for one in await anna.context.cookies()}
        read = await anna.page.evaluate("document.cookie")

        await anna.page.get_by_role("button", name="Log out").click()
        await anna.page.wait_for_url("**/login")
        await anna.page.goto(f"{it.page.url}/")
        left = anna.page.url
        await anna.page.go_back()
        await anna.page.go_back()

        assert "/login?then=" in asked
        assert "does not count" in refused
        assert faults == []
        assert "anna (see)" in named
        assert read == ""
        assert all(one["httpOnly"] and one["sameSite"] == "Strict" for one in cookies.values())
        assert "/login" in left
        # What was seen is not shown again from what the browser has kept.
        assert "harbour" not in await anna.page.inner_text("body")


@browsed
async def test_a_page_that_is_watched_asks_for_the_token_when_that_was_removed(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        night(tmp_path, ("harbour",), host="0.0.0.0") as it,
        reading(stage, it.page.url, may_fail=True) as anna,
    ):
        await anna.log_in(it.page.add_token("anna", Role.SEE))
        await anna.settled()

        it.page.tokens.remove("anna")

        await anna.page.wait_for_url("**/login*", timeout=30_000)
        assert await anna.page.get_by_label("Token").count() == 1
