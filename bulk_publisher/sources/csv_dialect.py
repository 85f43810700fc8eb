"""How a CSV is written: its encoding, its delimiter, whether it has a header, which column is what.

Rules:
    Everything here is told from bytes or text that somebody else has read. What cannot be told
    is a `BadSource` that names the file and says what was found.

How it works:
    *Encoding.* A byte order mark decides. Without one, text in which every second byte is NUL is
    UTF-16. Everything else is UTF-8 if all of it is, and otherwise cp1251, in which Excel writes
    Cyrillic. If there is valid UTF-8 beyond ASCII before the first byte that is not, then it is
    damaged UTF-8 and not cp1251, and is refused.

    *Delimiter.* Excel's own ``sep=;`` decides if it is the first line. Otherwise the first rows
    are read with each delimiter in turn, and the one wins that makes the first row a header we
    know or a row with an id; among those, the one that makes the most cells.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import IncrementalNewlineDecoder, StringIO
from itertools import islice

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.cells import Wrong, did_you_mean, parse_id, shown

SAMPLE_SIZE = 1 << 16
"""Characters that are looked at to tell the delimiter and the header: gut feeling, ample."""

PAGE_COLUMNS = ("lid", "id", "page", "page_id")
"""Names of the column with the ids, the first that is there counts."""

_EXTRA_COLUMNS = ("scope", "site", "title")
_DELIMITERS = (",", ";", "\t")
_SAMPLE_ROWS = 20
_SEP_LINE = re.compile(r'\ufeff?"?sep=([^\w\s"]|\t)"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BadByte:
    """The first place at which bytes are not text in an encoding.

    Attributes:
        at: Offset from the beginning, 0 or more.
        line: The line it is in, 1 or more.
        may_be_cp1251: It is not NUL, and nothing beyond ASCII was read well before it.
    """

    at: int
    line: int
    why: str
    may_be_cp1251: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the rows of a CSV are to be read; columns count from 0, None where there is none."""

    delimiter: str
    has_sep_line: bool
    has_header: bool
    id_at: int = 0
    scope_at: int | None = None
    site_at: int | None = None
    title_at: int | None = None


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


def find_bad_byte(chunks: Iterable[bytes], encoding: str) -> BadByte | None:
    """The first place where *chunks* are not text in *encoding*, or hold a NUL; None if all is well."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = IncrementalNewlineDecoder(None, translate=True)
    line, seen, is_beyond_ascii = 1, 0, False
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
        line += lines.decode(text).count("\n")
        if why:
            return BadByte(at, line, why, may_be_cp1251=nul < 0 and not is_beyond_ascii)
    return None


def find_dialect(sample: str, *, name: str, column: str | None) -> Dialect:
    """How the CSV that begins with *sample* is to be read.

    Args:
        name: The file, for messages.
        column: The column with the ids as the user named it; None if it is for us to find.

    Raises:
        BadSource: If there is no row, or no column that could hold the ids.
    """
    sep_line = _SEP_LINE.match(sample)
    if sep_line:
        delimiter = sep_line[1]
        rows = _rows(sample[sep_line.end() :], delimiter)
    else:
        # Where one delimiter leaves only blank rows, there is nothing but that delimiter.
        tried = {one: _rows(sample, one) for one in _DELIMITERS}
        delimiter = max(tried, key=lambda one: _fitness(tried[one], column))
        rows = tried[delimiter] if all(tried.values()) else []
    if not rows:
        raise BadSource(f"{name} has no page in it: it is empty")
    first = [cell.strip() for cell in rows[0]]
    has_header = _is_header(first, name=name, column=column)
    if not has_header:
        return Dialect(delimiter, has_sep_line=sep_line is not None, has_header=False)
    return Dialect(
        delimiter,
        has_sep_line=sep_line is not None,
        has_header=True,
        id_at=_id_column(first, name=name, column=column),
        scope_at=_place(first, "scope"),
        site_at=_place(first, "site"),
        title_at=_place(first, "title"),
    )


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row has nothing in it, as Excel leaves them behind: ``;;;``."""
    return not any(cell and not cell.isspace() for cell in row)


def _with_last(chunks: Iterable[bytes]) -> Iterable[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _spoken(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1251": "cp1251"}.get(encoding, "UTF-16")


def _without_mark(encoding: str) -> str:
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    """The first rows of *sample* that are not blank, whatever is wrong with their quotes."""
    reader = csv.reader(StringIO(sample.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    return list(islice((row for row in reader if not is_blank(row)), _SAMPLE_ROWS))


def _fitness(rows: list[list[str]], column: str | None) -> tuple[bool, int]:
    if not rows:
        return False, 0
    first = [cell.strip() for cell in rows[0]]
    known = PAGE_COLUMNS if column is None else (column,)
    is_known = any(_place(first, name) is not None for name in known) or _is_id(first[0])
    return is_known, sum(map(len, rows))


def _is_id(cell: str) -> bool:
    return not isinstance(parse_id(cell), Wrong)


def _is_header(first: list[str], *, name: str, column: str | None) -> bool:
    """Whether the first row names columns; a row that does neither that nor hold an id is refused."""
    if column is not None:
        if _place(first, column) is None and _is_id(first[0]):
            raise BadSource(
                f"{name} has no column {shown(column)}: it has no header, its first row is a page's",
                "Leave --column out: the first column is taken.",
            )
        return True
    if _is_id(first[0]):
        return False
    if any(_place(first, known) is not None for known in PAGE_COLUMNS):
        return True
    if re.match(r"[-+]?\d", first[0]):
        return False
    raise BadSource(
        f"{name} has no column named {', '.join(PAGE_COLUMNS[:-1])} or {PAGE_COLUMNS[-1]}: "
        f"its columns are {_listed(first)}",
        "Say with --column which of them holds the page ids.",
    )


def _id_column(first: list[str], *, name: str, column: str | None) -> int:
    known = PAGE_COLUMNS if column is None else (column,)
    present = [place for place in (_place(first, one) for one in known) if place is not None]
    if not present:
        raise BadSource(
            f"{name} has no column {shown(column or '')}{did_you_mean(column or '', filter(None, first))}",
            f"Its columns are {_listed(first)}.",
        )
    chosen = first[present[0]].lower()
    if [cell.lower() for cell in first].count(chosen) > 1:
        raise BadSource(f"{name} has more than one column named {shown(first[present[0]])}")
    return present[0]


def _place(header: list[str], name: str) -> int | None:
    lowered = [cell.lower() for cell in header]
    wanted = name.strip().lower()
    return lowered.index(wanted) if wanted in lowered else None


def _listed(header: list[str]) -> str:
    return ", ".join(shown(cell) for cell in header if cell)
