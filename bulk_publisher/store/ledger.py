"""What is recorded while a run goes on: pages that leave, pages that are settled, and the totals."""

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from bulk_publisher.model import Outcome, Page, PageId
from bulk_publisher.store.disk import Disk, Groups
from bulk_publisher.store.standing import Place
from bulk_publisher.store.totals import Totals

_MOST_LEFT = 10_000
"""Pages that may be passed over before the place is not moved on any more: a whole site that is
given up can have millions."""


class _Leaving(NamedTuple):
    """Pages of one request, and how far the selection is used up with them."""

    pages: Sequence[Page]
    place: Place | None


class Lines(Protocol):
    """The journal, as far as it is written."""

    @property
    def torn_bytes(self) -> int:
        """Bytes of a last line that a crash had cut short, removed on opening."""
        ...

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Have a line for each of them kept; blocks.

        Raises:
            JournalLost: If they are not.
        """
        ...


class OutPages(Protocol):
    """The pages that are out, and the place in the selection. One thread adds while another removes."""

    @property
    def ahead(self) -> int:
        """Pages that are expected, and have not left."""
        ...

    def expect(self, pages: Iterable[Page]) -> list[Page]:
        """These are to be added before they leave; gives those that are not added yet."""
        ...

    def leave(self, pages: Sequence[PageId]) -> bool:
        """These leave now; says whether all of them were added before."""
        ...

    def add(self, pages: Sequence[Page], place: Place | None) -> None:
        """These leave now, or soon; blocks until that is kept.

        Raises:
            JournalLost: If it is not.
        """
        ...

    def remove(self, pages: Iterable[PageId]) -> None:
        """These have their line."""
        ...

    def forget_all(self) -> None:
        """The run is whole: nothing is out, and nothing is left of the selection."""
        ...


class Ledger:
    """The engine's sink. It counts what is safe, and knows how far the selection is used up."""

    def __init__(
        self,
        journal: Lines,
        sent: OutPages,
        disk: Disk,
        totals: Totals,
        place: Place | None,
    ) -> None:
        self.totals = totals
        self._journal = journal
        self._sent = sent
        self._disk = disk
        self._notes = Groups(disk, self._write_notes)
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
            if not self._left and not self._is_stuck:
                self._place = Place(page.source, page.id)

    async def forget_place(self) -> None:
        """The portal may not have listed all up to there: a resume begins the list anew."""
        self._place, self._is_stuck = None, True
        self._left.clear()
        await self._notes.add([_Leaving((), None)])

    @property
    def torn_bytes(self) -> int:
        """Bytes of a last line that a crash had cut short, removed on opening."""
        return self._journal.torn_bytes

    def forget_all(self) -> None:
        """The run is whole."""
        self._sent.forget_all()

    @property
    def ahead(self) -> int:
        """Pages that are noted and have not left yet."""
        return self._sent.ahead

    async def note_sent(self, pages: Sequence[Page]) -> None:
        """These leave now."""
        ids = [page.id for page in pages]
        self._pass(ids)
        if self._sent.leave(ids):
            await self._notes.wait()
        else:
            await self._notes.add([_Leaving(pages, self._place)])

    async def note_ahead(self, pages: Sequence[Page]) -> None:
        """These leave next: then they need not be waited for."""
        fresh = self._sent.expect(pages)
        if fresh:
            await self._notes.add([_Leaving(fresh, self._place)])

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write, then count."""
        await self._disk.do(partial(self._journal.append, outcomes))
        ids = [outcome.page for outcome in outcomes]
        self._sent.remove(ids)
        self._pass(ids)
        for outcome in outcomes:
            self.totals.add(outcome)

    def _write_notes(self, group: Sequence[_Leaving]) -> None:
        pages = [page for leaving in group for page in leaving.pages]
        self._sent.add(pages, group[-1].place)

    def _pass(self, pages: Sequence[PageId]) -> None:
        """These are out, or have their lines: the place may move past them."""
        if self._left:
            for page in pages:
                self._pass_one(page)

    def _pass_one(self, page: PageId) -> None:
        source = self._left.pop(page, None)
        if source is None or self._is_stuck:
            return
        first = next(iter(self._left.items()), None)
        if first is None:
            self._place = Place(source, page)
        else:
            self._place = Place(first[1], first[0] - 1)
