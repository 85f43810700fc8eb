"""Connections to a portal: kept and used again, until that costs answers.

Some proxies and firewalls drop a connection that is used a second time. Whether what was sent on it
was done nobody can say; but what is sent next goes on a connection of its own.
"""

import ssl
from functools import partial
from types import SimpleNamespace

import aiohttp

_FRESH = 100
"""Requests on connections of their own after an answer was lost on one that was kept."""
_MOST_FRESH = 10_000


class Reuse:
    """Whether connections are used again: not for a while after that has lost an answer.

    The while is counted in requests, and twice as long each time.
    """

    def __init__(self) -> None:
        """Nothing was lost."""
        self._left = 0
        self._next = _FRESH

    def is_next_kept(self) -> bool:
        """Whether the next request may go on a connection that was kept; counts it."""
        if not self._left:
            return True
        self._left -= 1
        return False

    def on_lost(self) -> None:
        """An answer was lost on a connection that had been used before."""
        if not self._left:
            self._left = self._next
            self._next = min(2 * self._next, _MOST_FRESH)


class Way:
    """How a request went.

    Attributes:
        is_used_before: On a connection that others had gone on before.
    """

    def __init__(self) -> None:
        self.is_used_before = False


class Connections:
    """Two sessions of the HTTP client: one that keeps connections, one that makes each anew."""

    def __init__(self, tls: ssl.SSLContext, *, limit: int, timeout: aiohttp.ClientTimeout) -> None:
        """Nothing is connected yet; a loop has to run.

        Args:
            limit: Connections of a kind at once.
            timeout: Of every request.
        """
        self._reuse = Reuse()
        self._kept = _session(tls, limit, timeout, is_kept=True)
        # Hardly any portal needs it, and hundreds may be open.
        self._fresh: aiohttp.ClientSession | None = None
        self._make_fresh = partial(_session, tls, limit, timeout, is_kept=False)

    async def close(self) -> None:
        """End them all."""
        await self._kept.close()
        if self._fresh is not None:
            await self._fresh.close()

    def next(self) -> aiohttp.ClientSession:
        """The session that the next request is to be sent in, with a ``Way`` as its trace's context."""
        if self._reuse.is_next_kept():
            return self._kept
        self._fresh = self._fresh or self._make_fresh()
        return self._fresh

    def on_lost(self, way: Way) -> None:
        """No answer came to the request that went this way."""
        if way.is_used_before:
            self._reuse.on_lost()


def _session(
    tls: ssl.SSLContext, limit: int, timeout: aiohttp.ClientTimeout, *, is_kept: bool
) -> aiohttp.ClientSession:
    # The system's own: of another one's errors nobody knows whether they pass.
    resolver = aiohttp.ThreadedResolver()
    connector = (
        aiohttp.TCPConnector(ssl=tls, limit=limit, resolver=resolver, keepalive_timeout=60)
        if is_kept
        else aiohttp.TCPConnector(ssl=tls, limit=limit, resolver=resolver, force_close=True)
    )
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


async def _note_reuse(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.is_used_before = True
