"""What a word in a list of pages says: an id, a scope. Pure.

What cannot be read is a value, `Wrong`, so that the caller can list all of it at once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from bulk_publisher.model import PageId, Scope

LARGEST_ID = (1 << 63) - 1
"""The portal keeps its ids in signed numbers of 64 bits."""

WITHOUT_SCOPE = ("PAGE", "STORE", "SMN")
"""Types of site whose pages are published without a scope.

Source: docs/bitrix24.md §3 [doc].
"""

_match_id = re.compile(r"([1-9][0-9]{0,18})(?:\.0+)?").fullmatch
_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Wrong:
    """A word that cannot be used, and why."""

    why: str


def parse_id(text: str) -> PageId | Wrong:
    """The id that *text* is, spaces around it and a fraction of nothing, ``351.0``, left aside.

    Strict else, because the portal is not: it takes the leading digits, so that ``351abc`` would
    publish page 351. Spreadsheets write ``351.0`` where a column has a gap.

    Source: docs/bitrix24.md §2 [source].
    """
    text = text.strip()
    if (match := _match_id(text)) and (number := int(match[1])) <= LARGEST_ID:
        return PageId(number)
    if not text:
        return Wrong("there is no page id")
    if re.fullmatch(r"[1-9][0-9]*(\.0+)?", text):
        return Wrong(f"{shown(text)} is too large for a page id")
    return Wrong(f"{shown(text)} is not a page id, which is a whole number from 1")


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
    return did_you_mean(word, words) or f": there is {', '.join(words)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` with the known word that is most like *word*; empty where none is."""
    by_lower_case = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.5)
    return f": did you mean {by_lower_case[close[0]]}?" if close else ""


def shown(text: str) -> str:
    """*text* fit for a message: in quotes, one line, not too long; a URL may be a secret."""
    if "://" in text:
        return "a URL"
    cut = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return repr(cut)
