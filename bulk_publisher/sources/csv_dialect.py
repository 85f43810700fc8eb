"""How a CSV is written: its encoding, its delimiter.

Rules:
    Everything here is told from bytes or text that somebody else has read. What cannot be told
    is a `BadSource` that names the file and says what was found.

How it works:
    *Encoding.* A byte order mark decides. Without one, text in which every second byte is NUL is
    UTF-16. Everything else is UTF-8 if all of it is, and otherwise cp1251, in which Excel writes
    Cyrillic. If there is valid UTF-8 beyond ASCII before the first byte that is not, then it is
    damaged UTF-8 and not cp1251, and is refused.

    *Delimiter.* Excel's own ``sep=;`` decides if it is the first line, unless a spreadsheet has
    saved the file with another one since: then only the other makes sense of the first row.
    Otherwise the first rows are read with each delimiter in turn, and the one wins that makes the
    first row a header we know or a row with an id; among those, the one that makes the most cells.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import IncrementalNewlineDecoder, StringIO
from itertools import islice

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.columns import (
    SAMPLE_ROWS,
    Columns,
    find_columns,
    is_blank,
    names_pages,
)
from bulk_publisher.text.column_names import MOST_COLUMNS
from bulk_publisher.text.shown import shown

SAMPLE_SIZE = 1 << 16
"""Characters that are looked at to tell the delimiter and the header: gut feeling, ample."""

_DELIMITERS = (",", ";", "\t")
_SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SEP_LINE = re.compile(r'\ufeff?"?sep=([^\w\s"]|\t)"?[,;\t ]*(?:[\r\n]+|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BadByte:
    """The first place at which bytes are not text in an encoding.

    Attributes:
        at: Offset from the beginning, 0 or more.
        line: The line it is in, 1 or more.
        may_be_cp1251: It is not NUL, and nothing beyond ASCII was read well before it.
        is_endless: The bytes are text, and the line is longer than any may be.
    """

    at: int
    line: int
    why: str
    may_be_cp1251: bool
    is_endless: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is to be read.

    Attributes:
        note: What was found to contradict itself, and which of it was believed.
    """

    columns: Columns
    has_sep_line: bool
    note: str = ""


def plain_dialect(sample: str) -> Dialect:
    """How a table is written that is no list of pages: what parts its cells, told by its first row."""
    sep = _SEP_LINE.match(sample)
    text = sample[sep.end() :] if sep else sample
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = sep[1] if sep else max(_DELIMITERS, key=lambda one: _cells_in(first, one))
    return Dialect(Columns(delimiter=delimiter, has_header=False), has_sep_line=sep is not None)


