"""What a visitor of the site gets: the status of public addresses, asked for politely.

No credential goes along, nothing is followed elsewhere, no more is read than the status.
"""

from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from bulk_publisher import __version__
from bulk_publisher.portal.proxy import Proxy
from bulk_publisher.portal.trust import tls_context

_TIMEOUT = 20.0


class Visits:
    """Public addresses of one host. An async context manager."""

    def __init__(
        self, root: str, *, proxy: Proxy | None, ca_file: Path | None, connections: int
    ) -> None:
        """Prepare; nothing is asked for yet.

        Args:
            root: The only host that is asked, as ``https://host``.
            proxy: On the way to it; None for none.
            ca_file: Certificate authorities to trust; None for the system's.
        """
        self._root = root
        self._proxy = None if proxy is None else proxy.url
        self._tls = tls_context(ca_file)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
            headers={"User-Agent": f"bulk-publisher/{__version__} (checks its own pages)"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def is_of_host(self, url: str) -> bool:
        """Whether *url* is one that may be asked for."""
        try:
            parts = urlsplit(urljoin(self._root, url))
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" == self._root

    async def status(self, url: str) -> int | None:
        """The HTTP status of *url*, not following where it points; None where nothing came."""
        if self._session is None:
            raise RuntimeError("the visits are not open: use them in 'async with'")
        if not self.is_of_host(url):
            return None
        try:
            async with self._session.get(
                urljoin(self._root, url), allow_redirects=False, proxy=self._proxy
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
