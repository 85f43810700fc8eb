"""How the rows of a sheet go from the process that reads it to ours: in blocks, column by column. Pure.

Rules:
    It knows no workbook, nor what the rows mean. Cells are texts, or whole numbers that were numbers in
    the sheet; a date or a fraction is a text by then.

How it works:
    A block is a line of JSON. What is done for a column at once costs a tenth of what it does cell by
    cell, on both sides: most columns hold cells of one kind. Columns at the end that are blank in all
    rows of a block are left out of it.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import cast

import msgspec

Cell = int | str

MOST_BYTES = 1 << 24
"""Of a line. Blocks are far smaller, unless a single row is not."""

_BLOCK_BYTES = 1 << 20
_SURE = 1e15
"""Whole numbers from here on may have lost digits: a spreadsheet keeps 15."""

_QUOTED_NUMBER = re.compile(r"\s*'\s*([0-9]+(?:[.,]0+)?)\s*")


class Block(msgspec.Struct, array_like=True, gc=False):
    """Rows that follow each other.

    Attributes:
        count: How many.
        columns: Their cells, by column; an empty text where there is none.
    """

    count: int
    columns: list[list[Cell]]

    def rows(self) -> Iterator[list[str]]:
        """Its rows, each up to its last cell that is filled."""
        if not self.columns:
            yield from ([] for _ in range(self.count))
            return
        for cells in zip(*(list(map(str, column)) for column in self.columns), strict=True):
            row = list(cells)
            while row and not row[-1]:
                row.pop()
            yield row

    def row_beyond(self, characters: int) -> int | None:
        """Which of its rows, counted from 0, is the first with a longer cell; None where none is."""
        long = (
            at
            for column in self.columns
            for at, cell in enumerate(column)
            if isinstance(cell, str) and len(cell) > characters
        )
        return min(long, default=None)


_encode = msgspec.json.Encoder().encode
decode_block = msgspec.json.Decoder(Block).decode
"""A block as it was, from its line."""


def encode_rows(rows: Sequence[Sequence[object]]) -> Iterator[bytes]:
    """*rows* as the library gives them, as the lines of some blocks."""
    columns = list(zip_longest(*rows, fillvalue=""))
    # First of all: a cell far to the right in some row makes every other as wide.
    while columns and columns[-1].count("") == len(rows):
        columns.pop()
    line = _encode(Block(len(rows), [_cells(column) for column in columns]))
    if len(line) > _BLOCK_BYTES and len(rows) > 1:
        yield from encode_rows(rows[: len(rows) // 2])
        yield from encode_rows(rows[len(rows) // 2 :])
    else:
        yield line + b"\n"


def _cells(column: Sequence[object]) -> list[Cell]:
    if len(column) == 1:
        return [_cell(column[0])]
    kinds = set(map(type, column))
    if kinds == {str}:
        texts = cast("list[Cell]", list(column))
        return texts if "'" not in "".join(cast("list[str]", texts)) else list(map(_cell, texts))
    if kinds == {float}:
        numbers = cast("Sequence[float]", column)
        if all(map(float.is_integer, numbers)) and -_SURE < min(numbers) <= max(numbers) < _SURE:
            return list(map(int, numbers))
    return list(map(_cell, column))


def _cell(value: object) -> Cell:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return value
        case float() if value.is_integer() and -_SURE < value < _SURE:
            return int(value)
        case float():
            return _number(value)
        case str() if "'" in value:
            number = _QUOTED_NUMBER.fullmatch(value)
            return value if number is None else number[1]
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            hours, minutes = divmod(minutes, 60)
            return f"{hours}:{minutes:02}:{seconds:02}"
        case _:
            return str(value)


def _number(value: float) -> str:
    """*value* with the 15 digits that a spreadsheet shows of it; all of them where it is large."""
    if not -_SURE < value < _SURE:
        return f"{Decimal(repr(value)).normalize():E}"
    text = f"{value:.15g}"
    # What only looks whole is no page's ID.
    return text if "." in text or "e" in text else repr(value)
