"""The core alone, without a loop: driven by hand against a portal of a few lines.

The portal is naive: it does what it is sent, loses answers, refuses, lists. Whatever it does, in whatever
order things happen: a page gets one line, the line is true, nothing leaves that was not noted, and a run
that is let go on comes to its end.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bulk_publisher.engine.core import Core, End, Ending, LookUp, RunSettings, Tell, Write
from bulk_publisher.engine.events import PagesSettled, SiteStopped, UnlistedDone, WaitBegun, Warned
from bulk_publisher.engine.reconcile import Lost
from bulk_publisher.engine.requests import Request
from bulk_publisher.errors import JournalLost, StoppedByPortal
from bulk_publisher.limits.bounds import Bounds
from bulk_publisher.limits.decision import NEVER, Lane, Limit, Send, Stop, WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.model import (
    Action,
    Fault,
    FaultClass,
    Mono,
    Outcome,
    Page,
    PageId,
    PortalEpoch,
    SiteId,
    Status,
)
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS, ActionSpec
from bulk_publisher.portal.portal_clock import PortalClock
from bulk_publisher.portal.wire import Answer, BatchAnswer, Timing

PUBLISH = ACTIONS[Action.PUBLISH]
NO_ANSWER = faults.own_fault(faults.NO_ANSWER, "No answer within 75 s.", sent=True)
REFUSED = Fault(FaultClass.RATE, "QUERY_LIMIT_EXCEEDED")
MISSING = Fault(FaultClass.PAGE, "LANDING_NOT_EXIST")
DENIED = Fault(FaultClass.SITE, "PUBLIC_SITE_REACHED")
FULL = JournalLost("full", "make room")


def core_of(spec: ActionSpec = PUBLISH, *, max_failures: int | None = None) -> Core:
    rng = random.Random(1)
    governor = Governor(
        Bounds(capacity=50, drain=2, operating_limit=480),
        together=("batch", f"batch/{spec.method}"),
        alone=(spec.method,),
        rng=rng,
    )
    return Core(
        RunSettings("r", "h", spec, max_failures),
        governor,
        portal_clock=PortalClock(),
        basetime=1e9,
        rng=rng,
        can_look=True,
    )


def unlisted(number: int) -> Page:
    return Page(PageId(number), is_missing=True)


def page(number: int, site: int = 1) -> Page:
    return Page(PageId(number), site=SiteId(site), was_active=False, is_changed=True)


def answered(request: Request, answers: Mapping[int, Answer | Fault], now: float) -> BatchAnswer | Answer | Fault:  # fmt: skip
    if request.is_alone:
        return answers[request.pages[0].id]
    timing = Timing(PortalEpoch(1e9 + now), PortalEpoch(1e9 + now), 0.1)
    return BatchAnswer({f"p{number}": answer for number, answer in answers.items()}, timing)


def done(now: float) -> Answer:
    at = PortalEpoch(1e9 + now)
    return Answer(result=True, timing=Timing(at, at, 0.1))


class AgainstAPortal(RuleBasedStateMachine):
    """Things happen to a run in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.core = core_of()
        self.now = 0.0
        self.named = 0
        self.out: list[Request] = []
        self.writing: tuple[Outcome, ...] = ()
        self.looking: list[Lost] = []
        self.lines: dict[int, Outcome] = {}
        self.online: set[int] = set()
        self.is_unlisted: set[int] = set()
        self.told_of: set[int] = set()
        self.is_over = self.is_draining = False
        self.turn()

    # what the shell does

    def turn(self) -> WaitUntil | Stop | End:
        """Carry out all that is to be done now."""
        while True:
            for effect in self.core.effects(now=Mono(self.now)):
                match effect:
                    case Write(outcomes=outcomes):
                        assert not self.writing, "two groups at once"
                        self.writing = tuple(outcomes)
                    case LookUp(group=group):
                        assert not self.looking, "two look-ups at once"
                        self.looking = list(group)
                    case Tell(event=UnlistedDone(pages=pages)):
                        assert not self.told_of.intersection(pages), "each is told once"
                        self.told_of.update(pages)
                    case Tell():
                        pass
            step = self.core.next_step(now=Mono(self.now))
            assert step == self.core.next_step(now=Mono(self.now)), "asking changes nothing"
            if not isinstance(step, Send):
                self.is_over = isinstance(step, End)
                return step
            assert not self.is_draining, "nothing leaves any more"
            request = self.core.leave(step, now=Mono(self.now))
            assert len(request.pages) <= step.pages
            kinds = {one.id in self.is_unlisted for one in request.pages}
            assert len(kinds) == 1, "those that are not listed go with none that are"
            self.out.append(request)

    def answer(self, request: Request, answer: BatchAnswer | Answer | Fault) -> None:
        self.out.remove(request)
        self.core.on_answered(request, answer, now=Mono(self.now))
        self.turn()

    # what happens

    @precondition(lambda self: not self.is_over)
    @rule(count=st.integers(1, 120), sites=st.integers(1, 3))
    def pages_are_named(self, count: int, sites: int) -> None:
        for _ in range(count):
            self.named += 1
            self.core.on_page(page(self.named, self.named % sites + 1), now=Mono(self.now))
        self.turn()

    @precondition(lambda self: not self.is_over)
    @rule(count=st.integers(1, 120))
    def pages_are_named_that_are_not_listed(self, count: int) -> None:
        for _ in range(count):
            self.named += 1
            self.is_unlisted.add(self.named)
            self.core.on_page(unlisted(self.named), now=Mono(self.now))
        self.turn()

    @rule(seconds=st.sampled_from([0.01, 0.06, 1.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.turn()

    @precondition(lambda self: self.out)
    @rule(data=st.data(), bad=st.sets(st.integers(0, 49), max_size=3))
    def a_request_is_answered(self, data: st.DataObject, bad: set[int]) -> None:
        self.answer_all_but(bad, data.draw(st.sampled_from(self.out)))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), good=st.sets(st.integers(0, 49), max_size=3))
    def hardly_any_is_there(self, data: st.DataObject, good: set[int]) -> None:
        self.answer_all_but(set(range(50)) - good, data.draw(st.sampled_from(self.out)))

    def answer_all_but(self, bad: set[int], request: Request) -> None:
        answers: dict[int, Answer | Fault] = {}
        for place, one in enumerate(request.pages):
            answers[one.id] = MISSING if place in bad else done(self.now)
            if place not in bad:
                self.online.add(one.id)
        self.answer(request, answered(request, answers, self.now))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), came_to=st.integers(0, 50))
    def an_answer_is_lost(self, data: st.DataObject, came_to: int) -> None:
        request = data.draw(st.sampled_from(self.out))
        self.online.update(one.id for one in request.pages[:came_to])
        self.answer(request, NO_ANSWER)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), fault=st.sampled_from([REFUSED, faults.own_fault(faults.UNREACHABLE, "", sent=False)]))  # fmt: skip
    def a_request_is_refused(self, data: st.DataObject, fault: Fault) -> None:
        self.answer(data.draw(st.sampled_from(self.out)), fault)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_site_is_refused(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.out))
        site = request.pages[0].site
        answers: dict[int, Answer | Fault] = {
            one.id: DENIED if one.site == site else MISSING for one in request.pages
        }
        self.answer(request, answered(request, answers, self.now))

    @precondition(lambda self: self.writing)
    @rule()
    def lines_are_written(self) -> None:
        outcomes, self.writing = self.writing, ()
        for outcome in outcomes:
            assert outcome.page not in self.lines, "a page has one line"
            self.lines[outcome.page] = outcome
        self.core.on_written(outcomes, now=Mono(self.now))
        self.turn()

    @precondition(lambda self: self.looking)
    @rule(tells=st.booleans())
    def the_list_tells(self, tells: bool) -> None:
        group, self.looking = self.looking, []
        listed = {
            work.page.id: replace_state(work.page, is_up=work.page.id in self.online)
            for lost in group
            for work in lost.works
            if work.page.id not in self.is_unlisted
        }
        self.core.on_looked_up(group, listed if tells else None, now=Mono(self.now))
        self.turn()

    @precondition(lambda self: not self.is_draining and self.named > 100)
    @rule()
    def it_is_asked_to_end(self) -> None:
        self.core.on_drain()
        self.is_draining = True
        self.turn()

    # what holds

    @invariant()
    def no_line_says_done_of_what_was_not(self) -> None:
        for number, outcome in self.lines.items():
            if outcome.status is Status.PUBLISHED:
                assert number in self.online
                assert number not in self.is_unlisted or number in self.told_of

    @invariant()
    def nothing_is_in_two_places(self) -> None:
        out = Counter(one.id for request in self.out for one in request.pages)
        doubted = Counter(work.page.id for lost in self.looking for work in lost.works)
        assert all(count == 1 for count in (out + doubted).values())
        assert not self.lines.keys() & (out + doubted).keys()

    def teardown(self) -> None:
        """A portal that answers from now on brings every run to its end, with every page in it."""
        self.core.on_source_ended(None)
        for _ in range(2_000):
            step = self.turn()
            if isinstance(step, End):
                break
            if isinstance(step, Stop):
                self.core.on_given_up(step.because)
                self.is_draining = True
            elif self.out:
                request = self.out[0]
                self.online.update(one.id for one in request.pages)
                answers = {one.id: done(self.now) for one in request.pages}
                self.answer(request, answered(request, answers, self.now))
            elif self.writing:
                self.lines_are_written()
            elif self.looking:
                self.the_list_tells(tells=True)
            elif isinstance(step, WaitUntil):
                until = min(step.at, self.core.due_at())
                assert until < NEVER, f"it waits for ever: {step.because}"
                self.now = max(self.now + 0.001, until)
        ending = self.core.ending(seconds=self.now)
        assert self.is_over, "it never ends"
        self.check(ending)

    def check(self, ending: Ending) -> None:
        self.no_line_says_done_of_what_was_not()
        assert len(self.lines) <= self.named
        if ending.is_whole:
            assert len(self.lines) == self.named
        elif not ending.stopped_sites:
            assert self.is_draining or ending.error is not None


