"""What is recorded while a run goes on, and how it is read back, in any store."""

import asyncio
from contextlib import suppress

import pytest

from bulk_publisher.model import Page, PageId, Scope, Status
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store import Store
from bulk_publisher.store.standing import Place
from bulk_publisher.store.totals import Totals
from bulk_publisher.store.verdicts import judge
from tests.outcomes import outcome
from tests.store.making import begun, content_of, lines_of, lose, place_of, record, standing_of

PAGES = [Page(PageId(number), scope=None, source=f"a.csv:{number}") for number in range(1, 8)]


async def test_a_run_of_which_nothing_was_recorded_has_come_nowhere(store: Store) -> None:
    run = begun(store)

    assert not run.has_journal
    assert not standing_of(run).settled
    assert run.read_notes() == ({}, None)
    assert run.still_out() == []
    assert run.read_verdicts() == {}


async def test_lines_are_read_as_they_were_recorded(store: Store) -> None:
    run = begun(store)
    first, second = lines_of(run, 3, 1), lines_of(run, 2, status=Status.FAILED, error="X")

    totals = await record(run, first)
    again = await record(run, second)

    assert run.has_journal
    assert list(run.outcomes()) == [*first, *second]
    assert [mark.page for mark in run.marks()] == [3, 1, 2]
    assert (totals.pages, again.pages, again.bad) == (2, 1, 1)


async def test_groups_that_come_at_once_are_all_there(store: Store) -> None:
    run = begun(store)
    totals = Totals()

    with run.lock(), run.record(totals) as recording:
        async with asyncio.TaskGroup() as group:
            for page in range(1, 41):
                group.create_task(recording.append(lines_of(run, page)))

    assert totals.pages == 40
    assert sorted(mark.page for mark in run.marks()) == list(range(1, 41))


async def test_how_far_a_run_has_come_is_told_by_its_own_lines(store: Store) -> None:
    run = begun(store)
    bad: list[int] = []
    await record(
        run,
        [
            *lines_of(run, 1, 2, 2),
            *lines_of(run, 3, status=Status.FAILED, error="X"),
            outcome(4, run="another"),
        ],
    )

    standing = run.read_standing(lambda line: bad.append(line.page))

    assert sorted(standing.settled) == [1, 2, 3]
    assert standing.good == {Status.PUBLISHED: 2}
    assert (standing.doubled, standing.foreign, standing.foreign_run) == (1, 1, "another")
    assert bad == [3]


async def test_lines_are_found_and_read_in_both_directions(store: Store) -> None:
    run = begun(store)
    await record(run, [*lines_of(run, 5, 1, 5, 4), outcome(9, run="another")])

    found = run.find_lines(lambda mark: mark.page != 1)

    assert len(found) == 2
    assert [line.page for line in found] == [5, 4]
    assert [line.page for line in reversed(found)] == [4, 5]
    assert [line.page for line in found] == [5, 4]


async def test_what_was_spent_is_told_the_newest_first_and_no_further_back_than_asked(
    store: Store,
) -> None:
    run = begun(store)
    await record(run, lines_of(run, 1, 2, 3, 4))

    since = next(iter(lines_of(run, 3))).time

    assert [spent.time[17:19] for spent in run.spent_since(since)] == ["04", "03"]
    assert len(list(run.spent_since(""))) == 4


async def test_pages_that_left_are_out_until_they_have_their_line(store: Store) -> None:
    run = begun(store)

    await lose(run, PAGES[:3], settled=1)

    assert [page.id for page in run.still_out()] == [2, 3]
    assert run.read_notes()[0][PageId(2)].source == "a.csv:2"
    assert run.noted_at() > 0


async def test_pages_that_were_out_are_out_when_a_run_goes_on(store: Store) -> None:
    run = begun(store)

    with run.lock(), run.record(Totals(), out=PAGES[:2], place=Place("all", 7)):
        assert [page.id for page in run.still_out()] == [1, 2]
        assert place_of(run) == Place("all", 7)


async def test_a_page_that_was_noted_ahead_and_never_left_is_not_out(store: Store) -> None:
    run = begun(store)

    with run.lock(), run.record(Totals()) as recording:
        await recording.note_ahead(PAGES[:2])
        await recording.note_sent(PAGES[:1])
        assert recording.ahead == 1

    assert [page.id for page in run.still_out()] == [1]


async def test_a_run_that_is_whole_leaves_nothing_out(store: Store) -> None:
    run = begun(store)

    with run.lock(), run.record(Totals(), place=Place("all", 7)) as recording:
        await recording.note_sent(PAGES[:2])
        recording.forget_all()

    assert run.read_notes() == ({}, None)


async def test_a_list_goes_on_after_what_is_settled(store: Store) -> None:
    run = begun(store)

    async def listed():
        for page in PAGES:
            yield Page(page.id, scope=None, source="all")

    with run.lock(), run.record(Totals()) as recording:
        pages = recording.watched(listed())
        taken = [await anext(pages) for _ in range(3)]
        await recording.note_sent(taken[:2])
        await recording.append(lines_of(run, 1, 2))
        await recording.note_sent(taken[2:])
    assert place_of(run) == Place("all", 3)
    with run.lock(), run.record(Totals(), out=taken[2:], place=Place("all", 3)) as recording:
        await recording.forget_place()

    assert place_of(run) is None


@pytest.mark.parametrize("fails", [False, True])
async def test_verdicts_take_the_place_of_the_old_ones_all_at_once(
    store: Store, *, fails: bool
) -> None:
    run = begun(store)
    old, new = lines_of(run, 1, 2, status=Status.UNKNOWN)
    with run.lock(), run.replace_verdicts() as keep:
        keep(judge(old, None, time="2026-03-01T04:00:00.000Z"))

    with suppress(KeyError), run.lock(), run.replace_verdicts() as keep:
        keep(judge(new, None, time="2026-03-01T05:00:00.000Z"))
        if fails:
            raise KeyError

    assert run.read_verdicts() == {(1 if fails else 2): Status.FAILED}


def test_what_can_be_done_again_is_a_list_that_csv_takes(store: Store) -> None:
    run = begun(store)

    with run.lock():
        run.write_again({Scope.KNOWLEDGE: PageSet([3, 1]), None: PageSet([7])})
        again = content_of(run, "again.csv").decode().splitlines()
        assert sorted(again) == ["1,KNOWLEDGE", "3,KNOWLEDGE", "7,", "id,scope"]
    with run.lock():
        run.write_again({})
        run.write_again({})
    assert content_of(run, "again.csv") == b""
