"""Who has sent it really? What proxies say, as far as they are believed. Pure."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from bulk_publisher.web.place import Address, Network

FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")  # fmt: skip
"""Headers by which a proxy gives itself away."""
_MOST = 20
"""Proxies in a row that are followed back."""


def address_of(text: str | None) -> Address | None:
    """The address that *text* is; of one of IPv4 written as IPv6 that of IPv4."""
    try:
        parsed = ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def is_trusted(remote: str | None, proxies: Sequence[Network]) -> bool:
    """Whether *remote* is one of the *proxies*."""
    address = address_of(remote)
    return address is not None and any(address in network for network in proxies)


def client_of(remote: str | None, forwarded_for: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address of who has sent a request: the last one in the way that is no proxy of ours.

    Args:
        forwarded_for: The values of ``X-Forwarded-For``, in their order.
    """
    at = remote or "unknown"
    way = [part for value in forwarded_for for part in value.split(",")]
    for before in reversed(way[-_MOST:]):
        if not is_trusted(at, proxies):
            break
        address = address_of(before)
        if address is None:
            break
        at = str(address)
    return at
