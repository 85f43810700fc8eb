"""Which column of a list of pages is what, told from its first rows. Pure.

Rules:
    What cannot be told is a `BadSource` that names the file and says what was found.

How it works:
    ``lid`` is the portal's own name for the column with the ids. Other names are as often those of a
    database's own key or of a number in a list, so where there are two, nothing is guessed.

    A column ``url`` stands for the ids where there is no column of them, and so does one that the
    user named, if the first cell in it has a slash: it holds addresses.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.carried import CarriedColumns, carried_columns, no_columns
from bulk_publisher.sources.cells import Wrong, parse_id
from bulk_publisher.sources.id_columns import PAGE_COLUMNS, URL_COLUMN, Column, is_rival
from bulk_publisher.text.column_names import MOST_COLUMNS, folded
from bulk_publisher.text.shown import as_text, did_you_mean, is_plain, listed, shown

SAMPLE_ROWS = 20
"""Rows that are looked at to tell the columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What stands where in a row; columns count from 0, None where there is none.

    Attributes:
        delimiter: What parts the cells; empty where they are parted already, in a sheet.
        header: The first row, its names folded; empty where there is none.
        unnamed: Columns of the header without a name, but for the first one, in which R and
            pandas number the rows.
        carried: Columns whose cells stand in the outcomes.
        by_address: The column of the ids holds addresses of pages instead.
    """

    delimiter: str = ""
    has_header: bool
    header: tuple[str, ...] = ()
    unnamed: tuple[int, ...] = ()
    id_at: int = 0
    scope_at: int | None = None
    site_at: int | None = None
    title_at: int | None = None
    carried: CarriedColumns = ()
    by_address: bool = False


ONE_ADDRESS_A_LINE = Columns(delimiter="\x1f", has_header=False, by_address=True)
"""A list of addresses and nothing else: what no text has separates nothing."""


def find_columns(
    rows: list[list[str]],
    *,
    name: str,
    column: str | None,
    carry: Sequence[str] | None,
    delimiter: str = "",
) -> Columns:
    """Which column is what in the list that begins with *rows*, none of them blank.

    Args:
        name: The file, for messages.
        column: The column with the ids as the user named it; None if it is for us to find.
        carry: Columns whose cells are to stand in the outcomes; None for all that are not used.
        delimiter: What parts its cells.

    Raises:
        BadSource: If there is no row, or no column that could hold the ids or is to be carried.
    """
    if not rows:
        raise BadSource(f"{name} is empty")
    if len(rows[0]) > MOST_COLUMNS:
        raise BadSource(
            f"{name} has {len(rows[0]):,} columns: over {MOST_COLUMNS:,}, which no spreadsheet has",
            "Is it a list of pages? Write one page id a line.",
        )
    first = [cell.strip() for cell in rows[0]]
    header = tuple(map(folded, first))
    if column is None and not _names_ids(header):
        url_at = _place(header, URL_COLUMN)
        column = URL_COLUMN if url_at is not None and _holds_addresses(rows, url_at) else None
    if not _is_header(first, header, name=name, column=column):
        carried = no_columns(carry, where=name)
        return Columns(delimiter=delimiter, has_header=False, carried=carried)
    id_at = _id_column(rows, header, name=name, column=column)
    scope_at = _only_place(header, "scope", where=name)
    site_at = _only_place(header, "site", where=name)
    title_at = _place(header, "title")
    used = (id_at, scope_at, site_at, title_at)
    return Columns(
        delimiter=delimiter,
        has_header=True,
        header=header,
        unnamed=tuple(at for at, cell in enumerate(header) if at and not cell),
        id_at=id_at,
        scope_at=scope_at,
        site_at=site_at,
        title_at=title_at,
        carried=carried_columns(rows[0], used=used, carry=carry, where=name),
        by_address=column is not None and _holds_addresses(rows, id_at),
    )


def names_pages(first: Sequence[str], column: str | None) -> bool:
    """Whether a first row is a header that names the column of the ids, or begins with an id."""
    header = [folded(cell) for cell in first]
    known = (*PAGE_COLUMNS, URL_COLUMN) if column is None else (column,)
    return any(_place(header, name) is not None for name in known) or _is_id(first[0])


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row has nothing in it, as Excel leaves them behind: ``;;;``."""
    return not any(cell and not cell.isspace() for cell in row)


