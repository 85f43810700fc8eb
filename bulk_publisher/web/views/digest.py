"""What does a run's journal say, in as much as a page shows? Made of the story that reports are made of.

How it works:
    A journal is read from its beginning, since only all of it tells the whole. One that grows is read again
    when that costs no more than a share of a core: what has to be of this second is in the run's own word.
"""

from collections.abc import Callable
from itertools import pairwise

import msgspec

from bulk_publisher.clock import busy_seconds, utc_now
from bulk_publisher.model import Epoch, Status
from bulk_publisher.report.html_page import place_name
from bulk_publisher.report.story import COST_EDGES, Story, read_story
from bulk_publisher.report.timeline import Timeline
from bulk_publisher.store.description import KeptLimits
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.totals import Failures
from bulk_publisher.web.views.wording import shortened, web_address

_POINTS = 240
"""Of a line over time: a picture on a screen shows no more."""
_MOST_CODES = 50
_MOST_PLACES = 200
_KEPT = 32
"""Digests that are kept: a few kB each."""
_LEAST = 5.0
"""Seconds between two readings of a journal that grows."""
_SHARE = 0.005
"""Of a core, that reading one takes."""
_SOME = 0.5
"""The share of a stretch without a page from which it is shown as a wait."""


class FailureCode(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that ended with one code.

    Attributes:
        hint: What can be done; empty where nothing is known.
        page: The first of them.
        address: Where that page is to be seen; empty where that is not known.
    """

    code: str
    count: int
    hint: str
    page: int
    title: str
    address: str


class PlaceCount(msgspec.Struct, frozen=True, kw_only=True):
    """A site's folder, and how its pages ended.

    Attributes:
        place: In words.
        counts: By status.
    """

    place: str
    pages: int
    counts: dict[str, int]


class CostBin(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that took from so many to so many seconds of the portal's time."""

    begins: float
    ends: float
    pages: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A run over time: each figure is of the same moments.

    Attributes:
        began_at: UTC seconds.
        seconds: Of each moment, since then.
        settled: Pages so far.
        bad: Of these, failed and unknown.
        operating: Seconds of the ten minutes before; empty where the portal shows none.
        requests: In the portal's bucket; empty where it has none.
        waits: From when to when nothing was settled, in seconds since the beginning.
    """

    began_at: float
    seconds: tuple[float, ...]
    settled: tuple[int, ...]
    bad: tuple[int, ...]
    operating: tuple[float, ...]
    operating_limit: float | None
    requests: tuple[float, ...]
    requests_limit: float | None
    waits: tuple[tuple[float, float], ...]


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says.

    Attributes:
        read_at: When it was read, in UTC seconds.
        pages: Lines in it.
        counts: By status.
        seconds: How long the run's processes were at work on it.
        failures: The most frequent codes.
        other_codes: How many more there are.
        places: The largest.
        other_places: How many more there are.
        operating_seconds: Of the portal's operating time, in all; None where it shows none.
        repeated: Pages that took more than one attempt.
        missing: Pages that had a line when the run ended, and have none now.
        is_whole: Whether each page of the selection has its line.
    """

    read_at: float
    pages: int
    counts: dict[str, int]
    seconds: float
    failures: tuple[FailureCode, ...]
    other_codes: int
    places: tuple[PlaceCount, ...]
    other_places: int
    costs: tuple[CostBin, ...]
    course: Course
    operating_seconds: float | None
    repeated: int
    missing: int
    is_whole: bool


class Digests:
    """Digests of the runs that were looked at last. Blocks, and is called by one thread at a time."""

    def __init__(self, *, now: Callable[[], Epoch] = utc_now) -> None:
        """None was made yet."""
        self._now = now
        self._made: dict[str, tuple[str, float, Digest]] = {}
        """By the run: which state of it that is, and when it is worth another reading."""

    def of(self, kept: KeptRun, *, is_running: bool) -> Digest:
        """That of *kept*; while a process is at work on it, it may be some time old.

        Raises:
            BadJournal: If its description or its journal can't be read.
        """
        now = self._now()
        description = kept.read_description()
        mark = f"{description.ended} {len(description.resumptions)} {is_running}"
        made = self._made.pop(kept.name, None)
        if made is None or made[0] != mark or (is_running and now >= made[1]):
            began = busy_seconds()
            digest = digest_of(read_story(kept), read_at=now)
            took = busy_seconds() - began
            made = (mark, now + max(_LEAST, took / _SHARE), digest)
        self._made[kept.name] = made
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
        return made[2]


def digest_of(story: Story, *, read_at: Epoch) -> Digest:
    """*story* as far as it is shown."""
    totals = story.totals
    codes = sorted(totals.failures.items(), key=lambda item: (-item[1].count, item[0]))
    places = sorted(story.places.items(), key=lambda item: -item[1].total())
    used = sum(one.operating for one in story.timeline.bins)
    return Digest(
        read_at=read_at,
        pages=totals.pages,
        counts=_by_status(totals.counts),
        seconds=story.seconds,
        failures=tuple(_failure(code, entry) for code, entry in codes[:_MOST_CODES]),
        other_codes=max(0, len(codes) - _MOST_CODES),
        places=tuple(
            PlaceCount(place=place_name(place), pages=counts.total(), counts=_by_status(counts))
            for place, counts in places[:_MOST_PLACES]
        ),
        other_places=max(0, len(places) - _MOST_PLACES),
        costs=cost_bins(story.costs),
        course=course_of(story.timeline, story.description.limits),
        operating_seconds=used if story.timeline.has_meter else None,
        repeated=totals.repeated,
        missing=story.missing,
        is_whole=story.is_whole,
    )


def _by_status(counts: dict[Status, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in Status if counts.get(status)}


def _failure(code: str, entry: Failures) -> FailureCode:
    example = entry.example
    return FailureCode(
        code=shortened(code),
        count=entry.count,
        hint=shortened(entry.hint, 1_000),
        page=example.page,
        title=shortened(example.title),
        address=web_address(example),
    )


def cost_bins(costs: list[int]) -> tuple[CostBin, ...]:
    """The bins between the first and the last that any page is in."""
    counted = [place for place, count in enumerate(costs) if count]
    if not counted:
        return ()
    edges = [*COST_EDGES, 2 * COST_EDGES[-1]]
    return tuple(
        CostBin(begins=begins, ends=ends, pages=costs[place])
        for place, (begins, ends) in enumerate(pairwise(edges))
        if counted[0] <= place <= counted[-1]
    )


def course_of(timeline: Timeline, limits: KeptLimits) -> Course:
    """*timeline* as lines of 240 points at most."""
    coarse = timeline.coarse(_POINTS)
    good = bad = 0
    settled, bads = [0], [0]
    for one in coarse.bins:
        good, bad = good + one.good, bad + one.bad
        settled.append(good + bad)
        bads.append(bad)
    step = max(1, -(-len(timeline.bins) // _POINTS))
    levels = timeline.bucket_levels(limits.drain) if limits.capacity and limits.drain else []
    sums = timeline.operating_sums() if timeline.has_meter else []
    return Course(
        began_at=timeline.began_at,
        seconds=tuple(
            round(min(place * coarse.width, timeline.seconds), 3) for place in range(len(settled))
        ),
        settled=tuple(settled),
        bad=tuple(bads),
        operating=_highest(sums, step),
        operating_limit=limits.operating if sums else None,
        requests=_highest(levels, step),
        requests_limit=limits.capacity if levels else None,
        waits=_waits(coarse),
    )


def _highest(levels: list[float], step: int) -> tuple[float, ...]:
    """The highest of each *step* of them, after a 0 for the beginning."""
    if not levels:
        return ()
    highest = (max(levels[first : first + step]) for first in range(0, len(levels), step))
    return (0.0, *(round(level, 2) for level in highest))


def _waits(coarse: Timeline) -> tuple[tuple[float, float], ...]:
    waits: list[tuple[float, float]] = []
    for place, one in enumerate(coarse.bins):
        if one.waited < _SOME * coarse.width:
            continue
        begins, ends = place * coarse.width, (place + 1) * coarse.width
        if waits and waits[-1][1] == begins:
            waits[-1] = (waits[-1][0], ends)
        else:
            waits.append((begins, ends))
    return tuple(waits)
