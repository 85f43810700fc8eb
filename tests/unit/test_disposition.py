"""What is done with pages that come back."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.engine.disposition import Disposition
from bulk_publisher.engine.outbox import Outbox
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.engine.requests import Reply
from bulk_publisher.engine.settle import ATTEMPTS
from bulk_publisher.engine.streaks import Streaks
from bulk_publisher.engine.work import Backlog, Work
from bulk_publisher.limits.decision import Lane
from bulk_publisher.model import (
    Action,
    Fault,
    FaultClass,
    Mono,
    Outcome,
    Page,
    PageId,
    SiteId,
    Status,
)
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.wire import Answer, Timing

LOST = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)
NOW = Mono(0.0)
WORN = Work(Page(PageId(7)), attempts=ATTEMPTS - 1, company=1)


class Settling:
    """A disposition, with what comes out of it at hand."""

    def __init__(self) -> None:
        self.streaks = Streaks(max_failures=None)
        self.backlog = Backlog()
        self.outbox = Outbox()
        self.disposition = Disposition(
            self.outbox,
            self.backlog,
            self.streaks,
            run_id="r",
            host="h",
            spec=ACTIONS[Action.PUBLISH],
            can_look=True,
            basetime=0.0,
            rng=random.Random(1),
        )
        self.lines: list[Outcome] = []

    def told(self) -> list[Outcome]:
        """The lines that came out so far."""
        self.lines.extend(self.outbox.lines.take_all())
        return self.lines

    def take(self, works: Sequence[Work], fault: Fault) -> None:
        self.disposition.take(works, [Reply(work.page, fault) for work in works], now=NOW)


@pytest.mark.parametrize("code", [faults.UNREACHABLE, faults.PROXY_FAILED])
def test_a_connection_that_was_refused_gives_no_page_up(code: str) -> None:
    settling = Settling()

    settling.take([WORN], faults.own_fault(code, "", sent=False))

    assert (settling.told(), len(settling.outbox.doubts)) == ([], 0)
    assert settling.backlog.take(1, Lane.SINGLE) == [WORN]


def test_before_a_page_is_given_up_the_portal_is_asked() -> None:
    settling = Settling()

    settling.take([WORN], LOST)

    assert (settling.told(), len(settling.backlog), len(settling.outbox.doubts)) == ([], 0, 1)


def test_a_portal_that_answers_nothing_gives_no_page_up_and_one_that_lists_does() -> None:
    settling = Settling()
    lost = Lost([WORN], LOST, is_whole=True)

    settling.disposition.learn(lost, None, now=NOW)
    assert (settling.told(), len(settling.backlog)) == ([], 1)

    settling.disposition.learn(lost, {}, now=NOW)
    assert [(line.status, line.attempts) for line in settling.told()] == [
        (Status.UNKNOWN, ATTEMPTS)
    ]


@pytest.mark.parametrize(
    ("may_be_done", "advice"),
    [(True, " Check the page to see whether it was done."), (False, "")],
)
def test_a_page_that_may_be_done_is_to_be_looked_at_and_no_other(
    may_be_done: bool, advice: str
) -> None:
    settling = Settling()
    page = msgspec.structs.replace(WORN, may_be_done=may_be_done)
    refused = faults.own_fault(faults.NOT_JSON, "HTTP 429 with a page.", sent=False)

    settling.disposition.learn(Lost([page], refused, is_whole=True), {}, now=NOW)

    assert [line.hint for line in settling.told()] == [refused.hint + advice]


pages = st.builds(
    Page,
    st.integers(1, 10**9).map(PageId),
    st.none(),
    st.text(max_size=5),
    st.none() | st.integers(1, 3).map(SiteId),
    title=st.none() | st.text(max_size=5),
    was_active=st.none() | st.booleans(),
)
timings = st.none() | st.builds(
    Timing, st.just(1.0), st.just(2.0), st.floats(0, 60), st.none() | st.floats(0, 480)
)


@given(st.lists(st.tuples(st.builds(Work, pages, st.integers(0, 3)), timings), min_size=1))
def test_a_page_that_is_done_fares_alike_whatever_becomes_of_the_others(
    done: list[tuple[Work, Timing | None]],
) -> None:
    works = [work for work, _ in done]
    replies = [Reply(work.page, Answer(result=True, timing=timing)) for work, timing in done]
    other = Work(Page(PageId(10**9 + 1)))
    refused = Reply(other.page, Fault(FaultClass.PAGE, "LANDING_NOT_EXIST"))
    among_done, beside_another = Settling(), Settling()

    among_done.disposition.take(works, replies, now=NOW)
    beside_another.disposition.take([*works, other], [*replies, refused], now=NOW)

    assert among_done.told() == beside_another.told()[:-1]
    assert {line.status for line in among_done.lines} == {Status.PUBLISHED}
    for site in {work.page.site for work in works}:
        is_known = site is not None
        assert among_done.streaks.has_done(site) is is_known
        assert beside_another.streaks.has_done(site) is is_known
