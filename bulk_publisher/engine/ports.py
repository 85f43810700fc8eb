"""What the runner needs of others, in its own words: where it keeps what it did, and who looks on."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bulk_publisher.engine.events import (
    Event,
    PagesSettled,
    Refused,
    RequestLost,
    RequestSent,
    SiteStopped,
    WaitBegun,
    Warned,
)
from bulk_publisher.limits.decision import WaitUntil
from bulk_publisher.model import Fault, Outcome, Page, PageId, SiteId


class Sink(Protocol):
    """Where outcomes end, and where it is noted beforehand what may be done.

    When one of them returns it is on disk; otherwise it raises ``JournalLost``.
    """

    @property
    def ahead(self) -> int:
        """Pages that are noted and have not left yet."""
        ...

    async def note_sent(self, pages: Sequence[Page]) -> None: ...

    async def note_ahead(self, pages: Sequence[Page]) -> None: ...

    async def append(self, outcomes: Sequence[Outcome]) -> None: ...


class Look(Protocol):
    """Asks the portal how pages are now."""

    async def __call__(self, pages: Sequence[Page]) -> Mapping[PageId, Page]:
        """Those of *pages*, at most 500, that the portal lists.

        Raises:
            BulkPublisherError: If it cannot be asked.
        """
        ...


class Observer:
    """Looks on, and must not be in the way. Called from the loop; never blocks."""

    def __call__(self, event: Event) -> None:
        match event:
            case PagesSettled(outcomes=outcomes):
                self.on_settled(outcomes)
            case WaitBegun(wait=wait):
                self.on_waiting(wait)
            case RequestSent():
                self.on_sending()
            case Refused(fault=fault):
                self.on_refused(fault)
            case RequestLost(fault=fault, pages=pages):
                self.on_lost(fault, pages)
            case SiteStopped(site=site, fault=fault):
                self.on_site_stopped(site, fault)
            case Warned(text=text):
                self.on_warning(text)

    def on_settled(self, outcomes: Sequence[Outcome]) -> None:
        """These pages are on disk."""

    def on_waiting(self, decision: WaitUntil) -> None:
        """Nothing leaves before then."""

    def on_sending(self) -> None:
        """Requests leave again."""

    def on_refused(self, fault: Fault) -> None:
        """The portal refused for one of its limits."""

    def on_lost(self, fault: Fault, pages: int) -> None:
        """A request of *pages* pages was lost, and will be sent again."""

    def on_site_stopped(self, site: SiteId, fault: Fault) -> None:
        """No page of *site* is sent any more."""

    def on_warning(self, text: str) -> None:
        """Something that a person should know now."""

    def on_page(self, page: Page) -> None:
        """The source has named one more page."""
