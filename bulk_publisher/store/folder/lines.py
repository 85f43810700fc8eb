"""Reads a journal through, once: how far its run has come, and where the lines are that are wanted."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Outcome, Status
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.store.files import LARGEST, is_there, open_to_read
from bulk_publisher.store.folder.reader import damaged, read_marked_lines
from bulk_publisher.store.record import Mark, decode_outcome, figure
from bulk_publisher.store.standing import Standing


@dataclass(frozen=True, slots=True)
class FolderLines:
    """Lines of a journal; *starts* says where they begin, eight bytes for each."""

    journal: Path
    starts: "array[int]"

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Outcome]:
        return self._read(self.starts)

    def __reversed__(self) -> Iterator[Outcome]:
        return self._read(reversed(self.starts))

    def _read(self, starts: Iterable[int]) -> Iterator[Outcome]:
        try:
            with open_to_read(self.journal) as file:
                for at in starts:
                    file.seek(at)
                    yield decode_outcome(file.readline(LARGEST))
        except OSError as error:
            raise BadJournal(f"{self.journal}: can't be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise damaged(self.journal, 0, error) from error


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


def find_lines(path: Path, run: str, is_wanted: Callable[[Mark], bool]) -> FolderLines:
    """The lines of *run* whose marks are wanted, in order.

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
    return FolderLines(path, lines)
