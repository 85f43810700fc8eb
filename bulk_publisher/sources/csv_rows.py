"""What the rows of a CSV say: which line each begins in, which page it names. Pure.

A row that cannot be used is a value, `Wrong`; a quote that is never closed is a `BadSource`,
since it hides every row after it.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bulk_publisher.errors import BadSource
from bulk_publisher.model import PageId, Scope, SiteId
from bulk_publisher.sources.cells import Wrong, parse_id, parse_scope, shown
from bulk_publisher.sources.csv_dialect import Dialect, is_blank

_NO_PAGE = Wrong("there is no page id")


class Row(NamedTuple):
    """A page as a row names it."""

    page: PageId
    scope: Scope | None
    site: SiteId | None
    title: str | None


def numbered_rows(
    lines: Iterable[str], dialect: Dialect, *, name: str
) -> Iterator[tuple[int, list[str] | Wrong]]:
    """The rows below the header that are not blank, each with the line that it begins in.

    Args:
        lines: The text line by line, line endings and all, without a byte order mark.
        name: The file, for messages.

    Raises:
        BadSource: If a quote is opened and not closed again.
    """
    lines = iter(lines)
    lines_before = 0
    if dialect.has_sep_line:
        next(lines, None)
        lines_before = 1
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    awaits_header = dialect.has_header
    line = lines_before + 1
    while True:
        try:
            for row in reader:
                if row and awaits_header:
                    awaits_header = is_blank(row)
                elif row:
                    yield line, row
                line = lines_before + reader.line_num + 1
        except csv.Error as error:
            if "expected after" not in str(error):
                raise BadSource(
                    f"{name}:{line}: a quote is opened in this row and not closed again",
                    "Close it, or write it twice if it belongs to the text.",
                ) from error
            awaits_header = False
            yield line, Wrong("something stands between a closing quote and the next delimiter")
            line = lines_before + reader.line_num + 1
        else:
            return


def with_one_id_each(
    rows: Iterator[tuple[int, list[str] | Wrong]], *, name: str
) -> Iterator[tuple[int, list[str] | Wrong]]:
    """*rows* that have no header, as they are, unless they hold several ids each: ``1,2,3``.

    The first row with more than one cell tells. All ids but the first would be passed over.

    Raises:
        BadSource: If they do.
    """
    for line, row in rows:
        cells = [] if isinstance(row, Wrong) else [cell for cell in row if not is_blank([cell])]
        has_several = len(cells) > 1
        if has_several and not any(isinstance(parse_id(cell), Wrong) for cell in cells):
            raise BadSource(
                f"{name}:{line}: there are several numbers, and no header says which is the page id",
                "Write one page id a line; if the others are something else, write a header above, "
                "such as id,site.",
            )
        yield line, row
        if has_several:
            break
    yield from rows


def parse_row(row: list[str], dialect: Dialect, default: Scope | None) -> Row | Wrong | None:
    """The page that *row* names; None if all its cells are blank.

    Args:
        default: The scope of a row that names none.
    """
    cells = len(row)
    page = parse_id(row[dialect.id_at]) if dialect.id_at < cells else _NO_PAGE
    if isinstance(page, Wrong):
        return None if is_blank(row) else page
    scope = default
    site: SiteId | None = None
    title: str | None = None
    # Written out rather than called for each of a million rows: it halves the time of a check.
    if (at := dialect.scope_at) is not None and at < cells and (text := row[at].strip()):
        named = parse_scope(text)
        if isinstance(named, Wrong):
            return named
        scope = named
    if (at := dialect.site_at) is not None and at < cells and (text := row[at].strip()):
        number = parse_id(text)
        if isinstance(number, Wrong):
            return Wrong(f"{shown(text)} is not a site id, which is a whole number from 1")
        site = SiteId(number)
    if (at := dialect.title_at) is not None and at < cells:
        title = row[at].strip() or None
    return Row(page, scope, site, title)
