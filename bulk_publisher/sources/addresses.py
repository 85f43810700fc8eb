"""Pages given by their addresses, one by one. Pure.

At which page each is, the portal was asked before; whoever iterates them gets those alone.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Page
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.addresses import Address, FoundPage
from bulk_publisher.sources.cells import Wrong, parse_url


@dataclass(frozen=True, slots=True)
class GivenAddresses:
    """Pages given by their addresses; iterate it for them, in the order given.

    Attributes:
        found: The pages at them; none until the portal was asked.
    """

    addresses: tuple[Address, ...]
    found: Mapping[Address, FoundPage] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What they are called in messages."""
        return "--url"

    def named_addresses(self) -> Iterator[tuple[str, Address]]:
        """The addresses, each with where it stands."""
        for address in self.addresses:
            yield self.name, address

    async def __aiter__(self) -> AsyncIterator[Page]:
        seen = PageSet()
        for address in self.addresses:
            at = self.found.get(address)
            if at is not None and seen.add(at.page):
                source = f"--url {address.host}{address.path}"
                yield Page(at.page, scope=at.scope, source=source, site=at.site)


def given_addresses(texts: Sequence[str]) -> GivenAddresses:
    """The addresses that *texts* are.

    Raises:
        BadSetting: If one of them is none.
    """
    given = [parse_url(text) for text in texts]
    wrong = [one.why for one in given if isinstance(one, Wrong)]
    if wrong:
        raise BadSetting("; ".join(dict.fromkeys(wrong)))
    return GivenAddresses(tuple(one for one in given if isinstance(one, Address)))
