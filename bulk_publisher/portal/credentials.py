"""Who we are to the portal: an inbound webhook, and how its secret is kept.

The URL of a webhook is the secret. It is read from the environment or a file, given to the client,
and never shown: its ``repr`` and ``str`` name the portal's host and the user alone.

Source: docs/bitrix24.md §1, docs/bitrix24-dossier.md §8.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from bulk_publisher.errors import BadSetting
from bulk_publisher.text.redaction import Redactor

_PATH = re.compile(
    r"^/rest/(?P<user>0{0,9}[1-9][0-9]{0,17})/(?P<code>[A-Za-z0-9_-]+)(?:/(?P<method>[A-Za-z0-9_.]+)?)?/?$"
)
_NAME = re.compile(r"^[\w-]+(\.[\w-]+)*\.?$")
_REST_3 = "note."
"""How the methods begin that only REST 3.0 has: those of Knowledge base 2.0."""
_EXAMPLE = "https://example.bitrix24.com/rest/1/abc123def456/"


class Webhook:
    """An inbound webhook of a portal.

    Attributes:
        host: The portal, as ``host`` or ``host:port``; no secret.
        user: The ID of the user on whose behalf it acts; no secret.
        is_loopback: The portal is a program on this machine.
        redactor: Takes the secret out of what others say.
    """

    __slots__ = ("_root", "host", "is_loopback", "redactor", "user")

    def __init__(self, url: str) -> None:
        """Read a webhook's URL.

        Raises:
            BadSetting: If *url* is none. The message never repeats it.
        """
        parts = _split(url.strip())
        path = None if parts is None else _PATH.match(parts.path)
        if parts is None or path is None or parts.scheme not in {"http", "https"}:
            raise BadSetting(
                "The webhook URL is not one of Bitrix24.",
                f"It looks like {_EXAMPLE} - copy it from Developer resources > Inbound webhook.",
            )
        host = str(parts.hostname)
        self.is_loopback = _is_loopback(host)
        if parts.scheme == "http" and not self.is_loopback:
            raise BadSetting(
                f"The webhook URL of {host} begins with http://, which would send the secret in the clear.",
                "Write https:// instead.",
            )
        literal = f"[{host}]" if ":" in host else host
        self.host = literal if parts.port is None else f"{literal}:{parts.port}"
        self.user = int(path["user"])
        self.redactor = Redactor(path["code"])
        self._root = f"{parts.scheme}://{self.host}/rest/{path['user']}/{path['code']}/"

    def url(self, method: str) -> str:
        """The secret address of *method*; those of REST 3.0 have one of their own."""
        if method.startswith(_REST_3):
            return f"{self._root.replace('/rest/', '/rest/api/', 1)}{method}"
        return f"{self._root}{method}.json"

    @property
    def secret(self) -> str:
        """The part that must never be shown."""
        return self._root.rstrip("/").rpartition("/")[2]

    def __repr__(self) -> str:
        return f"<Webhook of user {self.user} on {self.host}>"

    __str__ = __repr__


def _split(url: str) -> SplitResult | None:
    """The parts of *url*; None where it has no host that can be."""
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            return None
        if not _NAME.match(parts.hostname):
            ipaddress.ip_address(parts.hostname)
    except ValueError:
        # Its message may hold the URL, so it ends here.
        return None
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