def replace_state(one: Page, *, is_up: bool) -> Page:
    return Page(one.id, site=one.site, was_active=is_up, is_changed=not is_up)


AgainstAPortal.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestAgainstAPortal = AgainstAPortal.TestCase


def drive(core: Core, *, now: float = 0.0) -> tuple[list[Request], list[object]]:
    """One turn; what leaves, and what else is to be done."""
    others: list[object] = list(core.effects(now=Mono(now)))
    out: list[Request] = []
    while isinstance(step := core.next_step(now=Mono(now)), Send):
        out.append(core.leave(step, now=Mono(now)))
    others.append(step)
    return out, others


def test_a_page_that_has_its_line_is_told_after_it_is_on_disk() -> None:
    core = core_of()
    core.on_page(page(1), now=Mono(0.0))
    core.on_source_ended(None)
    [request], _ = drive(core)
    core.on_answered(request, answered(request, {1: done(1.0)}, 1.0), now=Mono(1.0))

    _, others = drive(core, now=1.0)
    [write] = [one for one in others if isinstance(one, Write)]
    assert not [one for one in others if isinstance(one, Tell) and isinstance(one.event, PagesSettled)]  # fmt: skip
    core.on_written(write.outcomes, now=Mono(1.1))
    _, others = drive(core, now=1.1)

    assert others == [Tell(PagesSettled(write.outcomes)), End()]
    assert core.ending(seconds=1.1).is_whole


