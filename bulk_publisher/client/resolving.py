"""Which page is at an address? The portal is asked, within the limits, and changes nothing.

How it works: the sites of every kind are listed with their public addresses; an address belongs to the
site whose own it begins with, the longest if there are several. The portal is asked for the path, many
in a batch of one kind of site, each path of a site once. An address of the editor names its page, and
is not asked for.

A batch is no longer than ends in a third of a minute, by what an address was seen to take: a request
has a minute, and what is cut off has been paid for in vain.

Source: docs/bitrix24.md §4 "Addresses" [source].
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from bulk_publisher.client.listed_rows import number_in
from bulk_publisher.client.lister import Calls, list_error
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.sites import SitePlace, list_places
from bulk_publisher.model import Fault, FaultClass, PageId, Scope, SiteId
from bulk_publisher.portal.addresses import Address, FoundPage, Unusable, host_of, parse_address
from bulk_publisher.portal.wire import (
    BATCH_LENGTH,
    Answer,
    BatchAnswer,
    encode_command,
    scope_param,
)

RESOLVE_METHOD = "landing.landing.resolveidbypublicurl"

_FIRST_BATCH = 10
"""Addresses in the first one, which shows what they take."""
_FIRST_COST = 0.5
"""Seconds an address, until then."""
_LONGEST = 20.0
"""Seconds that a batch may take."""
_OF_CAP = 0.25
"""Of the operating time that may be used in ten minutes, what a batch may take."""
_ROUNDS = 3
"""Times that an address is asked for which the portal fails at by itself."""
_PAUSE = 60.0
"""Seconds after which the portal is asked again that has refused an address for its limits."""
_MOST_WAITS = 15
"""Such pauses, one after the other: as long as pages are waited for."""
_TOLD_EVERY = 2_000
"""Addresses between two words of how far it has come."""

_CANT = "The addresses can't be looked up"


class _Asked(NamedTuple):
    """A path of a site; in small letters, since the portal takes no notice of capitals."""

    site: SiteId
    path: str


class _Path(NamedTuple):
    """The same, and the path as it is written."""

    asked: _Asked
    path: str


@dataclass(frozen=True, slots=True)
class Places:
    """Which site an address is of.

    Attributes:
        host: The portal's, for addresses without one.
        own: Hosts of the portal itself.
        roots: By host: what the paths of each of its sites begin with, the longest first.
    """

    host: str
    own: frozenset[str]
    roots: Mapping[str, Sequence[tuple[str, SitePlace]]]

    def site_of(self, address: Address) -> SitePlace | FoundPage | Unusable:
        """The site that *address* is of, or the page that it names."""
        host = _without_www(address.host or self.host)
        if address.page is not None and address.site is not None:
            if host in self.own:
                return FoundPage(address.page, address.site, address.scope)
            return Unusable(f"{address} is an editor's address, but not of this portal")
        if host not in self.roots and host not in self.own:
            return Unusable(f"{address} is neither on the portal nor on one of its sites")
        path = address.path.lower()
        for root, place in self.roots.get(host, ()):
            if path.startswith(root):
                return place
        return Unusable(f"{address} is on no site that the portal shows to this credential")


def places_of(sites: Sequence[SitePlace], host: str) -> Places:
    """Where pages are on a portal at *host*."""
    roots: dict[str, list[tuple[str, SitePlace]]] = defaultdict(list)
    own = {_without_www(host)}
    for place in sites:
        address = parse_address(place.url)
        if not place.url or isinstance(address, Unusable):
            continue
        hosts = {_without_www(address.host or host)}
        if place.scope is not None:
            # Under any name that the portal has.
            own |= hosts
            hosts.add(_without_www(host))
        for one in hosts:
            roots[one].append((address.path.lower(), place))
    for known in roots.values():
        known.sort(key=lambda root: len(root[0]), reverse=True)
    return Places(host, frozenset(own), roots)


class PacedBatches(Calls, Protocol):
    """A portal that is asked within its limits, also many things at once."""

    @property
    def cap(self) -> float: ...

    async def batch_of(
        self, method: str, commands: Mapping[str, str], *, cost: float
    ) -> BatchAnswer | Fault: ...

    async def pause(self, seconds: float) -> None: ...


class Resolver:
    """Finds the pages of addresses on one portal.

    Attributes:
        requests: That it took.
        asked: Paths that the portal was asked for.
    """

    def __init__(self, calls: PacedBatches, host: str, warn: Warn = say_nothing) -> None:
        """Nothing is asked yet.

        Args:
            host: The portal's.
            warn: Told how far it has come, where that takes long.
        """
        self.requests = 0
        self.asked = 0
        self._calls = calls
        self._host = host_of(host) or host
        self._warn = warn
        self._cost = _FIRST_COST
        self._found: dict[_Asked, PageId | Unusable] = {}

    async def find(self, addresses: Collection[Address]) -> dict[Address, FoundPage | Unusable]:
        """The page at each of *addresses*, or why there is none.

        Raises:
            BulkPublisherError: If the portal can't be asked.
        """
        places = await self._places(addresses)
        of_sites: dict[Address, SitePlace] = {}
        found: dict[Address, FoundPage | Unusable] = {}
        for address in addresses:
            match places.site_of(address):
                case SitePlace() as place:
                    of_sites[address] = place
                case other:
                    found[address] = other
        await self._ask_all(of_sites)
        for address, place in of_sites.items():
            match self._found[_asked(address, place)]:
                case Unusable(why):
                    found[address] = Unusable(f"{address} {why}")
                case page:
                    found[address] = FoundPage(page, place.site, place.scope)
        return found

    async def _places(self, addresses: Collection[Address]) -> Places:
        alone = places_of((), self._host)
        if not any(isinstance(alone.site_of(address), Unusable) for address in addresses):
            return alone
        counted = _Counted(self._calls)
        sites = await list_places(counted)
        self.requests += counted.calls
        return places_of(sites, self._host)

    async def _ask_all(self, of_sites: Mapping[Address, SitePlace]) -> None:
        wanted: dict[Scope | None, dict[_Asked, str]] = defaultdict(dict)
        for address, place in of_sites.items():
            wanted[place.scope].setdefault(_asked(address, place), address.path)
        total = sum(map(len, wanted.values()))
        for scope, paths in wanted.items():
            left = [_Path(asked, path) for asked, path in paths.items()]
            while left:
                size = self._size()
                await self._ask(scope, left[:size])
                left = left[size:]
                self._tell(total)

    def _size(self) -> int:
        longest = min(_LONGEST, self._calls.cap * _OF_CAP)
        most = _FIRST_BATCH if not self.asked else BATCH_LENGTH
        return max(1, min(most, int(longest / max(self._cost, 1e-3))))

    def _tell(self, total: int) -> None:
        before, self.asked = self.asked, len(self._found)
        if total > _TOLD_EVERY and before // _TOLD_EVERY != self.asked // _TOLD_EVERY:
            self._warn(f"Looked up {self.asked:,} of {total:,} addresses.")

    async def _ask(self, scope: Scope | None, paths: Sequence[_Path]) -> None:
        """Ask for *paths* until each is answered, or has failed by itself often enough."""
        left, failures, waits = list(paths), 0, 0
        while left:
            failed: list[tuple[_Path, Fault]] = []
            for one, reply in zip(left, await self._replies(scope, left), strict=True):
                if isinstance(reply, Answer):
                    page = number_in(reply.result)
                    self._found[one.asked] = _NOBODY if page is None else PageId(page)
                elif reply.kind in _OF_ALL or waits == _MOST_WAITS:
                    raise list_error(reply, _CANT)
                else:
                    failed.append((one, reply))
            is_held = any(fault.kind in _HELD for _, fault in failed)
            waits, failures = waits + is_held, failures + (not is_held)
            left = []
            for one, fault in failed:
                if fault.kind in _HELD or (
                    fault.kind is FaultClass.TRANSIENT and failures < _ROUNDS
                ):
                    left.append(one)
                else:
                    self._found[one.asked] = Unusable(f"can't be looked up: {fault.words}")
            if left:
                await self._calls.pause(_PAUSE if is_held else 1.0)

    async def _replies(self, scope: Scope | None, paths: Sequence[_Path]) -> list[Answer | Fault]:
        params = [
            {"landingUrl": one.path, "siteId": one.asked.site, **scope_param(scope)}
            for one in paths
        ]
        commands = {f"a{n}": encode_command(RESOLVE_METHOD, one) for n, one in enumerate(params)}
        self.requests += 1
        cost = self._cost * len(commands)
        answer = await self._calls.batch_of(RESOLVE_METHOD, commands, cost=cost)
        if isinstance(answer, Fault):
            if answer.kind is not FaultClass.BATCH:
                raise list_error(answer, _CANT)
            replies: list[Answer | Fault] = [answer] * len(params)
        else:
            replies = [answer.commands[key] for key in commands]
            if answer.timing is not None:
                self._cost = max(answer.timing.duration / len(commands), self._cost / 2)
        for at, reply in enumerate(replies):
            if isinstance(reply, Fault) and reply.kind is FaultClass.BATCH:
                self.requests += 1
                replies[at] = await self._calls.call(RESOLVE_METHOD, params[at])
        return replies


class _Counted:
    """Calls that are counted."""

    def __init__(self, calls: Calls) -> None:
        self.calls = 0
        self._calls = calls

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault:
        self.calls += 1
        return await self._calls.call(method, params)


_NOBODY = Unusable("leads to no page")
_HELD = {FaultClass.OPERATING, FaultClass.RATE}
_OF_ALL = {FaultClass.CREDENTIAL, FaultClass.TOKEN, FaultClass.PORTAL}


def _asked(address: Address, place: SitePlace) -> _Asked:
    return _Asked(place.site, address.path.lower())


def _without_www(host: str) -> str:
    """The portal takes a host with ``www.`` and without for one."""
    return host.removeprefix("www.")
