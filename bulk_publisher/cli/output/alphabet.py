"""A text in whatever signs a stream has: what it lacks is replaced, by ASCII where that looks alike. Pure."""

import codecs
from typing import IO

REPLACED = "bulk_publisher.replaced"
"""How codecs know it."""
_GLYPHS = {
    "…": "...", "—": "-", "–": "-", "−": "-", "‑": "-", "‒": "-", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‘": "'", "’": "'", "‚": "'", "‹": "<", "›": ">", "→": "->", "←": "<-", "✓": "+", "✗": "x", "×": "x", "·": "-",
    "•": "*", "━": "=", "─": "-", "█": "#", "░": ".", "╸": "=", "╺": "-", "\xa0": " ", "\u2009": " ", "\u202f": " ",
    "≤": "<=", "≥": ">=", "№": "No.", "€": "EUR", "₽": "RUB",
}  # fmt: skip
"""What stands for a sign where the encoding lacks it."""


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_stand_in(sign) for sign in error.object[error.start : error.end]), error.end


def _stand_in(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        # A byte of a file's name that is no text.
        return f"\\x{number - 0xDC00:02x}"
    if 0x300 <= number <= 0x36F:
        # An accent by itself.
        return ""
    return _GLYPHS.get(sign, "?")


codecs.register_error(REPLACED, _replace)


def encoded(text: str, encoding: str) -> bytes:
    """*text* in *encoding*; what that does not have is replaced."""
    try:
        return text.encode(encoding, REPLACED)
    except (LookupError, UnicodeError):
        return text.encode("ascii", REPLACED)


def shown_by(stream: IO[str], text: str) -> str:
    """*text* as *stream* will show it, so that its width can be told."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text if text.isascii() else encoded(text, encoding).decode(encoding, "replace")
