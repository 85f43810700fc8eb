"""Outcomes of a run for a program that reads on: from a place in its journal, so many at a time."""

from collections.abc import Iterable
from itertools import islice

import msgspec

from bulk_publisher.model import Outcome
from bulk_publisher.web.views.outcomes import OutcomeRow, OutcomesAsked, Search, outcome_row

MOST = 1_000
"""Outcomes in an answer."""
_MOST_LINES = 100_000
"""Lines that are looked through for an answer: half a second."""


class OutcomesAfter(msgspec.Struct, frozen=True, kw_only=True):
    """Which outcomes.

    Attributes:
        after: Behind so many lines of the journal: ``next`` of the answer before; 0 from its beginning.
        limit: At most so many, 1 to 1,000.
        words: Parts of a page's ID, title, code, status, source, or of what it carries; all of them.
        status: ``bad`` for failed and unknown ones; empty for all.
        code: The error; empty for all.
    """

    after: int = 0
    limit: int = 100
    words: str = ""
    status: str = ""
    code: str = ""


class OutcomesPart(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes, in the order of the journal.

    Attributes:
        next: What ``after`` asks for what comes next. None at the end of the journal; of a run that goes on
            ask then again with the last one. There may be fewer outcomes than asked for, or none, before.
    """

    outcomes: tuple[OutcomeRow, ...]
    next: int | None


def outcomes_after(outcomes: Iterable[Outcome], asked: OutcomesAfter) -> OutcomesPart:
    """Those of *outcomes* that are asked for; what is behind them is not read."""
    after, limit = max(0, asked.after), min(max(1, asked.limit), MOST)
    search = Search(OutcomesAsked(words=asked.words, status=asked.status, code=asked.code))
    found: list[OutcomeRow] = []
    looked_at = after
    for outcome in islice(outcomes, after, after + _MOST_LINES):
        looked_at += 1
        if search.fits(outcome):
            found.append(outcome_row(outcome))
            if len(found) == limit:
                return OutcomesPart(outcomes=tuple(found), next=looked_at)
    is_end = looked_at < after + _MOST_LINES
    return OutcomesPart(outcomes=tuple(found), next=None if is_end else looked_at)
