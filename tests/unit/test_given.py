"""Pages given by their ids: single ones, ranges, lists."""

import asyncio
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Page, PageId, Scope
from bulk_publisher.sources.given import PageRanges, parse_pages, ranges_of

ids = st.integers(1, 60)
ranges = st.tuples(ids, ids).map(sorted).map(tuple)


async def collect(pages: PageRanges) -> list[Page]:
    return [page async for page in pages]


async def test_a_page_carries_its_scope_and_the_words_that_named_it() -> None:
    given_pages = parse_pages(["351", "400-401"], scope=Scope.KNOWLEDGE)

    pages = await collect(given_pages)

    assert pages == [
        Page(PageId(351), scope=Scope.KNOWLEDGE, source="--page 351"),
        Page(PageId(400), scope=Scope.KNOWLEDGE, source="--page 400-401"),
        Page(PageId(401), scope=Scope.KNOWLEDGE, source="--page 400-401"),
    ]


async def test_a_list_with_commas_is_several_selections() -> None:
    pages = await collect(parse_pages(["1, 5,9-12"]))

    assert [page.id for page in pages] == [1, 5, 9, 10, 11, 12]
    assert [page.source for page in pages[1:3]] == ["--page 5", "--page 9-12"]


async def test_spaces_around_a_dash_do_no_harm() -> None:
    pages = await collect(parse_pages([" 4 - 6 "]))

    assert [page.id for page in pages] == [4, 5, 6]


@given(st.lists(ranges, min_size=1))
def test_a_page_named_twice_comes_once_at_its_first_place(pairs: list[tuple[int, int]]) -> None:
    named = list(chain.from_iterable(range(first, last + 1) for first, last in pairs))

    selection = parse_pages([f"{first}-{last}" for first, last in pairs])

    assert [page.id for page in asyncio.run(collect(selection))] == list(dict.fromkeys(named))
    assert selection.pages == len(set(named))
    assert selection.duplicates == len(named) - len(set(named))


def test_ten_million_pages_are_one_range() -> None:
    selection = parse_pages(["1-10000000"])

    assert selection.pages == 10_000_000
    assert len(selection.ranges) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abc", "'abc' is neither a page id nor a range"),
        ("351abc", "'351abc' is neither"),
        ("0", "'0' is neither"),
        ("-5", "'-5' is neither"),
        ("5-", "'5-' is neither"),
        ("1-2-3", "'1-2-3' is neither"),
        ("1,,2", "'' is neither"),
        ("", "'' is neither"),
        ("٣٥١", "is neither"),
        ("9223372036854775808", "is neither"),
        ("420-400", "'420-400' runs backwards: write 400-420"),
        ("1-10000001", "10,000,001 pages are too many"),
    ],
    ids=lambda value: value or "empty",
)
def test_what_is_no_page_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_pages([text])

    assert why in caught.value.message


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BadSetting, match=r"'a' is neither.*'3-1' runs backwards"):
        parse_pages(["a", "2", "3-1"])


@given(st.sets(st.integers(1, 300)))
def test_ranges_are_read_as_the_pages_that_they_were_made_of(pages: set[int]) -> None:
    ranges = list(ranges_of(sorted(pages)))

    named = parse_pages(ranges)

    assert {page for one in named.ranges for page in range(one.first, one.last + 1)} == pages
    assert len(ranges) == sum(page - 1 not in pages for page in pages)
