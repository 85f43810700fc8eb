from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bulk_publisher.engine.work import UNBOUND, Backlog, Work
from bulk_publisher.limits.decision import Lane
from bulk_publisher.model import Mono, Page, PageId, Scope, SiteId

INFINITE = float("inf")


def _work(number, *, scope=None, site=None, company=UNBOUND, is_missing=None):
    return Work(
        Page(PageId(number), scope=scope, site=site, is_missing=is_missing), company=company
    )


def _numbers(works):
    return [work.page.id for work in works]


def _backlog(*works):
    backlog = Backlog()
    for work in works:
        backlog.add(work)
    return backlog


def test_an_empty_backlog_has_nothing_to_give():
    backlog = Backlog()

    assert (len(backlog), backlog.together, backlog.alone) == (0, 0, 0)
    assert backlog.take(50, Lane.BATCH) == backlog.take(1, Lane.SINGLE) == []
    assert backlog.next_ready_at() == INFINITE


def test_pages_leave_in_the_order_in_which_they_came():
    backlog = _backlog(*map(_work, range(1, 8)))

    first = backlog.take(3, Lane.BATCH)
    second = backlog.take(50, Lane.BATCH)

    assert (_numbers(first), _numbers(second)) == ([1, 2, 3], [4, 5, 6, 7])


def test_pages_of_two_scopes_never_share_a_request():
    backlog = _backlog(_work(1), _work(2, scope=Scope.GROUP), _work(3))

    requests = [_numbers(backlog.take(50, Lane.BATCH)) for _ in range(2)]

    assert requests == [[1, 3], [2]]


def test_pages_that_were_lost_go_before_new_ones_and_in_smaller_company():
    backlog = _backlog(_work(1), *(_work(number, company=2) for number in (7, 8, 9)))

    first = backlog.take(50, Lane.BATCH)

    assert _numbers(first) == [7, 8]
    assert backlog.company == 2
    assert backlog.together == 1


def test_a_page_that_needs_a_request_of_its_own_waits_for_one():
    backlog = _backlog(_work(1, company=1), _work(2))

    together = backlog.take(50, Lane.BATCH)
    alone = backlog.take(1, Lane.SINGLE)

    assert (_numbers(together), _numbers(alone)) == ([2], [1])


def test_only_one_page_leaves_alone():
    backlog = _backlog(_work(1, company=1), _work(2, company=1))

    assert _numbers(backlog.take(50, Lane.SINGLE)) == [1]


def test_of_pages_that_go_alone_the_one_that_was_lost_most_goes_first():
    lost = [Work(Page(PageId(1)), 3, 1), Work(Page(PageId(2)), 9, 1, spared=5)]
    backlog = _backlog(_work(3, company=1), *lost, _work(4, company=1))

    order = [_numbers(backlog.take(1, Lane.SINGLE))[0] for _ in range(4)]

    assert order == [2, 1, 4, 3]


def test_a_request_of_its_own_takes_any_page_where_none_needs_it():
    backlog = _backlog(_work(1), _work(2))

    assert _numbers(backlog.take(1, Lane.SINGLE)) == [1]


def test_released_pages_go_first_and_in_their_order():
    backlog = _backlog(*map(_work, range(1, 6)))
    taken = backlog.take(3, Lane.BATCH)

    backlog.add_first(taken)

    assert _numbers(backlog.take(50, Lane.BATCH)) == [1, 2, 3, 4, 5]


def test_a_page_that_comes_back_later_is_not_there_before():
    backlog = Backlog()
    backlog.add_later(_work(1), Mono(10.0))

    backlog.wake(Mono(9.9))

    assert (len(backlog), backlog.together, backlog.next_ready_at()) == (1, 0, 10.0)


def test_a_page_that_comes_back_later_is_there_then():
    backlog = Backlog()
    backlog.add_later(_work(1), Mono(10.0))

    backlog.wake(Mono(10.0))

    assert (len(backlog), backlog.together, backlog.next_ready_at()) == (1, 1, INFINITE)


def test_pages_that_come_back_later_come_in_the_order_of_their_moments():
    backlog = Backlog()
    backlog.add_later(_work(1), Mono(30.0))
    backlog.add_later(_work(2), Mono(10.0))
    backlog.add_later(_work(3), Mono(10.0))

    backlog.wake(Mono(40.0))

    assert _numbers(backlog.take(50, Lane.BATCH)) == [2, 3, 1]


@pytest.mark.parametrize("site", [3, 4])
def test_the_pages_of_a_site_are_dropped_wherever_they_wait(site):
    backlog = _backlog(_work(1, site=3), _work(2, site=4), _work(3), _work(4, site=3, company=1))
    backlog.add_later(_work(5, site=3), Mono(1.0))
    backlog.add_later(_work(6, site=4), Mono(1.0))
    total = len(backlog)

    dropped = backlog.drop_site(SiteId(site))

    assert dropped == {3: 3, 4: 2}[site]
    assert len(backlog) == total - dropped


def test_pages_that_are_not_listed_share_a_request_with_none_that_are():
    pages = [_work(number, is_missing=number % 3 == 0) for number in range(1, 10)]
    backlog = _backlog(*pages)

    assert (backlog.together, backlog.unlisted, len(backlog)) == (6, 3, 9)
    assert _numbers(backlog.take(50, Lane.UNLISTED)) == [3, 6, 9]
    assert backlog.take(50, Lane.UNLISTED) == []
    assert _numbers(backlog.take(50, Lane.BATCH)) == [1, 2, 4, 5, 7, 8]


