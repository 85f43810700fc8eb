"""What a list of the portal says of pages whose answer was lost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import StoppedByPortal
from bulk_publisher.model import Action, Page, PageId
from bulk_publisher.portal import faults
from bulk_publisher.runner.doubts import Doubts, Found, Lost, can_tell, is_done, sift
from bulk_publisher.runner.work import Work

FAULT = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)
states = st.sampled_from([None, True, False])
pages = st.builds(Page, st.just(PageId(1)), was_active=states, is_changed=states)


def lost_of(count: int, *, is_whole: bool = True) -> Lost:
    return Lost(
        [Work(Page(PageId(number), was_active=False)) for number in range(1, count + 1)],
        FAULT,
        is_whole,
    )


def up(*numbers: int) -> dict[PageId, Page]:
    return {
        PageId(number): Page(PageId(number), was_active=True, is_changed=False)
        for number in numbers
    }


def ids(found: Found) -> tuple[list[int], list[int], list[int]]:
    return tuple(
        [work.page.id for work in part] for part in (found.done, found.suspects, found.innocents)
    )


def test_pages_before_the_last_one_done_are_done_and_the_next_is_under_suspicion():
    # The end of 3 was seen by nobody: its site or folder may not be switched on.
    assert ids(sift(lost_of(6), up(1, 2, 3), Action.PUBLISH)) == ([1, 2], [4], [3, 5, 6])


def test_where_nothing_was_done_the_first_is_under_suspicion():
    assert ids(sift(lost_of(3), up(), Action.PUBLISH)) == ([], [1], [2, 3])


def test_where_all_were_done_only_the_answer_was_lost():
    assert ids(sift(lost_of(3), up(1, 2, 3), Action.PUBLISH)) == ([1, 2], [], [3])


def test_a_page_that_was_passed_over_is_nobodys_doing():
    assert ids(sift(lost_of(4), up(1, 3), Action.PUBLISH)) == ([1], [4], [2, 3])


def test_a_page_alone_is_never_proven_by_a_list():
    assert ids(sift(lost_of(1), up(1), Action.PUBLISH)) == ([], [], [1])


def test_pages_that_an_answer_passed_over_each_stand_for_themselves():
    lost = lost_of(3, is_whole=False)

    assert ids(sift(lost, up(1, 3), Action.PUBLISH)) == ([1, 3], [2], [])


@given(count=st.integers(1, 50), done=st.sets(st.integers(1, 50)))
def test_every_page_has_one_fate_and_only_pages_that_are_up_are_done(count, done):
    done, suspects, innocents = ids(sift(lost_of(count), up(*done), Action.PUBLISH))

    assert sorted([*done, *suspects, *innocents]) == list(range(1, count + 1))
    assert set(done) <= set(up(*done))
    assert len(suspects) <= 1


@given(page=pages, action=st.sampled_from(Action))
def test_a_page_as_it_was_is_never_taken_for_done(page, action):
    assert not (can_tell(page, action) and is_done(page, page, action))


def test_a_page_that_was_online_with_its_latest_edits_tells_nothing():
    page = Page(PageId(1), was_active=True, is_changed=False)

    assert not can_tell(page, Action.PUBLISH)
    assert can_tell(page, Action.UNPUBLISH)


def test_where_the_portal_does_not_tell_edits_a_page_that_came_online_is_done():
    now = Page(PageId(1), was_active=True)

    assert is_done(Page(PageId(1), was_active=False), now, Action.PUBLISH)
    assert not is_done(Page(PageId(1), was_active=True, is_changed=True), now, Action.PUBLISH)


async def test_pages_are_in_doubt_until_the_portal_was_asked() -> None:
    asked = []

    async def look(pages):
        asked.append([page.id for page in pages])
        return up(1, 2, 3)

    doubts = Doubts(look, Action.PUBLISH)
    doubts.add(lost_of(3))
    doubts.add(lost_of(498))
    assert len(doubts) == 501

    [(_, found)] = await doubts.ask()

    assert (ids(found)[0], len(asked[0]), len(doubts)) == ([1, 2], 3, 498)
    await doubts.wait()


async def test_pages_are_in_doubt_still_where_the_question_is_broken_off() -> None:
    async def look(pages):
        await asyncio.sleep(1000)
        return up(1, 2, 3)

    doubts = Doubts(look, Action.PUBLISH)
    doubts.add(lost_of(3))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(doubts.ask(), timeout=1)

    assert len(doubts) == 3


async def test_a_portal_that_cannot_be_asked_proves_nothing() -> None:
    async def look(pages):
        raise StoppedByPortal("no list", "none")

    doubts = Doubts(look, Action.PUBLISH)
    doubts.add(lost_of(2))

    assert await doubts.ask() == [(lost_of(2), None)]
    assert len(doubts) == 0


def test_without_a_way_to_ask_no_page_is_worth_asking_for() -> None:
    assert not Doubts(None, Action.PUBLISH).can_tell(Page(PageId(1), was_active=False))
