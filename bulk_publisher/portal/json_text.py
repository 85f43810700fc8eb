"""JSON as it comes from PHP's hands: with marks around it, with figures that are none, or within a page.

Pure: bytes in, values out.

How it works: a byte order mark, of which each PHP file that was saved with one prints its own, means
nothing and is left aside. Figures that no number can hold, and what JSON has no figure for (``NaN``,
``Infinity``), are read as null: what stands beside them is an answer all the same. Anything else around
an answer is a fault of the portal's set-up, and is told, not guessed away.
"""

import json
import math
import re
from typing import Any

import msgspec

_MARK = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_MARKS = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*")
_MARKS_BACKWARDS = re.compile(rb"(?:\xbf\xbb\xef|[ \t\r\n])*")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|-?(?:NaN|Infinity)|-?[0-9][0-9.eE+-]*', re.DOTALL)
"""A string, even one that does not end, so that what is in it is passed over; or a figure."""
_BEGINNING = re.compile(r'\{\s*"(?:result|error)"\s*:')
_MOST_BEGINNINGS = 10
"""Places at which an answer is looked for."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NotJson(ValueError):
    """Bytes that are no JSON."""


def decode(body: bytes) -> Any:
    """The value that *body* is.

    Raises:
        NotJson: If it is none.
    """
    text = bare(body)
    try:
        return msgspec.json.decode(text)
    except _UNREADABLE:
        pass
    try:
        return msgspec.json.decode(_TOKEN.sub(_figure, text))
    except _UNREADABLE as error:
        raise NotJson from error


def bare(body: bytes) -> bytes:
    """*body* without blanks and byte order marks around it."""
    text = body.strip(_BLANKS)
    if text.startswith(_MARK):
        text = text[_MARKS.match(text).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    if text.endswith(_MARK):
        text = text[: len(text) - _MARKS_BACKWARDS.match(text[::-1]).end()]  # type: ignore[union-attr]
    return text


def around(body: bytes) -> str | None:
    """What stands around the answer of a portal in *body*; None where there is no whole one in it."""
    text = bare(body).decode(errors="replace")
    for number, beginning in enumerate(_BEGINNING.finditer(text)):
        start = beginning.start()
        # In what begins as an answer, and is cut, a part may look like a whole one.
        if number == _MOST_BEGINNINGS or (number and text.startswith("{")):
            return None
        try:
            _, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        before, after = text[:start].strip(), text[end:].strip()
        return " … ".join(part for part in (before, after) if part)
    return None


def _figure(token: re.Match[bytes]) -> bytes:
    text = token[0]
    if text.startswith(b'"'):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return text if math.isfinite(number) else b"null"
