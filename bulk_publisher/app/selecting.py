"""Which pages a job selects, as one stream; checked as far as possible before anything is sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only, Page, SiteId
from bulk_publisher.sources.csv_file import CheckedCsv, check_csv
from bulk_publisher.sources.given import PageRanges, parse_pages
from bulk_publisher.sources.lister import Calls, Lister
from bulk_publisher.sources.lookup import look_up


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection that has been checked.

    Attributes:
        total: Pages in it; None where only the portal knows.
        duplicates: Pages that were named more than once.
        bad_rows: Rows that were passed over.
        problems: What is wrong with the first of them: ``file:line: why``.
        sha256: Of the CSV; None without one.
    """

    select: Selection
    total: int | None
    duplicates: int
    bad_rows: int
    problems: tuple[str, ...]
    sha256: str | None
    named: CheckedCsv | PageRanges | None

    async def pages(self, calls: Calls) -> AsyncIterator[Page]:
        """The pages, in order, up to the selection's limit.

        Raises:
            BulkPublisherError: If they can't be read or listed.
        """
        left = self.select.limit
        if left == 0:
            return
        async for page in self._all(calls):
            yield page
            if left is not None:
                left -= 1
                if not left:
                    return

    def _all(self, calls: Calls) -> AsyncIterator[Page]:
        select = self.select
        if self.named is None:
            return _listed(select, calls)
        pages = aiter(self.named)
        if select.lookup or select.only is not Only.ALL:
            return look_up(pages, calls, only=select.only)
        return pages


def check_selection(select: Selection) -> Selected:
    """*select*, read through as far as that needs no portal.

    Raises:
        UsageError: If a list of pages is not as it must be.
    """
    if select.csv is not None:
        csv = check_csv(
            select.csv, column=select.column, scope=select.scope, skip_bad_rows=select.skip_bad_rows
        )
        return Selected(
            select,
            _cut(csv.pages, select.limit),
            csv.duplicates,
            csv.bad_rows,
            csv.problems,
            csv.sha256,
            csv,
        )
    if select.page:
        ranges = parse_pages(select.page, scope=select.scope)
        total = _cut(ranges.pages, select.limit)
        return Selected(select, total, ranges.duplicates, 0, (), None, ranges)
    return Selected(select, None, 0, 0, (), None, None)


async def _listed(select: Selection, calls: Calls) -> AsyncIterator[Page]:
    lister = Lister(calls, select.scope)
    for site in select.site or (None,):
        source = f"--scope {select.scope}" if site is None else f"--site {site}"
        named = None if site is None else SiteId(site)
        async for page in lister.by_key(named, select.only, source=source):
            yield page


def _cut(pages: int, limit: int | None) -> int:
    return pages if limit is None else min(pages, limit)