def test_what_can_not_be_noted_does_not_leave_and_ends_the_run() -> None:
    core = core_of()
    core.on_page(page(1), now=Mono(0.0))
    core.on_source_ended(None)
    [request], _ = drive(core)

    core.on_kept_back(request, FULL)

    _, others = drive(core)
    assert others[-1] == End()
    ending = core.ending(seconds=0.0)
    assert (ending.error, ending.is_whole) == (FULL, False)


def test_a_journal_that_is_lost_ends_the_run_once_what_is_in_flight_has_ended() -> None:
    core = core_of()
    for number in range(1, 200):
        core.on_page(page(number), now=Mono(0.0))
    [first, *_], _ = drive(core)
    core.on_answered(first, answered(first, {one.id: done(1.0) for one in first.pages}, 1.0), now=Mono(1.0))  # fmt: skip
    [second, *others], _ = drive(core, now=1.0)

    core.on_journal_lost(FULL, now=Mono(1.1))
    out, steps = drive(core, now=1.1)
    assert (out, isinstance(steps[-1], WaitUntil)) == ([], True)
    for request in (second, *others):
        core.on_answered(request, REFUSED, now=Mono(2.0))

    assert drive(core, now=2.0)[1][-1] == End()
    assert core.ending(seconds=2.0).error is FULL


