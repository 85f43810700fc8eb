"""What one answer of the portal's list says: rows that name pages, and rows that name none. Pure.

Nothing is believed of a row but what can be read in it: an ID that can't be a page's makes it a row
that is refused, whatever else stands there.

Source: docs/bitrix24.md §4 [doc, source].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from bulk_publisher.errors import ListIncomplete, StoppedByPortal
from bulk_publisher.model import FolderId, Page, PageId, Scope, SiteId
from bulk_publisher.page_ids.page_set import LARGEST_ID, PageSet
from bulk_publisher.text.shown import shown

Row = Mapping[str, Any]

SELECT_INSTEAD = "Select the pages with a CSV or --page instead."
_LONGEST = 19
"""Digits of the largest ID: more are not even read."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One answer.

    Attributes:
        good: Rows with an ID that can be a page's, as they came.
        refused: What is wrong with the ID of the first other row, in a few words; empty where there
            is none.
        total: How many pages there are, where the portal counts them; None where it does not.
    """

    good: Sequence[Row]
    refused: str
    total: int | None


class Ascent:
    """A list that is read one answer after another: each page once, in the order of their IDs.

    Invariant: no page at or below ``last`` is missing, as far as the portal's word goes.
    """

    def __init__(self, after: int) -> None:
        """Nothing is read yet.

        Args:
            after: The last ID that is not wanted.
        """
        self.last = after
        self._after = after
        self._seen = PageSet()

    @property
    def pages(self) -> int:
        """Pages that were read."""
        return len(self._seen)

    def new_of(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the good *rows* that name a page for the first time.

        Raises:
            ListIncomplete: If they are not in order: then nothing says which pages are missing.
        """
        new: list[Row] = []
        for row in rows:
            page = id_of(row)
            if page <= self._after or not self._seen.add(page):
                continue
            if page < self.last:
                raise ListIncomplete(
                    "The pages can't be listed to the end: the portal does not keep them in order,"
                    f" page {page} comes after page {self.last}.",
                    SELECT_INSTEAD,
                )
            self.last = page
            new.append(row)
        return new


def rows_of(result: Any, total: int | None = None) -> Rows:
    """The rows in *result*, a list or PHP's map.

    Raises:
        StoppedByPortal: If it is neither: it would be taken for an empty list by mistake.
    """
    rows = list(result.values()) if isinstance(result, dict) else result
    if not isinstance(rows, list):
        raise StoppedByPortal(
            "The pages can't be listed: the portal answered with something other than a list of pages.",
            "Try again, or select the pages with a CSV or --page and --no-lookup.",
        )
    good = [row for row in rows if _is_good(row)]
    first = (
        "" if len(good) == len(rows) else next(_id_shown(row) for row in rows if not _is_good(row))
    )
    return Rows(good, first, total)


def refused_rows(example: str) -> str:
    """That rows were refused, in words."""
    return f"the portal lists rows with IDs that no page can have (the first: {example})"


def id_of(row: Row) -> PageId:
    """The page's ID in a good row."""
    return PageId(number_in(row["ID"]) or 0)


def folder_of(row: Row) -> FolderId | None:
    """The folder of the page in a good row; None for its site's root."""
    folder = number_in(row.get("FOLDER_ID"))
    return None if folder is None else FolderId(folder)


class DatedPage(Page, frozen=True, omit_defaults=True, gc=False):
    """A page, and when it was last modified.

    Attributes:
        modified: In the portal's own regional format, to be shown and not to be read; None where it
            was not asked, or does not say.
    """

    modified: str | None = None


def page_of(row: Row, *, scope: Scope | None, source: str) -> Page:
    """The page that a good row names, and what it says of it."""
    site = number_in(row.get("SITE_ID"))
    public = flag_in(row.get("PUBLIC"))
    page = Page(
        id=id_of(row),
        scope=scope,
        source=source,
        site=None if site is None else SiteId(site),
        folder=folder_of(row),
        title=_text(row.get("TITLE")),
        url=_text(row.get("PUBLIC_URL")),
        was_active=flag_in(row.get("ACTIVE")),
        is_changed=None if public is None else not public,
        is_missing=False,
    )
    return dated(page, _text(row["DATE_MODIFY"])) if "DATE_MODIFY" in row else page


def dated(page: Page, modified: str | None) -> DatedPage:
    """*page* with the moment at which it was modified."""
    return DatedPage(**{**asdict(page), "modified": modified})


def flag_in(value: Any) -> bool | None:
    """What the portal's ``Y`` or ``N`` says; None where *value* is neither, and says nothing."""
    return value == "Y" if value in ("Y", "N") else None


def number_in(value: Any) -> int | None:
    """The ID in *value*, which the portal writes as a text or a number; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = value if isinstance(value, str) else str(value) if abs(value) <= LARGEST_ID else ""
    if not (text.isascii() and text.isdecimal()) or len(text.lstrip("0")) > _LONGEST:
        return None
    number = int(text.lstrip("0") or "0")
    return number if 0 < number <= LARGEST_ID else None


def _is_good(row: Any) -> bool:
    return isinstance(row, dict) and number_in(row.get("ID")) is not None


def _id_shown(row: Any) -> str:
    value = row.get("ID") if isinstance(row, dict) else None
    if value is None:
        return "none at all"
    is_long = isinstance(value, int) and abs(value) > 10**30
    return "over 30 digits" if is_long else shown(str(value))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
