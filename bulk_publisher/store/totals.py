"""Outcomes folded into totals. Pure: one outcome after another, in any order."""

from collections import Counter
from dataclasses import dataclass, field

from bulk_publisher.model import Outcome, Status


@dataclass(slots=True)
class Failures:
    """Pages that ended with one code.

    Attributes:
        example: The first of them.
    """

    count: int
    hint: str
    example: Outcome


@dataclass(frozen=True, slots=True)
class Left:
    """How many pages of a run have no line.

    Attributes:
        count: None where that is not known.
        is_all: There are no more; where the portal lists the pages, there may be.
    """

    count: int | None
    is_all: bool = True


@dataclass(slots=True)
class Totals:
    """How the pages of a run ended.

    Attributes:
        failures: Failed and unknown pages by their code.
        duration: Seconds that the portal worked on pages, as far as it told.
        repeated: Pages that took more than one attempt.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    failures: dict[str, Failures] = field(default_factory=dict)
    duration: float = 0.0
    repeated: int = 0

    @property
    def pages(self) -> int:
        """Pages that are settled."""
        return self.counts.total()

    @property
    def bad(self) -> int:
        """Pages that are failed or unknown."""
        return sum(count for status, count in self.counts.items() if not status.is_good)

    def add(self, outcome: Outcome) -> None:
        """One more page."""
        self.counts[outcome.status] += 1
        self.duration += outcome.duration or 0.0
        self.repeated += outcome.attempts > 1
        if not outcome.status.is_good:
            self._add_failure(outcome)

    def _add_failure(self, outcome: Outcome) -> None:
        code = outcome.error or outcome.status.value
        failures = self.failures.get(code)
        if failures is None:
            self.failures[code] = Failures(1, outcome.hint or "", outcome)
        else:
            failures.count += 1
