"""What the lines of a journal say of a run, wherever they are kept. Pure: lines in, in their order, and data out."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable

from bulk_publisher.model import Outcome, Status
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.store.record import Mark, decode_outcome, figure
from bulk_publisher.store.standing import Standing

MarkedLine = tuple[int, bytes, Mark]
"""Where a line begins, by a number of its store's own; the line; and what it says in short."""


def standing_in(
    lines: Iterable[MarkedLine],
    run: str,
    *,
    on_bad: Callable[[Outcome], None],
    damaged: Callable[[int, Exception], Exception],
) -> Standing:
    """How far *run* has come.

    Args:
        on_bad: Told each page that failed or is unknown.
        damaged: Makes the error of a line, by its number from 1, that is no outcome.
    """
    standing = Standing()
    add, is_good = standing.settled.add, {status for status in Status if status.is_good}
    counts = dict.fromkeys(Status, 0)
    for number, (_, line, mark) in enumerate(lines, start=1):
        if not is_page_id(mark.page):
            standing.impossible += 1
            standing.first_impossible = standing.first_impossible or number
        elif mark.run != run:
            standing.foreign += 1
            standing.foreign_run = mark.run
        elif not add(mark.page):
            standing.doubled += 1
        elif mark.status in is_good:
            counts[mark.status] += 1
            standing.duration += figure(mark.duration) or 0.0
            if mark.attempts > 1:
                standing.repeated += 1
        else:
            try:
                on_bad(decode_outcome(line))
            except (ValueError, RecursionError) as error:
                raise damaged(number, error) from error
    standing.good = +Counter(counts)
    return standing


def places_of(
    lines: Iterable[MarkedLine], run: str, is_wanted: Callable[[Mark], bool]
) -> "array[int]":
    """Where the lines of *run* begin whose marks are wanted, in their order.

    As for a resume, the first line of a page counts, and those of what can't be a page do not.
    """
    seen = PageSet()
    found = array("Q")
    for at, _, mark in lines:
        is_first = mark.run == run and is_page_id(mark.page) and seen.add(mark.page)
        if is_first and is_wanted(mark):
            found.append(at)
    return found
