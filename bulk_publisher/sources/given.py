"""Pages given by their ids: ``351``, ``400-420``, ``1,5,9-12``. Pure.

Ranges are never written out: ``1-10000000`` takes no more memory than ``351``.
"""

from bisect import bisect_right, insort
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Page, PageId, Scope
from bulk_publisher.sources.cells import Wrong, parse_id
from bulk_publisher.text.shown import shown

MOST_PAGES = 10_000_000
"""More than that in one selection is taken for a slip of the finger."""

_FIRST = attrgetter("first")


@dataclass(frozen=True, slots=True)
class PageRange:
    """The pages from *first* to *last*, both included, and the words that named them."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class PageRanges:
    """Pages given by their ids; iterate it for them, in the order given.

    Invariant: no two ranges share a page.

    Attributes:
        pages: Distinct pages.
        duplicates: How many were named again; the first counts.
    """

    ranges: tuple[PageRange, ...]
    scope: Scope | None
    pages: int
    duplicates: int

    async def __aiter__(self) -> AsyncIterator[Page]:
        for one in self.ranges:
            source = f"--page {one.text}"
            for page in range(one.first, one.last + 1):
                yield Page(PageId(page), scope=self.scope, source=source)


def parse_pages(texts: Sequence[str], *, scope: Scope | None = None) -> PageRanges:
    """The pages that *texts* name: each an id, a range, or several of those with commas between.

    Raises:
        BadSetting: If one of them is neither, or all of them are too many pages.
    """
    given = [_parse_range(word.strip()) for text in texts for word in text.split(",")]
    wrong = [one.why for one in given if isinstance(one, Wrong)]
    if wrong:
        raise BadSetting("; ".join(wrong), "Write pages like this: 351, or 400-420, or 1,5,9-12.")
    ranges: list[PageRange] = []
    by_first: list[PageRange] = []
    named = 0
    for one in (one for one in given if isinstance(one, PageRange)):
        named += one.last - one.first + 1
        for new in list(_without(one, by_first)):
            ranges.append(new)
            insort(by_first, new, key=_FIRST)
    pages = sum(one.last - one.first + 1 for one in ranges)
    if pages > MOST_PAGES:
        raise BadSetting(
            f"{pages:,} pages are too many: at most {MOST_PAGES:,} can be given by their ids",
            "Check the ends of the ranges.",
        )
    return PageRanges(tuple(ranges), scope, pages, named - pages)


def ranges_of(pages: Iterable[int]) -> Iterator[str]:
    """*pages*, in ascending order, as ``parse_pages`` takes them: ``119-131``, ``140``."""
    first = last = 0
    for page in chain(pages, (0,)):
        if page == last + 1 and first:
            last = page
            continue
        if first:
            yield str(first) if first == last else f"{first}-{last}"
        first = last = page


def _parse_range(word: str) -> PageRange | Wrong:
    first_word, dash, last_word = word.partition("-")
    first = parse_id(first_word)
    last = parse_id(last_word) if dash else first
    if isinstance(first, Wrong) or isinstance(last, Wrong):
        return Wrong(f"{shown(word)} is neither a page id nor a range of them")
    if last < first:
        return Wrong(f"{shown(word)} runs backwards: write {last}-{first}")
    return PageRange(first, last, word)


def _without(new: PageRange, earlier: Sequence[PageRange]) -> Iterator[PageRange]:
    """The parts of *new* that no *earlier* range has; those are in ascending order."""
    first = new.first
    nearest = max(bisect_right(earlier, first, key=_FIRST) - 1, 0)
    for at in range(nearest, len(earlier)):
        one = earlier[at]
        if one.first > new.last:
            break
        if one.last < first:
            continue
        if first < one.first:
            yield PageRange(first, one.first - 1, new.text)
        first = one.last + 1
    if first <= new.last:
        yield PageRange(first, new.last, new.text)
