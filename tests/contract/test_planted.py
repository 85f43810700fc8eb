"""Secrets that everybody repeats are found nowhere afterwards.

Two scenes: commands with a webhook and a proxy's password, and a Python program with tokens. Each
leaves texts by the output that they were found in. A secret more is a row in ``OF_COMMANDS`` or
``OF_PYTHON``, an output more a row in the table below it.
"""

import contextlib
import io
import json
import os
import re
import socket
import subprocess
import threading
import time
import traceback
import urllib.request
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from bulk_publisher import BadSource, Client, Page, PageId, from_csv, publish
from bulk_publisher.cli import main
from bulk_publisher.cli.output.complaints import errors_said
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.stderr_log import configure_log
from bulk_publisher.log import log
from bulk_publisher.model import Fault
from bulk_publisher.portal.credentials import Pass
from bulk_publisher.text.redaction import Redactor
from tests.contract.conftest import COMMAND, environment
from tests.contract.echoing import PAGES, echoing, leaked
from tests.workbooks import workbook

OF_COMMANDS = {
    "webhook code": "Pl4nt3dC0de-9xQz7",
    "proxy password": "Zq8/v@L0t u:5k%J3e",
}
OF_PYTHON = {
    "access token": "a7f3k9x1zq00705ae800c4",
    "refresh token": "r8t2m5w0yj00aa51bf7d91",
    "client secret": "Vx3Rk8Lw2Qp7Tn5Yb1Hs",
    "proxy password": "Gd6!h\"W&4<n'M9\\s2",
}
SELECTION = ("--page", f"1-{PAGES}", "--portal-plan", "self-hosted")
COMMANDS = {
    "publish -vv": ("-vv", "publish", *SELECTION, "--batch-size", "10", "--report"),
    "retry -vv as json": ("-vv", "--log-format", "json", "retry", "latest", "--progress", "json", "--no-report"),
    "publish -v": ("-v", "publish", *SELECTION, "--no-report"),
    "publish -q": ("-q", "publish", *SELECTION, "--no-report"),
    "publish": ("publish", *SELECTION, "--no-report"),
    "verify": ("verify", "latest"),
    "status": ("status", "latest"),
    "status as json": ("status", "latest", "--json"),
    "report": ("report", "latest"),
    "report as json": ("report", "latest", "--json"),
    "report as csv": ("report", "latest", "--csv"),
    "report as html": ("report", "latest", "--format", "html", "-o", "out.html"),
    "report as xlsx": ("report", "latest", "--format", "xlsx", "-o", "out.xlsx"),
    "plan": ("plan", *SELECTION, "--out", "plan.json"),
    "plan as json": ("plan", *SELECTION, "--json"),
    "dry run": ("publish", *SELECTION, "--dry-run"),
    "doctor": ("-vv", "doctor"),
    "misplaced": ("publish", "--page", OF_COMMANDS["webhook code"]),
    "misplaced in part": ("publish", "--csv", f"{OF_COMMANDS['webhook code'][:9]}.csv"),
    "misplaced encoded": ("report", quote(OF_COMMANDS["proxy password"], safe="")),
}  # fmt: skip
FILES = ["outcomes.jsonl", "run.json", "log.jsonl", "verify.jsonl", "report.html", "plan.json", "out.html", "out.xlsx", "limits.json"]  # fmt: skip
"""Among those that are left; all of them are looked into."""

Texts = dict[str, str]
Leaks = dict[str, dict[str, str]]
"""By what was said, and by the secret: where it stands."""


def _leaks(texts: Texts, secrets: dict[str, str]) -> Leaks:
    told = {name: leaked(text, tuple(secrets.items())) for name, text in texts.items()}
    return {name: found for name, found in told.items() if found}


def _environment(port: int) -> dict[str, str]:
    password = quote(OF_COMMANDS["proxy password"], safe="")
    proxy = f"http://us%40er:{password}@127.0.0.1:{port}"
    webhook = f"http://127.0.0.1:{port}/rest/1/{OF_COMMANDS['webhook code']}/"
    return {**environment(webhook), "HTTPS_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": ""}


def _texts_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below *folder*: of a workbook what is in it."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                for name in book.namelist():
                    yield f"{path}:{name}", book.read(name).decode()
        elif path.is_file():
            yield str(path), path.read_text()


