"""Rows of pages as a table to look at, CSV, JSON or a workbook, one after another: a million fit.

The CSV and the workbook are lists of pages themselves: their first column is called ``lid``, which
nothing else can be meant by.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from bulk_publisher.report.export import as_cell
from bulk_publisher.report.workbook import sheets_at
from bulk_publisher.text.escaping import json_text, printable

if TYPE_CHECKING:
    from bulk_publisher.operations.page_rows import PageRow
    from bulk_publisher.report.workbook import Sheets

_COLUMNS = ("lid", "scope", "site", "folder_id", "folder", "title", "address", "active", "changed", "modified")  # fmt: skip


class Table(Protocol):
    """Takes rows."""

    def add(self, row: "PageRow") -> None: ...


class _ForPeople:
    def __init__(self, put: Callable[[str], None]) -> None:
        self._put_line = put
        self._is_begun = False

    def add(self, row: "PageRow") -> None:
        if not self._is_begun:
            self._put("id", "site", "state", "modified", "page")
            self._is_begun = True
        where = "/".join(part for part in (row.folder, row.title) if part)
        page = "  ".join(printable(part) for part in (where, row.address) if part)
        self._put(
            str(row.id), str(row.site or ""), _state(row), printable(row.modified or ""), page
        )

    def _put(self, page_id: str, site: str, state: str, modified: str, page: str) -> None:
        self._put_line(f"{page_id:>9}  {site:>6}  {state:<14}  {modified:<20}  {page}".rstrip())


class _Csv:
    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(_COLUMNS)

    def add(self, row: "PageRow") -> None:
        self._writer.writerow([as_cell(value) for value in _values(row)])


class _Json:
    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._before = "["

    def add(self, row: "PageRow") -> None:
        data = {name: getattr(row, name) for name in row.__struct_fields__}
        self._file.write(f"{self._before}\n{json_text(data)}")
        self._before = ","

    def end(self) -> None:
        self._file.write("[]\n" if self._before == "[" else "\n]\n")


class _Workbook:
    def __init__(self, sheets: "Sheets") -> None:
        self._sheets = sheets

    def add(self, row: "PageRow") -> None:
        self._sheets.add(_values(row))


def table_for_people(put: Callable[[str], None]) -> Table:
    """A table to look at, which *put* takes line by line."""
    return _ForPeople(put)


@contextmanager
def text_table(file: TextIO, form: str) -> Iterator[Table]:
    """A table in *file*, in the *form* ``table``, ``csv`` or ``json``."""
    match form:
        case "json":
            table = _Json(file)
            yield table
            table.end()
        case "csv":
            yield _Csv(file)
        case _:
            yield _ForPeople(lambda line: print(line, file=file))


@contextmanager
def workbook_at(path: Path) -> Iterator[Table]:
    """A table in a workbook, which is at *path* once all rows are in it.

    Raises:
        BadSetting: If what writes workbooks is not installed, or *path* can't be written.
    """
    with sheets_at(path, _COLUMNS) as sheets:
        yield _Workbook(sheets)


def _values(row: "PageRow") -> list[object]:
    return [row.id, *(getattr(row, name) for name in _COLUMNS[1:])]


def _state(row: "PageRow") -> str:
    if row.active is None:
        return "unknown"
    if not row.active:
        return "not online"
    return "online, edited" if row.changed else "online"
