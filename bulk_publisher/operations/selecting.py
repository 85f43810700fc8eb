"""Which pages a job selects, as one stream; checked as far as possible before anything is sent."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Container
from dataclasses import dataclass

import msgspec

from bulk_publisher.client.conditions import parse_condition
from bulk_publisher.client.folders import find_folders
from bulk_publisher.client.lister import Calls
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.session import Session
from bulk_publisher.client.sites import check_sites
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only, Order, Page, PageId
from bulk_publisher.operations.listed_pages import listed, listed_ids
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.sources.addresses import GivenAddresses, given_addresses
from bulk_publisher.sources.csv_file import check_csv, check_urls
from bulk_publisher.sources.earlier import EarlierPages
from bulk_publisher.sources.given import PageRanges, parse_pages
from bulk_publisher.sources.list_file import check_list
from bulk_publisher.sources.lookup import look_up
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx
from bulk_publisher.store.description import SelectedCounts
from bulk_publisher.store.standing import Place

_NONE: frozenset[PageId] = frozenset()

ByAddress = CheckedTable | GivenAddresses
"""What may name pages by their addresses."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took to look addresses up.

    Attributes:
        asked: Paths that the portal was asked for, each once.
    """

    asked: int = 0
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection that has been checked.

    Attributes:
        total: Pages in it; None where only the portal knows. Addresses, until they were looked up.
        duplicates: How often a page was named that had been named before: the first counts.
        bad_rows: Rows that were passed over.
        problems: What was odd in how it is written, and what is wrong with the first of them:
            ``file:line: why``.
        sha256: Of the file with the list; None without one.
        named: The pages, where they are known beforehand; None where the portal lists them. Those
            that are named by addresses, once these were looked up.
        is_proved: An earlier run has found pages with this scope on this portal.
        carried: Columns of a list whose cells stand in the outcomes.
        excluded: Pages to leave out; None where none are.
        effort: What it took to look its addresses up, if it has any.
    """

    select: Selection
    total: int | None
    duplicates: int = 0
    bad_rows: int = 0
    problems: tuple[str, ...] = ()
    sha256: str | None = None
    named: ByAddress | PageRanges | EarlierPages | AsyncIterable[Page] | None = None
    is_proved: bool = False
    carried: tuple[str, ...] = ()
    excluded: CheckedTable | None = None
    effort: Effort = Effort()

    @property
    def counts(self) -> SelectedCounts:
        """It in numbers, as ``run.json`` holds them."""
        return SelectedCounts(
            total=self.total,
            duplicates=self.duplicates,
            bad_rows=self.bad_rows,
            sha256=self.sha256,
        )

    async def ids_beyond(self, calls: Calls, place: Place) -> AsyncIterator[list[PageId]]:
        """The IDs of the pages that the portal lists beyond *place*, some thousands at a time.

        In another order than the list's there is no such place, and they are all pages.

        Raises:
            BulkPublisherError: If they can't be listed.
        """
        excluded = await _ids_of(self.excluded)
        async for ids in listed_ids(self.select, calls, place):
            yield [page for page in ids if page not in excluded]

    @property
    def is_looked_up(self) -> bool:
        """Whether the portal is asked for pages that are named."""
        is_asked = self.select.lookup or self.select.only is not Only.ALL
        return self.named is not None and is_asked

    @property
    def has_place(self) -> bool:
        """Whether a place in the portal's list says how far it is used up."""
        return self.named is None and self.select.order is Order.LIST

    @property
    def is_countable(self) -> bool:
        """Whether the portal lists the pages, and decides alone which."""
        conditions = map(parse_condition, self.select.where)
        return self.named is None and all(condition.filter for condition in conditions)

    def check_listed(self, *, asked: int, listed: int) -> None:
        """See that the portal lists any of the pages that are named: otherwise the scope is wrong.

        Args:
            asked: Pages that it was asked for: not those that are left out in any case.
            listed: How many of them it lists.

        Raises:
            BadSetting: If it lists none.
        """
        if asked and not listed and self.is_looked_up:
            raise BadSetting(
                f"The portal lists none of the {asked:,} pages: is --scope the right one?"
                if asked > 1
                else "The portal does not list the page: is --scope the right one?",
                "Knowledge bases need --scope KNOWLEDGE, those of workgroups GROUP, the vibe MAINPAGE."
                " To see what there is: bulk-publisher doctor",
            )

    async def pages(
        self,
        calls: Calls,
        *,
        without: Collection[PageId] = _NONE,
        taken: int = 0,
        place: Place | None = None,
        is_proved: bool = False,
        is_dated: bool = False,
        warn: Warn = say_nothing,
    ) -> AsyncIterator[Page]:
        """The pages, in order, up to the selection's limit.

        Args:
            without: Pages to leave out, unasked.
            taken: How many pages of the limit are used up.
            place: Where a list of the portal goes on; None for its beginning.
            is_proved: Pages of it were found before: no doubt is to be raised about its scope.
            is_dated: The portal is asked when they were modified, too: they are ``DatedPage``.
            warn: Told what a person should know of the selection.

        Raises:
            BulkPublisherError: If they can't be read or listed.
        """
        left = None if self.select.limit is None else self.select.limit - taken
        if left is not None and left <= 0:
            return
        excluded = await _ids_of(self.excluded)
        if self.named is None:
            gone = _Either(without, excluded)
            pages = listed(self.select, calls, place, without=gone, is_dated=is_dated, warn=warn)
        else:
            named = self._marked(_but(aiter(self.named), without), excluded)
            pages = self._looked_up(named, calls, is_dated=is_dated, is_proved=is_proved, warn=warn)
        async for page in pages:
            yield page
            if left is not None:
                left -= 1
                if not left:
                    return

    def _looked_up(
        self,
        pages: AsyncIterator[Page],
        calls: Calls,
        *,
        is_dated: bool,
        is_proved: bool,
        warn: Warn,
    ) -> AsyncIterator[Page]:
        if isinstance(self.named, ByAddress) and self.named.addresses and not self.named.found:
            raise RuntimeError("the addresses were not looked up")
        if not self.is_looked_up:
            return pages
        where = tuple(map(parse_condition, self.select.where))
        return look_up(
            pages,
            calls,
            only=self.select.only,
            where=where,
            is_dated=is_dated,
            is_proved=is_proved,
            warn=warn,
        )

    async def _marked(
        self, pages: AsyncIterator[Page], excluded: Collection[PageId]
    ) -> AsyncIterator[Page]:
        """*pages*, those to be left out with the reason: who names a page is told what became of it."""
        reason = f"It is on the list of excluded pages, {'' if self.excluded is None else self.excluded.name}."
        async for page in pages:
            yield msgspec.structs.replace(page, skip=reason) if page.id in excluded else page


