"""What a word in a list of pages says: an id, a scope, a column's name. Pure.

What cannot be read is a value, `Wrong`, so that the caller can list all of it at once.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice

from bulk_publisher.model import PageId, Scope
from bulk_publisher.page_set import LARGEST_ID
from bulk_publisher.portal.redaction import is_webhook_url

WITHOUT_SCOPE = ("PAGE", "STORE", "SMN")
"""Types of site whose pages are published without a scope.

Source: docs/bitrix24.md §3 [doc].
"""

_match_id = re.compile(r"0{0,20}([1-9][0-9]{0,18})([.,]0{1,20})?").fullmatch
_match_whole = re.compile(r"[0-9]+([.,]0+)?").fullmatch
_match_thousand = re.compile(r"[1-9][0-9]{0,2}[.,]000").fullmatch
_LONGEST_SHOWN = 40
_MOST_SHOWN = 20
_MOST_COMPARED = 1000
"""Words among which a similar one is looked for: each takes microseconds."""
_ALIKE = 0.7
"""Likeness, 0 to 1, from which a word may be meant by another: a letter too many, too few, or other."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A word that cannot be used, why, and what to do about all that are wrong alike."""

    why: str
    hint: str = ""


def parse_id(text: str) -> PageId | Wrong:
    """The id that *text* is; spaces around it, zeros before it and a fraction of nothing aside.

    Strict else, because the portal is not: it takes the leading digits, so that ``351abc`` would
    publish page 351. Spreadsheets write ``351.0`` or ``351,0`` where a column has a gap, and
    databases ``00351``. What may as well be a thousand, ``351.000``, is refused.

    Source: docs/bitrix24.md §2 [source].
    """
    text = text.strip()
    if (match := _match_id(text)) and (number := int(match[1])) <= LARGEST_ID:
        if match[2] is None or not _match_thousand(text):
            return PageId(number)
        digits = match[1]
        return Wrong(f"{shown(text)} may be {digits} or {digits}000: write it without a separator")
    if not text:
        return Wrong("there is no page id")
    if _match_whole(text) and text.strip("0.,"):
        return Wrong(f"{shown(text)} is too large for a page id")
    return Wrong(f"{shown(text)} is not a page id, which is a whole number from 1")


def is_whole(text: str) -> bool:
    """Whether *text* is a whole number of any size, which a page's id might have been meant by."""
    return _match_whole(text.strip()) is not None


def folded(name: str) -> str:
    """*name* as columns are compared: what looks alike is alike.

    One form for each letter, no invisible signs, single blanks of one kind, no capitals.
    """
    decomposed = unicodedata.normalize("NFC", as_text(name))
    visible = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()).casefold())


def as_text(name: str) -> str:
    r"""*name* as it is shown and written down: bytes that are no text become ``\xd1``.

    Python keeps what the locale's encoding can't read as lone surrogates, which no file in UTF-8
    can hold. In a locale without UTF-8 that may be good UTF-8, and is taken as such.
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=64)
def parse_scope(text: str) -> Scope | Wrong | None:
    """The scope that *text* names in any case; None for the types of site that need none.

    An unknown one is refused here because the portal would quietly take it for none.

    Source: docs/bitrix24.md §3 [doc].
    """
    name = text.strip().upper()
    if not name or name in WITHOUT_SCOPE:
        return None
    if name in Scope.__members__:
        return Scope[name]
    return Wrong(f"{shown(text.strip())} is not a scope{nearest(name, [*Scope, *WITHOUT_SCOPE])}")


def nearest(word: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` with the known word that is most like *word*, or all there are.

    Meant to follow a statement that *word* is not known.
    """
    words = list(known)
    return did_you_mean(word, words) or f": there is {listed(words)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` with the known word that is most like *word*; empty where none is."""
    plain = (name for name in known if is_plain(name))
    by_lower_case = {name.lower(): name for name in islice(plain, _MOST_COMPARED)}
    close = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=_ALIKE)
    return f": did you mean {by_lower_case[close[0]]}?" if close else ""


def is_plain(name: str) -> bool:
    """Whether *name* may be shown without quotes, to be copied: short, and all of it visible."""
    return name.isprintable() and 0 < len(name) <= _LONGEST_SHOWN and "://" not in name


def listed(words: Iterable[str]) -> str:
    """*words* with commas between; of very many the first, and how many more there are."""
    words = list(words)
    more = len(words) - _MOST_SHOWN
    return ", ".join(words[:_MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def shown(text: str) -> str:
    """*text* fit for a message: in quotes, one line, not too long; a URL may be a secret."""
    if is_webhook_url(text):
        return "a webhook's URL"
    if "://" in text:
        return "a URL"
    cut = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return repr(cut)
