"""What a list of the portal says of pages whose answer was lost."""

from collections.abc import Collection, Sequence

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.engine.reconcile import Lost, reconcile
from bulk_publisher.engine.work import Work
from bulk_publisher.model import Action, Fault, FaultClass, Page, PageId
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS

PUBLISH = ACTIONS[Action.PUBLISH]
FAULT = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)
states = st.sampled_from([None, True, False])
pages = st.builds(Page, st.just(PageId(1)), was_active=states, is_changed=states)


def lost_of(count: int, *, is_whole: bool = True, done_before: Collection[int] = ()) -> Lost:
    works = [
        Work(Page(PageId(number), was_active=False), leaves_trace=number not in done_before)
        for number in range(1, count + 1)
    ]
    return Lost(works, FAULT, is_whole)


def up(*numbers: int) -> dict[PageId, Page]:
    return {
        PageId(number): Page(PageId(number), was_active=True, is_changed=False)
        for number in numbers
    }


def sifted(
    lost: Lost, *numbers: int, silent: Collection[int] = ()
) -> tuple[list[int], list[int], list[int]]:
    """Done, suspects and innocents, where *numbers* are up; nothing is told of the *silent* ones."""
    found = reconcile(lost, up(*numbers), PUBLISH, tells=lambda page: page.id not in silent)
    return ids(found.done), ids(found.suspects), ids(found.innocents)


def ids(works: Sequence[Work]) -> list[int]:
    return [work.page.id for work in works]


def test_pages_before_the_last_trace_are_done_and_those_about_it_are_under_suspicion():
    # The end of 3 was seen by nobody: its folder may be down, and it may be what killed the request.
    assert sifted(lost_of(6), 1, 2, 3) == ([1, 2], [3, 4], [5, 6])


def test_where_nothing_was_done_the_first_is_under_suspicion():
    assert sifted(lost_of(3)) == ([], [1], [2, 3])


def test_where_all_were_done_the_last_may_have_killed_the_answer():
    assert sifted(lost_of(3), 1, 2, 3) == ([1, 2], [3], [])


def test_a_page_that_was_passed_over_is_nobodys_doing():
    assert sifted(lost_of(5), 1, 3) == ([1], [3, 4], [2, 5])


def test_a_page_alone_is_never_proven_by_a_list_and_always_under_suspicion():
    assert sifted(lost_of(1), 1) == ([], [1], [])
    assert sifted(lost_of(1)) == ([], [1], [])


def test_pages_of_which_the_list_tells_nothing_are_passed_or_suspected_with_the_others():
    lost = lost_of(7)

    assert sifted(lost, 1, 3, silent={2, 4, 6}) == ([1], [3, 4, 5], [2, 6, 7])
    assert sifted(lost, silent={1, 2, 3, 4, 5, 6, 7}) == ([], [1, 2, 3, 4, 5, 6, 7], [])


def test_the_last_page_done_is_not_proven_where_the_request_went_on_to_silent_ones():
    assert sifted(lost_of(4), 1, 2, silent={3, 4}) == ([1], [2, 3, 4], [])


def test_a_page_that_an_earlier_request_may_have_done_is_no_trace_of_this_one():
    lost = lost_of(4, done_before={1, 2, 3})

    # This request may have died of the first of them.
    assert sifted(lost, 1, 2, 3) == ([], [1, 2, 3, 4], [])
    assert sifted(lost, 1, 3, 4) == ([1, 3], [4], [2])
    assert sifted(lost_of(1, done_before={1}, is_whole=False), 1) == ([], [1], [])


def test_a_list_that_omits_edits_tells_nothing_of_pages_that_were_up_before():
    works = [Work(Page(PageId(number), was_active=True, is_changed=True)) for number in (1, 2)]
    listed = {PageId(number): Page(PageId(number), was_active=True) for number in (1, 2)}

    found = reconcile(Lost(works, FAULT, True), listed, PUBLISH, tells=lambda _: True)

    # Not the first alone, as where it is certain that the request did not do it.
    assert (ids(found.suspects), found.done, found.innocents) == ([1, 2], [], [])


def test_what_the_list_showed_is_remembered_for_the_next_request():
    found = reconcile(lost_of(5), up(1, 2), PUBLISH, tells=lambda page: page.id != 5)
    goes_on = {work.page.id: work.leaves_trace for work in (*found.suspects, *found.innocents)}

    # 2 is up already; of 5 the list says nothing.
    assert goes_on == {2: False, 3: True, 4: True, 5: False}


def test_pages_that_an_answer_passed_over_each_stand_for_themselves():
    assert sifted(lost_of(3, is_whole=False), 1, 3) == ([1, 3], [2], [])


def test_a_page_that_failed_by_itself_is_not_proven_by_being_up():
    fault = Fault(FaultClass.TRANSIENT, "SYSTEM_ERROR", sent=None, is_alone=True)
    lost = Lost(lost_of(1).works, fault, is_whole=False)

    assert sifted(lost, 1) == ([], [1], [])


some = st.sets(st.integers(1, 20))


@given(count=st.integers(1, 20), listed=some, done_before=some, silent=some, is_whole=st.booleans())
def test_every_page_has_one_fate_and_only_pages_that_are_up_are_done(
    count, listed, done_before, silent, is_whole
):
    lost = lost_of(count, is_whole=is_whole, done_before=done_before)

    done, suspects, innocents = sifted(lost, *listed, silent=silent)

    assert sorted([*done, *suspects, *innocents]) == list(range(1, count + 1))
    assert set(done) <= listed - silent
    # One at least, or a page that kills its request would be sent for ever.
    assert suspects or (not is_whole and done)
    if is_whole and done:
        assert max(listed - silent - done_before) > max(done)


@given(
    count=st.integers(1, 20),
    came_to=st.integers(0, 20),
    done_before=some,
    silent=some,
    up_before=some,
)
def test_whatever_a_request_died_of_is_under_suspicion_and_what_it_did_not_end_is_not_done(
    count, came_to, done_before, silent, up_before
):
    """The portal did the first *came_to* pages, and died of the last of them, or of the next one."""
    came_to = min(came_to, count)
    really_up = set(range(1, came_to + 1)) | (up_before & done_before)
    lost = lost_of(count, done_before=done_before)

    done, suspects, _ = sifted(lost, *really_up, silent=silent)

    ended = set(range(1, came_to))
    assert set(done) <= ended
    assert came_to in suspects or came_to == 0
    assert came_to + 1 in suspects or came_to == count


@given(page=pages, action=st.sampled_from(Action))
def test_a_page_as_it_was_is_never_taken_for_done(page, action):
    assert not (ACTIONS[action].can_prove(page) and ACTIONS[action].is_proved(page, page))


def test_a_page_that_was_online_with_its_latest_edits_tells_nothing():
    page = Page(PageId(1), was_active=True, is_changed=False)

    assert not PUBLISH.can_prove(page)
    assert ACTIONS[Action.UNPUBLISH].can_prove(page)


def test_where_the_portal_does_not_tell_edits_a_page_that_came_online_is_done():
    now = Page(PageId(1), was_active=True)

    assert PUBLISH.is_proved(Page(PageId(1), was_active=False), now)
    assert not PUBLISH.is_proved(Page(PageId(1), was_active=True, is_changed=True), now)
