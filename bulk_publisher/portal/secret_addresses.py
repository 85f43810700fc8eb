"""Addresses that secrets are sent to: over TLS, or to a program on this machine. Pure."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_NAME = re.compile(r"^[\w-]+(\.[\w-]+)*\.?$")


def split_address(url: str) -> SplitResult | None:
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


def host_of(parts: SplitResult) -> str:
    """The host of an address, as ``host`` or ``host:port``."""
    host = str(parts.hostname)
    literal = f"[{host}]" if ":" in host else host
    return literal if parts.port is None else f"{literal}:{parts.port}"


def is_loopback(host: str) -> bool:
    """Whether *host*, without a port, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe(parts: SplitResult) -> bool:
    """Whether a secret may be sent there: https, or plain http to this machine alone."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(str(parts.hostname)))
