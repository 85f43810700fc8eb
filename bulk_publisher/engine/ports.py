"""What the engine needs of others, in its own words: where it keeps what it did, and whom it asks."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bulk_publisher.model import Outcome, Page, PageId


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
