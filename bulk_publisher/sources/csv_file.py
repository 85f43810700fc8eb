"""The rows of a CSV, whose pages are those of a table.

How it works:
    The whole file is read to tell how it is written. Its rows are read again for each reading of the
    table, from the same open file, so that a file put in its place meanwhile does no harm. One
    that was changed in place is noticed by its SHA-256: before the first page, and again after
    the last. What cannot be read twice (standard input, a pipe) is first copied to a temporary
    file without a name.

    What is unpacked has bounds: a gzip of a megabyte may hold a terabyte.
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import BinaryIO, cast

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Scope
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.columns import ONE_ADDRESS_A_LINE
from bulk_publisher.sources.csv_dialect import (
    SAMPLE_SIZE,
    Dialect,
    encoding_by_head,
    find_bad_byte,
    find_dialect,
    plain_dialect,
)
from bulk_publisher.sources.csv_rows import numbered_rows
from bulk_publisher.sources.file_bytes import CHUNK, MOST_BYTES, FileBytes, open_bytes, too_large
from bulk_publisher.sources.opening import reason
from bulk_publisher.sources.table import UNREADABLE, CheckedTable, TakePages, check_table
from bulk_publisher.text.shown import as_text

LONGEST_LINE = 1 << 24
"""Characters: a million columns fit in."""

_GZIP_MARK = b"\x1f\x8b"
_ZIP_MARK = b"PK\x03\x04"


def check_csv(
    path: str,
    *,
    column: str | None,
    scope: Scope | None,
    skip_bad_rows: bool,
    carry: Sequence[str] | None = None,
) -> CheckedTable:
    """Read a CSV through, so that nothing of it can surprise a run.

    Args:
        path: A file, plain or gzip, or ``-`` for standard input.
        column: The column with the ids; None to find it by its name, or take the first.
        scope: For rows that name none.
        skip_bad_rows: Leave bad rows out instead of refusing the file.
        carry: Columns whose cells stand in the outcomes; None for all that are not used otherwise.

    Raises:
        BadSource: If it cannot be read, names no page, or has a bad row that is not to be skipped.
    """
    with _readable(path, kind="a CSV") as data:
        table = _Csv(data, column, carry)
        return check_table(table, scope=scope, skip_bad_rows=skip_bad_rows)


def check_urls(path: str, *, skip_bad_rows: bool) -> CheckedTable:
    """Read a list of addresses through, one a line; which pages they are is for the portal to say.

    Args:
        path: A file, plain or gzip, or ``-`` for standard input.
        skip_bad_rows: Leave lines out that are no address instead of refusing the file.

    Raises:
        BadSource: If it cannot be read, has no address, or a bad line that is not to be skipped.
    """
    with _readable(path, kind="a list of addresses") as data:
        table = _Csv(data, None, None, Dialect(ONE_ADDRESS_A_LINE, has_sep_line=False))
        return check_table(table, scope=None, skip_bad_rows=skip_bad_rows)


def read_rows(path: str, *, kind: str) -> tuple[str, list[tuple[int, list[str] | Wrong]]]:
    """All rows of a small table that is no list of pages, each with its line; and its name, for messages.

    Args:
        path: A file, plain or gzip.
        kind: What it should be, for messages.

    Raises:
        BadSource: If it can't be read, or a quote in it is never closed.
    """
    with _readable(path, kind=kind) as data:
        text = _Text(data)
        dialect = plain_dialect(text.sample())
        with text.open() as lines:
            return data.name, list(numbered_rows(lines, dialect, name=data.name))


@contextmanager
def _readable(path: str, *, kind: str) -> Iterator[FileBytes]:
    """The bytes of a file; what goes wrong while they are read is said of it."""
    name = "<stdin>" if path == "-" else as_text(path)

    def refuse(head: bytes) -> None:
        if head.startswith(b"\0\0\0\0"):
            raise BadSource(f"{name}:1: byte 0 is NUL, which no text has", f"Name {kind}.")

    try:
        yield open_bytes(path, name, kind=kind, refuse=refuse)
    except OSError as error:
        raise BadSource(f"{name} can't be read: {reason(error)}") from error
    except UNREADABLE as error:
        raise BadSource(f"{name} changed while it was checked") from error


class _Csv:
    """The rows of a CSV, read anew from its bytes each time."""

    def __init__(
        self,
        data: FileBytes,
        column: str | None,
        carry: Sequence[str] | None,
        dialect: Dialect | None = None,
    ) -> None:
        self.name = data.name
        self.sha256 = data.sha256()
        self._text = _Text(data)
        self._dialect = dialect or find_dialect(
            self._text.sample(), name=data.name, column=column, carry=carry
        )
        self.columns = self._dialect.columns
        self.notes = (self._dialect.note,) if self._dialect.note else ()

    def rows(self, take: TakePages | None = None) -> Iterator[tuple[int, list[str] | Wrong]]:
        with self._text.open() as text:
            yield from numbered_rows(text, self._dialect, name=self.name)

    def is_same(self) -> bool:
        return self._text.bytes.sha256() == self.sha256


class _Text:
    """The text in `FileBytes`: unpacked, in an encoding that all of it has been tried against."""

    def __init__(self, data: FileBytes) -> None:
        self.bytes = data
        self._is_packed = data.head().startswith(_GZIP_MARK)
        self._encoding = self._find_encoding()

    def sample(self) -> str:
        with self.open() as text:
            # To the end of a line: half a name in a header would be another name.
            return text.read(SAMPLE_SIZE) + text.readline()

    def open(self) -> TextIOWrapper:
        return TextIOWrapper(self._unpacked(), encoding=self._encoding, newline="")

    def _unpacked(self) -> BinaryIO:
        opened = cast("BinaryIO", self.bytes.open())
        return cast("BinaryIO", gzip.open(opened)) if self._is_packed else opened

    def _chunks(self) -> Iterator[bytes]:
        size = 0
        with self._unpacked() as unpacked:
            while chunk := unpacked.read(CHUNK):
                size += len(chunk)
                if self._is_packed and size > MOST_BYTES:
                    raise too_large(self.bytes.name)
                yield chunk

    def _find_encoding(self) -> str:
        name = self.bytes.name
        if name.lower().endswith(".gz") and self.bytes.head() and not self._is_packed:
            raise BadSource(f"{name} is not gzip, although its name says so")
        try:
            with self._unpacked() as unpacked:
                head = unpacked.read(16)
            if head.startswith(_ZIP_MARK):
                raise BadSource(
                    f"{name} is an Excel workbook or another zip archive, not a CSV",
                    "Give it with --xlsx instead.",
                )
            encoding = encoding_by_head(head) or "utf-8"
            bad = find_bad_byte(self._chunks(), encoding, longest=LONGEST_LINE)
            if bad is not None and encoding == "utf-8" and bad.may_be_cp1251:
                encoding = "cp1251"
                bad = find_bad_byte(self._chunks(), encoding, longest=LONGEST_LINE)
        except (gzip.BadGzipFile, *UNREADABLE) as error:
            raise BadSource(f"{name} is damaged: its gzip can't be unpacked to the end") from error
        if bad is not None:
            where = f"{name}:{bad.line}: "
            if bad.is_endless:
                raise BadSource(f"{where}this line has over {LONGEST_LINE:,} characters")
            raise BadSource(f"{where}byte {bad.at} {bad.why}", "Save it as CSV UTF-8.")
        return encoding
