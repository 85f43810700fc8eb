"""Which columns of a list may hold the ids of its pages, by their names and their numbers. Pure.

Rules: nothing is chosen here. Another column that may hold them as well makes the known one doubtful,
and a person has to say which it is: a wrong guess publishes other pages.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bulk_publisher.sources.cells import is_whole

PAGE_COLUMNS = ("lid", "id", "page", "page_id")
"""Names of the column with the ids; where ``lid`` is not there, one of them must be alone."""

URL_COLUMN = "url"
"""The name of a column with addresses, for lists without ids."""

_PAGE_WORDS = frozenset({"page", "pages", "landing", "страница", "страницы", "страниц", "лендинг", "лендинга"})  # fmt: skip
_ID_WORDS = frozenset({"id", "ids", "lid", "ид", "айди", "идентификатор", "номер", "number", "nr"})
_KEY_WORDS = frozenset({"no", "num", "key", "ref", "code", "код"})
_OTHER_WORDS = frozenset({"site", "folder", "domain", "template", "tpl", "by", "xml", "parent", "user", "author", "owner", "сайта", "папки", "автора"})  # fmt: skip
"""Whose ids stand beside a page's own, as the portal lists them."""

_BARE = ("id", "page")
"""Known names that say as well what a list numbers by itself."""


class Column(NamedTuple):
    """A column's folded name, and what its cells hold as far as they are filled."""

    name: str
    cells: Sequence[str]


def is_rival(column: Column, known: Column) -> bool:
    """Whether *column* may hold the ids as well as the *known* one, which has one of their names."""
    return (
        _is_named_alike(column.name, beside=known.name)
        or (_is_a_page(column.name) and any(map(is_whole, column.cells)))
        or _tells_pages_apart(column, known)
    )


def _is_named_alike(name: str, *, beside: str) -> bool:
    """Whether a column of that name may be the one with the ids, such as ``landing-id``.

    Args:
        beside: The known name. A bare ``id`` or ``page`` may be the list's own number, so that
            ``b24_id`` says more than it.
    """
    words = _words(name)
    if name in PAGE_COLUMNS or "lid" in words:
        return True
    is_id = bool(words & _ID_WORDS)
    return is_id and (bool(words & _PAGE_WORDS) or (beside in _BARE and not words & _OTHER_WORDS))


def _tells_pages_apart(column: Column, known: Column) -> bool:
    """Whether numbers under another name may be ids, beside a bare ``id`` or ``page``.

    They may where the name is that of some kind of page or of its key, ``wiki page``, ``page no``;
    and under any name where the known ones only count the rows, 1, 2, 3, as a database's own key
    does, and these differ from row to row as well.
    """
    words = re.findall(r"[^\W\d_]+", column.name)
    if known.name not in _BARE or _OTHER_WORDS.intersection(_words(column.name)):
        return False
    if not column.cells or not all(map(is_whole, column.cells)):
        return False
    has_key = bool(_PAGE_WORDS.intersection(words) and _KEY_WORDS.intersection(words))
    rows = len(known.cells)
    counts = any(list(known.cells) == [str(row + first) for row in range(rows)] for first in (0, 1))
    differs = rows > 1 and len(column.cells) == len({*column.cells}) == rows
    return has_key or bool(_PAGE_WORDS.intersection(words[-1:])) or (counts and differs)


def _is_a_page(name: str) -> bool:
    """Whether a column's name says nothing but that it is a page's: its id, or its title."""
    words = _words(name)
    return bool(words) and words <= _PAGE_WORDS


def _words(name: str) -> set[str]:
    words = re.findall(r"[^\W\d_]+", name)
    return {*words, *(part for word in words for part in _parts(word))}


def _parts(word: str) -> tuple[str, ...]:
    """The words that one without a blank is made of: ``pageid``, ``idpage``."""
    for mark in ("id", "ид"):
        for rest in (word.removesuffix(mark), word.removeprefix(mark)):
            if rest in _PAGE_WORDS | _OTHER_WORDS and rest != word:
                return rest, mark
    return ()
