"""The pictures of the README, taken anew: ``make screenshots``.

A terminal's are made of real output: the program runs in tmux against a simulated portal, and what
stands on the screen is drawn by rich as SVG. The report's is taken by Chromium. Those of the web page show
the made-up night that its tests look at. Both tools must be installed.
"""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))
from bulk_publisher.web.guard.roles import Role
from tests.browser.nights import night
from tests.browser.stage import Stage, reading

IMAGES = Path(__file__).parent / "images"
PROGRAM = Path(sys.executable).with_name("bulk-publisher")
WIDTH, HEIGHT = 110, 30
CHROMIUM_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars")  # fmt: skip


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or shutil.which("tmux") is None:
        sys.exit("tmux and chromium are needed: apt-get install tmux chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Stage(chromium) as stage:
        os.environ |= {"XDG_STATE_HOME": scratch, "XDG_CONFIG_HOME": scratch}
        stage.run(take_web_page(stage, Path(scratch)))
    if sys.argv[1:] == ["web"]:
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        portal = subprocess.Popen(
            [PROGRAM, "sandbox", "--scenario", "demo", "--set", "cost=0.25"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert portal.stdout is not None
            webhook = portal.stdout.readline().strip().partition("=")[2]
            take_terminal(folder, webhook)
            take_report(folder, chromium)
        finally:
            portal.terminate()
            portal.wait()


def take_terminal(folder: Path, webhook: str) -> None:
    screen = Screen(folder, webhook)
    try:
        screen.type("PS1='$ '; clear; bulk-publisher doctor")
        screen.wait_for("Ready.")
        screen.draw("doctor")
        screen.type("clear; bulk-publisher plan --page 1-300 --scope KNOWLEDGE")
        screen.wait_for("Nothing was changed")
        screen.draw("plan")
        screen.type("clear; bulk-publisher publish --plan plan.json")
        screen.wait_for("operating ")
        time.sleep(13)
        screen.draw("progress")
        screen.wait_for("Report:")
        screen.draw("summary")
    finally:
        screen.close()


class Screen:
    """A terminal that is typed into and looked at; a server of tmux by itself."""

    def __init__(self, folder: Path, webhook: str) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux")]
        environment = {
            **os.environ,
            "BITRIX24_WEBHOOK": webhook,
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        }
        subprocess.run(
            [*self._tmux, "-f", "/dev/null", "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "bash --norc"],
            check=True, cwd=folder, env=environment,
        )  # fmt: skip

    def type(self, text: str) -> None:
        subprocess.run([*self._tmux, "send-keys", text, "Enter"], check=True)

    def text(self) -> str:
        shown = subprocess.run([*self._tmux, "capture-pane", "-e", "-p"], check=True, capture_output=True, text=True)  # fmt: skip
        return shown.stdout.rstrip()

    def wait_for(self, words: str) -> None:
        for _ in range(600):
            if words in Text.from_ansi(self.text()).plain:
                return
            time.sleep(0.1)
        sys.exit(f"“{words}” did not come:\n{self.text()}")

    def draw(self, name: str) -> None:
        console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor", force_terminal=True)  # fmt: skip
        console.print(Text.from_ansi(self.text()))
        console.save_svg(str(IMAGES / f"{name}.svg"), title="bulk-publisher")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


def take_report(folder: Path, chromium: str) -> None:
    page = folder / "runs" / "latest" / "report.html"
    for name, scheme in (("report", "1"), ("report-dark", "0")):
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [chromium, *CHROMIUM_OPTIONS, f"--user-data-dir={profile}", "--window-size=1180,1560", "--virtual-time-budget=3000",
                 f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={IMAGES / name}.png", page.resolve().as_uri()],
                check=True, capture_output=True, timeout=60,
            )  # fmt: skip


async def take_web_page(stage: Stage, folder: Path) -> None:
    async with night(folder) as it, reading(stage, it.page.url) as anna:
        await anna.log_in(it.page.add_token("anna", Role.STEER))
        views = {
            "web-now": ("/", 1280, 1040),
            "web-run": (f"/runs/{it.run.name}", 1180, 1500),
            "web-phone": ("/", 390, 900),
        }
        for name, (path, width, height) in views.items():
            await anna.show("light", width, height)
            await anna.open(path)
            await asyncio.sleep(1)  # its plots are drawn
            await anna.page.screenshot(path=IMAGES / f"{name}.png")
            make_small(IMAGES / f"{name}.png")


def make_small(picture: Path) -> None:
    """A page has few colours: a table of them is a third of the size."""
    with Image.open(picture) as taken:
        few = taken.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main()
