"""A login at a terminal: the address that holds the code is pasted, and nobody sees it there."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from bulk_publisher.sandbox import Sandbox
from bulk_publisher.testing import sandbox_beside
from tests.applications import write_private
from tests.contract.conftest import AS_LEADER, environment

pytestmark = pytest.mark.real_time


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def redirected(page: str) -> str:
    """Where a browser is sent from *page*."""
    with pytest.raises(HTTPError) as caught:
        build_opener(_Stay).open(page, timeout=5)
    with caught.value as answer:
        return str(answer.headers["Location"])


class Terminal:
    """The command at a terminal of its own, and all that has been on its screen."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._ours, theirs = os.openpty()
        given = {**environment(None), "NO_COLOR": "1", "TERM": "dumb", "XDG_CONFIG_HOME": str(folder)}  # fmt: skip
        given.pop("DISPLAY", None)
        given.pop("WAYLAND_DISPLAY", None)
        self._process = subprocess.Popen(
            [sys.executable, "-c", AS_LEADER, *words],
            cwd=folder,
            env=given,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 30
        while words not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if select.select([self._ours], [], [], 0.2)[0]:
                self.screen += os.read(self._ours, 4096).decode().replace("\r\n", "\n")

    def type(self, line: str) -> None:
        # A terminal that changes its mode meanwhile may lose it.
        time.sleep(0.3)
        os.write(self._ours, line.encode())

    def end(self) -> int:
        try:
            while True:
                self.screen += os.read(self._ours, 4096).decode().replace("\r\n", "\n")
        except OSError:
            return self._process.wait(timeout=30)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(pages=1) as running:
        yield running


@pytest.fixture
def login(sandbox: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    write_private(tmp_path / "client.json", sandbox.token_file())
    address = sandbox.url.removeprefix("http://")
    words = ("--portal", "shop", "--client-file", "client.json", "--address", address)
    terminal = Terminal(tmp_path, "login", *words)
    yield terminal
    terminal.close()


def page_on(terminal: Terminal) -> str:
    return next(word for word in terminal.screen.split() if "/oauth/authorize/" in word)


def test_the_address_is_pasted_unseen(login: Terminal, sandbox: Sandbox, tmp_path: Path) -> None:
    login.wait_for("not shown:")
    pasted = redirected(page_on(login))
    login.type(f"{pasted}\n")
    status = login.end()

    code = pasted.partition("code=")[2].partition("&")[0]
    assert status == 0, login.screen
    assert "Logged in to" in login.screen
    assert code not in login.screen
    assert (tmp_path / "bulk-publisher" / "credentials" / "shop.json").exists()


def test_an_address_of_another_login_is_refused_unseen(login: Terminal, tmp_path: Path) -> None:
    login.wait_for("not shown:")
    login.type("http://localhost/?code=st0lenc0de&state=another\n")
    status = login.end()

    assert status == 2
    assert "another login" in login.screen
    assert "st0lenc0de" not in login.screen
    assert not (tmp_path / "bulk-publisher").exists()


def test_ctrl_c_ends_a_login(login: Terminal) -> None:
    login.wait_for("not shown:")
    login.type("\x03")

    assert login.end() == 128 + signal.SIGINT


def test_a_sandbox_writes_tokens_that_work_at_once(start_sandbox, command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    webhook = start_sandbox("--pages", "3", "--cost", "0", "--oauth-file", str(file))
    done = command("publish", "--oauth-file", str(file), "--scope", "KNOWLEDGE", "--runs", "runs")

    assert webhook.startswith("http://127.0.0.1:")
    assert file.stat().st_mode & 0o777 == 0o600
    assert (done.returncode, "3 published" in done.stdout) == (0, True), done.stderr
