"""What can be wrong with the lines of a journal, wherever they are kept. Pure."""

from collections.abc import Iterator

from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.flaws import FlawKind
from bulk_publisher.store.record import decode_outcome

_MOST_NAMED = 3
"""Lines of a journal that are named one by one: where thousands are damaged, so is the journal."""


class JournalCheck:
    """What the lines of one run's journal say, one by one and together."""

    def __init__(self, run_id: str) -> None:
        """Nothing is seen yet.

        Args:
            run_id: Whose lines they are to be.
        """
        self._run_id = run_id
        self._pages = PageSet()
        self._others = self._twice = self.damaged = self.torn = 0

    def add(self, line: bytes) -> str:
        """One more line, with its end; why it is damaged where that is worth a word of its own, or nothing."""
        if not line.endswith(b"\n"):
            self.torn = len(line)
            return ""
        try:
            outcome = decode_outcome(line)
        except (ValueError, RecursionError) as error:
            self.damaged += 1
            return decode_error_in_words(error) if self.damaged <= _MOST_NAMED else ""
        if outcome.run != self._run_id:
            self._others += 1
        elif is_page_id(outcome.page):
            self._twice += not self._pages.add(outcome.page)
        return ""

    def sums(self, told: int) -> Iterator[tuple[FlawKind, str, str]]:
        """What is wrong with all of them, and what to do about it.

        Args:
            told: Pages that there were when the run ended; 0 where that is not told.
        """
        if self.damaged > _MOST_NAMED:
            yield FlawKind.DAMAGED, f"has {self.damaged - _MOST_NAMED:,} more damaged lines", ""
        if self._others:
            yield FlawKind.FOREIGN, f"has {self._others:,} lines of other runs", ""
        if self._twice:
            yield FlawKind.DAMAGED, f"has {self._twice:,} lines of pages that have one already", "The first of a page counts."  # fmt: skip
        lost = told - len(self._pages) - self.damaged
        if lost > 0:
            yield FlawKind.DAMAGED, f"has lost {lost:,} of the {told:,} lines that it had when the run ended", ""  # fmt: skip
