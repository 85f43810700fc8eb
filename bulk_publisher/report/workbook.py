"""What became of each page, as a workbook for spreadsheets: .xlsx.

How it works: rows go out as they come, so that a million pages take no memory. IDs and durations are
numbers, all else is text, and is never carried out: not even where somebody edits a cell of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Outcome
from bulk_publisher.report.export import FIXED, carried_names, rounded
from bulk_publisher.store.files import replacing
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.text.escaping import is_formula, printable

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_576
"""Of a sheet, its header among them; what is beyond goes to the next sheet [doc]."""

_LONGEST = 32_767
"""Characters of a cell [doc]."""
_SURE = 10**15
"""Whole numbers from here on would lose digits: a spreadsheet keeps 15."""
_WIDTHS = {
    "error_description": 40,
    "hint": 40,
    "title": 40,
    "url": 30,
    "time": 26,
    "run": 24,
    "portal": 24,
    "source": 24,
}


def write_xlsx(folders: list[KeptRun], path: Path) -> None:
    """Every line of the journals in *folders*, in a workbook at *path*.

    What the pages carry of their own lists stands in columns after ours, as text.

    Raises:
        BadJournal: If a journal can't be read.
        BadSetting: If XlsxWriter is not there, or *path* can't be written.
    """
    if find_spec("xlsxwriter") is None:
        raise BadSetting(
            "--format xlsx needs XlsxWriter, which is not installed.",
            "Install it with: pip install 'bulk-publisher[xlsx]'",
        )
    try:
        with replacing(path, is_forced=False, mode=0o666) as file:
            outcomes = chain.from_iterable(folder.outcomes() for folder in folders)
            _write(outcomes, carried_names(folders), file)
    except OSError as error:
        raise BadSetting(f"{path}: the report can't be written: {error.strerror}.") from error


def _write(outcomes: Iterator[Outcome], carried: Mapping[str, str], file: BinaryIO) -> None:
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    book = Workbook(file, {"constant_memory": True, "strings_to_urls": False})
    bold = book.add_format({"bold": True})
    as_text = book.add_format({"quote_prefix": True})
    names = [*FIXED, *(printable(name)[:_LONGEST] for name in carried.values())]
    number, row = 0, MOST_ROWS
    sheet: Worksheet | None = None
    for outcome in chain([None], outcomes):
        if sheet is None or row == MOST_ROWS:
            number, row = number + 1, 1
            sheet = book.add_worksheet("Pages" if number == 1 else f"Pages {number}")
            _begin(sheet, names, bold)
        if outcome is not None:
            for column, value in enumerate(_values(outcome, carried)):
                _put(sheet, row, column, value, as_text)
            row += 1
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(0, str(error)) from error


def _values(outcome: Outcome, carried: Mapping[str, str]) -> Iterator[object]:
    row = outcome.row or {}
    yield from (getattr(outcome, name) for name in FIXED)
    yield from map(row.get, carried)


def _begin(sheet: "Worksheet", names: Sequence[str], bold: "Format") -> None:
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(names):
        sheet.set_column(column, column, _WIDTHS.get(name, 14))
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)


def _put(sheet: "Worksheet", row: int, column: int, value: object, as_text: "Format") -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(row, column, value)
        case int() if -_SURE < value < _SURE:
            sheet.write_number(row, column, value)
        case float():
            sheet.write_number(row, column, rounded(value))
        case _:
            text = printable(str(value))[:_LONGEST]
            sheet.write_string(row, column, text, as_text if is_formula(text) else None)
