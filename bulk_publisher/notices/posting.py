"""Messages by HTTP: a signed post of JSON, and the pings of a dead man's switch.

An address is a secret: no word of this file repeats more of it than its host. It is never followed to
another one, and only on this machine it may do without TLS.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import getproxies_environment

import aiohttp

from bulk_publisher import __version__
from bulk_publisher.clock import Clock
from bulk_publisher.errors import BadSetting
from bulk_publisher.notices.message import Message
from bulk_publisher.notices.sending import NotSent
from bulk_publisher.notices.signing import DELIVERY, signed_headers
from bulk_publisher.portal.no_proxy import is_exempt
from bulk_publisher.portal.proxy import proxy_at
from bulk_publisher.portal.trust import tls_context
from bulk_publisher.text.escaping import json_text

_TIMEOUT = 10.0
"""Seconds that a request may take in all."""
_LONGEST_MSG = 200
_KUMA = "/api/push/"
"""What stands in the path of the addresses of Uptime Kuma's push monitors [doc]."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is sent.

    Attributes:
        url: The secret.
        host: All of it that is told.
    """

    url: str = field(repr=False)
    host: str

    @property
    def parts(self) -> SplitResult:
        """Of the secret."""
        return urlsplit(self.url)


def read_address(text: str, *, where: str) -> Address:
    """The address that *text* is.

    Args:
        where: What names it, for whoever has to mend it.

    Raises:
        BadSetting: If it is none, or may not be sent to.
    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        # Its message may hold the secret, so it ends here.
        host, parts = None, urlsplit("")
    is_text = text.isascii() and text.isprintable() and " " not in text
    if not host or parts.scheme not in {"http", "https"} or not is_text:
        raise BadSetting(f"{where} holds no address that starts with https://.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise BadSetting(
            f"{where} holds an address without TLS, and only one on this machine may do without.",
            "Write https://.",
        )
    return Address(text, host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SignedPost:
    """A post of the message as JSON, signed where there is a secret."""

    def __init__(self, address: Address, secret: str | None, clock: Clock) -> None:
        self._address = address
        self._secret = secret
        self._clock = clock

    @property
    def name(self) -> str:
        """The host."""
        return f"webhook at {self._address.host}"

    async def send(self, message: Message) -> str:
        """Post it."""
        body = json_text(message.data).encode()
        headers = {"Content-Type": "application/json", DELIVERY: message.id}
        if self._secret is not None:
            headers |= signed_headers(self._secret, body, at=self._clock.epoch())
        return await _answer("POST", self._address, self._address.url, headers, body)


class Ping:
    """A dead man's switch, of healthchecks.io or of Uptime Kuma.

    Source: healthchecks.io "Pinging API": the check's address is its success, ``/start`` and ``/fail`` after
    it the others, a body is kept with the ping [doc]. Uptime Kuma "Push": ``status`` is up or down, ``msg``
    a text; there is no start [doc].
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    @property
    def name(self) -> str:
        """The host."""
        return f"ping of {self._address.host}"

    @property
    def _is_kuma(self) -> bool:
        return _KUMA in self._address.parts.path

    async def begin(self) -> str:
        """It begins; Uptime Kuma has no word for that."""
        return "nothing to say" if self._is_kuma else await self._check("/start", b"")

    async def end(self, *, is_well: bool, words: str) -> str:
        """It has ended."""
        if self._is_kuma:
            return await self._push("up" if is_well else "down", words)
        return await self._check("" if is_well else "/fail", words.encode())

    async def _check(self, suffix: str, body: bytes) -> str:
        parts = self._address.parts
        url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}{suffix}"))
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return await _answer("POST", self._address, url, headers, body)

    async def _push(self, status: str, words: str) -> str:
        parts = self._address.parts
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in {"status", "msg"}]  # fmt: skip
        said = " ".join(words.split())[:_LONGEST_MSG] or "OK"
        query = urlencode([("status", status), ("msg", said), *kept])
        return await _answer("GET", self._address, urlunsplit(parts._replace(query=query)), {}, b"")


async def _answer(
    method: Literal["GET", "POST"],
    address: Address,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """What came back.

    Raises:
        NotSent: If no answer of success came.
    """
    parts = urlsplit(url)
    try:
        proxy, tls = _proxy_for(parts), tls_context(None)
    except BadSetting as error:
        raise NotSent(error.message, is_final=True) from error
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls, resolver=aiohttp.ThreadedResolver()),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
                headers={"User-Agent": f"bulk-publisher/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False, proxy=proxy
            ) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        # Their own words may hold the address.
        kind = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        raise NotSent(f"{address.host}: {kind}") from None
    if status in range(300, 400):
        raise NotSent(f"{address.host} answered {status}: it redirects, which is not followed")
    if status not in range(200, 300):
        raise NotSent(f"{address.host} answered {status}")
    return f"answered {status}"


def _proxy_for(parts: SplitResult) -> str | None:
    """The proxy on the way, as the environment names it; None for none."""
    named = getproxies_environment()
    text = named.get("https", "").strip()
    host = str(parts.hostname)
    if not text or _is_loopback(host) or is_exempt(host, parts.port or 443, named.get("no", "")):
        return None
    return proxy_at(text, where="HTTPS_PROXY").url
