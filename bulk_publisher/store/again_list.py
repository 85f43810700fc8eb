"""``again.csv``: pages that can be done again, as a list that ``--csv`` takes, wherever it is kept.

How it works: what the pages carry of their own lists stands beside their verdicts, and is copied from
there, one by one. The IDs are then called ``lid``, beside which no other column can be taken for them.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import TextIOWrapper
from typing import BinaryIO

from bulk_publisher.model import PageId, Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.verdicts import Verdict
from bulk_publisher.text.column_names import MOST_COLUMNS, told_apart

_FIXED = ("lid", "scope")
_TAKEN = (*_FIXED, "site", "title")
"""Names that a list of pages gives a meaning of their own."""


Verdicts = Callable[[], Iterable[Verdict]]
"""Gives all verdicts, each time that it is asked."""


def write_pages(file: BinaryIO, pages: Mapping[Scope | None, PageSet], verdicts: Verdicts) -> None:
    """Write the list of *pages* into *file*.

    Args:
        verdicts: Say what they carry.
    """
    names: dict[str, None] = {}
    for verdict in _of(pages, verdicts):
        names.update(dict.fromkeys(verdict.row or ()))
    carried = list(names)[: MOST_COLUMNS - len(_FIXED)]
    if not carried:
        file.write(b"id,scope\n")
        for scope, ids in pages.items():
            file.writelines(f"{page},{scope or ''}\n".encode() for page in ids)
        return
    text = TextIOWrapper(file, "utf-8", newline="")
    # With both signs in its line end, the writer quotes cells that have either.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_FIXED, *map(_cell, told_apart(carried, taken=_TAKEN))])
    for page, scope, row in _rows(pages, verdicts):
        writer.writerow([page, scope or "", *(_cell(row.get(name, "")) for name in carried)])
    text.flush()
    text.detach()


def _rows(
    pages: Mapping[Scope | None, PageSet], verdicts: Verdicts
) -> Iterator[tuple[PageId, Scope | None, Mapping[str, str]]]:
    listed = PageSet()
    for verdict in _of(pages, verdicts):
        listed.add(verdict.page)
        yield verdict.page, verdict.scope, verdict.row or {}
    for scope, ids in pages.items():
        yield from ((PageId(page), scope, {}) for page in ids if page not in listed)


def _of(pages: Mapping[Scope | None, PageSet], verdicts: Verdicts) -> Iterator[Verdict]:
    for verdict in verdicts():
        if verdict.page in pages.get(verdict.scope, ()):
            yield verdict


def _cell(text: str) -> str:
    """Without NUL, which no CSV may have."""
    return text.replace("\0", " ")
