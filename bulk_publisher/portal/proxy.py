"""The proxy on the way to a portal, as the environment names it: HTTPS_PROXY, unless NO_PROXY.

Its URL may hold a name and a password: its ``repr`` and ``name`` do not.
"""

from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.no_proxy import is_exempt
from bulk_publisher.text.redaction import Redactor

_DEFAULT_PORT = 80
_PORTAL_PORT = 443
_HINT = "Write it as http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT; to bypass it, add the portal's host to NO_PROXY."
_LOGIN = "Use Latin-1 characters only, and percent-encode those with a meaning in URLs: %2F for /, %40 for @, %3A for :."


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that connections go through.

    Attributes:
        url: With the name and the password that it may want.
        name: ``host:port``; no secret.
    """

    url: str = field(repr=False)
    name: str

    def hide_in(self, redactor: Redactor) -> None:
        """Have *redactor* take the password out of texts."""
        parts = urlsplit(self.url)
        if parts.username is not None:
            redactor.learn_login(parts.username, parts.password or "")


class Destination(Protocol):
    """What a proxy may lead to: a credential's portal, an authorisation server."""

    @property
    def host(self) -> str:
        """``host`` or ``host:port``."""
        ...

    @property
    def is_loopback(self) -> bool:
        """Whether it is a program on this machine."""
        ...


def proxy_of(destination: Destination) -> Proxy | None:
    """The proxy that leads to *destination*; None where none does.

    Raises:
        BadSetting: If it is of a kind that can't be used, or its address is none.
    """
    # A proxy would be sent the secret that plain http carries on this machine alone.
    if destination.is_loopback or _is_bypassed(destination):
        return None
    text = getproxies().get("https", "").strip()
    return proxy_at(text, where="HTTPS_PROXY") if text else None


def proxy_at(text: str, *, where: str) -> Proxy:
    """The proxy whose address is *text*.

    Args:
        where: What names it, for whoever has to mend it.

    Raises:
        BadSetting: If it is of a kind that can't be used, or its address is none.
    """
    url = text if "://" in text else f"http://{text}"
    parts = _split(url)
    if parts is None:
        raise BadSetting(f"{where} is not the address of a proxy.", _HINT)
    if parts.scheme != "http":
        raise BadSetting(
            f"{where} names a {parts.scheme}:// proxy, and only http:// proxies can be used.",
            _HINT,
        )
    if "@" in parts.path or not _can_be_sent(parts):
        raise BadSetting(
            f"{where} holds a name or a password that can't be sent to a proxy.", _LOGIN
        )
    literal = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return Proxy(url, f"{literal}:{parts.port or _DEFAULT_PORT}")


def _is_bypassed(destination: Destination) -> bool:
    named = getproxies_environment()
    if not named:
        # Where the system has settings of its own, it has exceptions of its own, too.
        return bool(proxy_bypass(destination.host))
    parts = urlsplit(f"//{destination.host}")
    return is_exempt(str(parts.hostname), parts.port or _PORTAL_PORT, named.get("no", ""))


def _can_be_sent(parts: SplitResult) -> bool:
    """Whether the name and the password are of the letters that HTTP's logins have."""
    try:
        unquote(f"{parts.username or ''}{parts.password or ''}").encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _split(url: str) -> SplitResult | None:
    """The parts of *url*; None where it has no host, or a port that can't be."""
    try:
        parts = urlsplit(url)
        is_one = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Its message may hold the password, so it ends here.
        return None
    return parts if is_one else None
