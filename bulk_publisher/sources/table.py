"""The pages of a table: its rows are read through once before anything is sent, then streamed.

How it works:
    `check_table` reads row by row and keeps nothing but the ids it has seen, as a `PageSet`, or the
    addresses, since the portal is asked for them before the first page. The rows are read again
    while the run goes on.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Page, PageId, Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.addresses import Address, FoundPage
from bulk_publisher.sources.carried import without_secrets
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.columns import Columns
from bulk_publisher.sources.csv_rows import CsvRow, parse_row, without_rivals
from bulk_publisher.text.redaction import without_webhooks

SKIP_OR_CORRECT = "Correct them, or skip them with --skip-bad-rows."

LISTED_PROBLEMS = 20
"""How many bad rows are listed one by one."""

UNREADABLE = (UnicodeError, EOFError, zlib.error)
"""What reading a file raises, beside an `OSError`, where it is damaged or was changed meanwhile."""

TakePages = Callable[[list[PageId]], None]
"""Is told the pages of some rows at once."""


class Table(Protocol):
    """A list of pages, row by row, which can be read again and again.

    Attributes:
        name: It, for messages; a row's number follows.
        notes: What a person should know of how it was read.
        columns: What stands where in a row.
        sha256: Of the bytes as given, in hexadecimal.
    """

    @property
    def name(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def sha256(self) -> str: ...

    def rows(self, take: TakePages | None = None) -> Iterator[tuple[int, list[str] | Wrong]]:
        """The rows below the header that are not blank, each with its number.

        Args:
            take: May be told of rows that are in order, instead of their being given one by one: each
                names a page, and neither `parse_row` nor `without_rivals` finds anything wrong with it.
        """

    def is_same(self) -> bool:
        """Whether the rows are still those that were there when it was opened."""


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """A table that has been read through once; iterate it for its pages.

    Attributes:
        name: The file as the user named it, and its sheet where it has one.
        pages: Distinct pages, or addresses of them.
        duplicates: Rows that name a page again; the first counts, whatever their scopes.
        bad_rows: Rows that name no page; left out.
        problems: The first 20 of those, as ``file:line: why``.
        notes: What a person should know of how the file was read.
        hint: What to do about them, where they need more than to be corrected.
        sha256: Of the bytes as given, in hexadecimal: a resume compares it.
        addresses: Those that stand for the pages, each with its row; none where ids do.
        found: The pages at them; none until the portal was asked.
    """

    name: str
    pages: int
    duplicates: int
    bad_rows: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    hint: str
    sha256: str
    _table: Table = field(repr=False, compare=False)
    _scope: Scope | None = field(repr=False, compare=False)
    addresses: tuple[tuple[int, Address], ...] = ()
    found: Mapping[Address, FoundPage] = field(default_factory=dict, repr=False, compare=False)

    def named_addresses(self) -> Iterator[tuple[str, Address]]:
        """The addresses, each with where it stands."""
        for line, address in self.addresses:
            yield f"{self.name}:{line}", address

    @property
    def carried(self) -> tuple[str, ...]:
        """Names of the columns whose cells stand in the outcomes."""
        return tuple(name for _, name in self._table.columns.carried)

    async def __aiter__(self) -> AsyncIterator[Page]:
        """The pages in the order of the file, duplicates and bad rows left out.

        Raises:
            BadSource: If the file has changed since it was checked.
        """
        if not self._table.is_same():
            raise self._changed()
        seen = PageSet()
        columns = self._table.columns
        try:
            for line, row in self._table.rows():
                if isinstance(row, Wrong):
                    continue
                found = parse_row(row, columns, self._scope)
                if not isinstance(found, CsvRow):
                    continue
                page = _page(found, f"{self.name}:{line}", self.found)
                if page is not None and seen.add(page.id):
                    yield page
        except (*UNREADABLE, OSError, BadSource) as error:
            raise self._changed() from error
        if not self._table.is_same():
            raise self._changed()

    def _changed(self) -> BadSource:
        return BadSource(
            f"{self.name} has changed since it was checked",
            "Leave the file alone during the run; resume to continue.",
        )


def check_table(table: Table, *, scope: Scope | None, skip_bad_rows: bool) -> CheckedTable:
    """Read *table* through, so that nothing of it can surprise a run.

    Args:
        scope: For rows that name none.
        skip_bad_rows: Leave bad rows out instead of refusing the file.

    Raises:
        BadSource: If it names no page, or has a bad row that is not to be skipped.
    """
    checked = _check(table, scope)
    if checked.bad_rows and not skip_bad_rows:
        raise BadSource(
            bad_rows_in_words(checked.name, checked.bad_rows),
            checked.hint or SKIP_OR_CORRECT,
            (*checked.notes, *checked.problems),
        )
    if not checked.pages:
        raise BadSource(
            f"{table.name} has no pages",
            checked.hint,
            (*checked.notes, *checked.problems),
        )
    return checked


def _check(table: Table, scope: Scope | None) -> CheckedTable:
    columns = table.columns
    seen = PageSet()
    duplicates = bad_rows = 0
    addresses: list[tuple[int, Address]] = []
    problems: list[str] = []
    hint = ""

    def take(pages: list[PageId]) -> None:
        nonlocal duplicates
        duplicates += len(pages) - seen.add_all(pages)

    for line, row in without_rivals(table.rows(take), columns, name=table.name):
        found = row if isinstance(row, Wrong) else parse_row(row, columns, scope)
        if isinstance(found, CsvRow):
            if isinstance(found.page, Address):
                addresses.append((line, found.page))
            else:
                duplicates += not seen.add(found.page)
        elif found is not None:
            bad_rows += 1
            hint = hint or found.hint
            if bad_rows <= LISTED_PROBLEMS:
                problems.append(f"{table.name}:{line}: {found.why}")
    return CheckedTable(
        table.name,
        len(seen) or len({address for _, address in addresses}),
        duplicates,
        bad_rows,
        tuple(problems),
        table.notes,
        hint,
        table.sha256,
        _table=table,
        _scope=scope,
        addresses=tuple(addresses),
    )


def bad_rows_in_words(name: str, bad_rows: int) -> str:
    """That *name* has so many, of which the first are listed."""
    if bad_rows == 1:
        return f"{name} has a bad row"
    more = bad_rows - LISTED_PROBLEMS
    rest = f": the first {LISTED_PROBLEMS}, and {more} more" if more > 0 else ""
    return f"{name} has {bad_rows} bad rows{rest}"


def _page(row: CsvRow, source: str, found: Mapping[Address, FoundPage]) -> Page | None:
    """The page that *row* names; None where nothing is at its address."""
    title = None if row.title is None else without_webhooks(row.title)
    carried = None if row.carried is None else without_secrets(row.carried)
    if not isinstance(row.page, Address):
        return Page(row.page, row.scope, source, row.site, title=title, row=carried)
    at = found.get(row.page)
    if at is None:
        return None
    return Page(at.page, at.scope, source, at.site, title=title, row=carried)
