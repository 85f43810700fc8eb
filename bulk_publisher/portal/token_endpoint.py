"""The authorisation server, asked over HTTP: for the tokens of a code, and for new ones.

It asks once and says what came; how often to ask is decided elsewhere. The address that is asked holds
secrets in its query, which is how the vendor documents it. So it goes to one host alone, no redirect is
followed, and no error of the HTTP client is repeated: its message may hold the address.

Source: docs/bitrix24.md §8, docs/bitrix24-dossier.md §7.
"""

import dataclasses
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bulk_publisher.clock import Clock
from bulk_publisher.model import Fault, FaultClass
from bulk_publisher.portal import faults, json_text
from bulk_publisher.portal.proxy import Proxy, proxy_of
from bulk_publisher.portal.secret_addresses import host_of, is_loopback
from bulk_publisher.portal.tokens import TokenAnswer, token_answer
from bulk_publisher.portal.transport_faults import CONNECT_TIMEOUT, transport_fault
from bulk_publisher.portal.trust import tls_context
from bulk_publisher.text.redaction import Redactor

_ANSWER_TIMEOUT = 30.0
_LARGEST_ANSWER = 64 * 1024
"""Bytes: a real answer has less than one thousand."""
_LATER = {FaultClass.TRANSIENT, FaultClass.RATE, FaultClass.OPERATING}
_SERVER_ERRORS = range(500, 600)
_REDIRECTS = range(300, 400)
_TOO_MANY = 429


def _always() -> bool:
    return True


class _MayNotLeave(Exception):
    """The request was not sent."""


class _Connector(aiohttp.TCPConnector):
    """Hands a connection out only while a request may leave on it: to connect takes its time."""

    def __init__(self, may_leave: Callable[[], bool], **named: Any) -> None:
        super().__init__(**named)
        self._may_leave = may_leave

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's
    ) -> aiohttp.connector.Connection:
        """As the library does."""
        connection = await super().connect(req, traces, timeout)
        if not self._may_leave():
            connection.close()
            raise _MayNotLeave
        return connection


class TokenEndpoint:
    """Where an application's tokens come from; see ``proxy.Destination``."""

    def __init__(
        self, url: str, redactor: Redactor, *, ca_file: Path | None, proxy: Proxy | None
    ) -> None:
        """Nothing is asked yet.

        Args:
            url: Without a query; https, or of a program on this machine.
            redactor: Takes the secrets out of what the server says.
            ca_file: Certificate authorities to trust beside the system's: the server is another one than
                the portal, but what stands between may be the same.
            proxy: On the way to it; None for the one that the environment names.
        """
        parts = urlsplit(url)
        self.host = host_of(parts)
        self.is_loopback = is_loopback(str(parts.hostname))
        self._url = url
        self._redactor = redactor
        self._ca_file = ca_file
        self._proxy = proxy
        self._tls: ssl.SSLContext | None = None

    async def ask(
        self, query: Mapping[str, str], clock: Clock, *, may_leave: Callable[[], bool] = _always
    ) -> TokenAnswer | Fault:
        """The tokens that *query* asks for.

        Args:
            may_leave: Looked at when the connection stands, right before the request would leave.

        Returns:
            Them; or a fault, of ``FaultClass.TRANSIENT`` where they may be had later, with what it says of
            whether they were handed out in ``sent``; or of ``FaultClass.CREDENTIAL``.

        Raises:
            BadSetting: If the environment names authorities or a proxy that can't be used.
        """
        proxy = proxy_of(self) if self._proxy is None else self._proxy
        try:
            async with (
                self._session(may_leave) as session,
                session.get(
                    self._url,
                    trace_request_ctx=SimpleNamespace(is_sent=False),
                    params=dict(query),
                    allow_redirects=False,
                    proxy=None if proxy is None or self.is_loopback else proxy.url,
                ) as response,
            ):
                body = await response.content.read(_LARGEST_ANSWER + 1)
                while len(body) <= _LARGEST_ANSWER and (more := await response.content.readany()):
                    body += more
                told = self._read(response.status, body, clock)
        except _MayNotLeave:
            said = "It is not certain any more that no other process renews the token."
            told = faults.own_fault(faults.TOKEN_NOT_RENEWED, said, sent=False)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            told = transport_fault(error, self.host, proxy)
        return self._for_credential(told) if isinstance(told, Fault) else told

    def _session(self, may_leave: Callable[[], bool]) -> aiohttp.ClientSession:
        if self._tls is None and self._url.startswith("https:"):
            self._tls = tls_context(None)
            if self._ca_file is not None and self._ca_file.is_file():
                self._tls.load_verify_locations(cafile=self._ca_file)
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(_only_once)
        return aiohttp.ClientSession(
            connector=_Connector(
                may_leave, ssl=self._tls or True, resolver=aiohttp.ThreadedResolver()
            ),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
            headers={"Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )

    def _read(self, status: int, body: bytes, clock: Clock) -> TokenAnswer | Fault:
        if status in _REDIRECTS:
            return faults.own_fault(
                faults.MOVED,
                f"The authorisation server {self.host} answered {status}, which is not followed.",
                sent=False,
            )
        told = _object(body)
        if told is not None and "error" in told:
            said = str(told.get("error_description") or "")
            return faults.classify(told["error"], said, status=status, in_command=False)
        if told is None or status in _SERVER_ERRORS or status == _TOO_MANY:
            return self._silence(f"HTTP {status} without an answer")
        try:
            return token_answer(told, now=clock.epoch())
        except ValueError as error:
            return self._silence(f"HTTP {status} with an answer in which {error}")

    def _silence(self, what: str) -> Fault:
        said = f"The authorisation server {self.host} gave no new token: {what}."
        return faults.own_fault(faults.TOKEN_NOT_RENEWED, said, sent=None)

    def _for_credential(self, fault: Fault) -> Fault:
        """*fault* as it concerns a credential, without secrets: it is of no page and no site."""
        said = self._redactor.text(fault.description)
        if fault.kind in _LATER:
            code = faults.TOKEN_NOT_RENEWED
            said = said or f"The authorisation server {self.host} answered {fault.code}."
            return dataclasses.replace(faults.own_fault(code, said, sent=fault.sent), sent=fault.sent)  # fmt: skip
        return dataclasses.replace(
            fault,
            kind=FaultClass.CREDENTIAL,
            code=self._redactor.text(fault.code),
            description=said,
        )


async def _only_once(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionCreateStartParams,
) -> None:
    """Keep the HTTP client from sending a request again by itself, which it does where an answer is lost.

    A refresh token is good for one time: nobody would know that the answer to the second time is about
    the first.
    """
    if context.trace_request_ctx.is_sent:
        raise aiohttp.ServerDisconnectedError
    context.trace_request_ctx.is_sent = True


def _object(body: bytes) -> dict[str, Any] | None:
    """The object that *body* is; None where it is none, or no whole one."""
    if len(body) > _LARGEST_ANSWER:
        return None
    try:
        told = json_text.decode(body)
    except json_text.NotJson:
        return None
    return told if isinstance(told, dict) else None