def _is_id(cell: str) -> bool:
    return not isinstance(parse_id(cell), Wrong)


def _is_header(first: list[str], header: Sequence[str], *, name: str, column: str | None) -> bool:
    """Whether the first row names columns; a row that does neither that nor hold an id is refused."""
    if column is not None:
        if _place(header, column) is None and _is_id(first[0]):
            raise BadSource(
                f"{name} has no column {shown(as_text(column))}: it has no header, its first row is a page's",
                "Leave out --column: the first column is taken.",
            )
        return True
    if _is_id(first[0]):
        return False
    if _names_ids(header):
        return True
    if re.match(r"[-+]?\d", first[0]):
        return False
    raise BadSource(
        f"{name} has no column named {', '.join(PAGE_COLUMNS[:-1])} or {PAGE_COLUMNS[-1]}: "
        f"its columns are {_listed(first)}",
        "Say with --column which of them holds the page ids or addresses.",
    )


def _id_column(
    rows: list[list[str]], header: Sequence[str], *, name: str, column: str | None
) -> int:
    first = [cell.strip() for cell in rows[0]]
    if column is not None:
        return _named_column(first, header, column, name=name)
    if "lid" in header:
        return _the_only(first, header, header.index("lid"), name=name)
    known = next(at for at, cell in enumerate(header) if cell in PAGE_COLUMNS)
    columns = [Column(cell, _cells(rows, at)) for at, cell in enumerate(header)]
    candidates = [
        at for at, one in enumerate(columns) if at == known or is_rival(one, columns[known])
    ]
    _the_only(first, header, known, name=name)
    if len(candidates) > 1:
        raise BadSource(
            f"{name} has {len(candidates):,} columns that may hold the page ids: "
            f"{_listed([first[at] for at in candidates])}",
            f"Say which with --column{_example(first[candidates[-1]])}.",
        )
    return known


def _names_ids(header: Sequence[str]) -> bool:
    return any(_place(header, known) is not None for known in PAGE_COLUMNS)


def _holds_addresses(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a column holds addresses rather than ids, by the first of its cells that is filled."""
    return any("/" in cell for cell in _cells(rows, at)[:1])


def _example(column: str) -> str:
    return f", for example: --column {shlex.quote(column)}" if is_plain(column) else ""


def _named_column(first: list[str], header: Sequence[str], column: str, *, name: str) -> int:
    """Where the column is that the user named; of two that differ in form alone, the exact one."""
    exact = [at for at, cell in enumerate(first) if cell == as_text(column).strip()]
    if len(exact) == 1:
        return exact[0]
    at = _place(header, column)
    if at is None:
        wanted = as_text(column)
        raise BadSource(
            f"{name} has no column {shown(wanted)}{did_you_mean(wanted, filter(None, first))}",
            f"Its columns are {_listed(first)}.",
        )
    return _the_only(first, header, at, name=name)


def _the_only(first: Sequence[str], header: Sequence[str], at: int, *, name: str) -> int:
    """*at*, if no other column of the *header* bears its name."""
    if list(header).count(header[at]) > 1:
        raise BadSource(
            f"{name} has more than one column named {shown(first[at])}",
            "Give each column a name of its own.",
        )
    return at


def _cells(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    """What stands below the header in a column, as far as it is filled."""
    return [row[at].strip() for row in rows[1:] if at < len(row) and not is_blank([row[at]])]


def _place(header: Sequence[str], name: str) -> int | None:
    wanted = folded(name)
    return header.index(wanted) if wanted and wanted in header else None


def _only_place(header: Sequence[str], name: str, *, where: str) -> int | None:
    at = _place(header, name)
    return None if at is None else _the_only(header, header, at, name=where)


def _listed(header: Sequence[str]) -> str:
    return listed(shown(cell) for cell in header if cell)
