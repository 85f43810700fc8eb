"""Reads a journal through, once: how far its run has come, and where the lines are that are wanted."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Outcome
from bulk_publisher.store.files import LARGEST, is_there, open_to_read
from bulk_publisher.store.folder.reader import damaged, read_marked_lines
from bulk_publisher.store.marked_lines import places_of, standing_in
from bulk_publisher.store.record import Mark, decode_outcome
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
    if not is_there(path):
        return Standing()
    return standing_in(read_marked_lines(path), run, on_bad=on_bad, damaged=partial(damaged, path))


def find_lines(path: Path, run: str, is_wanted: Callable[[Mark], bool]) -> FolderLines:
    """The lines of *run* whose marks are wanted, in order.

    As for a resume, the first line of a page counts, and those of what can't be a page do not.

    Raises:
        BadJournal: If the journal cannot be read, or a line in it is damaged.
    """
    return FolderLines(path, places_of(read_marked_lines(path), run, is_wanted))
