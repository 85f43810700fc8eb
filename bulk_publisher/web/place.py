"""Where the page is, and whom it believes: what the options of ``serve --web`` say, checked. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from bulk_publisher.errors import BadSetting
from bulk_publisher.text.shown import shown

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)  # fmt: skip
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_NEVER_USERS = frozenset(
    ["authorization", "connection", "cookie", "forwarded", "host", "origin", "referer"]
)
"""Headers that say something else, and that anybody may send through a proxy."""
_LONGEST_USER = 200


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Where to listen, and whom to believe.

    Attributes:
        host: An address of this machine, or ``localhost``.
        hosts: The names in a ``Host`` header that are ours, in lower case, without a port.
        proxies: Whose word on users, clients and HTTPS counts.
        user_header: What a proxy names the user in; None where it names none.
        steerers: Users of such a proxy that may steer; others may see.
    """

    host: str
    port: int
    hosts: frozenset[str]
    proxies: tuple[Network, ...] = ()
    user_header: str | None = None
    steerers: frozenset[str] = frozenset()

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches it, but for its proxies."""
        return self.host == "localhost" or ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def web_place(
    web: str,
    *,
    hosts: Iterable[str] = (),
    proxies: Iterable[str] = (),
    user_header: str | None = None,
    steerers: Iterable[str] = (),
) -> WebPlace:
    """What the options say: ``--web``, ``--web-host``, ``--web-proxy``, ``--web-user-header``, ``--web-steer``.

    Raises:
        BadSetting: If one of them can't be, or they don't fit together.
    """
    host, port = _host_and_port(web)
    networks = tuple(map(_network, proxies))
    users = frozenset(map(_user, steerers))
    if user_header is not None:
        _check_header(user_header, networks)
    elif users:
        raise BadSetting(
            "--web-steer needs --web-user-header: it names users of a proxy.",
            "To let a token steer: bulk-publisher web token add NAME --role steer",
        )
    named = frozenset({*_own_names(host), *map(_host_name, hosts)})
    if not named:
        raise BadSetting(
            f"--web {web}: nobody is told under which name the page is reached.",
            "Name it: --web-host publisher.example.com",
        )
    return WebPlace(host, port, named, networks, user_header, users)


def _host_and_port(web: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", web)
    port = int(found[3]) if found else 0
    host = (found[1] or found[2]) if found else ""
    try:
        host = host if host == "localhost" else str(ip_address(host))
    except ValueError:
        port = 0
    if not 1 <= port <= 65_535:
        raise BadSetting(
            f"--web {shown(web)}: that is no address of this machine with a port.",
            "Write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080.",
        )
    return host, port


def _own_names(host: str) -> Iterable[str]:
    """What stands in ``Host`` of who asks for the address itself; an address for all names none."""
    if host == "localhost" or ip_address(host).is_loopback:
        return (host, "localhost")
    return () if ip_address(host).is_unspecified else (host,)


def _host_name(name: str) -> str:
    plain = name.rstrip(".").lower()
    if _NAME.fullmatch(plain):
        return plain
    try:
        return str(ip_address(plain.strip("[]")))
    except ValueError:
        raise BadSetting(
            f"--web-host {shown(name)}: that is no host name.",
            "Write it as a browser shows it, without http:// and without a port.",
        ) from None


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise BadSetting(
            f"--web-proxy {shown(text)}: that is no network: {error}.",
            "Write an address or a network: 127.0.0.1 or 10.0.0.0/24.",
        ) from error


def _check_header(name: str, proxies: tuple[Network, ...]) -> None:
    if not _HEADER.fullmatch(name) or name.lower() in _NEVER_USERS:
        raise BadSetting(
            f"--web-user-header {shown(name)}: no header of that name can name a user.",
            "Use one that your proxy sets on every request, such as X-Forwarded-User.",
        )
    if not proxies:
        raise BadSetting(
            "--web-user-header needs --web-proxy: without it anybody could send that header.",
            "Name the addresses of your proxy: --web-proxy 127.0.0.1",
        )


def _user(name: str) -> str:
    if not is_user_name(name):
        raise BadSetting(f"--web-steer {shown(name)}: that can't be a user's name.")
    return name


def is_user_name(name: str) -> bool:
    """Whether a proxy may call a user so: one line that can be seen, not too long."""
    return 0 < len(name) <= _LONGEST_USER and name.isprintable() and name == name.strip()
