"""Rows of pages as a workbook for spreadsheets, .xlsx: of what became of each, or of any other list.

How it works: rows go out as they come, so that a million pages take no memory. IDs and durations are
numbers, all else is text, and is never carried out: not even where somebody edits a cell of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Outcome
from bulk_publisher.report.export import FIXED, carried_names, rounded
from bulk_publisher.report.writing import file_at
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.text.escaping import MOST_WHOLE, as_long_as_a_cell, is_formula, printable

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_576
"""Of a sheet, its header among them; what is beyond goes to the next sheet [doc]."""

_WIDTHS = {
    "error_description": 40,
    "hint": 40,
    "title": 40,
    "url": 30,
    "address": 30,
    "time": 26,
    "run": 24,
    "portal": 24,
    "source": 24,
}


def write_xlsx(
    folders: Sequence[KeptRun], path: Path, *, carried: Mapping[str, str] | None = None
) -> None:
    """Every line of the journals in *folders*, in a workbook at *path*.

    What the pages carry of their own lists stands in columns after ours, as text.

    Args:
        carried: These columns, as `carried_names` gives them; None to look for them first.

    Raises:
        BadJournal: If a journal can't be read.
        BadSetting: If XlsxWriter is not there, or *path* can't be written.
    """
    if carried is None:
        carried = carried_names(folders)
    names = [*FIXED, *(as_long_as_a_cell(printable(name)) for name in carried.values())]
    with sheets_at(path, names) as sheets:
        for outcome in chain.from_iterable(folder.outcomes() for folder in folders):
            sheets.add([*_values(outcome, carried)])


def _values(outcome: Outcome, carried: Mapping[str, str]) -> Iterator[object]:
    row = outcome.row or {}
    yield from (getattr(outcome, name) for name in FIXED)
    yield from map(row.get, carried)


def check_xlsxwriter() -> None:
    """See that workbooks can be written here.

    Raises:
        BadSetting: If they can't.
    """
    if find_spec("xlsxwriter") is None:
        raise BadSetting(
            "--format xlsx needs XlsxWriter, which is not installed.",
            "Install it with: pip install 'bulk-publisher[xlsx]'",
        )


@contextmanager
def sheets_at(path: Path, names: Sequence[str]) -> "Iterator[Sheets]":
    """What takes rows for a workbook, which is at *path* once all of them are in it.

    Args:
        names: Of the columns.

    Raises:
        BadSetting: If XlsxWriter is not there, or *path* can't be written.
    """
    check_xlsxwriter()
    # Its parts are in files until it is whole; whoever breaks off leaves none of them behind.
    with file_at(path) as file, TemporaryDirectory(prefix="bulk-publisher-") as parts:
        book = _book(file, parts)
        try:
            yield Sheets(book, names)
            _close(book)
        finally:
            # Left open by a book that was not closed; closing such a one would assemble all of it.
            for sheet in book.worksheets():
                sheet.row_data_fh.close()


class Sheets:
    """Takes rows, one after another; a sheet that is full is followed by the next."""

    def __init__(self, book: "Workbook", names: Sequence[str]) -> None:
        """There is one sheet, without a row."""
        self._book = book
        self._names = names
        self._bold = book.add_format({"bold": True})
        self._as_text = book.add_format({"quote_prefix": True})
        self._count = 0
        self._sheet, self._row = self._next_sheet()

    def add(self, values: Sequence[object]) -> None:
        """A row of *values*, as many as there are columns; None leaves a cell empty."""
        if self._row == MOST_ROWS:
            self._sheet, self._row = self._next_sheet()
        for column, value in enumerate(values):
            _put(self._sheet, self._row, column, value, self._as_text)
        self._row += 1

    def _next_sheet(self) -> "tuple[Worksheet, int]":
        self._count += 1
        sheet = self._book.add_worksheet("Pages" if self._count == 1 else f"Pages {self._count}")
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(self._names):
            sheet.set_column(column, column, _WIDTHS.get(name, 14))
        for column, name in enumerate(self._names):
            sheet.write_string(0, column, name, self._bold)
        return sheet, 1


def _book(file: BinaryIO, parts: str) -> "Workbook":
    from xlsxwriter import Workbook

    return Workbook(file, {"constant_memory": True, "strings_to_urls": False, "tmpdir": parts})


def _close(book: "Workbook") -> None:
    from xlsxwriter.exceptions import FileCreateError

    try:
        book.close()
    except FileCreateError as error:
        raise OSError(0, str(error)) from error


def _put(sheet: "Worksheet", row: int, column: int, value: object, as_text: "Format") -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(row, column, value)
        case int() if -MOST_WHOLE < value < MOST_WHOLE:
            sheet.write_number(row, column, value)
        case float():
            sheet.write_number(row, column, rounded(value))
        case _:
            text = as_long_as_a_cell(printable(str(value)))
            sheet.write_string(row, column, text, as_text if is_formula(text) else None)
