"""What may be shown of a text of others: for people, in JSON, in a spreadsheet. Pure.

Rules: no sign leaves here that moves a cursor, colours a line, turns its direction or can't be seen; and
no cell of a table that a spreadsheet would carry out.
"""

import json
import math
import re
import unicodedata
from typing import Any

_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
"""Controls, and signs that have no width, turn the direction or only mean something to machines."""
_RUNS = re.compile(f"[{_HIDDEN}]+")
_SIGNS = re.compile(f"[{_HIDDEN}\ud800-\udfff]")
_LED = ("\t", "\r", "\n")
"""Some spreadsheets leave them out, and look at what comes after."""
_FORMULA = frozenset("=+-@")
"""What a spreadsheet takes for the beginning of a formula, at any width."""

MOST_UNITS = 32_767
"""Of a cell in Excel: units of UTF-16 [doc]. A longer one in a CSV runs over into the next row."""
MOST_WHOLE = 10**15
"""Whole numbers from here on lose digits in a spreadsheet: it keeps 15."""

_AS: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "default": repr}
_ENCODER = json.JSONEncoder(**_AS)


def printable(text: str) -> str:
    """*text* of others, in one line that a terminal can show as it is."""
    return _RUNS.sub(" ", text)


def legible(text: str) -> str:
    """*text* that may have several lines, each of them ``printable``."""
    return "\n".join(printable(line) for line in text.split("\n"))


def json_text(data: Any, *, indent: int | None = None) -> str:
    """*data* as JSON that can be read, printed and written as UTF-8."""
    encoder = _ENCODER if indent is None else json.JSONEncoder(indent=indent, **_AS)
    try:
        return clean_json(encoder.encode(data))
    except ValueError:
        return clean_json(encoder.encode(_finite(data)))


def clean_json(text: str) -> str:
    r"""JSON in which what can't be seen is escaped; it means the same.

    Bytes of a name that are no text, which Python keeps as lone surrogates, become ``\xd1``.
    """
    return _SIGNS.sub(_as_escape, text)


def cell(text: str) -> str:
    """*text* for a CSV that a spreadsheet can open without harm."""
    safe = printable(text)
    led = text.startswith(_LED) or is_formula(safe)
    # A semicolon parts cells where a comma parts decimals.
    first, *more = safe.split(";")
    parts = [first, *(f"'{part}" if is_formula(part) else part for part in more)]
    return ("'" if led else "") + ";".join(parts)


def as_long_as_a_cell(text: str) -> str:
    """*text* as far as a cell of a spreadsheet holds it: it counts as UTF-16 does, emoji twice."""
    if len(text) <= MOST_UNITS // 2:
        return text
    return text.encode("utf-16-le", "replace")[: 2 * MOST_UNITS].decode("utf-16-le", "ignore")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take *text*, typed in, for a formula."""
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return first[:1] in _FORMULA


def _finite(data: Any) -> Any:
    """*data* without numbers that JSON does not have."""
    match data:
        case float() if not math.isfinite(data):
            return None
        case dict():
            return {name: _finite(value) for name, value in data.items()}
        case list() | tuple():
            return [_finite(value) for value in data]
        case _:
            return data


def _as_escape(match: re.Match[str]) -> str:
    sign = match[0]
    number = ord(sign)
    if sign == "\n":
        # Between the lines of JSON that is indented: within a text it is escaped already.
        return sign
    if 0xD800 <= number <= 0xDFFF:
        return f"\\\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else "\\ufffd"
    if number > 0xFFFF:
        number -= 0x10000
        return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
    return f"\\u{number:04x}"
