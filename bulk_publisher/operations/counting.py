"""How many pages is a run about? Known beforehand, or counted beside it where the portal lists them.

How it works: a selection that is used up soon needs no count. Of a longer one what lies beyond the
pages that were named by then is listed by IDs alone, some thousands at a time, while the run is at
work on the first. The count is what was there then: pages may come and go, so it only ever grows with
what is named, and what counts in the end is what was named.

It is a second opinion, too: a list that ends with fewer pages than were counted is held against a
new count.
"""

import asyncio
from collections.abc import AsyncIterator

from bulk_publisher.client.lister import LIST_LENGTH, Calls, incomplete
from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.log import log
from bulk_publisher.model import Mono, Only, Page
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.standing import Place

_READY = 4 * LIST_LENGTH
"""Pages that a run reads ahead of what it sends: of so few the list itself tells soon enough."""
_AT_ONCE = 10
"""Lists that may follow each other without a pause: 50,000 pages."""
_PAUSE = 1.0
"""Seconds between two of the others: half of what the portal lets through is left to the pages."""
_MOST_LISTS = 500
"""Lists after which it is given up: two and a half million pages, or fewer where they are short."""


class Count:
    """The pages of a run: those that are settled, those that were named, and what lies beyond.

    Invariant: it is never less than the pages that are settled and named.
    """

    def __init__(self, selected: Selected, settled: PageSet) -> None:
        """Nothing is named yet.

        Args:
            settled: Pages of earlier processes, which the selection leaves out.
        """
        self._selected = selected
        self._settled = settled
        self._named = 0
        self._is_named_all = False
        self._begun = asyncio.Event()
        self._place: Place | None = None
        self._named_before = 0
        self._beyond: int | None = None

    @property
    def total(self) -> int | None:
        """How many there are; None where nobody knows yet."""
        if self._selected.total is not None:
            return self._selected.total
        named = len(self._settled) + self._named
        if self._is_named_all:
            return named
        if self._beyond is None:
            return None
        return max(named, self._cut(len(self._settled) + self._named_before + self._beyond))

    @property
    def _is_listed(self) -> bool:
        """Whether the portal lists the pages, and so can count them."""
        return self._selected.total is None and self._selected.is_countable

    async def of(self, pages: AsyncIterator[Page], calls: Calls) -> AsyncIterator[Page]:
        """*pages*, counted as they are named.

        Raises:
            ListIncomplete: If there were fewer than the portal counts.
        """
        async for page in pages:
            self._named += 1
            if self._is_listed and self._named == _READY + 1:
                self._place = Place(page.source, page.id)
                self._named_before = self._named if self._selected.has_place else 0
                self._begun.set()
            yield page
        await self._check(calls)
        self._is_named_all = True

    async def count(self, calls: Calls, clock: Clock) -> None:
        """Count what lies beyond, once so many are named that it is worth it.

        What can't be counted is not known; that ends no run.
        """
        await self._begun.wait()
        try:
            self._beyond = await self._count(calls, clock)
        except BulkPublisherError as error:
            log.info("pages.not_counted", reason=error.message)
        else:
            log.info("pages.counted", beyond=self._beyond)

    async def _count(self, calls: Calls, clock: Clock | None = None) -> int | None:
        """The pages beyond the place; None where it takes too long, or nobody needs them any more."""
        if self._place is None:
            return None
        beyond = lists = 0
        async for ids in self._selected.ids_beyond(calls, self._place):
            beyond += sum(page not in self._settled for page in ids)
            lists += 1
            if lists == _MOST_LISTS or self._is_named_all:
                return None
            if self._is_cut(len(self._settled) + self._named_before + beyond):
                break
            if clock is not None and lists >= _AT_ONCE:
                await clock.sleep_until(Mono(clock.now() + _PAUSE))
        return beyond

    async def _check(self, calls: Calls) -> None:
        beyond = self._named - self._named_before
        is_short = self._beyond is not None and beyond < self._beyond
        # Pages whose state changes meanwhile come and go.
        select = self._selected.select
        if not is_short or select.only is not Only.ALL or select.where:
            return
        if self._is_cut(len(self._settled) + self._named):
            return
        counted = await self._count(calls)
        if counted is not None and counted > beyond:
            raise incomplete(self._named, self._named_before + counted)

    def _is_cut(self, pages: int) -> bool:
        limit = self._selected.select.limit
        return limit is not None and pages >= limit

    def _cut(self, pages: int) -> int:
        limit = self._selected.select.limit
        return pages if limit is None else min(pages, limit)
