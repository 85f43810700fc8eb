"""Which blocks of a sheet's rows are in order throughout, told without a look at each row. Pure.

Rules:
    No rule for a row stands here. What is right, `parse_row` says: of a row for each scope and site in
    the block, whose other cells are as long as the longest, in letters that take the most room. Whatever
    cannot be told so is no fault: the caller then looks at the rows one by one.
"""

from typing import cast

from bulk_publisher.model import PageId
from bulk_publisher.page_ids.page_set import is_page_id
from bulk_publisher.sources.columns import Columns
from bulk_publisher.sources.csv_rows import CsvRow, parse_row
from bulk_publisher.sources.sheet_blocks import Block, Cell

_MOST_DIGITS = 20
"""Of a text; more may be refused, whatever they say."""

_MOST_MODELS = 64
"""Different scopes and sites in a block; beyond, its rows are looked at as fast."""

_WIDE = "\x01"
"""No blank, and nothing takes more room in JSON."""


def plain_pages(block: Block, columns: Columns) -> list[PageId] | None:
    """The pages that the rows of *block* name; None if one of them might not be in order.

    Args:
        block: Rows below the header.
        columns: What stands where in them.
    """
    cells, width = block.columns, max(len(columns.header), 1)
    if columns.by_address or not columns.id_at < len(cells) <= width:
        return None
    pages = _pages(cells[columns.id_at])
    if pages is None:
        return None
    judged = [
        at for at in (columns.scope_at, columns.site_at) if at is not None and at < len(cells)
    ]
    kinds = set(zip(*(cells[at] for at in judged), strict=True)) or {()}
    if len(kinds) > _MOST_MODELS:
        return None
    model = [""] * width
    for at, column in enumerate(cells):
        if at != columns.id_at and at not in judged:
            model[at] = _WIDE * max(map(len, map(str, column)))
    last = max(pages)
    model[columns.id_at] = str(last)
    for kind in kinds:
        for at, cell in zip(judged, kind, strict=True):
            model[at] = str(cell)
        row = parse_row(model, columns, None)
        if not isinstance(row, CsvRow) or row.page != last:
            return None
    return pages


def _pages(column: list[Cell]) -> list[PageId] | None:
    """The ids in *column*; None unless it has whole numbers alone, or texts of digits."""
    numbers: list[int]
    if set(map(type, column)) == {int}:
        numbers = cast("list[int]", column)
    else:
        texts = list(map(str, column))
        digits = "".join(texts)
        if not (digits.isascii() and digits.isdecimal() and "" not in texts):
            return None
        if max(map(len, texts)) > _MOST_DIGITS:
            return None
        numbers = list(map(int, texts))
    is_id = is_page_id(min(numbers)) and is_page_id(max(numbers))
    return cast("list[PageId]", numbers) if is_id else None
