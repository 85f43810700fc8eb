"""A run's whole story, read in one pass: totals, time, sites, costs, failures.

It holds no more for a million pages than for some thousands: counts, bins, and the first so many
failures of each code.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from bulk_publisher.model import Outcome, Status
from bulk_publisher.report.summary import Summary
from bulk_publisher.report.timeline import Timeline
from bulk_publisher.store.description import Description
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.totals import Totals

LISTED_FAILURES = 5_000
"""Failures that a report lists one by one: more would be read by nobody, and slow a browser."""
_LISTED_PLACES = 20_000
"""Folders that are told apart; what is beyond them is counted together."""
COST_EDGES = (0.0, *(0.01 * 2 ** (step / 4) for step in range(53)))
"""Seconds between which costs are counted: from 0.01 s to 82 s, four to a doubling."""

Place = tuple[int | None, int | None]
"""A site and a folder; None where that is not known, or there is none."""
ELSEWHERE: Place = (-1, -1)
"""All places beyond those that are told apart."""


@dataclass(slots=True)
class Story(Summary):
    """What is kept of a run, told.

    Attributes:
        kept: The run.
        description: As it was asked for, and how it ended.
        places: Pages by site and folder, and how they ended.
        costs: Pages by what they cost; the bins lie between ``COST_EDGES``.
        failures: The first of them, in their order.
    """

    kept: KeptRun
    description: Description
    timeline: Timeline
    totals: Totals = field(default_factory=Totals)
    places: dict[Place, Counter[Status]] = field(default_factory=dict)
    costs: list[int] = field(default_factory=lambda: [0] * len(COST_EDGES))
    failures: list[Outcome] = field(default_factory=list)

    @property
    def run(self) -> str:
        """Its ID."""
        return self.kept.run_id

    @property
    def seconds(self) -> float:
        """How long its processes were at work on it."""
        return seconds_at_work(self.description, last_at=self.timeline.last_at)

    def add(self, outcome: Outcome) -> None:
        """One more line."""
        self.totals.add(outcome)
        status = outcome.status
        is_good = status.is_good
        self.timeline.add(
            parse_time(outcome.time),
            is_good=is_good,
            operating=outcome.operating,
            was_sent=outcome.attempts > 0,
        )
        place: Place = (outcome.site, outcome.folder)
        counts = self.places.get(place)
        if counts is None:
            place = place if len(self.places) < _LISTED_PLACES else ELSEWHERE
            counts = self.places.setdefault(place, Counter())
        counts[status] += 1
        if outcome.duration is not None and is_good:
            self.costs[bisect_right(COST_EDGES, outcome.duration) - 1] += 1
        if not is_good and len(self.failures) < LISTED_FAILURES:
            self.failures.append(outcome)


def seconds_at_work(description: Description, *, last_at: float) -> float:
    """How long the processes of a run were at work, without what lies between them.

    Of one that goes on or was killed only its lines tell.

    Args:
        last_at: When the newest line was written, in UTC seconds; 0 where there is none.
    """
    told = description.final.seconds
    if told and description.ended is not None:
        return told
    at, seconds = description.started, 0.0
    if description.resumptions:
        newest = description.resumptions[-1]
        # What an older version has noted of it has no seconds.
        at, seconds = newest.at, told if newest.seconds is None else newest.seconds
    began_at = parse_time(at or "")
    return seconds + (max(0.0, last_at - began_at) if began_at else 0.0)


def read_story(folder: KeptRun) -> Story:
    """The story of *folder*.

    Raises:
        BadJournal: If its description or its journal can't be read.
    """
    description = folder.read_description()
    outcomes: Iterable[Outcome] = folder.outcomes() if folder.has_journal else ()
    started = description.started
    make = partial(Story, folder, description)
    story = make(Timeline(parse_time(started))) if started is not None else None
    for outcome in outcomes:
        if story is None:
            story = make(Timeline(parse_time(outcome.time)))
        story.add(outcome)
    return story or make(Timeline(0.0))


def parse_time(text: str) -> float:
    """ISO 8601 as in the journal, as UTC seconds; 0 for what is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
