"""How often may a wrong token be entered? Pure: it decides from the times it is told."""

from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

from bulk_publisher.model import Mono

WINDOW = 900.0
"""Seconds for which a wrong token counts."""
MOST_OF_ONE = 10
"""Wrong tokens from one address in that time: enough for who pastes the wrong one."""
MOST_IN_ALL = 100
_MOST_ADDRESSES = 10_000
"""That are kept apart: what came longest ago is forgotten first."""


class LoginRate:
    """Counts wrong tokens, by address and in all."""

    def __init__(self) -> None:
        """None yet."""
        self._of_one: OrderedDict[str, deque[Mono]] = OrderedDict()
        self._in_all: deque[Mono] = deque(maxlen=MOST_IN_ALL)

    def wait(self, address: str, *, now: Mono) -> float:
        """Seconds until *address* may try again; 0 for now. Asking changes nothing."""
        mine = self._of_one.get(_network_of(address), deque[Mono]())
        return max(_wait(mine, MOST_OF_ONE, now=now), _wait(self._in_all, MOST_IN_ALL, now=now))

    def on_wrong(self, address: str, *, now: Mono) -> None:
        """A wrong token came from *address*."""
        key = _network_of(address)
        times = self._of_one.setdefault(key, deque(maxlen=MOST_OF_ONE))
        times.append(now)
        self._of_one.move_to_end(key)
        if len(self._of_one) > _MOST_ADDRESSES:
            self._of_one.popitem(last=False)
        self._in_all.append(now)


def _wait(times: deque[Mono], most: int, *, now: Mono) -> float:
    """Seconds until the oldest of so many counts no more."""
    return max(0.0, times[0] + WINDOW - now) if len(times) >= most else 0.0


def _network_of(address: str) -> str:
    """Who has one address of IPv6 has 2**64 of them."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or int(parsed) >> 64)
