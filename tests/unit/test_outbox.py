"""What waits to be carried out: lines are written in groups, and lost pages looked up in groups."""

from bulk_publisher.engine.outbox import Doubts, Lines, pages_of
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.engine.work import Work
from bulk_publisher.limits.decision import NEVER
from bulk_publisher.model import Mono, Page, PageId
from bulk_publisher.portal import faults
from tests.outcomes import outcome

FAULT = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)


def lost_of(first: int, last: int) -> Lost:
    works = [Work(Page(PageId(number), was_active=False)) for number in range(first, last + 1)]
    return Lost(works, FAULT, is_whole=True)


def test_what_comes_while_a_group_is_written_is_the_next_one() -> None:
    lines = Lines()
    lines.add([outcome(1)])
    assert lines.next_group(now=Mono(0.0), is_last=False) == [outcome(1)]

    lines.add([outcome(2)])
    lines.add([outcome(3)])
    assert not lines.next_group(now=Mono(9.0), is_last=False)
    lines.on_written(Mono(10.0))

    assert lines.next_group(now=Mono(11.0), is_last=False) == [outcome(2), outcome(3)]


def test_a_group_rests_after_the_one_before_and_says_when_it_is_due() -> None:
    lines = Lines()
    lines.add([outcome(1)])
    lines.next_group(now=Mono(0.0), is_last=False)
    lines.on_written(Mono(1.0))
    assert lines.due_at == NEVER

    lines.add([outcome(2)])

    assert not lines.next_group(now=Mono(1.01), is_last=False)
    assert 1.01 < lines.due_at < 1.1
    assert lines.next_group(now=lines.due_at, is_last=False) == [outcome(2)]


def test_the_last_group_does_not_rest() -> None:
    lines = Lines()
    lines.add([outcome(1)])
    lines.next_group(now=Mono(0.0), is_last=False)
    lines.on_written(Mono(1.0))
    lines.add([outcome(2)])

    assert lines.next_group(now=Mono(1.001), is_last=True) == [outcome(2)]
    assert lines.are_out
    lines.on_written(Mono(2.0))
    assert not lines.are_out


def test_once_the_journal_is_lost_nothing_is_written_and_nothing_is_out() -> None:
    lines = Lines()
    lines.add([outcome(1)])
    lines.next_group(now=Mono(0.0), is_last=False)
    lines.are_lost = True
    lines.on_written(Mono(1.0))
    lines.add([outcome(2)])

    assert not lines.next_group(now=Mono(9.0), is_last=True)
    assert not lines.take_all()
    assert (lines.are_out, lines.due_at) == (False, NEVER)


def test_who_leaves_at_once_gets_what_is_not_written() -> None:
    lines = Lines()
    lines.add([outcome(1)])

    assert lines.take_all() == [outcome(1)]
    assert not lines.take_all()


def test_as_many_requests_are_looked_up_at_once_as_one_list_tells_of() -> None:
    doubts = Doubts()
    for first in (1, 201, 401):
        doubts.add(lost_of(first, first + 199), Mono(0.0))

    group = doubts.next_group(now=doubts.due_at)
    assert ([len(lost.works) for lost in group], len(doubts)) == ([200, 200], 600)
    doubts.on_looked_up(Mono(5.0))

    assert len(doubts) == 200
    assert [page.id for page in pages_of(doubts.next_group(now=doubts.due_at))] == [
        *range(401, 601)
    ]


def test_requests_that_are_lost_soon_after_each_other_are_looked_up_together() -> None:
    doubts = Doubts()
    assert doubts.due_at == NEVER
    doubts.add(lost_of(1, 2), Mono(0.0))
    doubts.add(lost_of(3, 4), Mono(0.9))

    assert not doubts.next_group(now=Mono(0.9))
    assert len(doubts.next_group(now=Mono(1.0))) == 2


def test_pages_are_in_doubt_until_the_list_has_told() -> None:
    doubts = Doubts()
    doubts.add(lost_of(1, 3), Mono(0.0))
    doubts.next_group(now=Mono(1.0))

    assert (len(doubts), doubts.due_at) == (3, NEVER)
    doubts.on_looked_up(Mono(2.0))
    assert len(doubts) == 0
