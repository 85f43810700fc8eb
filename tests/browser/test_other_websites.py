"""What another website makes a browser send is refused, though its cookies come along."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bulk_publisher.serve.happenings import RunBegins
from bulk_publisher.web.guard.roles import Role
from tests.browser.played import Playing, played
from tests.browser.stage import Reader, Stage, browsed, reading

FORM = '<!doctype html><title>Win</title><form method="post" action="{url}"><input name="csrf" value="{csrf}"><button>Win</button></form>'
FETCH = """async (url) => {
  try { return (await fetch(url, {method: "POST", credentials: "include", mode: "no-cors"})).type; } catch (error) { return String(error); }
}"""
READ = """async (url) => {
  try { return await (await fetch(url, {credentials: "include"})).text(); } catch (error) { return String(error); }
}"""
EMBED = """(url) => new Promise((done) => {
  const image = new Image(); image.onload = () => done("shown"); image.onerror = () => done("refused"); image.src = url;
})"""


@asynccontextmanager
async def elsewhere(text: str) -> AsyncIterator[str]:
    """The URL of a website on another port of this machine: to cookies it is the same site."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def going_on(it: Playing, reader: Reader) -> str:
    """The way to a run that goes on, which ``anna`` may steer."""
    await reader.log_in(it.page.add_token("anna", Role.STEER), "/jobs")
    await reader.press("Submit")
    await it.daemon.until(RunBegins)
    await reader.open("/")
    await reader.until("td[data-label=State]", "running")
    return f"/runs/{it.run.name}"


def refused(it: Playing) -> list[tuple[str, str, int]]:
    """What was refused, as it is kept."""
    return [(one.who, one.outcome, one.status) for one in it.store.audit.read() if one.what.endswith("/stop")]  # fmt: skip


@browsed
async def test_a_form_of_another_website_is_refused_though_the_session_comes_with_it(
    stage: Stage, tmp_path: Path
) -> None:
    async with played(tmp_path) as it, reading(stage, it.page.url, may_fail=True) as anna:
        run = await going_on(it, anna)
        await anna.open("/jobs")
        csrf = await anna.page.get_attribute("meta[name=csrf-token]", "content")
        # Even one that knows the token of the form.
        async with elsewhere(FORM.format(url=f"{it.page.url}{run}/stop", csrf=csrf)) as other:
            await anna.page.goto(other)
            sent: list[str | None] = []
            anna.page.on("request", lambda one: sent.append(one.headers.get("origin")))
            async with anna.page.expect_navigation() as arrived:
                await anna.page.click("button")
            answer = await arrived.value

        assert answer.status == 403
        assert "cookie" in await answer.request.all_headers()
        assert "Another website has sent this. Nothing was done." in await anna.page.inner_text("main")  # fmt: skip
        assert it.run.read_steering() is None
        assert refused(it) == [("anna", "refused", 403)]


@browsed
async def test_a_script_of_another_website_changes_nothing_and_reads_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    async with played(tmp_path) as it, reading(stage, it.page.url, may_fail=True) as anna:
        run = await going_on(it, anna)
        async with elsewhere("<!doctype html><title>Win</title>") as other:
            await anna.page.goto(other)
            await anna.page.evaluate(FETCH, f"{it.page.url}{run}/stop")
            read = await anna.page.evaluate(READ, f"{it.page.url}/")
            shown = await anna.page.evaluate(EMBED, f"{it.page.url}/static/icon.svg")
            await anna.page.set_content(f'<iframe src="{it.page.url}/"></iframe>')
            await anna.page.wait_for_timeout(500)
            framed = [await one.content() for one in anna.page.frames[1:]]

        assert it.run.read_steering() is None
        assert refused(it) == [("anna", "refused", 403)]
        assert "Failed to fetch" in read
        assert shown == "refused"
        assert len(framed) == 1
        assert "harbour" not in framed[0]
        assert "bulk-publisher" not in framed[0]


@browsed
async def test_a_form_of_our_own_page_without_its_token_is_refused(
    stage: Stage, tmp_path: Path
) -> None:
    async with played(tmp_path) as it, reading(stage, it.page.url, may_fail=True) as anna:
        run = await going_on(it, anna)
        assert await anna.open(f"{run}/stop") == 200
        await anna.page.locator("form.stacked [name=csrf]").evaluate("one => one.value = 'f'.repeat(64)")  # fmt: skip
        await anna.page.click("form.stacked button")

        assert "This form is too old, or not ours. Nothing was done" in await anna.page.inner_text("main")  # fmt: skip
        assert it.run.read_steering() is None
        assert refused(it) == [("anna", "refused", 403)]
