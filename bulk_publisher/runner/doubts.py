"""Pages whose answer was lost: were they done? The portal is asked before they are sent again.

A lost answer says nothing of the pages, but a list of the portal does: one request tells of 500
pages what to send them again would cost minutes of operating time to learn. It also tells whose
doing the loss may be: the portal does the pages of a request in their order, so the first that was
not done is the one under suspicion, and those behind it are not.

Rules: pure but for ``ask``; no page is settled here that the list does not prove done. It does so
only for a page that was not as it should be before, is now, and is not the last one done of its
request, whose end nobody saw; and only on a site of which the portal has answered for a page in
this run: where the site itself could not be switched on, a page is listed as published and is not
to be seen.

Source: docs/bitrix24.md §3, §4 [source].
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.model import Action, Fault, Page, PageId
from bulk_publisher.runner.ports import Look
from bulk_publisher.runner.work import Work

_AT_ONCE = 500
"""Pages that one list tells of."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Pages of one request, in its order, of which no answer came.

    Attributes:
        is_whole: All of the request was lost, not the answer to single pages of it.
    """

    works: Sequence[Work]
    fault: Fault
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What became of lost pages.

    Attributes:
        done: The list proves that they were done.
        suspects: They were not, and may be why the request was lost.
        innocents: Whatever was lost, it was not for them.
    """

    done: Sequence[Work]
    suspects: Sequence[Work]
    innocents: Sequence[Work]


def can_tell(page: Page, action: Action) -> bool:
    """Whether a list can show that *page* was done: it was not as it should be before."""
    if action is Action.UNPUBLISH:
        return page.was_active is True
    return page.was_active is False or (page.was_active is True and page.is_changed is True)


def is_done(before: Page, now: Page | None, action: Action) -> bool:
    """Whether a page that ``can_tell`` is as it should be by now."""
    if now is None:
        return False
    if action is Action.UNPUBLISH:
        return now.was_active is False
    if now.was_active is not True:
        return False
    return now.is_changed is False or (now.is_changed is None and before.was_active is False)


def sift(lost: Lost, listed: Mapping[PageId, Page], action: Action) -> Found:
    """What *listed*, the pages as they are now, says of those that were lost."""
    is_up = [is_done(work.page, listed.get(work.page.id), action) for work in lost.works]
    if not lost.is_whole:
        return Found(
            [work for work, done in zip(lost.works, is_up, strict=True) if done],
            [work for work, done in zip(lost.works, is_up, strict=True) if not done],
            [],
        )
    last = max((at for at, done in enumerate(is_up) if done), default=-1)
    first_not = next((at for at, done in enumerate(is_up) if not done and at > last), None)
    done = [work for at, work in enumerate(lost.works) if is_up[at] and at < last]
    suspects = [] if first_not is None else [lost.works[first_not]]
    proven = {work.page.id for work in (*done, *suspects)}
    return Found(done, suspects, [work for work in lost.works if work.page.id not in proven])


class Doubts:
    """The pages in doubt, until the portal was asked for them."""

    def __init__(self, look: Look | None, action: Action) -> None:
        """None are in doubt.

        Args:
            look: How the portal is asked; None for not at all.
        """
        self._look = look
        self._action = action
        self._lost: list[Lost] = []
        self._asked: list[Lost] = []
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """Pages of which it is not known yet."""
        return _pages(self._lost) + _pages(self._asked)

    def can_tell(self, page: Page) -> bool:
        """Whether it is worth while to ask for *page*."""
        return self._look is not None and can_tell(page, self._action)

    def add(self, lost: Lost) -> None:
        """These were lost."""
        self._lost.append(lost)
        self._some.set()

    async def wait(self) -> None:
        """Return when a page is in doubt."""
        await self._some.wait()

    async def ask(self) -> list[tuple[Lost, Found | None]]:
        """What became of those that were lost so far; None where the portal does not tell.

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
        return [
            (lost, None if listed is None else sift(lost, listed, self._action)) for lost in group
        ]


def _pages(group: Sequence[Lost]) -> int:
    return sum(len(lost.works) for lost in group)
