"""Many runs, summed up by their portals: one story after another goes in, and a row for each portal comes out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bulk_publisher.model import Status
from bulk_publisher.report.past import portal_of
from bulk_publisher.report.story import Story
from bulk_publisher.report.text import in_words, table_lines


@dataclass(slots=True)
class PortalSum:
    """The runs of one portal together.

    Attributes:
        portal: As it is called.
        first: The number of its first run, from 0.
        left: Pages without a line, as far as that is known.
        seconds: At work on all of them.
        unfinished: Runs that have not come to their end.
    """

    portal: str
    first: int
    runs: int = 0
    counts: Counter[Status] = field(default_factory=Counter)
    left: int = 0
    seconds: float = 0.0
    unfinished: int = 0

    @property
    def pages(self) -> int:
        """Pages that are settled."""
        return self.counts.total()

    @property
    def bad(self) -> int:
        """Pages that failed or are unknown."""
        return sum(count for status, count in self.counts.items() if not status.is_good)


class PortalSums:
    """Sums by portal, in the order in which their first runs come."""

    def __init__(self) -> None:
        """There is none yet."""
        self._sums: dict[str, PortalSum] = {}
        self._runs = 0

    def add(self, story: Story) -> None:
        """One more run."""
        portal = portal_of(story.description)
        found = self._sums.setdefault(portal, PortalSum(portal, self._runs))
        self._runs += 1
        found.runs += 1
        found.counts.update(story.totals.counts)
        found.seconds += story.seconds
        if not story.is_whole:
            found.left += story.left.count or 0
            found.unfinished += 1

    @property
    def runs(self) -> int:
        """Runs that were added."""
        return self._runs

    def __iter__(self) -> Iterator[PortalSum]:
        """A sum for each portal."""
        return iter(self._sums.values())

    def lines(self) -> Iterator[str]:
        """The sums as a table, with one of all where there are several portals."""
        rows = [("portal", "runs", "pages", "failed", "left", "time")]
        rows += [_row(one) for one in self]
        if len(self._sums) > 1:
            whole = PortalSum(f"{len(self._sums):,} portals", 0)
            for one in self:
                whole.runs += one.runs
                whole.counts.update(one.counts)
                whole.left += one.left
                whole.seconds += one.seconds
            rows.append(_row(whole))
        return table_lines(rows, right=frozenset(range(1, len(rows[0]))))


def _row(one: PortalSum) -> tuple[str, str, str, str, str, str]:
    return (
        one.portal or "unknown portal",
        f"{one.runs:,}",
        f"{one.pages:,}",
        f"{one.bad:,}",
        f"{one.left:,}",
        in_words(one.seconds),
    )
