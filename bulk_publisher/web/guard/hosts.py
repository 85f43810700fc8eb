"""Is it us whom a request means? Pure."""

import re
from collections.abc import Set as AbstractSet
from ipaddress import ip_address

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\\@\[\]]+))(?::[0-9]{1,5})?")


def is_ours(host: str | None, hosts: AbstractSet[str]) -> bool:
    """Whether a ``Host`` header names one of *hosts*, which are in lower case.

    A website that makes its own name lead to this machine (DNS rebinding) can't make a browser send
    another name than its own. The port says nothing of that, and a tunnel has one of its own.
    """
    found = _HOST.fullmatch(host or "")
    if found is None:
        return False
    name = (found[1] or found[2]).lower().removesuffix(".")
    if found[1]:
        try:
            name = str(ip_address(name))
        except ValueError:
            return False
    return name in hosts
