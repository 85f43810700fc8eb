"""Parts of long lists, and how portals are sorted and chosen: for any rows."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.web.views.now import (
    NowAsked,
    NowOrder,
    NowShow,
    PortalRow,
    Upcoming,
    filtered_rows,
    sorted_rows,
)
from bulk_publisher.web.views.paging import SIZES, excerpt
from bulk_publisher.web.views.run_state import RunState

_COUNTS = st.integers(0, 10_000)
_MOMENTS = st.none() | st.floats(0, 2e9)
_ROWS = st.lists(
    st.builds(
        PortalRow,
        portal=st.text(max_size=8),
        job=st.sampled_from(["nightly", "handbook"]),
        state=st.sampled_from(RunState),
        pages=_COUNTS,
        failed=_COUNTS,
        left=st.none() | _COUNTS,
        arrives_at=_MOMENTS,
        next=st.none() | st.builds(Upcoming, job=st.just("nightly"), at=st.floats(0, 2e9)),
    ),
    max_size=30,
)


@given(rows=st.lists(st.integers(), max_size=700), size=st.sampled_from(SIZES))
def test_all_parts_together_are_the_whole_list(rows: list[int], size: int) -> None:
    last = excerpt(rows, 1, size).last

    parts = [excerpt(rows, number, size) for number in range(1, last + 1)]

    assert [row for part in parts for row in part.rows] == rows
    assert all(part.count == len(rows) for part in parts)
    assert all(part.last_row - part.first_row + 1 == len(part.rows) for part in parts if part.rows)


@given(
    rows=st.lists(st.integers(), max_size=300), number=st.integers(-5, 10**9), size=st.integers()
)
def test_whatever_part_is_asked_for_there_is_one(rows: list[int], number: int, size: int) -> None:
    part = excerpt(rows, number, size)

    assert 1 <= part.number <= part.last
    assert part.size in SIZES
    assert bool(part.rows) == bool(rows)


@given(rows=_ROWS, order=st.sampled_from(NowOrder), is_reversed=st.booleans())
def test_sorting_loses_no_portal(rows: list[PortalRow], order: NowOrder, is_reversed: bool) -> None:
    found = sorted_rows(rows, NowAsked(order=order, is_reversed=is_reversed))

    assert sorted(map(id, found)) == sorted(map(id, rows))


@given(rows=_ROWS)
def test_trouble_stands_on_top(rows: list[PortalRow]) -> None:
    found = sorted_rows(rows, NowAsked())

    troubles = [row.is_trouble for row in found]
    assert troubles == sorted(troubles, reverse=True)


@given(rows=_ROWS, order=st.sampled_from([NowOrder.LEFT, NowOrder.ARRIVAL, NowOrder.NEXT]), is_reversed=st.booleans())  # fmt: skip
def test_what_has_no_figure_stands_last_either_way_round(
    rows: list[PortalRow], order: NowOrder, is_reversed: bool
) -> None:
    found = sorted_rows(rows, NowAsked(order=order, is_reversed=is_reversed))

    name = {NowOrder.LEFT: "left", NowOrder.ARRIVAL: "arrives_at", NowOrder.NEXT: "next"}[order]
    has_none = [getattr(row, name) is None for row in found]
    assert has_none == sorted(has_none)


@given(rows=_ROWS)
def test_at_work_and_at_rest_together_are_all(rows: list[PortalRow]) -> None:
    work = filtered_rows(rows, NowAsked(show=NowShow.WORK))
    rest = filtered_rows(rows, NowAsked(show=NowShow.REST))

    assert len(work) + len(rest) == len(rows)


@given(rows=_ROWS, words=st.text(max_size=12))
def test_each_word_that_is_searched_for_is_in_what_is_found(
    rows: list[PortalRow], words: str
) -> None:
    found = filtered_rows(rows, NowAsked(words=words))

    for row in found:
        assert all(
            word in f"{row.portal} {row.host} {row.job} {row.run} {row.follows} {row.state}".lower()
            for word in words.lower().split()
        )