def test_a_wait_is_told_and_counted_only_while_nothing_is_in_flight() -> None:
    core, wait = core_of(), WaitUntil(Mono(9.0), Limit.OPERATING, "operating time")
    core.on_wait_begun(wait, now=Mono(1.0))
    assert [told.event for told in core.events()] == [WaitBegun(wait)]
    core.on_wait_ended(now=Mono(4.0))

    core.on_page(page(1), now=Mono(4.0))
    drive(core, now=4.0)
    list(core.events())
    core.on_wait_begun(wait, now=Mono(4.0))
    core.on_wait_ended(now=Mono(9.0))

    assert not list(core.events())
    assert core.ending(seconds=9.0).waited == {Limit.OPERATING: 3.0}


def test_while_the_list_does_not_tell_of_lost_pages_that_is_what_it_waits_for() -> None:
    core = core_of()
    core.on_page(page(1), now=Mono(0.0))
    core.on_page(page(2), now=Mono(0.0))
    core.on_source_ended(None)
    [first], _ = drive(core)
    core.on_answered(first, answered(first, {one.id: done(1.0) for one in first.pages}, 1.0), now=Mono(1.0))  # fmt: skip
    [second], _ = drive(core, now=1.0)
    core.on_answered(second, NO_ANSWER, now=Mono(2.0))

    _, others = drive(core, now=4.0)

    assert any(isinstance(one, LookUp) for one in others)
    assert isinstance(others[-1], WaitUntil)
    assert others[-1].limit is Limit.OUTAGE


def test_a_source_that_breaks_off_ends_the_run_with_its_error() -> None:
    core, error = core_of(), StoppedByPortal("no list", "")
    core.on_source_ended(error)

    assert drive(core)[1][-1] == End()
    assert core.ending(seconds=0.0).error is error


SITE = replace(
    PUBLISH, method="landing.site.publication", parameter="id", subject="site", proof=None
)
"""An action that nobody has made yet: it publishes sites."""


def test_another_action_is_another_row_and_nothing_else() -> None:
    core = core_of(SITE)
    core.on_page(Page(PageId(12)), now=Mono(0.0))
    core.on_page(Page(PageId(13)), now=Mono(0.0))
    core.on_source_ended(None)
    [request], _ = drive(core)
    assert core.requests.commands([Page(PageId(12))]) == {"p12": "landing.site.publication?id=12"}
    assert core.requests.call(Page(PageId(12))) == ("landing.site.publication", {"id": 12})

    core.on_answered(request, answered(request, {one.id: done(1.0) for one in request.pages}, 1.0), now=Mono(1.0))  # fmt: skip
    [lost], others = drive(core, now=1.0)
    [write] = [one for one in others if isinstance(one, Write)]
    assert [(line.page, line.status) for line in write.outcomes] == [(12, Status.PUBLISHED)]
    core.on_written(write.outcomes, now=Mono(1.0))

    # No list proves a site published: it is sent again, and not looked up.
    core.on_answered(lost, NO_ANSWER, now=Mono(2.0))
    out, others = drive(core, now=60.0)
    assert [one.id for request in out for one in request.pages] == [13]
    assert not [one for one in others if isinstance(one, LookUp)]


def test_a_site_that_is_refused_is_told_once_and_its_pages_are_left_out() -> None:
    core = core_of()
    for number in range(1, 4):
        core.on_page(page(number), now=Mono(0.0))
    core.on_source_ended(None)
    [first], _ = drive(core)
    core.on_answered(first, answered(first, {one.id: DENIED for one in first.pages}, 1.0), now=Mono(1.0))  # fmt: skip

    out, others = drive(core, now=1.0)

    assert (out, others[-1]) == ([], End())
    told = [one.event for one in others if isinstance(one, Tell)]
    assert [event for event in told if isinstance(event, SiteStopped)] == [SiteStopped(SiteId(1), DENIED)]  # fmt: skip
    assert not core.ending(seconds=1.0).is_whole