async def check_places(session: Session, select: Selection) -> None:
    """See that the sites and folders of *select* are there.

    Raises:
        BadSetting: If the portal does not show one of them.
        BulkPublisherError: If folders can't be listed.
    """
    await check_sites(session, select.scope, select.site)
    if select.folder:
        await find_folders(session.calls, select.scope, select.folder, select.site)


def check_selection(select: Selection) -> Selected:
    """*select*, read through as far as that needs no portal.

    Raises:
        UsageError: If a list of pages is not as it must be.
    """
    # First: a list on standard input can be read only once.
    excluded = _excluded(select)
    table = _table(select)
    if table is not None:
        return Selected(
            select,
            _cut(table.pages, select.limit),
            duplicates=table.duplicates,
            bad_rows=table.bad_rows,
            problems=(*table.notes, *table.problems),
            sha256=table.sha256,
            named=table,
            carried=table.carried,
            excluded=excluded,
        )
    if select.url:
        given = given_addresses(select.url)
        total = _cut(len(given.addresses), select.limit)
        return Selected(select, total, named=given, excluded=excluded)
    if select.page:
        ranges = parse_pages(select.page, scope=select.scope)
        total = _cut(ranges.pages, select.limit)
        return Selected(
            select, total, duplicates=ranges.duplicates, named=ranges, excluded=excluded
        )
    return Selected(select, total=None, excluded=excluded)


def _table(select: Selection) -> CheckedTable | None:
    """The list of pages that a file holds; None where there is none."""
    if select.csv is not None:
        return check_csv(
            select.csv,
            column=select.column,
            carry=select.carry,
            scope=select.scope,
            skip_bad_rows=select.skip_bad_rows,
        )
    if select.xlsx is not None:
        return check_xlsx(
            select.xlsx,
            sheet=select.sheet,
            column=select.column,
            carry=select.carry,
            scope=select.scope,
            skip_bad_rows=select.skip_bad_rows,
        )
    if select.urls is not None:
        return check_urls(select.urls, skip_bad_rows=select.skip_bad_rows)
    return None


def _excluded(select: Selection) -> CheckedTable | None:
    """The list of pages to leave out, of whichever kind the file is; None where there is none.

    A row that can't be read is never passed over: its page would be published.
    """
    return None if select.exclude is None else check_list(select.exclude, scope=select.scope)


@dataclass(frozen=True, slots=True)
class _Either(Container[PageId]):
    """Pages of either of two."""

    one: Container[PageId]
    other: Container[PageId]

    def __contains__(self, page: object) -> bool:
        return page in self.one or page in self.other


async def _ids_of(pages: AsyncIterable[Page] | None) -> PageSet:
    """The IDs of *pages*.

    Raises:
        BadSource: If they can't be read any more.
    """
    ids = PageSet()
    if pages is not None:
        async for page in pages:
            ids.add(page.id)
    return ids


async def _but(pages: AsyncIterator[Page], without: Container[PageId]) -> AsyncIterator[Page]:
    async for page in pages:
        if page.id not in without:
            yield page


def _cut(pages: int, limit: int | None) -> int:
    return pages if limit is None else min(pages, limit)