def _cells_in(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


def encoding_by_head(head: bytes) -> str | None:
    """The encoding that the first bytes of a file give away, as Python names it; None if they don't."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Two characters: an ID or a column's name begins the file, and Cyrillic may follow soon.
    start = head[:4]
    if len(start) == 4 and not any(start[1::2]) and all(start[::2]):
        return "utf-16-le"
    if len(start) == 4 and not any(start[::2]) and all(start[1::2]):
        return "utf-16-be"
    return None


def find_bad_byte(
    chunks: Iterable[bytes], encoding: str, *, longest: int | None = None
) -> BadByte | None:
    """The first place where *chunks* are not text in *encoding*, or hold a NUL; None if all is well.

    Args:
        longest: Characters that a line may have, more or less; None for any number.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = IncrementalNewlineDecoder(None, translate=True)
    line, seen, is_beyond_ascii, length = 1, 0, False, 0
    for chunk, is_last in _with_last(chunks):
        seen += len(chunk)
        try:
            text, why = decoder.decode(chunk, final=is_last), ""
            at = seen - len(decoder.getstate()[0])
        except UnicodeDecodeError as error:
            # What went before the bad byte still counts lines; the decoder kept none of it.
            decoder.setstate((b"", decoder.getstate()[1]))
            text, why = decoder.decode(error.object[: error.start]), f"is not {_spoken(encoding)}"
            at = seen - len(error.object) + error.start
        nul = text.find("\0")
        if nul >= 0:
            at -= len(text[nul:].encode(_without_mark(encoding)))
            text, why = text[:nul], "is NUL, which no text has"
        is_beyond_ascii = is_beyond_ascii or not text.isascii()
        breaks = lines.decode(text).count("\n")
        line += breaks
        length = 0 if breaks else length + len(text)
        if longest is not None and length > longest:
            return BadByte(seen, line, "", may_be_cp1251=False, is_endless=True)
        if why:
            return BadByte(at, line, why, may_be_cp1251=nul < 0 and not is_beyond_ascii)
    return None


def find_dialect(
    sample: str, *, name: str, column: str | None, carry: Sequence[str] | None
) -> Dialect:
    """How the CSV that begins with *sample* is to be read.

    Args:
        name: The file, for messages.
        column: The column with the ids as the user named it; None if it is for us to find.
        carry: Columns whose cells are to stand in the outcomes; None for all that are not used.

    Raises:
        BadSource: If there is no row, or no column that could hold the ids or is to be carried.
    """
    sep_line = _SEP_LINE.match(sample)
    delimiter, rows = _find_delimiter(sample, sep_line, column)
    if rows is None:
        raise cell_too_long(name, 2 if sep_line else 1)
    columns = find_columns(rows, name=name, column=column, carry=carry, delimiter=delimiter)
    note = ""
    if sep_line and delimiter != sep_line[1]:
        note = (
            f"{name}:1: {shown(sep_line[0].strip())} is not what separates the cells below it: "
            f"{_SPOKEN[delimiter]} do, and were believed"
        )
    return Dialect(columns, has_sep_line=sep_line is not None, note=note)


def cell_too_long(name: str, line: int) -> BadSource:
    """What is said where Python's reader refuses a cell."""
    return BadSource(
        f"{name}:{line}: a cell in this row has over {csv.field_size_limit():,} characters",
        "Most likely a quote is opened in it and never closed: close it, or write it twice if "
        "it belongs to the text.",
    )


def _with_last(chunks: Iterable[bytes]) -> Iterable[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _spoken(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1251": "cp1251"}.get(encoding, "UTF-16")


def _without_mark(encoding: str) -> str:
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)


def _find_delimiter(
    sample: str, sep_line: re.Match[str] | None, column: str | None
) -> tuple[str, list[list[str]] | None]:
    """What separates the cells, and the first rows; None where the first can't be read."""
    if sep_line is None:
        tried = {one: _rows(sample, one) for one in _DELIMITERS}
        best = max(tried, key=lambda one: _fitness(tried[one], column))
        # Where one delimiter leaves only blank rows, there is nothing but that delimiter.
        return best, [] if [] in tried.values() else tried[best]
    below = sample[sep_line.end() :]
    rows = _rows(below, sep_line[1])
    if rows and not _fitness(rows, column)[0]:
        others = {one: _rows(below, one) for one in _DELIMITERS if one != sep_line[1]}
        best = max(others, key=lambda one: _fitness(others[one], column))
        if _fitness(others[best], column)[0]:
            return best, others[best]
    return sep_line[1], rows


def _rows(sample: str, delimiter: str) -> list[list[str]] | None:
    """The first rows of *sample* that are not blank; None where the first can't be read."""
    reader = csv.reader(StringIO(sample.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        rows.extend(islice((row for row in reader if not is_blank(row)), SAMPLE_ROWS))
    except csv.Error:
        if not rows:
            return None
    return rows


def _fitness(rows: list[list[str]] | None, column: str | None) -> tuple[bool, int]:
    if not rows:
        return False, 0
    if len(rows[0]) > MOST_COLUMNS:
        return False, sum(map(len, rows))
    return names_pages(rows[0], column), sum(map(len, rows))
