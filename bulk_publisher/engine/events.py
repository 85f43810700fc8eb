"""What happens in a run, as values: for whoever looks on. Told when it has happened, never asked.

Each is told from the loop of the run, and whoever is told must not block it.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from bulk_publisher.limits.decision import WaitUntil
from bulk_publisher.model import Fault, Outcome, PageId, SiteId

T = TypeVar("T")


class RequestSent(msgspec.Struct, frozen=True, gc=False):
    """A request of *pages* pages leaves."""

    pages: int


class WaitBegun(msgspec.Struct, frozen=True, gc=False):
    """Nothing is in flight, and nothing leaves for now."""

    wait: WaitUntil


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The portal refused a request of *pages* pages, or some of them, for one of its limits."""

    fault: Fault
    pages: int


class RequestLost(msgspec.Struct, frozen=True, gc=False):
    """A request of *pages* pages had no usable answer; they are looked up or sent again."""

    fault: Fault
    pages: int


class SiteStopped(msgspec.Struct, frozen=True, gc=False):
    """No page of *site* is sent any more."""

    site: SiteId
    fault: Fault


class UnlistedDone(msgspec.Struct, frozen=True, gc=False):
    """These pages were done although the portal does not list them; they count as any others."""

    pages: Sequence[PageId]


class Warned(msgspec.Struct, frozen=True, gc=False):
    """Something that a person should know now.

    Attributes:
        is_of_store: It is so for all runs of one store alike.
    """

    text: str
    is_of_store: bool = False


class PagesSettled(msgspec.Struct, frozen=True, gc=False):
    """These pages have their lines: they are safe where the run is kept."""

    outcomes: Sequence[Outcome]


Event = (
    RequestSent
    | WaitBegun
    | Refused
    | RequestLost
    | SiteStopped
    | UnlistedDone
    | Warned
    | PagesSettled
)

Watcher = Callable[[Event], None]
"""Is told of each event."""


def warner(watch: Watcher) -> Callable[[str], None]:
    """For who has nothing but sentences to tell *watch*."""
    return lambda text: watch(Warned(text))


def both(first: Callable[[T], None], second: Callable[[T], None]) -> Callable[[T], None]:
    """Tells two, in their order."""

    def tell(told: T) -> None:
        first(told)
        second(told)

    return tell


def watch_nothing(_event: Event) -> None:
    """Where nobody looks on."""
