"""Pages of a CSV: read through once before anything is sent, then streamed.

How it works:
    `check_csv` reads the whole file to tell how it is written, then again row by row, and keeps
    nothing but the ids it has seen, as a `PageSet`. The pages are read a third time while the run
    goes on, from the same open file, so that a file put in its place meanwhile does no harm. One
    that was changed in place is noticed by its SHA-256: before the first page, and again after
    the last. What cannot be read twice (standard input, a pipe) is first copied to a temporary
    file without a name, which is gone with the process.

    What is read has bounds: a device gives bytes for ever, a gzip of a megabyte may hold a terabyte.
"""

import errno
import gzip
import hashlib
import os
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase, TextIOWrapper
from typing import BinaryIO, cast

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Page, Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.csv_dialect import (
    SAMPLE_SIZE,
    Dialect,
    encoding_by_head,
    find_bad_byte,
    find_dialect,
)
from bulk_publisher.sources.csv_rows import CsvRow, numbered_rows, parse_row, without_rivals
from bulk_publisher.sources.opening import opened, reason
from bulk_publisher.text.redaction import without_webhooks
from bulk_publisher.text.shown import as_text

MOST_BYTES = 1 << 30
"""A list that is copied or unpacked may have so many: a hundred times a million pages."""

LONGEST_LINE = 1 << 24
"""Characters: a million columns fit in."""

LISTED_PROBLEMS = 20
"""How many bad rows are listed one by one."""

