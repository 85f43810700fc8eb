"""Pages in doubt stay so until the portal was asked for them."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import StoppedByPortal
from bulk_publisher.model import Action, Fault, FaultClass, Page, PageId
from bulk_publisher.portal import faults
from bulk_publisher.runner.asker import Asker
from bulk_publisher.runner.doubts import Found, Lost
from bulk_publisher.runner.ports import Look
from bulk_publisher.runner.work import Work

FAULT = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)
DOWN = Work(Page(PageId(1), was_active=False))


def asker(look: Look | None, *, has_done: bool = True) -> Asker:
    return Asker(look, Action.PUBLISH, has_done=lambda _: has_done, clock=LoopClock())


def lost_of(first: int, last: int) -> Lost:
    works = [Work(Page(PageId(number), was_active=False)) for number in range(first, last + 1)]
    return Lost(works, FAULT, is_whole=True)


async def all_up(pages: Sequence[Page]) -> Mapping[PageId, Page]:
    return {page.id: Page(page.id, was_active=True, is_changed=False) for page in pages}


async def test_as_many_requests_are_asked_for_at_once_as_one_list_tells_of() -> None:
    asked: list[int] = []

    async def look(pages: Sequence[Page]) -> Mapping[PageId, Page]:
        asked.append(len(pages))
        return await all_up(pages)

    doubts = asker(look)
    for first in (1, 201, 401):
        doubts.add(lost_of(first, first + 199))

    found = await doubts.ask()

    assert ([len(lost.works) for lost, _ in found], len(doubts)) == ([200, 200], 200)
    await doubts.ask()
    assert (asked, len(doubts)) == ([400, 200], 0)


async def test_what_is_found_is_handed_on_as_long_as_pages_are_lost() -> None:
    learned: list[tuple[Lost, Found | None]] = []
    doubts = asker(all_up)
    asking = asyncio.create_task(doubts.ask_on(lambda lost, found: learned.append((lost, found))))

    for first in (1, 11):
        doubts.add(lost_of(first, first + 2))
        await asyncio.sleep(5)
    asking.cancel()

    assert [lost for lost, _ in learned] == [lost_of(1, 3), lost_of(11, 13)]
    assert [[work.page.id for work in found.done] for _, found in learned if found] == [
        [1, 2],
        [11, 12],
    ]


async def test_pages_are_in_doubt_still_where_the_question_is_broken_off() -> None:
    async def look(pages: Sequence[Page]) -> Mapping[PageId, Page]:
        await asyncio.sleep(1000)
        return await all_up(pages)

    doubts = asker(look)
    doubts.add(lost_of(1, 3))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(doubts.ask(), timeout=1)

    assert len(doubts) == 3


async def test_a_portal_that_cannot_be_asked_proves_nothing() -> None:
    async def look(pages: Sequence[Page]) -> Mapping[PageId, Page]:
        raise StoppedByPortal("no list", "none")

    doubts = asker(look)
    doubts.add(lost_of(1, 2))

    assert await doubts.ask() == [(lost_of(1, 2), None)]
    assert len(doubts) == 0


@pytest.mark.parametrize(
    ("work", "fault"),
    [
        (Work(Page(PageId(1))), FAULT),
        (Work(Page(PageId(1), was_active=True, is_changed=False)), FAULT),
        (DOWN, Fault(FaultClass.TRANSIENT, "SYSTEM_ERROR", sent=True, is_alone=True)),
        (DOWN, Fault(FaultClass.TRANSIENT, "HTTP_503", sent=False)),
    ],
    ids=["state unknown", "online as it is", "failed by itself", "certainly not done"],
)
async def test_where_a_list_proves_nothing_it_is_not_asked(work: Work, fault: Fault) -> None:
    assert asker(all_up).is_worth_asking(DOWN, FAULT)
    assert not asker(all_up).is_worth_asking(work, fault)


async def test_nothing_is_asked_without_a_way_or_before_the_site_has_answered() -> None:
    assert not asker(None).is_worth_asking(DOWN, FAULT)
    assert not asker(all_up, has_done=False).is_worth_asking(DOWN, FAULT)
