"""Words of others in our sentences: in quotes, in a list, or as what may have been meant. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from bulk_publisher.text.redaction import is_webhook_url

_LONGEST_SHOWN = 40
_MOST_SHOWN = 20
_MOST_COMPARED = 1000
"""Words among which a similar one is looked for: each takes microseconds."""
_ALIKE = 0.7
"""Likeness, 0 to 1, from which a word may be meant by another: a letter too many, too few, or other."""


def as_text(name: str) -> str:
    r"""*name* as it is shown and written down: bytes that are no text become ``\xd1``.

    Python keeps what the locale's encoding can't read as lone surrogates, which no file in UTF-8
    can hold. In a locale without UTF-8 that may be good UTF-8, and is taken as such.
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()


def nearest(word: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` with the known word that is most like *word*, or all there are.

    Meant to follow a statement that *word* is not known. Empty where none is known at all.
    """
    words = list(known)
    if not words:
        return ""
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