_CHUNK = 1 << 18
_GZIP_MARK = b"\x1f\x8b"
_EXCEL_MARK = b"PK\x03\x04"
_UNREADABLE = (UnicodeError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class CheckedCsv:
    """A CSV that has been read through once; iterate it for its pages.

    Attributes:
        name: The file as the user named it.
        pages: Distinct pages.
        duplicates: Rows that name a page again; the first counts, whatever their scopes.
        bad_rows: Rows that name no page; left out.
        problems: The first 20 of those, as ``file:line: why``.
        notes: What a person should know of how the file was read.
        hint: What to do about them, where they need more than to be corrected.
        sha256: Of the bytes as given, in hexadecimal: a resume compares it.
    """

    name: str
    pages: int
    duplicates: int
    bad_rows: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    hint: str
    sha256: str
    _text: "_Text" = field(repr=False, compare=False)
    _dialect: Dialect = field(repr=False, compare=False)
    _scope: Scope | None = field(repr=False, compare=False)

    async def __aiter__(self) -> AsyncIterator[Page]:
        """The pages in the order of the file, duplicates and bad rows left out.

        Raises:
            BadSource: If the file was changed since it was checked.
        """
        if self._text.bytes.sha256() != self.sha256:
            raise self._changed()
        seen = PageSet()
        try:
            for line, row in self._text.rows(self._dialect):
                if isinstance(row, Wrong):
                    continue
                found = parse_row(row, self._dialect, self._scope)
                if isinstance(found, CsvRow) and seen.add(found.page):
                    yield _page(found, f"{self.name}:{line}")
        except (*_UNREADABLE, OSError, BadSource) as error:
            raise self._changed() from error
        if self._text.bytes.sha256() != self.sha256:
            raise self._changed()

    def _changed(self) -> BadSource:
        return BadSource(
            f"{self.name} was changed since it was checked",
            "Leave the file alone while it is being published; resume to go on.",
        )


def check_csv(
    path: str, *, column: str | None, scope: Scope | None, skip_bad_rows: bool
) -> CheckedCsv:
    """Read a CSV through, so that nothing of it can surprise a run.

    Args:
        path: A file, plain or gzip, or ``-`` for standard input.
        column: The column with the ids; None to find it by its name, or take the first.
        scope: For rows that name none.
        skip_bad_rows: Leave bad rows out instead of refusing the file.

    Raises:
        BadSource: If it cannot be read, names no page, or has a bad row that is not to be skipped.
    """
    name = "<stdin>" if path == "-" else as_text(path)
    try:
        checked = _check(_open(path, name), column=column, scope=scope)
    except OSError as error:
        raise BadSource(f"{name} can't be read: {reason(error)}") from error
    except _UNREADABLE as error:
        raise BadSource(f"{name} was changed while it was checked") from error
    if checked.bad_rows and not skip_bad_rows:
        raise BadSource(
            _count_of_problems(checked),
            checked.hint or "Correct them, or leave them out with --skip-bad-rows.",
            (*checked.notes, *checked.problems),
        )
    if not checked.pages:
        raise BadSource(
            f"{name} has no page in it",
            checked.hint,
            (*checked.notes, *checked.problems),
        )
    return checked


def _check(data: "_Bytes", *, column: str | None, scope: Scope | None) -> CheckedCsv:
    sha256 = data.sha256()
    text = _Text(data)
    dialect = find_dialect(text.sample(), name=data.name, column=column)
    seen = PageSet()
    duplicates = bad_rows = 0
    problems: list[str] = []
    hint = ""
    for line, row in without_rivals(text.rows(dialect), dialect, name=data.name):
        found = row if isinstance(row, Wrong) else parse_row(row, dialect, scope)
        if isinstance(found, CsvRow):
            duplicates += not seen.add(found.page)
        elif found is not None:
            bad_rows += 1
            hint = hint or found.hint
            if bad_rows <= LISTED_PROBLEMS:
                problems.append(f"{data.name}:{line}: {found.why}")
    return CheckedCsv(
        data.name,
        len(seen),
        duplicates,
        bad_rows,
        tuple(problems),
        (dialect.note,) if dialect.note else (),
        hint,
        sha256,
        _text=text,
        _dialect=dialect,
        _scope=scope,
    )


def _count_of_problems(checked: CheckedCsv) -> str:
    if checked.bad_rows == 1:
        return f"{checked.name} has a bad row"
    more = checked.bad_rows - len(checked.problems)
    rest = f": the first {LISTED_PROBLEMS}, and {more} more" if more else ""
    return f"{checked.name} has {checked.bad_rows} bad rows{rest}"


def _page(row: CsvRow, source: str) -> Page:
    title = None if row.title is None else without_webhooks(row.title)
    return Page(row.page, scope=row.scope, source=source, site=row.site, title=title)


class _Bytes:
    """An open file that can be read from the beginning over and over, also by several readers."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = fd
        weakref.finalize(self, os.close, fd)

    def open(self) -> BufferedReader:
        return BufferedReader(_Reading(self, self._fd), _CHUNK)

    def head(self) -> bytes:
        return os.pread(self._fd, 16, 0)

    def sha256(self) -> str:
        return hashlib.file_digest(self.open(), "sha256").hexdigest()


class _Reading(RawIOBase):
    """One reading of `_Bytes`, with a position of its own; keeps the file open while it lasts."""

    def __init__(self, of: _Bytes, fd: int) -> None:
        self._of = of
        self._fd = fd
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is wider than what BufferedReader hands in
        count = os.preadv(self._fd, [buffer], self._at)
        self._at += count
        return count


class _Text:
    """The text in `_Bytes`: unpacked, in an encoding that all of it has been tried against."""

    def __init__(self, data: _Bytes) -> None:
        self.bytes = data
        self._is_packed = data.head().startswith(_GZIP_MARK)
        self._encoding = self._find_encoding()

    def sample(self) -> str:
        with self._open() as text:
            # To the end of a line: half a name in a header would be another name.
            return text.read(SAMPLE_SIZE) + text.readline()

    def rows(self, dialect: Dialect) -> Iterator[tuple[int, list[str] | Wrong]]:
        with self._open() as text:
            yield from numbered_rows(text, dialect, name=self.bytes.name)

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(self._unpacked(), encoding=self._encoding, newline="")

    def _unpacked(self) -> BinaryIO:
        opened = cast("BinaryIO", self.bytes.open())
        return cast("BinaryIO", gzip.open(opened)) if self._is_packed else opened

    def _chunks(self) -> Iterator[bytes]:
        size = 0
        with self._unpacked() as unpacked:
            while chunk := unpacked.read(_CHUNK):
                size += len(chunk)
                if self._is_packed and size > MOST_BYTES:
                    raise _too_large(self.bytes.name)
                yield chunk

    def _find_encoding(self) -> str:
        name = self.bytes.name
        if name.lower().endswith(".gz") and self.bytes.head() and not self._is_packed:
            raise BadSource(f"{name} is not gzip, although its name says so")
        try:
            with self._unpacked() as unpacked:
                head = unpacked.read(16)
            if head.startswith(_EXCEL_MARK):
                raise BadSource(
                    f"{name} is an Excel workbook or another zip archive, not a CSV",
                    "In Excel: Save As, CSV UTF-8.",
                )
            encoding = encoding_by_head(head) or "utf-8"
            bad = find_bad_byte(self._chunks(), encoding, longest=LONGEST_LINE)
            if bad is not None and encoding == "utf-8" and bad.may_be_cp1251:
                encoding = "cp1251"
                bad = find_bad_byte(self._chunks(), encoding, longest=LONGEST_LINE)
        except (gzip.BadGzipFile, *_UNREADABLE) as error:
            raise BadSource(f"{name} is damaged: its gzip can't be unpacked to the end") from error
        if bad is not None:
            where = f"{name}:{bad.line}: "
            if bad.is_endless:
                raise BadSource(f"{where}this line has over {LONGEST_LINE:,} characters")
            raise BadSource(f"{where}byte {bad.at} {bad.why}", "Save it as CSV UTF-8.")
        return encoding


def _open(path: str, name: str) -> _Bytes:
    """The bytes of *path*, copied first if they can be read only once."""
    if path == "-":
        stdin: BinaryIO | None = getattr(sys.stdin, "buffer", None)
        if stdin is None:
            raise BadSource(f"{name} can't be read: it is closed")
        return _spooled(stdin, name)
    try:
        with opened(path) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return _Bytes(os.dup(file.fileno()), name)
            return _spooled(file, name)
    except IsADirectoryError as error:
        raise BadSource(f"{name} is a folder, not a CSV") from error


def _spooled(pipe: BinaryIO, name: str) -> _Bytes:
    """A copy of what can be read only once, as far as it may be a list of pages."""
    size = 0
    with _spool(name) as spool:
        while chunk := pipe.read(_CHUNK):
            if not size and chunk.startswith(b"\0\0\0\0"):
                raise BadSource(f"{name}:1: byte 0 is NUL, which no text has", "Name a CSV.")
            size += len(chunk)
            if size > MOST_BYTES:
                raise _too_large(name)
            try:
                spool.write(chunk)
                spool.flush()
            except OSError as error:
                raise _no_copy(name, error) from error
        return _Bytes(os.dup(spool.fileno()), name)


def _spool(name: str) -> BinaryIO:
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(prefix="bulk-publisher-"))
    except OSError as error:
        raise _no_copy(name, error) from error


def _no_copy(name: str, error: OSError) -> BadSource:
    # Python looks for a folder by itself, and has a long sentence where it finds none.
    is_nowhere = error.errno == errno.ENOENT
    why = "there is no temporary folder that can be written" if is_nowhere else reason(error)
    return BadSource(
        f"{name} can't be copied: {why}",
        "It can be read only once, and is read twice: name a folder with room in the environment's "
        "TMPDIR, or give the list as a file.",
    )


def _too_large(name: str) -> BadSource:
    return BadSource(
        f"{name} is too large: over {MOST_BYTES >> 30} GB",
        "Is it a list of pages? Cut it in parts.",
    )
