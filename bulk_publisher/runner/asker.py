"""Asks the portal's list for pages whose answer was lost, before any of them is sent again.

One request tells of 500 pages what to send them again would cost minutes of operating time to learn.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Never

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.model import Action, Fault, Mono, Page, PageId, SiteId
from bulk_publisher.runner.doubts import Found, Lost, can_tell, sift
from bulk_publisher.runner.ports import Look
from bulk_publisher.runner.work import Work

_AT_ONCE = 500
"""Pages that one list tells of."""
_GATHER = 1.0
"""Seconds in which requests that are lost are asked for together."""

Learn = Callable[[Lost, Found | None], None]


class Asker:
    """The pages in doubt, until the portal was asked for them."""

    def __init__(
        self,
        look: Look | None,
        action: Action,
        *,
        has_done: Callable[[SiteId | None], bool],
        clock: Clock,
    ) -> None:
        """None are in doubt.

        Args:
            look: How the portal is asked; None for not at all.
            has_done: Whether the portal has answered for a page of a site in this run.
        """
        self._look = look
        self._action = action
        self._has_done = has_done
        self._clock = clock
        self._lost: list[Lost] = []
        self._asked: list[Lost] = []
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """Pages of which it is not known yet."""
        return _pages(self._lost) + _pages(self._asked)

    def is_worth_asking(self, work: Work, fault: Fault) -> bool:
        """Whether the list may prove that *work* was done although it met *fault*."""
        # A fault of one page's own, in the middle of its work, leaves its end open whatever is listed.
        return fault.may_be_done and not fault.is_alone and self._tells(work.page)

    def add(self, lost: Lost) -> None:
        """These were lost."""
        self._lost.append(lost)
        self._some.set()

    async def ask_on(self, learn: Learn) -> Never:
        """Ask whenever pages are in doubt, and hand on what is found, until cancelled."""
        while True:
            await self._some.wait()
            await self._clock.sleep_until(Mono(self._clock.now() + _GATHER))
            for lost, found in await self.ask():
                learn(lost, found)

    async def ask(self) -> list[tuple[Lost, Found | None]]:
        """What became of those that were lost first; None where the portal does not tell.

        Whoever breaks it off leaves them in doubt.
        """
        group = [self._lost.pop(0)]
        while self._lost and _pages(group) + len(self._lost[0].works) <= _AT_ONCE:
            group.append(self._lost.pop(0))
        if not self._lost:
            self._some.clear()
        self._asked = group
        pages = [work.page for lost in group for work in lost.works]
        listed: Mapping[PageId, Page] | None = None
        with suppress(BulkPublisherError):
            listed = {} if self._look is None else await self._look(pages)
        self._asked = []
        return [(lost, self._sift(lost, listed)) for lost in group]

    def _sift(self, lost: Lost, listed: Mapping[PageId, Page] | None) -> Found | None:
        return None if listed is None else sift(lost, listed, self._action, tells=self._tells)

    def _tells(self, page: Page) -> bool:
        return self._look is not None and can_tell(page, self._action) and self._has_done(page.site)


def _pages(group: Sequence[Lost]) -> int:
    return sum(len(lost.works) for lost in group)
