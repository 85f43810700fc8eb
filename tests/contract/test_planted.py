"""A portal that repeats the webhook's code in everything it says: the code is found nowhere afterwards."""

import base64
import html
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result

from bulk_publisher.cli import main
from tests.contract.conftest import environment

CODE = "Pl4nt3dC0de9xQz7"
PAGES = 40
FORMS = [
    str,
    str.lower,
    str.upper,
    lambda code: "".join(f"&#{ord(one)};" for one in code),
    lambda code: "".join(f"&#x{ord(one):x};" for one in code),
    lambda code: "".join(f"&amp;#{ord(one)};" for one in code),
    lambda code: "".join(f"%{ord(one):02X}" for one in code),
    lambda code: "".join(f"%25{ord(one):02x}" for one in code),
    lambda code: "".join(f"\\u{ord(one):04x}" for one in code),
    lambda code: f"{'.' * 490}{code}",
    lambda code: f"https://p/rest/1/{code}/landing.landing.publication.json",
    lambda code: f"<b>{code[:5]}</b>{code[5:]}",
    "\u200b".join,
    lambda code: base64.b64encode(f"https://p/rest/1/{code}/".encode()).decode(),
]  # fmt: skip


def _said(number: int) -> str:
    return FORMS[number % len(FORMS)](CODE)


def _row(page: int) -> dict[str, str]:
    row = {"ID": str(page), "SITE_ID": "7", "FOLDER_ID": "1", "ACTIVE": "Y" if page % 2 else "N", "PUBLIC": "Y"}  # fmt: skip
    return {**row, "TITLE": f"T {_said(page)}", "url": f"/{_said(page + 1)}/", "LAST_NAME": _said(page)}  # fmt: skip


class _Portal(BaseHTTPRequestHandler):
    """Answers in JSON with nothing but ``\\u`` escapes, and never without the code."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """In silence."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        *_, method = self.path.split("/")
        status, answer = self._answer(method.removesuffix(".json"), json.loads(body))
        # Every character as an escape: all of it is JSON, and none of it can be read.
        escaped = re.sub(r"[A-Za-z0-9]", lambda one: f"\\u{ord(one[0]):04x}", CODE)
        sent = json.dumps(answer).replace(CODE, escaped).encode()
        self.send_response(status, CODE)
        self.send_header("Content-Length", str(len(sent)))
        self.send_header("X-Asked", self.path)
        if 300 <= status < 400:
            self.send_header("Location", f"https://{CODE}.example.com/rest/1/{CODE}/")
        self.end_headers()
        self.wfile.write(sent)

    def _answer(self, method: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if moved := getattr(self.server, "moved", 0):
            return moved, {}
        time = {"start": 1e9, "finish": 1e9 + 0.1, "duration": 0.1, "operating": 0.1, "date_start": CODE}  # fmt: skip
        if method == "batch":
            commands = {key: self._command(text) for key, text in asked["cmd"].items()}
            errors = {
                key: one
                for key, one in commands.items()
                if isinstance(one, dict) and "error" in one
            }
            results = {key: one for key, one in commands.items() if key not in errors}
            parts = {
                "result": results,
                "result_error": errors,
                "result_time": dict.fromkeys(results, time),
            }
            return 200, {"result": parts, "time": time}  # fmt: skip
        if method == "landing.landing.getlist":
            wanted = asked["params"].get("filter", {}).get("ID") or range(1, PAGES + 1)
            after = asked["params"].get("filter", {}).get(">ID", 0)
            rows = [_row(page) for page in wanted if page > after]
            return 200, {"result": rows, "time": time}
        if method == "landing.site.getlist":
            return 200, {"result": [{"ID": "7", "TITLE": _said(3), "ACTIVE": "N"}], "time": time}
        if method == "landing.site.getfolders":
            return 200, {"result": [{"ID": "1", "TITLE": _said(6), "ACTIVE": "N"}], "time": time}
        if method in {"profile", "app.info"}:
            return 200, {"result": {"ID": "1", "NAME": _said(1), "LAST_NAME": _said(4), "LICENSE": _said(0)}, "time": time}  # fmt: skip
        if method == "scope":
            return 200, {"result": ["landing", CODE], "time": time}
        return 400, {"error": _said(2), "error_description": _said(9)}

    def _command(self, text: str) -> object:
        found = re.search(r"lid=(\d+)", text)
        if found is None:
            return ["read", "public", CODE]
        page = int(found[1])
        if page > PAGES - 20:
            return True
        return {"error": f"E{page}[{_said(page)}]", "error_description": f"Why: {_said(page + 2)}"}


@pytest.fixture
def portal() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Portal) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _readings(text: str) -> str:
    """All that may be read in *text*: as it stands, and after each decoding."""
    seen = [text]
    for _ in range(4):
        escaped = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), text)
        text = unquote(html.unescape(escaped))
        seen += [text, text.replace("\u200b", ""), re.sub(r"</?b>|\s", "", text)]
    words = re.findall(r"(?:[A-Za-z0-9+/]{4}){4,}", seen[0])
    seen += [base64.b64decode(word).decode("latin-1") for word in words]
    return "\n".join(seen).lower()


def _holds(text: str) -> list[str]:
    """Where the code shows in *text*; also the greater part of it, as a cut would leave."""
    readings = _readings(text)
    part = next((CODE[:n].lower() for n in (16, 10) if CODE[:n].lower() in readings), None)
    return [] if part is None else [readings[max(0, at := readings.find(part) - 200) : at + 250]]


def _carry_out(*words: str) -> Result:
    done = CliRunner().invoke(main, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.real_time
def test_what_the_portal_repeats_is_found_in_no_file_and_no_stream(
    portal: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = f"http://127.0.0.1:{portal.server_address[1]}/rest/1/{CODE}/"
    for name, value in environment(webhook).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BULK_PUBLISHER_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    pages = ("--page", f"1-{PAGES}", "--portal-plan", "self-hosted")
    commands = [
        ("-vv", "publish", *pages, "--batch-size", "10", "--report"),
        ("-vv", "--log-format", "json", "retry", "latest", "--progress", "json", "--no-report"),
        ("verify", "latest"),
        ("report", "latest"),
        ("report", "latest", "--json"),
        ("report", "latest", "--csv"),
        ("status", "latest", "--json"),
        ("doctor",),
        ("plan", *pages, "--json"),
        ("publish", *pages, "--dry-run"),
    ]

    said = [(words, _carry_out(*words)) for words in commands]
    portal.moved = 302  # type: ignore[attr-defined]
    said += [(words, _carry_out(*words)) for words in (("-vv", "doctor"), ("publish", *pages))]

    assert [done.exit_code for _, done in said] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4]
    streams = {" ".join(words): done.stdout + done.stderr for words, done in said}
    state = Path(os.environ["XDG_STATE_HOME"])
    files = [path for folder in (tmp_path, state) for path in folder.rglob("*") if path.is_file()]
    assert {"outcomes.jsonl", "run.json", "log.jsonl", "verify.jsonl", "report.html", "plan.json", "limits.json"} <= {path.name for path in files}  # fmt: skip
    texts = streams | {str(path): path.read_text() for path in files}
    assert {name: found for name, text in texts.items() if (found := _holds(text))} == {}
    assert any("***" in path.read_text() for path in tmp_path.glob("runs/*Z-*/outcomes.jsonl"))
    for log in tmp_path.glob("runs/*Z-*/log.jsonl"):
        assert all(isinstance(json.loads(line), dict) for line in log.read_text().splitlines())
