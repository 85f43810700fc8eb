"""Which hosts are reached without the proxy: NO_PROXY, as curl and Go read it.

Pure: text in, yes or no out.

How it works: the entries are separated by commas or blanks. ``*`` stands for every host. A network
(``10.0.0.0/8``) holds the addresses in it, an address itself, in whatever way it is written. A name
holds itself and every name below it, with a dot before it or without; with ``*.`` before it, those
below it alone. An entry that ends with a port is for that port alone. Names that are looked up are
not: a network holds hosts that are given as addresses.
"""

import ipaddress
import re

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
"""An entry with a port: an address of IPv6 stands in brackets then."""


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether *host* is reached without the proxy.

    Args:
        host: A name or an address, without brackets.
        no_proxy: What the environment says.
    """
    entries = re.split(r"[,\s]+", no_proxy.strip())
    return any(_holds(entry, _plain(host), port) for entry in entries if entry)


def _holds(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with_port = _PORT.fullmatch(entry)
    if with_port is not None:
        if int(with_port["port"]) != port:
            return False
        entry = with_port["host"]
    address = _address(host)
    if address is not None:
        return _holds_address(entry.strip("[]"), address)
    name = _plain(entry.removeprefix("*").lstrip("."))
    is_below_alone = entry.startswith("*")
    return bool(name) and (host.endswith(f".{name}") or (host == name and not is_below_alone))


def _holds_address(entry: str, address: _Address) -> bool:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    if network.version == 6 and network.network_address.ipv4_mapped and network.prefixlen == 128:
        return network.network_address.ipv4_mapped == address
    return address in network


def _address(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _plain(name: str) -> str:
    """*name* as it is compared: small letters, no dot at its end, in the letters of the DNS."""
    text = name.casefold().rstrip(".")
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        return text
