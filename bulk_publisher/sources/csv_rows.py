"""What the rows of a CSV say: which line each begins in, which page it names. Pure.

A row that cannot be used is a value, `Wrong`. What makes the rows around it doubtful is a
`BadSource`: a quote that is never closed hides every row after it, a second header may name the
columns in another order, and several numbers in a row without a header may each be the page's.

How it works:
    A header that is a cell shorter than its rows shifts every name by one, and so does a number
    that was cut in two, ``1,234``: another page is named then. So a row may have more cells than
    the header, or fewer, only where no number stands that the id could have been meant by.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bulk_publisher.errors import BadSource
from bulk_publisher.model import PageId, Scope, SiteId
from bulk_publisher.portal.addresses import Address
from bulk_publisher.sources.carried import carried_cells
from bulk_publisher.sources.cells import Wrong, is_whole, parse_id, parse_scope, parse_url
from bulk_publisher.sources.columns import Columns, is_blank
from bulk_publisher.sources.csv_dialect import Dialect, cell_too_long
from bulk_publisher.text.column_names import folded
from bulk_publisher.text.shown import shown

_NO_PAGE = Wrong("there is no page id")
_OF_SHAPE = (
    "Write a name above each column, as many cells in each row as in the header, and quotes around "
    "what holds a delimiter; then begin again."
)


class CsvRow(NamedTuple):
    """A page as a row names it, by its id or its address, and what else the row says."""

    page: PageId | Address
    scope: Scope | None
    site: SiteId | None
    title: str | None
    carried: dict[str, str] | None = None


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
    reader = csv.reader(lines, delimiter=dialect.columns.delimiter, strict=True)
    awaits_header = dialect.columns.has_header
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
            if "field larger" in str(error):
                raise cell_too_long(name, line) from error
            if "expected after" not in str(error):
                raise BadSource(
                    f"{name}:{line}: a quote is opened in this row and never closed",
                    "Close it, or write it twice if it belongs to the text.",
                ) from error
            awaits_header = False
            yield line, Wrong("something stands between a closing quote and the next delimiter")
            line = lines_before + reader.line_num + 1
        else:
            return


def without_rivals(
    rows: Iterator[tuple[int, list[str] | Wrong]], columns: Columns, *, name: str
) -> Iterator[tuple[int, list[str] | Wrong]]:
    """*rows* as they are, if none of them makes it doubtful which column holds the ids.

    Raises:
        BadSource: If several numbers stand in a row without a header, or a second header below the
            first.
    """
    for line, row in rows:
        if isinstance(row, list) and len(row) > 1:
            if columns.has_header:
                _refuse_header(row, columns, f"{name}:{line}")
            elif is_whole(row[0]) and any(map(is_whole, row[1:])) and _one_number(row, columns) is None:  # fmt: skip
                raise BadSource(
                    f"{name}:{line}: there are several numbers, and no header says which is the page id",
                    "Write one page id a line; if the others are something else, write a header "
                    "above, such as id,site.",
                )
        yield line, row


def _refuse_header(row: list[str], columns: Columns, where: str) -> None:
    """Refuse *row* if it names the columns again, and otherwise than the header does."""
    at, wanted = columns.id_at, columns.header[columns.id_at]
    if (at < len(row) and row[at][:1].isdecimal()) or wanted not in map(folded, row):
        return
    if at >= len(row) or folded(row[at]) != wanted:
        raise BadSource(
            f"{where}: a second header stands here, which names the columns differently from the first",
            "Split the file there.",
        )


def _one_number(row: list[str], columns: Columns) -> PageId | None:
    """The id of a row that is one number with its fraction, ``351,0``, cut in two at the comma."""
    filled = [cell for cell in row if not is_blank([cell])]
    if columns.delimiter != "," or len(filled) != 2 or len(columns.header) > 1:
        return None
    page = parse_id(",".join(cell.strip() for cell in row[:2]))
    return None if isinstance(page, Wrong) else page


def _misshapen(row: list[str], columns: Columns) -> Wrong | None:
    """Why it is doubtful which cells of *row* stand in which column; None where it is not."""
    width, cells = len(columns.header), len(row)
    nameless = [*(at for at in columns.unnamed if at < cells), *range(width, cells)]
    stray = next((row[at].strip() for at in nameless if not is_blank([row[at]])), None)
    count = f"{cells:,} cells in this row and {width:,} in the header"
    if stray is not None:
        return Wrong(f"{shown(stray)} stands under no column's name: {count}", _OF_SHAPE)
    beside = row[columns.id_at + 1 :] if cells > width else row[: columns.id_at]
    is_rival = _has_slash if columns.by_address else is_whole
    rival = next((cell.strip() for cell in beside if is_rival(cell)), None)
    if cells == width or rival is None:
        return None
    what = "address" if columns.by_address else "page id"
    return Wrong(f"{shown(rival)} may be the {what} as well: {count}", _OF_SHAPE)


def _has_slash(cell: str) -> bool:
    return "/" in cell


def parse_row(row: list[str], columns: Columns, default: Scope | None) -> CsvRow | Wrong | None:
    """The page that *row* names; None if all its cells are blank.

    Args:
        default: The scope of a row that names none.
    """
    cells = len(row)
    parse = parse_url if columns.by_address else parse_id
    page = parse(row[columns.id_at]) if columns.id_at < cells else _NO_PAGE
    if isinstance(page, Wrong) and is_blank(row):
        return None
    if columns.has_header and (cells != len(columns.header) or columns.unnamed):
        misshapen = _misshapen(row, columns)
        if misshapen is not None:
            whole = None if columns.by_address else _one_number(row, columns)
            return misshapen if whole is None else CsvRow(whole, default, None, None)
    if isinstance(page, Wrong):
        is_header = columns.has_header and tuple(map(folded, row)) == columns.header
        return Wrong("the header stands here again") if is_header else page
    scope = default
    site: SiteId | None = None
    title: str | None = None
    # Written out rather than called for each of a million rows: it halves the time of a check.
    if (at := columns.scope_at) is not None and at < cells and (text := row[at].strip()):
        named = parse_scope(text)
        if isinstance(named, Wrong):
            return named
        scope = named
    if (at := columns.site_at) is not None and at < cells and (text := row[at].strip()):
        number = parse_id(text)
        if isinstance(number, Wrong):
            return Wrong(f"{shown(text)} is not a site id, which is a whole number from 1")
        site = SiteId(number)
    if (at := columns.title_at) is not None and at < cells:
        title = row[at].strip() or None
    carried = carried_cells(row, columns.carried) if columns.carried else None
    return carried if isinstance(carried, Wrong) else CsvRow(page, scope, site, title, carried)