def test_pages_that_are_not_listed_wait_for_each_other_while_there_are_others() -> None:
    core = begun_core()
    for number in range(100, 149):
        core.on_page(unlisted(number), now=Mono(1.0))
    for number in range(200, 500):
        core.on_page(page(number), now=Mono(1.0))

    before, _ = drive(core, now=1.0)
    core.on_page(unlisted(149), now=Mono(1.0))
    core.on_answered(before[-1], REFUSED, now=Mono(1.0))
    after, _ = drive(core, now=10.0)

    assert not [request for request in before if request.permit.lane is Lane.UNLISTED]
    assert [request.permit.lane for request in after].count(Lane.UNLISTED) == 1


def test_the_last_pages_that_are_not_listed_wait_for_no_more() -> None:
    core = begun_core()
    for number in range(100, 103):
        core.on_page(unlisted(number), now=Mono(1.0))
    core.on_source_ended(None)

    [request], _ = drive(core, now=1.0)

    assert [one.id for one in request.pages] == [100, 101, 102]
    assert request.permit.lane is Lane.UNLISTED


def test_one_that_is_done_although_it_is_not_listed_is_told_and_counts_as_any_other() -> None:
    core = begun_core()
    for number in range(100, 106):
        core.on_page(unlisted(number), now=Mono(1.0))
    core.on_source_ended(None)
    events: list[object] = []
    lines: dict[int, Status] = {}

    for request in drive(core, now=1.0)[0]:
        answers = {one.id: MISSING if one.id == 100 else done(2.0) for one in request.pages}
        core.on_answered(request, answered(request, answers, 2.0), now=Mono(2.0))
    for effect in core.effects(now=Mono(2.5)):
        match effect:
            case Tell(event=event):
                events.append(event)
            case Write(outcomes=outcomes):
                lines.update({line.page: line.status for line in outcomes})

    assert [list(event.pages) for event in events if isinstance(event, UnlistedDone)] == [[101, 102, 103, 104], [105]]  # fmt: skip
    [warned] = [event for event in events if isinstance(event, Warned)]
    assert "page 101 is not listed" in warned.text
    assert lines == {100: Status.FAILED} | dict.fromkeys(range(101, 106), Status.PUBLISHED)


def test_a_lost_request_of_pages_that_are_not_listed_goes_in_ever_smaller_company() -> None:
    core = begun_core()
    for number in range(100, 130):
        core.on_page(unlisted(number), now=Mono(1.0))
    core.on_source_ended(None)
    companies: list[int] = []
    now = 1.0

    while True:
        out, steps = drive(core, now=now)
        if isinstance(steps[-1], End):
            break
        for request in out:
            companies.append(len(request.pages))
            is_fatal = any(one.id == 117 for one in request.pages)
            answers = {one.id: MISSING for one in request.pages}
            answer = NO_ANSWER if is_fatal else answered(request, answers, now)
            core.on_answered(request, answer, now=Mono(now))
        for step in steps:
            match step:
                case Write(outcomes=outcomes):
                    core.on_written(outcomes, now=Mono(now))
                case LookUp(group=group):
                    core.on_looked_up(group, {}, now=Mono(now))
        now += 1.0
        assert now < 5_000.0, "it never ends"

    assert max(companies) > 5
    assert min(companies) == 1


def begun_core() -> Core:
    """A run of which a page was done: what one costs is known, and that there are no meters."""
    core = core_of()
    core.on_page(page(1), now=Mono(0.0))
    [request], _ = drive(core)
    core.on_answered(request, answered(request, {1: done(0.5)}, 0.5), now=Mono(0.5))
    [write] = [effect for effect in core.effects(now=Mono(0.9)) if isinstance(effect, Write)]
    core.on_written(write.outcomes, now=Mono(0.9))
    return core
