"""How far has a run come? What its journal says of every page, read in one go for a resume."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.model import Outcome, Status
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.store.folder.files import is_there
from bulk_publisher.store.folder.reader import damaged, read_marked_lines
from bulk_publisher.store.record import Mark, decode_outcome, figure


@dataclass(slots=True)
class Standing:
    """What is settled.

    Attributes:
        settled: The pages that have a line of this run.
        good: How many of them ended well, by their status.
        foreign: Lines of other runs: they stay where they are, and count for nothing here.
        foreign_run: One of those.
        doubled: Lines for a page that had one already.
        impossible: Lines of what can't be a page: they count for nothing either.
        first_impossible: Which line is the first of them; 0 for none.
    """

    settled: PageSet = field(default_factory=PageSet)
    good: Counter[Status] = field(default_factory=Counter)
    duration: float = 0.0
    repeated: int = 0
    foreign: int = 0
    foreign_run: str = ""
    doubled: int = 0
    impossible: int = 0
    first_impossible: int = 0


def read_standing(path: Path, run: str, *, on_bad: Callable[[Outcome], None]) -> Standing:
    """How far *run* has come, by its journal.

    A journal that is not there yet is one without lines.

    Args:
        on_bad: Told each page that failed or is unknown.

    Raises:
        BadJournal: If the journal cannot be read, or a line in it is damaged.
    """
    standing = Standing()
    if not is_there(path):
        return standing
    add, is_good = standing.settled.add, {status for status in Status if status.is_good}
    counts = dict.fromkeys(Status, 0)
    for number, (_, line, mark) in enumerate(read_marked_lines(path), start=1):
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
                raise damaged(path, number, error) from error
    standing.good = +Counter(counts)
    return standing


def find_lines(path: Path, run: str, is_wanted: Callable[[Mark], bool]) -> "array[int]":
    """Where the lines of *run* begin whose marks are wanted: eight bytes for each, in order.

    As for a resume, the first line of a page counts, and those of what can't be a page do not.

    Raises:
        BadJournal: If the journal cannot be read, or a line in it is damaged.
    """
    seen = PageSet()
    lines = array("Q")
    for at, _, mark in read_marked_lines(path):
        is_first = mark.run == run and is_page_id(mark.page) and seen.add(mark.page)
        if is_first and is_wanted(mark):
            lines.append(at)
    return lines
