"""Who we are to the portal: an inbound webhook, and how its secret is kept.

The URL of a webhook is the secret. It is read from the environment or a file, given to the client,
and never shown: its ``repr`` and ``str`` name the portal's host and the user alone.

Source: docs/bitrix24.md §1, docs/bitrix24-dossier.md §8.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from bulk_publisher.errors import BadSetting

_PATH = re.compile(
    r"^/rest/(?P<user>\d+)/(?P<code>[A-Za-z0-9_-]+)(?:/(?P<method>[A-Za-z0-9_.]+)?)?/?$"
)
_EXAMPLE = "https://example.bitrix24.com/rest/1/abc123def456/"


class Webhook:
    """An inbound webhook of a portal.

    Attributes:
        host: The portal, as ``host`` or ``host:port``; no secret.
        user: The ID of the user on whose behalf it acts; no secret.
    """

    __slots__ = ("_root", "host", "user")

    def __init__(self, url: str) -> None:
        """Read a webhook's URL.

        Raises:
            BadSetting: If *url* is none. The message never repeats it.
        """
        parts = urlsplit(url.strip())
        path = _PATH.match(parts.path)
        try:
            port = parts.port
        except ValueError:
            port, path = None, None
        if parts.scheme not in {"http", "https"} or not parts.hostname or path is None:
            raise BadSetting(
                "The webhook URL is not one of Bitrix24.",
                f"It looks like {_EXAMPLE} - copy it from Developer resources > Inbound webhook.",
            )
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise BadSetting(
                f"The webhook URL of {parts.hostname} begins with http://, which would send the secret in the clear.",
                "Write https:// instead.",
            )
        self.host = parts.hostname if port is None else f"{parts.hostname}:{port}"
        self.user = int(path["user"])
        netloc = parts.netloc.rpartition("@")[2]
        self._root = f"{parts.scheme}://{netloc}/rest/{path['user']}/{path['code']}/"

    def url(self, method: str) -> str:
        """The secret address of *method*."""
        return f"{self._root}{method}.json"

    @property
    def secret(self) -> str:
        """The part that must never be shown."""
        return self._root.rstrip("/").rpartition("/")[2]

    def __repr__(self) -> str:
        return f"<Webhook of user {self.user} on {self.host}>"

    __str__ = __repr__


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
