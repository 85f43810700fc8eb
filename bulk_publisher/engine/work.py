"""What a page is to the engine while it is on its way: the page, its attempts, and its place.

Pure: told the time. The backlog keeps pages apart that may not share a request: another scope,
a retry that must go in a smaller one, or pages that the portal does not list, since those that fail
make those that are done after them dearer.

Source: docs/bitrix24.md §3 (one batch, one scope), §6 "Failures inflate the bill" [source].
"""

import heapq
from collections import deque
from collections.abc import Iterable
from itertools import count, islice
from operator import itemgetter
from typing import NamedTuple

import msgspec

from bulk_publisher.limits.decision import NEVER, Lane
from bulk_publisher.model import Mono, Page, Scope, SiteId

UNBOUND = 50
"""Pages that may share a request with one that was never lost."""


class Work(msgspec.Struct, frozen=True, gc=False):
    """A page on its way.

    Attributes:
        attempts: Requests that it was part of, refusals by a limit not counted.
        company: Pages that may be in its next request, itself included.
        may_be_done: Whether some request may have done it although no answer said so.
        attempts_alone: Those of *attempts* that ended with a fault which only a request of its own
            may cure, the one that showed it first included.
        spared: Those of *attempts* that were lost for another page's sake, or nobody's.
        leaves_trace: Whether a list that shows it as done tells of its next request: not if an
            earlier one may have done it.
    """

    page: Page
    attempts: int = 0
    company: int = UNBOUND
    may_be_done: bool = False
    attempts_alone: int = 0
    spared: int = 0
    leaves_trace: bool = True

    @property
    def counted(self) -> int:
        """Attempts that count against it."""
        return self.attempts - self.spared

    @property
    def is_unlisted(self) -> bool:
        """Whether the portal was asked for it, and does not list it."""
        return self.page.is_missing is True


class _Kind(NamedTuple):
    """What pages have in common that may share a request."""

    company: int
    scope: Scope | None
    is_unlisted: bool


class Backlog:
    """Pages that wait to be sent: those that come back go before those that are new."""

    def __init__(self) -> None:
        self._lanes: dict[_Kind, deque[Work]] = {}
        self._later: list[tuple[Mono, int, Work]] = []
        self._order = count()
        self._several = 0
        self._alone = 0

    def __len__(self) -> int:
        return self._several + self._alone + len(self._later)

    @property
    def together(self) -> int:
        """Pages that may share the next request."""
        return self._ready(is_unlisted=False)

    @property
    def unlisted(self) -> int:
        """Pages that the portal does not list and that may share the next request of such."""
        return self._ready(is_unlisted=True)

    @property
    def is_unlisted_due(self) -> bool:
        """Whether as many of them are there as may share a request, or they have been sent before."""
        lane = self._next_lane(is_unlisted=True)
        return lane is not None and (
            len(self._lanes[lane]) >= lane.company or lane.company < UNBOUND
        )

    @property
    def alone(self) -> int:
        """Pages that need a request of their own."""
        return self._alone

    @property
    def company(self) -> int:
        """Pages that may be in the next request at most."""
        lane = self._next_lane(is_unlisted=False)
        return UNBOUND if lane is None else lane.company

    def add(self, work: Work) -> None:
        """One more page."""
        self._lane_of(work).append(work)
        self._count(work.company, 1)

    def add_first(self, works: Iterable[Work]) -> None:
        """Pages that were released: they go before all others of their kind, in their order."""
        for work in reversed(list(works)):
            self._lane_of(work).appendleft(work)
            self._count(work.company, 1)

    def add_later(self, work: Work, at: Mono) -> None:
        """A page that may not be sent before *at*."""
        heapq.heappush(self._later, (at, next(self._order), work))

    def wake(self, now: Mono) -> None:
        """Let in the pages whose time has come."""
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[2])

    def next_ready_at(self) -> Mono:
        """When the next page may be sent that may not yet; infinite where there is none."""
        return self._later[0][0] if self._later else NEVER

    def take(self, pages: int, lane: Lane) -> list[Work]:
        """Up to *pages* pages of one scope for one request, removed from here."""
        kind = self._next_kind(lane)
        if kind is None:
            return []
        queue = self._lanes[kind]
        if kind.company == 1:
            # First whichever was tried most: so even of pages that no portal survives some are settled.
            at, _ = max(enumerate(queue), key=lambda place: place[1].counted)
            queue.rotate(-at)
        works = [queue.popleft() for _ in range(min(pages, kind.company, len(queue)))]
        self._count(kind.company, -len(works))
        if not queue:
            del self._lanes[kind]
        return works

    def next_together(self, pages: int) -> list[Page]:
        """Up to *pages* pages that would leave next with others."""
        kind = self._next_lane(is_unlisted=False)
        return [] if kind is None else [work.page for work in islice(self._lanes[kind], pages)]

    def drop_site(self, site: SiteId) -> int:
        """Remove the pages of *site*; says how many there were."""
        kept_later = [entry for entry in self._later if entry[2].page.site != site]
        kept = [work for queue in self._lanes.values() for work in queue if work.page.site != site]
        dropped = len(self) - len(kept) - len(kept_later)
        heapq.heapify(kept_later)
        self._later = kept_later
        self._lanes.clear()
        self._several = self._alone = 0
        for work in kept:
            self.add(work)
        return dropped

    def _ready(self, *, is_unlisted: bool) -> int:
        kind = self._next_lane(is_unlisted=is_unlisted)
        return 0 if kind is None else len(self._lanes[kind])

    def _next_kind(self, lane: Lane) -> _Kind | None:
        if lane is Lane.UNLISTED:
            return self._next_lane(is_unlisted=True)
        together = self._next_lane(is_unlisted=False)
        if lane is Lane.BATCH:
            return together
        # Where no requests of several pages are sent, all pages go alone.
        return self._next_alone() or together or self._next_lane(is_unlisted=True)

    def _next_lane(self, *, is_unlisted: bool) -> _Kind | None:
        kinds = (
            kind for kind in self._lanes if kind.company > 1 and kind.is_unlisted is is_unlisted
        )
        return min(kinds, key=itemgetter(0), default=None)

    def _next_alone(self) -> _Kind | None:
        return next((kind for kind in self._lanes if kind.company == 1), None)

    def _lane_of(self, work: Work) -> deque[Work]:
        kind = _Kind(work.company, work.page.scope, work.is_unlisted)
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = deque()
        return lane

    def _count(self, company: int, by: int) -> None:
        if company > 1:
            self._several += by
        else:
            self._alone += by