@contextlib.contextmanager
def _set(told: dict[str, str], folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        for name in {*os.environ} - {*told}:
            patch.delenv(name)
        for name, value in told.items():
            patch.setenv(name, value)
        patch.delenv("BULK_PUBLISHER_RUNS", raising=False)
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """What each command said, and every file that they left."""
    folder = tmp_path_factory.mktemp("commands")
    texts: Texts = {}
    with echoing(*OF_COMMANDS.values()) as portal, _set(_environment(portal.port), folder):
        for name, words in COMMANDS.items():
            done = CliRunner().invoke(main, words)
            assert isinstance(done.exception, SystemExit | None), done.exception
            assert done.exit_code in ({2} if "misplaced" in name else {0, 1}), (name, done.output)
            texts[name] = done.stdout + done.stderr
        portal.moved = 302
        texts["moved"] = CliRunner().invoke(main, ("-vv", "doctor")).output
        webhook = f"https://portal.example/rest/1/{OF_COMMANDS['webhook code']}/"
        os.environ["BITRIX24_WEBHOOK"] = webhook
        done = CliRunner().invoke(main, ("-vv", "doctor"))
        assert "The proxy 127.0.0.1" in done.output
        texts["refused by the proxy"] = done.output
        os.environ["HTTPS_PROXY"] = f"ftp://us:{OF_COMMANDS['proxy password']}@127.0.0.1"
        texts["no proxy that can be"] = CliRunner().invoke(main, ("-vv", "doctor")).output
    return texts | dict(_texts_of(folder))


@pytest.mark.real_time
@pytest.mark.parametrize("output", [*COMMANDS, "moved", "refused by the proxy", "no proxy that can be", *FILES])  # fmt: skip
def test_no_secret_is_in_what_a_command_says_and_leaves(commands: Texts, output: str) -> None:
    texts = {name: text for name, text in commands.items() if name == output or f"/{output}" in name}  # fmt: skip

    assert texts
    assert _leaks(texts, OF_COMMANDS) == {}


@pytest.mark.real_time
def test_no_secret_is_in_any_other_file(commands: Texts) -> None:
    assert _leaks(commands, OF_COMMANDS) == {}
    journals = [text for name, text in commands.items() if name.endswith("outcomes.jsonl")]
    assert all("***" in text for text in journals)
    logs = [text for name, text in commands.items() if name.endswith("log.jsonl")]
    assert all(isinstance(json.loads(line), dict) for text in logs for line in text.splitlines())


class _Process:
    """A command in a process of its own, and what others can see of it meanwhile."""

    def __init__(self, folder: Path, port: int, *words: str) -> None:
        told = {**_environment(port), "XDG_STATE_HOME": str(folder / "state")}
        self.process = subprocess.Popen([*COMMAND, *words], cwd=folder, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        self.seen: Texts = {}

    def watch(self, look: Callable[[int, Texts], None]) -> Texts:
        """Look at it as long as it lives."""
        said: list[bytes] = []
        assert self.process.stdout is not None
        reading = threading.Thread(target=lambda out: said.append(out.read()), args=(self.process.stdout,))  # fmt: skip
        reading.start()
        while self.process.poll() is None:
            with contextlib.suppress(OSError):
                look(self.process.pid, self.seen)
            time.sleep(0.005)
        reading.join()
        self.process.stdout.close()
        return {**self.seen, "said": said[0].decode()}


def _look_by_ps(process: int, seen: Texts) -> None:
    """The words of a process, of its threads and children, and what the children are given."""
    root = Path("/proc", str(process))
    seen["words"] = (root / "cmdline").read_text()
    seen["name"] = (root / "comm").read_text()
    if "Max core file size" in (limits := (root / "limits").read_text()):
        seen["core"] = next(one for one in limits.splitlines() if one.startswith("Max core"))
    for child in (root / "task" / str(process) / "children").read_text().split():
        for name in ("cmdline", "environ"):
            if told := Path("/proc", child, name).read_text():
                seen[f"{name} of a child"] = told


def _look_at_metrics(port: int, _process: int, seen: Texts) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/metrics", timeout=2) as read:  # fmt: skip
        seen["metrics"] = max(seen.get("metrics", ""), read.read().decode(), key=len)


@pytest.mark.real_time
def test_no_secret_is_shown_by_ps_nor_given_to_the_process_that_reads_a_workbook(
    tmp_path: Path,
) -> None:
    workbook(tmp_path / "pages.xlsx", [["id"], *([page] for page in range(1, 2_000))])
    with echoing(*OF_COMMANDS.values()) as portal:
        words = ("plan", "--xlsx", "pages.xlsx", "--limit", "3", "--portal-plan", "self-hosted")
        texts = _Process(tmp_path, portal.port, *words).watch(_look_by_ps)

    assert {"words", "name", "cmdline of a child", "environ of a child"} <= {*texts}
    assert "PATH=" in texts["environ of a child"]
    assert _leaks(texts, OF_COMMANDS) == {}
    assert texts["core"].split()[4] == "0"


@pytest.mark.real_time
def test_no_secret_is_in_the_metrics(tmp_path: Path, free_port: int) -> None:
    with echoing(*OF_COMMANDS.values()) as portal:
        portal.delay = 0.1
        words = ("publish", *SELECTION, "--batch-size", "2", "--concurrency", "1", "--metrics-port", str(free_port))  # fmt: skip
        texts = _Process(tmp_path, portal.port, *words).watch(partial(_look_at_metrics, free_port))

    assert "bulk_publisher_pages_total" in texts["metrics"]
    assert _leaks(texts, OF_COMMANDS) == {}


@pytest.fixture
def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.real_time
def test_no_secret_is_on_a_terminal(at_terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with echoing(*OF_COMMANDS.values()) as portal:
        portal.delay = 0.05
        told = _environment(portal.port)
        for name in ("HTTPS_PROXY", "http_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, told[name])
        words = ("-vv", "publish", *SELECTION, "--batch-size", "5")
        status, screen = at_terminal(*words, webhook=told["BITRIX24_WEBHOOK"], columns=200)

    assert status == 1
    assert "request.answered" in screen
    assert _leaks({"screen": screen}, OF_COMMANDS) == {}


class _Tokens:
    """An application's credential: its portal is reached through a proxy, and knows all that it has."""

    user = None
    identity = "local.planted"
    is_loopback = False
    host = "portal.example"
    origin = "http://portal.example"

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.redactor = Redactor(OF_PYTHON["access token"])
        self.redactor.learn(OF_PYTHON["refresh token"])
        self.redactor.learn(OF_PYTHON["client secret"])

    async def admit(self, method: str) -> Pass | Fault:
        if self.fault is not None:
            raise self.fault
        return Pass(f"{self.origin}/rest/{method}", {"auth": OF_PYTHON["access token"]})

    async def renew(self, _refused: Pass, fault: Fault) -> Fault | None:
        return fault


def _chained(words: str) -> Exception:
    """A fault that has the secrets in what it says, in notes, in its cause and its context, and in a group."""
    error: Exception = KeyError(words)
    error.add_note(f"note: {words}")
    for kind in (ValueError, OSError, RuntimeError):
        try:
            try:
                raise error
            except Exception as before:
                if kind is OSError:
                    raise kind(f"{kind.__name__} {words}")  # noqa: B904 - a context, not a cause
                raise kind(f"{kind.__name__} {words}") from before
        except Exception as after:  # noqa: BLE001 - any of them
            error = after
    return ExceptionGroup(f"group {words}", [error, ValueError(words)])


def _told(error: Exception) -> str:
    """What a program that prints *error* says: it, its words and its hint."""
    return f"{''.join(traceback.format_exception(error))}{error!r}{vars(error)}"


async def _failing(words: str) -> AsyncIterator[Page]:
    yield Page(PageId(1))
    log.warning("within.a.run", said=words, deep={"x": [words, words.encode()]}, error=ValueError(words))  # fmt: skip
    raise ValueError(f"of the program's own: {words[:20]}")


def _said_of(error: Exception, log_format: str) -> str:
    """What the command line says of *error*."""
    said = io.StringIO()
    output = Output(verbosity=2, log_format=log_format, is_plain=True)
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended, errors_said(output):
        raise error
    assert ended.value.code == 70
    return said.getvalue()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """What a program sees of its runs: a good one, one of which the portal moves, one that fails within."""
    import asyncio

    folder = tmp_path_factory.mktemp("python")
    said = io.StringIO()
    told = {**environment(None), "XDG_STATE_HOME": str(folder / "state")}
    texts: Texts = {}
    with echoing(*OF_PYTHON.values()) as portal, _set(told, folder), contextlib.redirect_stderr(said):  # fmt: skip
        configure_log(verbosity=2, is_json=False, has_colour=False, write=said.write)
        asyncio.run(_program(portal, folder, texts))
    texts["log on stderr"] = said.getvalue()
    return texts | dict(_texts_of(folder))


async def _program(portal, folder: Path, texts: Texts) -> None:
    password = quote(OF_PYTHON["proxy password"], safe="")
    words = " ".join(OF_PYTHON.values())
    proxy = f"http://us%40er:{password}@127.0.0.1:{portal.port}"

    def client() -> Client:
        return Client(_Tokens(), plan="self-hosted", proxy=proxy)

    (folder / "pages.csv").write_text("id\n" + "".join(f"{page}\n" for page in range(1, PAGES + 1)))
    async with client() as one:
        run = publish(one, from_csv(folder / "pages.csv"), store=folder / "runs")
        outcomes = [outcome async for outcome in run]
        texts["outcomes"] = repr(outcomes)
        texts["result"] = repr((await run, run, run.progress(), one, one.credential.redactor))
        texts["unkept"] = repr([outcome async for outcome in publish(one, [PageId(1), PageId(2)])])
        for level in ("debug", "info", "warning", "error"):
            getattr(log, level)("outside.a.run", port=1)

        try:
            await publish(one, _failing(words), store=folder / "runs")
        except BadSource as error:
            texts["source that fails"] = f"{error} {error.hint}"
        one.credential.fault = _chained(words)
        try:
            await publish(one, [PageId(4)], store=folder / "runs")
        except Exception as error:  # noqa: BLE001 - whatever leaves it
            texts["crash on a terminal"] = _said_of(error, "console")
            texts["crash as json"] = _said_of(error, "json")
        one.credential.fault = None
        portal.moved = 302
        for name, began in {"moved": folder / "runs", "moved and unkept": None}.items():
            try:
                await publish(one, [PageId(3)], store=began)
            except Exception as error:  # noqa: BLE001 - whatever leaves it
                texts[name] = _told(error)
    for name, url in {"proxy is none": f"ftp://{proxy[7:]}", "proxy has no host": f"http://us:{password}@:x"}.items():  # fmt: skip
        try:
            Client(_Tokens(), proxy=url)
        except Exception as error:  # noqa: BLE001 - whatever leaves it
            texts[name] = _told(error)


@pytest.mark.real_time
@pytest.mark.parametrize("output", [
    "outcomes", "result", "unkept", "moved", "moved and unkept", "source that fails", "proxy is none", "proxy has no host", "log on stderr",
    "crash on a terminal", "crash as json", "outcomes.jsonl", "run.json", "log.jsonl", "limits.json",
])  # fmt: skip
def test_no_secret_is_in_what_a_program_sees_and_leaves(python: Texts, output: str) -> None:
    texts = {name: text for name, text in python.items() if name == output or name.endswith(f"/{output}")}  # fmt: skip

    assert texts
    assert any(texts.values())
    assert _leaks(texts, OF_PYTHON) == {}


@pytest.mark.real_time
def test_the_fault_of_the_program_was_one(python: Texts) -> None:
    crashes = [text for name, text in python.items() if "crash" in name]

    assert re.search(r"note: \*\*\*", python["crash on a terminal"])
    assert all("Traceback" in text for text in crashes)
    assert "within.a.run" in python["log on stderr"]
    assert _leaks(python, OF_PYTHON) == {}


def test_what_looks_for_secrets_finds_them() -> None:
    from tests.contract.echoing import FORMS

    for name, secret in (OF_COMMANDS | OF_PYTHON).items():
        for form in FORMS:
            assert leaked(f"it is {form(secret)}.", ((name, secret),)), (name, form(secret))
