"""A portal and a proxy in one that repeat whatever secret they are told, in each form that there is."""

import base64
import html
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

PAGES = 40

FORMS: list[Callable[[str], str]] = [
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
    lambda code: f"https://p/rest/1/{quote(code, safe='')}/landing.landing.publication.json",
    lambda code: f"<b>{code[:5]}</b>{code[5:]}",
    "\u200b".join,
    lambda code: base64.b64encode(f"https://p/rest/1/{code}/".encode()).decode(),
    lambda code: base64.urlsafe_b64encode(f"x{code}".encode()).decode().rstrip("="),
    lambda code: base64.b64encode(f"{code}".encode()).decode(),
    lambda code: code.encode().hex(),
    lambda code: f"{code[:8]}…",
    lambda code: f"…{code[-8:]}",
    lambda code: f"{code[3:12]} and {code[1:9]}",
    html.escape,
    lambda code: json.dumps(json.dumps(code)),
]


class EchoingPortal:
    """What it says; *secrets* are those that it repeats.

    Attributes:
        moved: The status with which it answers everything, where that is not 0.
        delay: Seconds that each answer takes.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self.secrets = secrets
        self.moved = 0
        self.delay = 0.0
        self.port = 0

    def said(self, number: int) -> str:
        form = FORMS[number % len(FORMS)]
        return " ".join(form(secret) for secret in self.secrets)

    def answer(self, method: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.moved:
            return self.moved, {}
        spent = {"start": 1e9, "finish": 1e9 + 0.1, "duration": 0.1, "operating": 0.1, "date_start": self.secrets[0]}  # fmt: skip
        match method:
            case "batch":
                result: Any = self._batch(asked["cmd"], spent)
            case "landing.landing.getlist":
                wanted = asked["params"].get("filter", {}).get("ID") or range(1, PAGES + 1)
                after = asked["params"].get("filter", {}).get(">ID", 0)
                result = [self._row(page) for page in wanted if page > after]
            case "landing.site.getlist":
                result = [{"ID": "7", "TITLE": self.said(3), "ACTIVE": "N"}]
            case "landing.site.getfolders":
                result = [{"ID": "1", "TITLE": self.said(6), "ACTIVE": "N"}]
            case "profile" | "app.info":
                result = {"ID": "1", "NAME": self.said(1), "LAST_NAME": self.said(4), "LICENSE": self.said(0)}  # fmt: skip
            case "scope":
                result = ["landing", *self.secrets]
            case _:
                return 400, {"error": self.said(2), "error_description": self.said(9)}
        return 200, {"result": result, "time": spent}

    def _row(self, page: int) -> dict[str, str]:
        row = {"ID": str(page), "SITE_ID": "7", "FOLDER_ID": "1", "ACTIVE": "Y" if page % 2 else "N", "PUBLIC": "Y"}  # fmt: skip
        return {**row, "TITLE": f"T {self.said(page)}", "url": f"/{self.said(page + 1)}/", "LAST_NAME": self.said(page), self.said(0): "x"}  # fmt: skip

    def _batch(self, commands: dict[str, str], spent: dict[str, Any]) -> dict[str, Any]:
        told = {key: self._command(text) for key, text in commands.items()}
        errors = {key: one for key, one in told.items() if isinstance(one, dict)}
        results = {key: one for key, one in told.items() if key not in errors}
        return {"result": results, "result_error": errors, "result_time": dict.fromkeys(results, spent)}  # fmt: skip

    def _command(self, text: str) -> object:
        found = re.search(r"lid=(\d+)", text)
        if found is None:
            return ["read", "public", *self.secrets]
        page = int(found[1])
        if page > PAGES - 10:
            return True
        return {"error": f"E{page}[{self.said(page)}]", "error_description": f"Why: {self.said(page + 2)}"}  # fmt: skip


class _Answering(BaseHTTPRequestHandler):
    """In JSON, with the secrets in nothing but ``\\u`` escapes, which all of JSON's readers know."""

    protocol_version = "HTTP/1.1"
    portal: EchoingPortal

    def log_message(self, *_: object) -> None:
        """In silence."""

    def do_CONNECT(self) -> None:
        """As a proxy: it wants another login, and repeats the one that it was told."""
        login = self.headers.get("Proxy-Authorization", "")
        told = f"{login} {base64.b64decode(login.partition(' ')[2])!r}".encode()
        self._send(407, "Not with this", told)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        *_, method = self.path.split("/")
        status, answer = self.portal.answer(method.removesuffix(".json"), json.loads(body))
        answer["echo"] = [self.path, dict(self.headers), body.decode()]
        sent = json.dumps(answer)
        for secret in self.portal.secrets:
            escaped = "".join(f"\\u{ord(one):04x}" for one in secret)
            sent = sent.replace(json.dumps(secret)[1:-1], escaped)
        time.sleep(self.portal.delay)
        self._send(status, self.portal.secrets[0], sent.encode())

    def _send(self, status: int, reason: str, body: bytes) -> None:
        self.send_response(status, reason)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Asked", self.path)
        if 300 <= status < 400:
            code = self.portal.secrets[0]
            self.send_header("Location", f"https://{code}.example.com/rest/1/{code}/")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def echoing(*secrets: str) -> Iterator[EchoingPortal]:
    """The portal, as long as this lasts."""
    portal = EchoingPortal(secrets)
    handler = type("_Handler", (_Answering,), {"portal": portal})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        portal.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield portal
        server.shutdown()
        thread.join()


def _decodings(text: str) -> Iterator[str]:
    for _ in range(4):
        yield text
        yield re.sub(r"</?b>|[\s\u200b]", "", text)
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), text)
        text = unquote(html.unescape(text.replace('\\"', '"').replace("\\\\", "\\")))


def readings(text: str) -> str:
    """All that may be read in *text*: as it stands, and after each decoding."""
    seen = [*_decodings(text)]
    for word in set(re.findall(r"[A-Za-z0-9+/_-]{11,}", text)):
        plain = word.translate(str.maketrans("-_", "+/"))
        for cut in range(4):
            whole = plain[cut : cut + (len(plain) - cut) // 4 * 4]
            seen.append(base64.b64decode(whole).decode("latin-1"))
    for digits in set(re.findall(r"[0-9a-fA-F]{16,}", text)):
        seen += [bytes.fromhex(digits[cut : cut + (len(digits) - cut) // 2 * 2]).decode("latin-1") for cut in (0, 1)]  # fmt: skip
    return "\n".join(seen).lower()


@cache
def leaked(text: str, secrets: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The secrets of which *text* holds 8 characters in a row, however they are written, and where."""
    read = readings(text)
    return {
        name: read[max(0, read.find(piece) - 100) : read.find(piece) + 100]
        for name, secret in secrets
        for at in range(len(secret) - 7)
        if (piece := secret[at : at + 8].lower()) in read
    }
