"""Pages that are known to fail, each with its code: a CSV with the columns ``id`` and ``code``."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bulk_publisher.errors import BadSource
from bulk_publisher.model import PageId
from bulk_publisher.portal.faults import base_code
from bulk_publisher.sources.cells import Wrong, parse_id
from bulk_publisher.sources.opening import read_settings, reason
from bulk_publisher.text.column_names import folded
from bulk_publisher.text.shown import as_text, shown

_LARGEST = 64 << 20
"""Bytes: some two million pages."""
_LISTED = 20
_LONGEST_CODE = 100
_IDS = ("id", "lid", "page", "page_id")
_CODES = ("code", "error")
_HEADER = "Write a header with the columns id and code above the rows."
_Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """Which pages are known to fail, and with which codes.

    Attributes:
        name: The file, for messages; empty where there is none.
        codes: In capitals, without what stands in brackets.
    """

    name: str = ""
    codes: Mapping[PageId, frozenset[str]] = field(default_factory=dict)

    def has(self, page: PageId, code: str) -> bool:
        """Whether *page* is known to fail with *code*."""
        return base_code(code) in self.codes.get(page, ())


def check_known_failures(path: str | None) -> KnownFailures:
    """Read the file at *path* through; without one, nothing is known.

    Raises:
        BadSource: If it can't be read, or a row of it names no page and code.
    """
    if path is None:
        return KnownFailures()
    name = as_text(path)
    lines = _text(path, name).splitlines(keepends=True)
    delimiter = max(",;\t", key=(lines[0] if lines else "").count)
    codes: dict[PageId, frozenset[str]] = {}
    problems: list[str] = []
    bad = 0
    for number, found in _pages(lines, delimiter, name):
        if isinstance(found, Wrong):
            bad += 1
            problems += [f"{name}:{number}: {found.why}"] * (bad <= _LISTED)
        else:
            page, code = found
            codes[page] = codes.get(page, frozenset()) | {code}
    if bad:
        rows = "a bad row" if bad == 1 else f"{bad:,} bad rows"
        raise BadSource(f"{name} has {rows}", "Each row needs an id and a code.", tuple(problems))
    return KnownFailures(name, codes)


def _text(path: str, name: str) -> str:
    try:
        return read_settings(path, most=_LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise BadSource(f"{name} can't be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadSource(f"{name}:{line}: it is not UTF-8", "Save it as CSV UTF-8.") from error


def _pages(
    lines: list[str], delimiter: str, name: str
) -> Iterator[tuple[int, tuple[PageId, str] | Wrong]]:
    rows = _rows(lines, delimiter, name)
    number, header = next(rows, (1, []))
    names = [folded(cell) for cell in header]
    id_at = next((names.index(key) for key in _IDS if key in names), None)
    code_at = next((names.index(key) for key in _CODES if key in names), None)
    if id_at is None or code_at is None:
        missing = "id" if id_at is None else "code"
        raise BadSource(f"{name}:{number}: there is no column {missing}", _HEADER)
    for at, row in rows:
        yield at, _page(row, id_at, code_at)


def _rows(lines: list[str], delimiter: str, name: str) -> Iterator[_Row]:
    """The rows that are not blank, each with the line that it ends in."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise BadSource(f"{name}:{reader.line_num}: this is no CSV: {error}") from error


def _page(row: list[str], id_at: int, code_at: int) -> tuple[PageId, str] | Wrong:
    if max(id_at, code_at) >= len(row):
        return Wrong("a cell is missing")
    page = parse_id(row[id_at])
    if isinstance(page, Wrong):
        return page
    code = base_code(row[code_at])
    if not code:
        return Wrong("there is no code")
    if len(code) > _LONGEST_CODE:
        return Wrong(f"{shown(code)} is too long for a code")
    return page, code
