"""A portal and an authorisation server that repeat every secret of an application: none is found afterwards."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.client.oauth import OAuth
from bulk_publisher.log import RunLog
from bulk_publisher.operations import crash
from tests.applications import write_private
from tests.contract.conftest import environment

ACCESS, REFRESH, SECRET = "Acc3ssPl4nt3d9xQz7", "R3fr3shPl4nt3dKk2m", "S3cr3tPl4nt3dWw8v"
NEXT_ACCESS, NEXT_REFRESH = "N3xtAcc3ssPl4nt3d5", "N3xtR3fr3shPl4nt3d"
ALL = (ACCESS, REFRESH, SECRET, NEXT_ACCESS, NEXT_REFRESH)


class _Echo(BaseHTTPRequestHandler):
    """The portal calls each token expired; the server renews once, then refuses; both say all they know."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """In silence."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(401, {"error": "expired_token", "error_description": f"No {asked['auth']}"})

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        if query["refresh_token"] == REFRESH:
            self._answer(200, {"access_token": NEXT_ACCESS, "refresh_token": NEXT_REFRESH})
            return
        hidden = base64.b64encode(f"token={query['refresh_token']}".encode()).decode()
        said = f"{self.path} {quote(query['client_secret'])} {hidden} {' '.join(ALL)}"
        self._answer(400, {"error": f"invalid_grant [{query['client_secret']}]", "error_description": said})  # fmt: skip

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status, NEXT_ACCESS)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def kept(url: str, file: Path) -> Path:
    told = {
        "access_token": ACCESS,
        "refresh_token": REFRESH,
        "client_id": "local.1",
        "client_secret": SECRET,
        "client_endpoint": f"{url}/rest/",
        "token_endpoint": f"{url}/oauth/token/",
    }
    write_private(file, told)
    return file


def holds(text: str) -> list[str]:
    """The secrets that *text* holds, also the greater part of one, or in base64."""
    forms = {one: (one[:10], base64.b64encode(f"token={one}".encode()).decode()[10:20]) for one in ALL}  # fmt: skip
    return [one for one, parts in forms.items() if any(part in text for part in parts)]


@pytest.mark.real_time
@pytest.mark.parametrize("words", [("publish", "--page", "1-3", "--portal-plan", "standard"), ("doctor",)], ids=["publish", "doctor"])  # fmt: skip
def test_what_an_authorisation_server_repeats_is_found_nowhere(
    echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for name, value in environment(None).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    tokens = kept(echo, tmp_path.parent / f"{tmp_path.name}-tokens.json")

    done = CliRunner().invoke(main, ("-vv", *words, "--oauth-file", str(tokens)))

    assert done.exit_code == 4, done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    texts = {str(path): path.read_text() for path in files} | {"said": done.stdout + done.stderr}
    assert {name: found for name, text in texts.items() if (found := holds(text))} == {}
    assert "bulk-publisher login" in done.stdout + done.stderr


def test_a_fault_of_ours_is_told_without_tokens(echo: str, tmp_path: Path) -> None:
    credential = OAuth.from_file(kept(echo, tmp_path / "tokens.json"))
    address = f"{echo}/oauth/token/?client_secret=an0th3r-0ne&refresh_token={REFRESH}&state=kept"

    with pytest.raises(RuntimeError) as caught, crash.hidden(RunLog(credential.redactor)):
        raise RuntimeError(f"{address} {SECRET} {ACCESS}")

    told = crash.words_of(caught.value) + crash.traceback_of(caught.value)
    assert holds(told) == []
    assert "an0th3r-0ne" not in told
    assert "state=kept" in told
