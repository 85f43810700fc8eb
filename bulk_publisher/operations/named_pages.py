"""Pages as a program names them: one by one, as they come, or by a source that a job could name."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence, Sized
from itertools import islice
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadSetting, BadSource, BulkPublisherError
from bulk_publisher.jobs import Selection, selection_problems
from bulk_publisher.model import Only, Order, Page, PageId, Scope
from bulk_publisher.operations import crash
from bulk_publisher.operations.selecting import Selected, check_selection
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.sources.carried import carried_row
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.given import ranges_of
from bulk_publisher.text.shown import shown

Pages = Selection | Iterable[int | Page] | AsyncIterable[int | Page]
"""A source, or the pages themselves: IDs, or pages with what is known of them."""

_MOST_RANGES = 10_000
"""Of IDs in a job: the description of a run is written whole each time."""
_SOURCE = "program"
"""What stands in an outcome as its source, where a page that a program names says nothing else."""


def from_csv(
    path: Path | str,
    *,
    column: str | None = None,
    scope: Scope | str | None = None,
    skip_bad_rows: bool = False,
    carry: Sequence[str] | None = None,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
) -> Selection:
    """The pages of a CSV, which is read through before anything is sent.

    Args:
        column: The one with the IDs, or with addresses; None to find it.
        scope: Of pages that do not name their own.
        skip_bad_rows: Pass over rows that name no page, instead of refusing the file.
        carry: Columns whose cells are to stand in the outcomes' ``row``; None for all that are not
            used otherwise.
        where: What they must be like, such as ``title~handbook``; the others are skipped.
        exclude: A CSV or a spreadsheet of pages that are skipped.
    """
    return Selection(
        csv=str(path),
        column=column,
        scope=scope_of(scope),
        skip_bad_rows=skip_bad_rows,
        carry=None if carry is None else tuple(carry),
        where=tuple(where),
        exclude=None if exclude is None else str(exclude),
    )


def from_xlsx(
    path: Path | str,
    *,
    sheet: str | None = None,
    column: str | None = None,
    scope: Scope | str | None = None,
    skip_bad_rows: bool = False,
    carry: Sequence[str] | None = None,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
) -> Selection:
    """The pages of a spreadsheet, which is read through before anything is sent.

    Args:
        sheet: The one with the pages; None for the only one that can be seen and has anything in it.
        column: The one with the IDs, or with addresses; None to find it.
        scope: Of pages that do not name their own.
        skip_bad_rows: Pass over rows that name no page, instead of refusing the file.
        carry: Columns whose cells are to stand in the outcomes' ``row``; None for all that are not
            used otherwise.
        where: What they must be like, such as ``title~handbook``; the others are skipped.
        exclude: A CSV or a spreadsheet of pages that are skipped.
    """
    return Selection(
        xlsx=str(path),
        sheet=sheet,
        column=column,
        scope=scope_of(scope),
        skip_bad_rows=skip_bad_rows,
        carry=None if carry is None else tuple(carry),
        where=tuple(where),
        exclude=None if exclude is None else str(exclude),
    )


def from_urls(
    *addresses: str,
    file: Path | str | None = None,
    skip_bad_rows: bool = False,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
) -> Selection:
    """The pages at *addresses*, public ones or the editor's, or at those in a file, one a line.

    The portal is asked which pages they are before anything is sent.

    Args:
        skip_bad_rows: Pass over addresses that lead to no page, instead of refusing them all.
        where: What they must be like, such as ``title~handbook``; the others are skipped.
        exclude: A CSV or a spreadsheet of pages that are skipped.
    """
    return Selection(
        url=addresses,
        urls=None if file is None else str(file),
        skip_bad_rows=skip_bad_rows,
        where=tuple(where),
        exclude=None if exclude is None else str(exclude),
    )


def from_site(
    *sites: int,
    scope: Scope | str | None = None,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
    order: Order | str = Order.LIST,
) -> Selection:
    """All pages of *sites*, as the portal lists them.

    Args:
        scope: Which kind of site they are; None for plain sites and stores.
        where: What they must be like, such as ``title~handbook``.
        exclude: A CSV or a spreadsheet of pages to leave out.
        order: ``list``, or ``tree`` for folder by folder, parents first.
    """
    return _listed(Selection(site=sites, scope=scope_of(scope)), where, exclude, order)


def from_folder(
    *folders: int,
    site: int | None = None,
    scope: Scope | str | None = None,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
    order: Order | str = Order.LIST,
) -> Selection:
    """All pages of *folders* and of what lies below them; see ``from_site``.

    Args:
        site: Where they are; None to find it among the sites of *scope*.
    """
    sites = () if site is None else (site,)
    select = Selection(folder=folders, site=sites, scope=scope_of(scope))
    return _listed(select, where, exclude, order)


def from_scope(
    scope: Scope | str,
    *,
    where: Sequence[str] = (),
    exclude: Path | str | None = None,
    order: Order | str = Order.LIST,
) -> Selection:
    """All pages of all sites of *scope*; see ``from_site``."""
    return _listed(Selection(scope=Scope(scope)), where, exclude, order)


def _listed(
    select: Selection, where: Sequence[str], exclude: Path | str | None, order: Order | str
) -> Selection:
    path = None if exclude is None else str(exclude)
    return msgspec.structs.replace(select, where=tuple(where), exclude=path, order=Order(order))


def scope_of(scope: Scope | str | None) -> Scope | None:
    """The scope that is called *scope*.

    Raises:
        ValueError: If there is none.
    """
    return None if scope is None else Scope(scope)


class PageStream:
    """Pages that a program names, as they come; each once, the first counts."""

    def __init__(
        self, pages: Iterable[int | Page] | AsyncIterable[int | Page], scope: Scope | None
    ) -> None:
        """None has come yet.

        Args:
            scope: Of pages that do not name their own.
        """
        self._pages = pages
        self._scope = scope

    @property
    def total(self) -> int | None:
        """How many there are; None where nobody knows yet."""
        if not isinstance(self._pages, Sized) or not isinstance(self._pages, Iterable):
            return None
        return len({page.id if isinstance(page, Page) else page for page in self._pages})

    async def __aiter__(self) -> AsyncIterator[Page]:
        """The pages, in order.

        Raises:
            BadSource: If the program names what is no page, or fails.
        """
        seen = PageSet()
        async for given in self._each():
            page = given if isinstance(given, Page) else Page(PageId(given))
            if not is_page_id(page.id):
                raise BadSource(f"{shown(str(page.id))} is not a page ID.", "An ID is 1 or more.")
            if seen.add(page.id):
                yield msgspec.structs.replace(
                    page,
                    scope=page.scope or self._scope,
                    source=page.source or _SOURCE,
                    row=_row(page),
                )

    async def _each(self) -> AsyncIterator[int | Page]:
        try:
            if isinstance(self._pages, AsyncIterable):
                async for page in self._pages:
                    yield page
            else:
                for page in self._pages:
                    yield page
        except BulkPublisherError:
            raise
        except Exception as error:
            # It ends the run in order, as a damaged file would, and is told with its cause.
            raise BadSource(
                f"The program that names the pages failed: {crash.words_of(error)}"
            ) from error


def selected_of(
    pages: Pages, *, scope: Scope | None, only: Only, limit: int | None, lookup: bool
) -> Selected:
    """*pages*, checked as far as that needs no portal.

    Args:
        scope: Of pages that do not name their own.
        only: Which are wanted, by their state on the portal.
        limit: The most to take; None for all.
        lookup: Whether pages that are named are looked up first.

    Raises:
        UsageError: If they are not as they must be.
    """
    if isinstance(pages, Selection):
        select, stream = msgspec.structs.replace(pages, scope=pages.scope or scope), None
    else:
        select, stream = _given(pages, scope)
    select = msgspec.structs.replace(select, only=only, limit=limit, lookup=lookup)
    problems = selection_problems(select, is_whole=stream is None)
    if problems:
        raise BadSetting("; ".join(problems))
    if stream is None:
        return check_selection(select)
    total = stream.total
    if total is not None and limit is not None:
        total = min(total, limit)
    return Selected(select, total, named=stream)


def _row(page: Page) -> dict[str, str] | None:
    row = None if page.row is None else carried_row(page.row)
    if isinstance(row, Wrong):
        raise BadSource(f"Page {page.id}: {row.why}.")
    return row


def _given(
    pages: Iterable[int | Page] | AsyncIterable[int | Page], scope: Scope | None
) -> tuple[Selection, PageStream | None]:
    """*pages* as a job can name them; as they come where it can't."""
    if isinstance(pages, AsyncIterable):
        return Selection(), PageStream(pages, scope)
    listed = list(pages)
    ranges = _ranges(listed)
    if ranges:
        return Selection(page=ranges, scope=scope), None
    # Without its scope: that alone would mean all pages of it to a resume.
    return Selection(), PageStream(listed, scope)


def _ranges(pages: Sequence[int | Page]) -> tuple[str, ...]:
    """*pages* as a job can name them; none where it can't, or not in a few words."""
    ids = [page for page in pages if isinstance(page, int) and is_page_id(page)]
    if len(ids) < len(pages):
        return ()
    ranges = tuple(islice(ranges_of(ids), _MOST_RANGES + 1))
    return ranges if len(ranges) <= _MOST_RANGES else ()
