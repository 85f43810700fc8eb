"""A set of page ids does what a set does, in little memory."""

import random
import sys
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_publisher.model import PageId
from bulk_publisher.page_ids.page_set import PageSet

CLOSE = st.integers(1, 5_000)
IN_A_FEW_BLOCKS = st.integers(1, 400_000)
SCATTERED = st.integers(1, 2**63 - 1)


def size_in_bytes(pages: PageSet) -> int:
    """What its leaves take, which is all that grows with it."""
    return sum(map(sys.getsizeof, pages._leaves)) + 100 * len(pages._leaves)


@given(st.lists(CLOSE | IN_A_FEW_BLOCKS | SCATTERED))
def test_it_says_of_each_id_whether_it_is_new(ids: list[int]) -> None:
    pages = PageSet()

    told = [pages.add(PageId(page)) for page in ids]

    assert told == [page not in ids[:position] for position, page in enumerate(ids)]
    assert list(pages) == sorted(set(ids))
    assert len(pages) == len(set(ids))


@pytest.mark.parametrize("step", [1, 7, 63, 64, 65, 1_000, 65_536, 2**40], ids="step {}".format)
@pytest.mark.parametrize("order", [1, -1], ids=["ascending", "descending"])
def test_thousands_of_ids_are_kept_at_any_distance(step: int, order: int) -> None:
    ids = list(range(60_000, 60_000 + 5_000 * step, step))

    pages = PageSet(map(PageId, ids[::order]))

    assert list(pages) == ids
    assert all(page in pages for page in ids)
    assert ids[0] - 1 not in pages
    assert ids[-1] + 1 not in pages


@settings(max_examples=15)
@given(st.sets(IN_A_FEW_BLOCKS, min_size=1), st.permutations([0, 1, 2, 3]))
def test_a_block_that_fills_up_keeps_its_neighbours_right(ids: set[int], order: list[int]) -> None:
    crowds = [range(block * 65_536 + 1, block * 65_536 + 1_100) for block in order]

    pages = PageSet(PageId(page) for part in (ids, *crowds) for page in part)

    assert list(pages) == sorted(ids.union(*crowds))


@settings(max_examples=15)
@given(st.sets(IN_A_FEW_BLOCKS), st.integers())
def test_ids_in_any_order_end_up_in_order(ids: set[int], seed: int) -> None:
    shuffled = [*ids, *range(65_000, 67_000)]
    random.Random(seed).shuffle(shuffled)

    pages = PageSet(map(PageId, shuffled))

    assert list(pages) == sorted(set(shuffled))
    assert pages._starts == sorted(set(pages._starts))


@given(st.lists(st.lists(CLOSE | IN_A_FEW_BLOCKS | SCATTERED)))
def test_many_at_once_are_put_in_as_each_is(lots: list[list[int]]) -> None:
    one_by_one, at_once = PageSet(), PageSet()

    for ids in lots:
        assert at_once.add_all(ids) == sum([one_by_one.add(page) for page in ids])

    assert list(at_once) == list(one_by_one)
    assert len(at_once) == len(one_by_one)


def test_many_ids_of_a_few_blocks_are_put_in_at_once() -> None:
    ids = list(range(1, 200_000, 3))

    pages = PageSet()

    assert pages.add_all(ids) == len(ids)
    assert pages.add_all(ids) == 0
    assert list(pages) == ids


@pytest.mark.parametrize("number", [0, -1, 1 << 63])
def test_what_is_no_id_cannot_be_added_among_many(number: int) -> None:
    with pytest.raises(ValueError, match="is not a page's id"):
        PageSet().add_all([1, number])


@given(SCATTERED, SCATTERED)
def test_only_what_was_added_is_in_it(page: int, other: int) -> None:
    pages = PageSet([PageId(page)])

    found = other in pages

    assert found is (page == other)


@pytest.mark.parametrize("thing", [0, -1, 2**63, 2**64, "351", None, 1.0], ids=repr)
def test_what_is_no_id_is_not_in_it(thing: object) -> None:
    pages = PageSet([PageId(1)])

    assert thing not in pages


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_what_is_no_id_cannot_be_added(number: int) -> None:
    with pytest.raises(ValueError, match="is not a page's id"):
        PageSet([PageId(number)])


def test_the_largest_id_can_be_added() -> None:
    pages = PageSet([PageId(2**63 - 1)])

    assert list(pages) == [2**63 - 1]


def test_ids_close_together_take_about_a_bit_each() -> None:
    pages = PageSet(map(PageId, range(1, 300_001)))

    assert size_in_bytes(pages) < 300_000 / 8 * 1.5


def test_ids_far_apart_take_no_more_than_sixteen_bytes_each() -> None:
    ids = array("Q", ((number * 0x9E3779B97F4A7C15) % 2**40 + 1 for number in range(100_000)))

    pages = PageSet(map(PageId, ids))

    assert size_in_bytes(pages) < 16 * 100_000


@pytest.mark.parametrize("order", [1, -1], ids=["ascending", "descending"])
def test_ids_far_apart_that_come_in_order_take_about_eight_bytes_each(order: int) -> None:
    ids = range(1, 100_000 * 1_000, 1_000)[::order]

    pages = PageSet(map(PageId, ids))

    assert size_in_bytes(pages) < 10 * 100_000
