"""What the portal said: requests out, answers and faults back, over HTTP.

It has no policy: it asks once and says what came. How often to ask, how many at a time and what a
fault means for a page is decided elsewhere. Transport errors end here: whatever aiohttp raises
becomes a ``Fault`` that says whether the portal may have done the work. So do tokens: what met one
that has expired was not done, and goes again with the next one before anybody hears of it.

No text that leaves this file holds the credential's secret: errors of the HTTP client, whose messages
may hold the URL, are described by their kind alone.
"""

import dataclasses
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from bulk_publisher.log import log
from bulk_publisher.model import Fault, FaultClass
from bulk_publisher.portal import faults
from bulk_publisher.portal.connections import Connections, Way
from bulk_publisher.portal.credentials import Credential, Pass
from bulk_publisher.portal.proxy import Proxy, proxy_of
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport_faults import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    transport_fault,
)
from bulk_publisher.portal.trust import tls_context
from bulk_publisher.portal.wire import (
    Answer,
    BatchAnswer,
    RawAnswer,
    batch_params,
    decode_answer,
    decode_batch,
    encode_call,
)
from bulk_publisher.text.redaction import Redactor

_LARGEST_ANSWER = 32 * 2**20
"""A list of 1,000 pages with URLs takes about 0.5 MiB: sixty times that is no list any more."""

_BOM = b"\xef\xbb\xbf"
_HEAD = 1 << 16
_REDIRECTS = range(300, 400)
_RENEWALS = 3
"""Tokens that a request is tried with beside its first: a portal may refuse each of them."""

_Read = TypeVar("_Read")


class PortalClient:
    """One portal over HTTP. An async context manager: connections live as long as it is open."""

    def __init__(
        self,
        credential: Credential,
        door: Door,
        *,
        ca_file: Path | None,
        connections: int,
        proxy: Proxy | None = None,
        largest_answer: int = _LARGEST_ANSWER,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            ca_file: Certificate authorities to trust instead of the system's; None for the system's
                and those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name.
            connections: The most connections at once.
            proxy: On the way to it; None for the one that the environment names.
            largest_answer: Bytes above which an answer is not read to its end.

        Raises:
            BadSetting: If *ca_file* cannot be read, or the environment names a proxy or authorities that can't be used.
        """
        self.door = door
        self._credential = credential
        self.proxy = proxy_of(credential) if proxy is None else proxy
        if self.proxy is not None:
            self.proxy.hide_in(credential.redactor)
        self._tls = tls_context(ca_file)
        self._limit = connections
        self._largest_answer = largest_answer
        self._connections: Connections | None = None

    @property
    def host(self) -> str:
        """The portal's host."""
        return self._credential.host

    async def __aenter__(self) -> Self:
        self._connections = Connections(
            self._tls,
            limit=self._limit,
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connections is not None:
            await self._connections.close()
            self._connections = None

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault:
        """One method in a request of its own."""
        return await self._ask(method, params, decode_answer)

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault:
        """Up to 50 commands in one request; an answer or a fault for each key."""
        return await self._ask(
            "batch", batch_params(commands), partial(decode_batch, keys=commands)
        )

    async def _ask(
        self, method: str, params: Mapping[str, Any], decode: Callable[[RawAnswer], _Read | Fault]
    ) -> _Read | Fault:
        """The answer to a request that goes again only where its token was refused."""
        renewals = 0
        while True:
            async with self.door:
                pass
            # Behind the door: a token may expire before it.
            admitted = await self._credential.admit(method)
            if isinstance(admitted, Fault):
                return admitted
            raw = await self._post(method, params, admitted)
            answer = raw if isinstance(raw, Fault) else decode(self._without_secret(raw))
            if not (isinstance(answer, Fault) and answer.kind is FaultClass.TOKEN):
                return answer
            fault = (
                answer if renewals == _RENEWALS else await self._credential.renew(admitted, answer)
            )
            if fault is not None:
                return fault
            renewals += 1

    def _without_secret(self, raw: RawAnswer) -> RawAnswer:
        """A portal or a proxy may quote the address that was asked, in whatever form."""
        body = redacted(raw.body, self._credential.redactor)
        return raw if body is raw.body else msgspec.structs.replace(raw, body=body)

    async def _post(
        self, method: str, params: Mapping[str, Any], admitted: Pass
    ) -> RawAnswer | Fault:
        if self._connections is None:
            raise RuntimeError("the client is not open: use it in 'async with'")
        body = encode_call({**params, **admitted.fields})
        way = Way()
        try:
            async with self._connections.next().post(
                admitted.url,
                data=body,
                allow_redirects=False,
                proxy=None if self.proxy is None else self.proxy.url,
                trace_request_ctx=way,
            ) as response:
                answer = await _read(response, self._largest_answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            answer = transport_fault(error, self.host, self.proxy)
            self._connections.on_lost(way)
        if isinstance(answer, Fault):
            # A redirect names a host, a certificate another one.
            said = self._credential.redactor.text(answer.description)
            answer = dataclasses.replace(answer, description=said)
        status = answer.status if isinstance(answer, RawAnswer) else answer.code
        log.debug("request.answered", method=method, status=status, bytes_sent=len(body))
        return answer


def redacted(body: bytes, redactor: Redactor) -> bytes:
    """*body* without the secret; the same object where it is not in it.

    JSON is redacted text by text, so that it stays what it is: a number or an ID that happens to hold
    a short code is no secret.
    """
    if not redactor.may_be_in(body):
        return body
    try:
        told = msgspec.json.decode(body.removeprefix(_BOM))
        without = redactor.value(told)
        return body if without == told else msgspec.json.encode(without)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError):
        # No answer: no more of it than its head is ever looked at.
        text = body[:_HEAD].decode("utf-8", "replace")
        without = redactor.text(text)
        return body if without == text and len(body) <= _HEAD else without.encode()


async def _read(response: aiohttp.ClientResponse, largest: int) -> RawAnswer | Fault:
    if response.status in _REDIRECTS:
        host = _host_of(response.headers.get("Location", ""))
        return faults.own_fault(
            faults.MOVED,
            f"The portal answered {response.status} and redirects to {host}.",
            sent=False,
        )
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > largest:
            response.close()
            return faults.own_fault(
                faults.TOO_LARGE, f"The answer is larger than {largest} bytes.", sent=True
            )
        parts.append(part)
    return RawAnswer(response.status, b"".join(parts), retry_after(response.headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds after which *headers* want the next request; None where they don't say.

    None is documented; a front server may set it all the same. A date counts from the answer's own.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        at, since = (parsedate_to_datetime(text) for text in (value, headers.get("Date", "")))
        return max(0.0, (at - since).total_seconds())
    except (TypeError, ValueError):
        return None


def _host_of(location: str) -> str:
    # The path of the new address may hold the secret: its host is all that is said.
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return host or "an address it does not tell"
