"""Debian's Chromium, once a session, and what goes wrong in its pages.

Playwright lives in one loop, and the tests' own loops end with each test. So what happens in a browser
has a loop of its own here, which stands still between two tests.
"""

import asyncio
import functools
import inspect
import lzma
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

HOW_TO_INSTALL = "Chromium is not installed here: apt-get install -y chromium"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
SCHEMES = ("light", "dark")
WIDE, NARROW = 1280, 360
"""CSS pixels."""
_LONGEST = 40
"""Seconds in which a daemon does what is waited for, on a machine that does much else."""

_TELL = """
addEventListener("securitypolicyviolation", (one) => told(`violation of ${one.effectiveDirective} by ${one.blockedURI}`), true);
window.swaps = 0;
addEventListener("htmx:after:swap", () => { window.swaps += 1; });
"""
_WATCHED = "[document.readyState, document.visibilityState, typeof htmx, performance.getEntriesByType('resource').map((one) => [one.name, one.responseStatus, one.duration])]"
_AXE = "async (tags) => (await axe.run({runOnly: tags})).violations.map((one) => `${one.id}: ${one.nodes.map((at) => at.html + ' ' + at.failureSummary).join(' | ')}`)"
_WIDER = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('svg')).slice(0, 5).map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 60)}`)"


class Stage:
    """A browser, in a loop that stands still between tests."""

    def __init__(self, chromium: str) -> None:
        self._chromium = chromium
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._stack = AsyncExitStack()
        self._kept: dict[str, Any] = {}
        self.browser: Browser | None = None

    def __enter__(self) -> Self:
        self._runner.run(self._begin())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def run(self, work: Awaitable[None]) -> None:
        """Do *work* in the browser's loop."""

        async def done() -> None:
            await work

        self._runner.run(done())

    async def _begin(self) -> None:
        playwright = await self._stack.enter_async_context(async_playwright())
        self.browser = await playwright.chromium.launch(
            executable_path=self._chromium,
            args=["--no-sandbox", "--disable-dev-shm-usage"],  # as root, and in small containers
        )
        self._stack.push_async_callback(self.browser.close)

    async def kept(self, name: str, begin: Callable[[], Any]) -> Any:
        """What *begin*'s block gives; it is begun once, and lasts as long as the browser."""
        if name not in self._kept:
            self._kept[name] = await self._stack.enter_async_context(begin())
        return self._kept[name]


@functools.cache
def axe() -> str:
    """The script that looks for what some people can't use."""
    packed = Path(__file__).with_name("axe.min.js.xz").read_bytes()
    return lzma.decompress(packed).decode()


@dataclass
class Reader:
    """Somebody with a browser of their own.

    Attributes:
        troubles: What went wrong so far; a test that has looked at them empties it.
        has_scripts: Whether the browser runs any.
    """

    context: BrowserContext
    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    has_scripts: bool = True

    async def open(self, path: str) -> int:
        """The page at *path*, once it is there, and its watching has begun where it is watched.

        Gives its status.
        """
        answer = await self.page.goto(self.url + path)
        await self.settled()
        assert answer is not None
        return answer.status

    async def settled(self) -> None:
        """Wait until what is watched was told for the first time."""
        if not self.has_scripts or not await self.page.locator("[hx-sse\\:connect]").count():
            return
        # Playwright's own waiting is an eval, which the page refuses.
        for _ in range(_LONGEST * 50):
            if await self.page.evaluate("window.swaps"):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(
            f"{self.page.url} is watched, and was told nothing: {await self.page.evaluate(_WATCHED)} {self.troubles}"
        )

    async def until(self, place: str, words: str) -> str:
        """Wait until *words* stand at *place*; gives all that stands there."""
        return await self._until(place, lambda text: words in text)

    async def until_other(self, place: str, than: str) -> str:
        """Wait until something else than *than* stands at *place*; gives that."""
        return await self._until(place, lambda text: text != than)

    async def _until(self, place: str, is_so: Callable[[str], bool]) -> str:
        """Wait for it without a reload where scripts run, and else as people do then."""
        if self.has_scripts:
            await self.page.evaluate("window.isTheSame = true")
        texts: list[str] = []
        for _ in range(_LONGEST * 4):
            texts = await self.page.locator(place).all_inner_texts()
            if found := next(filter(is_so, texts), None):
                assert not self.has_scripts or await self.page.evaluate("window.isTheSame")
                return found
            await asyncio.sleep(0.25)
            if not self.has_scripts:
                await self.page.reload()
        raise AssertionError((self.page.url, place, [text[:200] for text in texts]))

    async def log_in(self, token: str, then: str = "/") -> None:
        """Enter *token*, as people do."""
        await self.page.goto(f"{self.url}/login?then={then}")
        await self.page.get_by_label("Token").fill(token)
        await self.page.get_by_role("button", name="Log in").click()
        await self.page.wait_for_url(self.url + then)

    async def press(self, name: str) -> str:
        """Press a button that asks first, and answer the question; gives its words."""
        await self.page.get_by_role("link", name=re.compile(f"^{name}")).first.click()
        asked = await self.page.locator(".question").inner_text()
        here = self.page.url
        await self.page.locator("form.stacked button").click()
        await self.page.wait_for_url(lambda now: now != here)
        return asked

    async def show(self, scheme: str, width: int = WIDE, height: int = 900) -> None:
        """Have the page in *scheme*, and *width* wide."""
        await self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await self.page.set_viewport_size({"width": width, "height": height})

    async def too_wide(self) -> list[str]:
        """What reaches beyond the window's edge; empty where the page fits."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return (await self.page.evaluate(_WIDER) or ["something"]) if wide else []

    async def unusable(self) -> list[str]:
        """What axe finds by the rules of WCAG 2.1, levels A and AA."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(axe())
        # What a change of scheme animates has no colours to be measured yet.
        return await self.page.evaluate(_AXE, list(TAGS))


@asynccontextmanager
async def reading(stage: Stage, url: str, *, may_fail: bool = False, **options: Any) -> AsyncIterator[Reader]:  # fmt: skip
    """Somebody who reads the page at *url*; nothing may go wrong on their side until the block ends.

    Args:
        may_fail: The test looks at what goes wrong itself.
        options: Of the browser's context.
    """
    assert stage.browser is not None
    context = await stage.browser.new_context(
        **{"viewport": {"width": WIDE, "height": 900}, **options}
    )
    context.set_default_timeout(15_000)
    page = await context.new_page()
    reader = Reader(context, page, url, has_scripts=options.get("java_script_enabled", True))
    await _listen(reader)
    try:
        yield reader
    finally:
        await context.close()
    assert may_fail or not reader.troubles, reader.troubles


async def _listen(reader: Reader) -> None:
    tell = reader.troubles.append
    context = reader.context

    def failed(request: Request) -> None:
        # Who leaves a page ends its watching, and what is still loaded for it: that is no fault.
        if request.failure != "net::ERR_ABORTED":
            tell(f"{request.method} {request.url}: {request.failure}")

    async def dismissed(dialog: Any) -> None:
        tell(f"dialog: {dialog.message}")
        await dialog.dismiss()

    await context.expose_binding("told", lambda _source, words: tell(words))
    await context.add_init_script(_TELL)
    context.on("console", lambda one: one.type in {"error", "warning"} and tell(f"{one.type}: {one.text} ({one.location['url']})"))  # fmt: skip
    context.on("weberror", lambda one: tell(f"error: {one.error}"))
    context.on("requestfailed", failed)
    context.on("dialog", dismissed)


def browsed(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is done in the browser's loop: it asks for ``stage``."""

    @functools.wraps(test)
    def run(*args: Any, **given: Any) -> None:
        stage: Stage = given["stage"]
        stage.run(test(*args, **given))

    # It is no coroutine to whoever looks behind the wrapper.
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    del run.__wrapped__  # type: ignore[attr-defined]
    return pytest.mark.real_time(run)


def found_chromium() -> str | None:
    """The program; None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")