def test_where_no_batches_are_sent_those_that_are_not_listed_go_alone_after_the_others():
    backlog = _backlog(_work(1, is_missing=True), _work(2), _work(3, company=1))

    left = [_numbers(backlog.take(1, Lane.SINGLE)) for _ in range(4)]

    assert left == [[3], [2], [1], []]


@pytest.mark.parametrize(
    ("pages", "company", "is_due"), [(49, 50, False), (50, 50, True), (1, 25, True), (1, 1, False)]
)
def test_pages_that_are_not_listed_are_due_when_they_fill_a_request(pages, company, is_due):
    """Those that were lost before wait for no others."""
    works = (_work(number, company=company, is_missing=True) for number in range(1, pages + 1))

    assert _backlog(*works).is_unlisted_due is is_due


def test_what_is_left_of_a_backlog_keeps_its_order():
    backlog = _backlog(*(_work(number, site=number % 2) for number in range(1, 8)))

    backlog.drop_site(SiteId(1))

    assert _numbers(backlog.take(50, Lane.BATCH)) == [2, 4, 6]


class AgainstALedger(RuleBasedStateMachine):
    """The backlog against a naive list of everything that was put into it."""

    def __init__(self):
        super().__init__()
        self.backlog = Backlog()
        self.now = 0.0
        self.waiting = []  # (not before, work); in any order
        self.taken = []
        self.count = 0

    def _new(self, scope, site, company, is_missing):
        self.count += 1
        return _work(self.count, scope=scope, site=site, company=company, is_missing=is_missing)

    @rule(
        scope=st.sampled_from([None, *Scope]),
        site=st.sampled_from([None, 1, 2]),
        company=st.sampled_from([50, 25, 6, 1]),
        pages=st.integers(1, 8),
        is_missing=st.sampled_from([None, False, True]),
    )
    def pages_come(self, scope, site, company, pages, is_missing):
        for _ in range(pages):
            work = self._new(scope, site, company, is_missing)
            self.waiting.append((0.0, work))
            self.backlog.add(work)

    @rule(company=st.sampled_from([25, 6, 1]), pause=st.floats(1, 60), is_missing=st.booleans())
    def a_page_is_lost(self, company, pause, is_missing):
        work = self._new(None, 1, company, is_missing)
        self.waiting.append((self.now + pause, work))
        self.backlog.add_later(work, Mono(self.now + pause))

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds):
        self.now += seconds
        self.backlog.wake(Mono(self.now))
        self.waiting = [(0.0 if at <= self.now else at, work) for at, work in self.waiting]

    @rule(pages=st.integers(1, 50), lane=st.sampled_from(Lane))
    def a_request_leaves(self, pages, lane):
        together, alone, company = self.backlog.together, self.backlog.alone, self.backlog.company
        unlisted = self.backlog.unlisted
        works = self.backlog.take(pages, lane)

        ready = Counter(work for at, work in self.waiting if at == 0.0)
        assert Counter(works) <= ready
        assert len({work.page.scope for work in works}) <= 1
        assert len(works) <= min([pages, *(work.company for work in works)])
        if lane is Lane.SINGLE:
            assert bool(works) == bool(together or alone or unlisted)
        else:
            is_unlisted = lane is Lane.UNLISTED
            kind = [
                work.company for work in ready if self._is_several(work, is_unlisted=is_unlisted)
            ]
            smallest = min(kind, default=UNBOUND)
            assert is_unlisted or smallest == company
            assert len(works) == min(pages, unlisted if is_unlisted else together, smallest)
            assert all(work.company == smallest for work in works)
            assert all(work.is_unlisted == is_unlisted for work in works)
        gone = set(_numbers(works))
        self.waiting = [entry for entry in self.waiting if entry[1].page.id not in gone]
        self.taken = works

    @precondition(lambda self: self.taken)
    @rule()
    def the_request_is_released(self):
        self.backlog.add_first(self.taken)
        self.waiting += [(0.0, work) for work in self.taken]
        self.taken = []

    @rule(site=st.sampled_from([1, 2, 3]))
    def a_site_is_stopped(self, site):
        kept = [entry for entry in self.waiting if entry[1].page.site != site]

        assert self.backlog.drop_site(SiteId(site)) == len(self.waiting) - len(kept)

        self.waiting = kept

    def _is_several(self, work, *, is_unlisted):
        return work.company > 1 and (work.page.is_missing is True) == is_unlisted

    @invariant()
    def nothing_is_lost_and_nothing_doubled(self):
        ready = [work for at, work in self.waiting if at == 0.0]
        assert len(self.backlog) == len(self.waiting)
        assert self.backlog.alone == sum(work.company == 1 for work in ready)
        for count, is_unlisted in ((self.backlog.together, False), (self.backlog.unlisted, True)):
            assert (count > 0) == any(
                self._is_several(work, is_unlisted=is_unlisted) for work in ready
            )

    @invariant()
    def the_next_moment_is_known(self):
        later = [at for at, _ in self.waiting if at > 0.0]
        assert self.backlog.next_ready_at() == min(later, default=INFINITE)

    def teardown(self):
        self.backlog.wake(Mono(INFINITE))
        left = []
        while works := self.backlog.take(50, Lane.BATCH) or self.backlog.take(1, Lane.SINGLE):
            left += _numbers(works)
        assert sorted(left) == sorted(work.page.id for _, work in self.waiting)


TestAgainstALedger = AgainstALedger.TestCase
