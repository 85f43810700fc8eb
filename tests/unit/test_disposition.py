"""What is done with pages that come back."""

import random
from collections.abc import Sequence

from bulk_publisher.clock import LoopClock
from bulk_publisher.limits.decision import Lane
from bulk_publisher.model import Action, Fault, Outcome, Page, PageId, Status
from bulk_publisher.portal import faults
from bulk_publisher.runner.asker import Asker
from bulk_publisher.runner.disposition import Disposition
from bulk_publisher.runner.doubts import Lost
from bulk_publisher.runner.ports import Observer
from bulk_publisher.runner.recorder import Recorder
from bulk_publisher.runner.requests import Reply
from bulk_publisher.runner.settle import ATTEMPTS
from bulk_publisher.runner.streaks import Streaks
from bulk_publisher.runner.work import Backlog, Work

LOST = faults.own_fault(faults.NO_ANSWER, "The connection broke.", sent=True)
WORN = Work(Page(PageId(7)), attempts=ATTEMPTS - 1, company=1)


class Settling:
    """A disposition, with what comes out of it at hand."""

    def __init__(self) -> None:
        clock, streaks = LoopClock(), Streaks(max_failures=None)
        self.lines: list[Outcome] = []
        self.backlog = Backlog()
        self.asker = Asker(None, Action.PUBLISH, has_done=streaks.has_done, clock=clock)
        recorder = Recorder(self, Observer(), lambda _: None, clock=clock)  # type: ignore[arg-type]
        recorder.hand_on = self.lines.extend  # type: ignore[method-assign]
        self.disposition = Disposition(
            run_id="r",
            host="h",
            action=Action.PUBLISH,
            backlog=self.backlog,
            recorder=recorder,
            asker=self.asker,
            streaks=streaks,
            observer=Observer(),
            stop=lambda _: None,
            clock=clock,
            rng=random.Random(1),
        )

    def take(self, works: Sequence[Work], fault: Fault) -> None:
        self.disposition.take(works, [Reply(work.page, fault) for work in works])


async def test_a_connection_that_was_refused_gives_no_page_up() -> None:
    settling = Settling()

    settling.take([WORN], faults.own_fault(faults.UNREACHABLE, "", sent=False))

    assert (settling.lines, len(settling.asker)) == ([], 0)
    assert settling.backlog.take(1, Lane.ALONE) == [WORN]


async def test_before_a_page_is_given_up_the_portal_is_asked() -> None:
    settling = Settling()

    settling.take([WORN], LOST)

    assert (settling.lines, len(settling.backlog), len(settling.asker)) == ([], 0, 1)


async def test_a_portal_that_answers_nothing_gives_no_page_up_and_one_that_lists_does() -> None:
    settling = Settling()
    lost = Lost([WORN], LOST, is_whole=True)

    settling.disposition.learn(lost, None)
    assert (settling.lines, len(settling.backlog)) == ([], 1)

    settling.asker.add(lost)
    [(_, found)] = await settling.asker.ask()
    settling.disposition.learn(lost, found)
    assert [(line.status, line.attempts) for line in settling.lines] == [(Status.UNKNOWN, ATTEMPTS)]
