"""Which pages a job selects, as one stream; checked as far as possible before anything is sent."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterator
from dataclasses import dataclass

from bulk_publisher.client.lister import Calls, Lister
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.sites import foreign_sites
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only, Page, PageId, SiteId
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.sources.earlier import EarlierPages
from bulk_publisher.sources.given import PageRanges, parse_pages
from bulk_publisher.sources.lookup import look_up
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx
from bulk_publisher.store.description import SelectedCounts
from bulk_publisher.store.standing import Place

_NONE: frozenset[PageId] = frozenset()


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection that has been checked.

    Attributes:
        total: Pages in it; None where only the portal knows.
        duplicates: How often a page was named that had been named before: the first counts.
        bad_rows: Rows that were passed over.
        problems: What was odd in how it is written, and what is wrong with the first of them:
            ``file:line: why``.
        sha256: Of the file with the list; None without one.
        named: The pages, where they are known beforehand; None where the portal lists them.
        is_proved: An earlier run has found pages with this scope on this portal.
        carried: Columns of a list whose cells stand in the outcomes.
    """

    select: Selection
    total: int | None
    duplicates: int = 0
    bad_rows: int = 0
    problems: tuple[str, ...] = ()
    sha256: str | None = None
    named: CheckedTable | PageRanges | EarlierPages | AsyncIterable[Page] | None = None
    is_proved: bool = False
    carried: tuple[str, ...] = ()

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

        Raises:
            BulkPublisherError: If they can't be listed.
        """
        lister = await _lister(self.select, calls)
        for site, _, after in _parts(self.select, place):
            async for ids in lister.ids_by_key(site, self.select.only, after=after):
                yield ids

    @property
    def is_looked_up(self) -> bool:
        """Whether the portal is asked for pages that are named."""
        is_asked = self.select.lookup or self.select.only is not Only.ALL
        return self.named is not None and is_asked

    def check_listed(self, *, pages: int, listed: int) -> None:
        """See that the portal lists any of the pages that are named: otherwise the scope is wrong.

        Raises:
            BadSetting: If it lists none.
        """
        if pages and not listed and self.is_looked_up:
            raise BadSetting(
                f"The portal lists none of the {pages:,} pages: is --scope the right one?"
                if pages > 1
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
        warn: Warn = say_nothing,
    ) -> AsyncIterator[Page]:
        """The pages, in order, up to the selection's limit.

        Args:
            without: Pages to leave out, unasked.
            taken: How many pages of the limit are used up.
            place: Where a list of the portal goes on; None for its beginning.
            is_proved: Pages of it were found before: no doubt is to be raised about its scope.
            warn: Told what a person should know of the selection.

        Raises:
            BulkPublisherError: If they can't be read or listed.
        """
        left = None if self.select.limit is None else self.select.limit - taken
        if left is not None and left <= 0:
            return
        async for page in self._all(calls, without, place, warn, is_proved=is_proved):
            yield page
            if left is not None:
                left -= 1
                if not left:
                    return

    def _all(
        self,
        calls: Calls,
        without: Collection[PageId],
        place: Place | None,
        warn: Warn,
        *,
        is_proved: bool,
    ) -> AsyncIterator[Page]:
        select = self.select
        if self.named is None:
            return _but(_listed(select, calls, place, warn), without)
        pages = _but(aiter(self.named), without)
        if select.lookup or select.only is not Only.ALL:
            return look_up(pages, calls, only=select.only, is_proved=is_proved, warn=warn)
        return pages


def check_selection(select: Selection) -> Selected:
    """*select*, read through as far as that needs no portal.

    Raises:
        UsageError: If a list of pages is not as it must be.
    """
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
        )
    if select.page:
        ranges = parse_pages(select.page, scope=select.scope)
        total = _cut(ranges.pages, select.limit)
        return Selected(select, total, duplicates=ranges.duplicates, named=ranges)
    return Selected(select, total=None)


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
    return None


def _but(pages: AsyncIterator[Page], without: Collection[PageId]) -> AsyncIterator[Page]:
    return _left(pages, without) if without else pages


async def _left(pages: AsyncIterator[Page], without: Collection[PageId]) -> AsyncIterator[Page]:
    async for page in pages:
        if page.id not in without:
            yield page


async def _listed(
    select: Selection, calls: Calls, place: Place | None, warn: Warn
) -> AsyncIterator[Page]:
    lister = await _lister(select, calls)
    parts = list(_parts(select, place))
    # A page that is moved meanwhile is listed by both sites.
    seen = PageSet()
    for site, source, after in parts:
        async for page in lister.by_key(site, select.only, source=source, after=after, warn=warn):
            if len(parts) == 1 or seen.add(page.id):
                yield page


async def _lister(select: Selection, calls: Calls) -> Lister:
    if select.site:
        # Whose pages these are, their rows tell.
        return Lister(calls, select.scope)
    return Lister(calls, select.scope, foreign=await foreign_sites(calls, select.scope))


def _parts(select: Selection, place: Place | None) -> Iterator[tuple[SiteId | None, str, int]]:
    """What is to be listed from *place* on: of which site, its source, and after which page."""
    sites = tuple(dict.fromkeys(select.site)) or (None,)
    sources = [f"--scope {select.scope}" if site is None else f"--site {site}" for site in sites]
    first = 0 if place is None or place.source not in sources else sources.index(place.source)
    for site, source in list(zip(sites, sources, strict=True))[first:]:
        after = place.after if place is not None and place.source == source else 0
        yield None if site is None else SiteId(site), source, after


def _cut(pages: int, limit: int | None) -> int:
    return pages if limit is None else min(pages, limit)
