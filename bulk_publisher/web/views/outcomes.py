"""How did each page end? Outcomes of a run, looked through for what somebody asks, a part at a time.

How it works:
    Lines are taken from the journal one after another, and only those of the part that is shown are kept: of a
    million lines as of fifty. All are counted that fit, up to a bound, so that the number of parts is known.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from bulk_publisher.model import Outcome
from bulk_publisher.report.text import row_in_words
from bulk_publisher.web.views.paging import SIZES, Excerpt
from bulk_publisher.web.views.wording import shortened, web_address

_USUAL = 50
_LONGEST_ROW = 300
_MOST_WORDS = 10
_LONGEST_WORD = 100


class OutcomeRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a page ended.

    Attributes:
        settled_at: ISO 8601, UTC.
        error: The portal's code, or ours; empty where it ended well.
        said: What the portal said with it.
        hint: What can be done.
        duration: Seconds the portal worked on it; None where it gave none.
        address: Where it is to be seen; empty where that is not known.
        source: Where it was named: ``file:line``, or the selection.
        carried: What else its row in a list says, in words.
    """

    page: int
    title: str
    status: str
    error: str
    said: str
    hint: str
    attempts: int
    duration: float | None
    site: int | None
    folder: int | None
    address: str
    source: str
    carried: str
    settled_at: str


class OutcomesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which outcomes.

    Attributes:
        words: Parts of a page's ID, title, code, status, source, or of what it carries; all of them.
        status: ``bad`` for failed and unknown ones; empty for all.
        code: The error; empty for all.
    """

    words: str = ""
    status: str = ""
    code: str = ""
    number: int = 1
    size: int = _USUAL

    @property
    def is_all(self) -> bool:
        """Whether every outcome fits."""
        return not (self.words.strip() or self.status or self.code)


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Those that were asked for.

    Attributes:
        looked_at: Lines that were looked through.
        is_all: Whether these were all; where not, there may be more that fit.
    """

    excerpt: Excerpt[OutcomeRow]
    looked_at: int
    is_all: bool


class Search:
    """Takes lines, one after another, and keeps those of one part."""

    def __init__(self, asked: OutcomesAsked) -> None:
        """Nothing was looked at yet."""
        self._asked = asked
        self._words = [word[:_LONGEST_WORD] for word in asked.words.lower().split()[:_MOST_WORDS]]
        self._size = asked.size if asked.size in SIZES else _USUAL
        self._number = max(1, asked.number)
        self._found: list[Outcome] = []
        self._last: list[Outcome] = []
        """Of the part before: shown where there are fewer parts than were asked for."""
        self._count = 0
        self.looked_at = 0

    def add(self, outcome: Outcome) -> None:
        """One more line."""
        self.looked_at += 1
        if not self.fits(outcome):
            return
        place, self._count = self._count, self._count + 1
        part = place // self._size + 1
        if part == self._number:
            self._found.append(outcome)
        elif part < self._number:
            if place % self._size == 0:
                self._last.clear()
            self._last.append(outcome)

    def found(self, *, is_all: bool) -> Outcomes:
        """What was found.

        Args:
            is_all: Whether all lines were looked through.
        """
        rows = self._found or self._last
        last = max(1, -(-self._count // self._size))
        return Outcomes(
            excerpt=Excerpt(
                rows=tuple(map(outcome_row, rows)),
                number=min(self._number, last),
                size=self._size,
                count=self._count,
            ),
            looked_at=self.looked_at,
            is_all=is_all,
        )

    def fits(self, outcome: Outcome) -> bool:
        """Whether *outcome* is asked for."""
        asked = self._asked
        if asked.status and not _has_status(outcome, asked.status):
            return False
        if asked.code and (outcome.error or outcome.status.value) != asked.code:
            return False
        return not self._words or self._has_words(outcome)

    def _has_words(self, outcome: Outcome) -> bool:
        told = " ".join(_texts(outcome)).lower()
        return all(word in told for word in self._words)


def search(outcomes: Iterable[Outcome], asked: OutcomesAsked) -> Outcomes:
    """Those of *outcomes* that are asked for."""
    found = Search(asked)
    for outcome in outcomes:
        found.add(outcome)
    return found.found(is_all=True)


def part_of(outcomes: Iterable[Outcome], asked: OutcomesAsked, *, count: int) -> Outcomes:
    """A part of *outcomes*, of which none is passed over; those behind it are not taken.

    Args:
        count: How many there are.
    """
    size = asked.size if asked.size in SIZES else _USUAL
    number = min(max(1, asked.number), max(1, -(-count // size)))
    begins = (number - 1) * size
    rows = tuple(map(outcome_row, islice(outcomes, begins, begins + size)))
    part = Excerpt(rows=rows, number=number, size=size, count=max(count, begins + len(rows)))
    return Outcomes(excerpt=part, looked_at=begins + len(rows), is_all=True)


def _has_status(outcome: Outcome, asked: str) -> bool:
    return not outcome.status.is_good if asked == "bad" else outcome.status.value == asked


def _texts(outcome: Outcome) -> Iterator[str]:
    yield from (str(outcome.page), outcome.status.value, outcome.source)
    yield from (text for text in (outcome.title, outcome.error, outcome.error_description) if text)
    if outcome.site is not None:
        yield f"site {outcome.site}"
    if outcome.row:
        yield from outcome.row.values()


def outcome_row(outcome: Outcome) -> OutcomeRow:
    """*outcome* as it is shown."""
    return OutcomeRow(
        page=outcome.page,
        title=shortened(outcome.title),
        status=outcome.status.value,
        error=shortened(outcome.error),
        said=shortened(outcome.error_description),
        hint=shortened(outcome.hint, 1_000),
        attempts=outcome.attempts,
        duration=None if outcome.duration is None else round(outcome.duration, 3),
        site=outcome.site,
        folder=outcome.folder,
        address=web_address(outcome),
        source=shortened(outcome.source),
        carried=row_in_words(outcome.row, longest=_LONGEST_ROW),
        settled_at=shortened(outcome.time, 40),
    )
