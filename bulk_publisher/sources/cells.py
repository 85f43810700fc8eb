"""What a word in a list of pages says: an id, a scope. Pure.

What cannot be read is a value, `Wrong`, so that the caller can list all of it at once.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from bulk_publisher.model import WITHOUT_SCOPE, PageId, Scope
from bulk_publisher.page_ids.page_set import LARGEST_ID
from bulk_publisher.portal.addresses import Address, Unusable, parse_address
from bulk_publisher.text.shown import nearest, shown

_match_id = re.compile(r"0{0,20}([1-9][0-9]{0,18})([.,]0{1,20})?").fullmatch
_match_whole = re.compile(r"[0-9]+([.,]0+)?").fullmatch
_match_scientific = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]{1,3}").fullmatch
_match_thousand = re.compile(r"[1-9][0-9]{0,2}[.,]000").fullmatch


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
    if _match_scientific(text):
        return Wrong(
            f"{shown(text)} is no page id any more: the spreadsheet has left its last digits out"
        )
    return Wrong(f"{shown(text)} is not a page id, which is a whole number from 1")


def parse_url(text: str) -> Address | Wrong:
    """The page's address that *text* is."""
    address = parse_address(text)
    return Wrong(address.why) if isinstance(address, Unusable) else address


def is_whole(text: str) -> bool:
    """Whether *text* is a whole number of any size, which a page's id might have been meant by."""
    return _match_whole(text.strip()) is not None


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
