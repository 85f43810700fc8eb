"""Reads one sheet of a workbook: all that the process does which `xlsx_file` starts for it.

Rules:
    Of ours it knows how rows are handed on and nothing else, nor what they mean. A file of 5 kB may
    make the library ask for 512 GiB and abort, so it happens here, where memory and time have bounds.

How it works:
    The workbook is standard input. On standard output comes a line of JSON, an `Answer`, and below it
    the rows of the sheet in blocks, as `sheet_blocks` has them.

    The library gives an empty cell for an error, ``#REF!``, and for a formula that no program has
    computed yet. In a list a row would vanish, so in an .xlsx they are looked for in the XML as well,
    while the library reads it, and stand in the row as they are written. Empty columns before the first
    filled one are left out.
"""

import gc
import json
import os
import re
import resource
import signal
import sys
import threading
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Literal, TypedDict
from xml.etree import ElementTree as ET

from python_calamine import (
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from bulk_publisher.sources.sheet_blocks import encode_rows

MOST_MEMORY = 1 << 30
"""Bytes of address space: four times what a million rows of three columns take."""

MOST_SECONDS = 120
"""Of computing time: a million rows take four."""

MOST_MARKS = 100_000
"""Cells with an error or a formula without a value; each takes some 200 bytes."""

OUT_OF_MEMORY = 3
"""The exit status where memory ends in the middle of the rows."""

_WORKBOOK = "/dev/fd/0"
_BLOCK_CELLS, _BLOCK_ROWS = 8192, 1024
_CHUNK = 1 << 20
_ENCRYPTED = (
    re.compile("EncryptedPackage".encode("utf-16-le")),
    re.compile(rb"\x09\x08\x10\0\0\x06\x05\0.{12}\x2f\0", re.DOTALL),
)
"""In a compound file: an .xlsx with a password, and a FILEPASS record after the first of an .xls."""
_ERROR = re.compile(rb"""\st=["']e["'][^>]*>""")
_UNCOMPUTED = re.compile(
    rb"[<:]f(?:\s[^>]*)?(?:/>|>([^<]*)</(?:\w+:)?f>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v(?:\s[^>]*)?(?:/>|>\s*</))"
)
_SHOWN = re.compile(rb"[<:]v(?:\s[^>]*)?>([^<]+)<")
_PLACE = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_IS_TEXT = re.compile(rb"""\st=["']str["']""")

Marks = dict[int, list[tuple[int, str]]]
"""By the number of the row: columns, which count from 0, and what stands there."""

Rows = Iterable[Sequence[object]]


class Answer(TypedDict, total=False):
    """What became of it.

    Attributes:
        error: Why there are no rows.
        detail: What the library says of it.
        sheet: The one that was taken.
        sheets: All in the workbook; with an error those that the choice is between.
    """

    error: Literal["password", "memory", "damaged", "no such sheet", "several sheets", "marks"]
    detail: str
    sheet: str
    is_hidden: bool
    sheets: list[str]


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def main(wanted: str | None) -> None:
    """Read the sheet that is called *wanted*; None for the only one that has anything in it."""
    # What interrupts a run is for its own process to heed; that ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    for kind, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
    out = sys.stdout.buffer
    answer, rows = _read(wanted)
    out.write(json.dumps(answer).encode() + b"\n")
    try:
        for block in _blocks(rows):
            out.writelines(encode_rows(block))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    out.flush()
    # To free some million cells one by one takes a while, and who reads the rows waits for the end.
    os._exit(0)


def _read(wanted: str | None) -> tuple[Answer, Rows]:
    try:
        with CalamineWorkbook.from_path(_WORKBOOK) as book:
            return _taken(book, wanted)
    except _Refused as refused:
        return refused.answer, ()
    except PasswordError:
        return {"error": "password"}, ()
    except MemoryError:
        return {"error": "memory"}, ()
    except BaseException as error:  # noqa: BLE001 - the library's panics are no Exception
        return _why_not(str(error)), ()


def _why_not(said: str) -> Answer:
    """What is wrong with a file that the library does not know: it finds passwords by a name alone."""
    with open(_WORKBOOK, "rb") as file:  # noqa: PTH123 - it is no path
        content = file.read()
    if any(mark.search(content) for mark in _ENCRYPTED):
        return {"error": "password"}
    if not content.startswith(b"PK"):
        return {"error": "damaged", "detail": said}
    try:
        with zipfile.ZipFile(_WORKBOOK) as archive:
            if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                return {"error": "password"}
    except KeyError:
        return {"error": "damaged", "detail": said}
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        return {"error": "damaged", "detail": str(error)}
    return {"error": "damaged", "detail": said}


def _taken(book: CalamineWorkbook, wanted: str | None) -> tuple[Answer, Rows]:
    """The sheet that is meant, with its rows."""
    sheets = [
        (at, one)
        for at, one in enumerate(book.sheets_metadata)
        if one.typ == SheetTypeEnum.WorkSheet
    ]
    meant = _candidates(sheets, wanted)
    filled: list[tuple[SheetMetadata, CalamineSheet, Marks]] = []
    for at, one in meant:
        loaded = _Loaded(book, at, one.name)
        if loaded.sheet.start is not None or loaded.marks or len(meant) == 1:
            # What is only counted need not be kept.
            filled.append((one, loaded.sheet, loaded.marks))
    if len(filled) > 1:
        raise _Refused({"error": "several sheets", "sheets": [one.name for one, _, _ in filled]})
    if not filled:
        one = meant[0][1]
        return {"sheet": one.name, "sheets": [other.name for _, other in sheets]}, ()
    ((one, sheet, marks),) = filled
    answer: Answer = {
        "sheet": one.name,
        "is_hidden": one.visible != SheetVisibleEnum.Visible,
        "sheets": [other.name for _, other in sheets],
    }
    return answer, _rows(sheet, marks)


def _candidates(
    sheets: list[tuple[int, SheetMetadata]], wanted: str | None
) -> list[tuple[int, SheetMetadata]]:
    """The sheet that is called *wanted*; all that can be seen where none is."""
    if wanted is None:
        found = [one for one in sheets if one[1].visible == SheetVisibleEnum.Visible]
    else:
        exact = [one for one in sheets if one[1].name == wanted]
        found = exact or [one for one in sheets if _folded(one[1].name) == _folded(wanted)]
    if not found or (wanted is not None and len(found) > 1):
        raise _Refused({"error": "no such sheet", "sheets": [one.name for _, one in sheets]})
    return found


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


class _Loaded:
    """A sheet, and what in it the library leaves empty though it is not."""

    def __init__(self, book: CalamineWorkbook, at: int, name: str) -> None:
        self.marks: Marks = {}
        self._error: BaseException | None = None
        looking = threading.Thread(target=self._look, args=(name,))
        looking.start()
        try:
            self.sheet = book.get_sheet_by_index(at)
        finally:
            looking.join()
        if self._error is not None:
            raise self._error

    def _look(self, name: str) -> None:
        try:
            with zipfile.ZipFile(_WORKBOOK) as archive:
                part = _part_of(archive, name)
                if part is not None:
                    self.marks = _marks(archive, part)
        except (_Refused, MemoryError) as error:
            self._error = error
        except Exception:  # noqa: BLE001 - whether it can be read, the library says
            self.marks = {}


def _part_of(archive: zipfile.ZipFile, name: str) -> str | None:
    """The part of an .xlsx in which the sheet is; None in other kinds of files."""
    if "xl/workbook.xml" not in archive.namelist():
        return None
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - bounds are set above
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - as above
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for sheet in book.iter():
        if sheet.tag.endswith("}sheet") and sheet.get("name") == name:
            link = next(value for key, value in sheet.items() if key.endswith("}id"))
            target = targets[link]
            return target[1:] if target.startswith("/") else f"xl/{target}"
    return None


def _marks(archive: zipfile.ZipFile, part: str) -> Marks:
    marks: Marks = {}
    count = 0
    with archive.open(part) as file:
        rest = b""
        while chunk := file.read(_CHUNK):
            text = rest + chunk
            end = max(text.rfind(b"/c>"), text.rfind(b":c>")) + 3 if b"c>" in text else 0
            # What is no cell for so long holds none that could be placed.
            rest = text[end:] if len(text) - end < _CHUNK else b""
            for row, column, what in _marks_in(text[:end]):
                marks.setdefault(row, []).append((column, what))
                count += 1
            if count > MOST_MARKS:
                raise _Refused({"error": "marks"})
    return marks


def _marks_in(xml: bytes) -> Iterator[tuple[int, int, str]]:
    # Looked for as they stand first, which is twenty times as fast.
    for found in _ERROR.finditer(xml) if b't="e"' in xml or b"t='e'" in xml else ():
        start, end = _cell_start(xml, found.start()), found.end()
        beyond = end if found[0].endswith(b"/>") else xml.find(b"c>", end)
        value = _SHOWN.search(xml, end, beyond)
        yield from _placed(xml[start:end], value[1] if value else b"#ERROR")
    for found in _UNCOMPUTED.finditer(xml) if b"<f" in xml or b":f" in xml else ():
        cell = xml[_cell_start(xml, found.start()) : found.start()]
        # An empty text is a value.
        if not _IS_TEXT.search(cell):
            yield from _placed(cell, b"=" + (found[1] or b""))


def _cell_start(xml: bytes, end: int) -> int:
    return max(0, *(xml.rfind(mark, 0, end) for mark in (b"<c ", b"<c>", b":c ", b":c>")))


def _placed(cell: bytes, what: bytes) -> Iterator[tuple[int, int, str]]:
    if place := _PLACE.search(cell):
        column = 0
        for letter in place[1]:
            column = column * 26 + letter - ord("A") + 1
        yield int(place[2]), column - 1, what.decode("utf-8", "replace")


def _rows(sheet: CalamineSheet, marks: Marks) -> Rows:
    read: Rows = () if sheet.start is None else sheet.iter_rows()
    return _marked(read, (0, 0) if sheet.start is None else sheet.start, marks) if marks else read


def _marked(read: Rows, start: tuple[int, int], marks: Marks) -> Rows:
    """The rows of a sheet that begins at *start*, with what the library leaves empty."""
    first = min([start[1], *(column for row in marks.values() for column, _ in row)])
    before: list[object] = [""] * (start[1] - first)
    number = 0
    for number, row in enumerate(read, 1):
        cells = before + list(row)
        _mark(cells, marks.pop(number, ()), first)
        yield cells
    for beyond in sorted(marks):
        yield from ([] for _ in range(number + 1, beyond))
        late: list[object] = []
        _mark(late, marks[beyond], first)
        yield late
        number = beyond


def _mark(cells: list[object], marks: Sequence[tuple[int, str]], first: int) -> None:
    for column, what in marks:
        cells.extend([""] * (column - first + 1 - len(cells)))
        if cells[column - first] == "":
            cells[column - first] = what


def _blocks(rows: Rows) -> Iterator[list[Sequence[object]]]:
    """*rows*, so many together that a block is small however wide they are."""
    left = iter(rows)
    for first in left:
        yield [first, *islice(left, min(_BLOCK_ROWS, _BLOCK_CELLS // (len(first) or 1)))]
