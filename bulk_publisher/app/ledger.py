"""What is recorded while a run goes on: pages that leave, pages that are settled, and the totals."""

from collections.abc import AsyncIterator, Sequence

from bulk_publisher.journal.sent import Place, SentPages
from bulk_publisher.journal.writer import JournalWriter
from bulk_publisher.model import Outcome, Page, PageId
from bulk_publisher.report.fold import Totals

_MOST_LEFT = 10_000
"""Pages that may be passed over before the place is not moved on any more: a whole site that is
given up can have millions."""


class Ledger:
    """The runner's sink. It counts what is on disk, and knows how far the selection is used up."""

    def __init__(
        self, journal: JournalWriter, sent: SentPages, totals: Totals, place: Place | None
    ) -> None:
        self.totals = totals
        self._journal = journal
        self._sent = sent
        self._place = place
        self._left: dict[PageId, str] = {}
        self._is_stuck = False

    async def watched(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """*pages* of a selection that the portal lists, so that a resume knows where to go on."""
        async for page in pages:
            if not self._is_stuck:
                self._left[page.id] = page.source
                self._is_stuck = len(self._left) > _MOST_LEFT
            yield page
            if not self._left:
                self._place = Place(page.source, page.id)

    def note_sent(self, pages: Sequence[Page]) -> None:
        """These leave now."""
        for page in pages:
            self._pass(page.id)
        self._sent.add(pages, self._place)

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write, then count."""
        self._journal.append(outcomes)
        self._sent.remove(outcome.page for outcome in outcomes)
        for outcome in outcomes:
            self._pass(outcome.page)
            self.totals.add(outcome)

    def _pass(self, page: PageId) -> None:
        source = self._left.pop(page, None)
        if source is None or self._is_stuck:
            return
        first = next(iter(self._left.items()), None)
        if first is None:
            self._place = Place(source, page)
        else:
            self._place = Place(first[1], first[0] - 1)
