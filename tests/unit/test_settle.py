import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.engine.settle import (
    ATTEMPTS,
    Again,
    Patience,
    Released,
    Settled,
    StopRun,
    StopSite,
    settle,
    spare,
    strike,
)
from bulk_publisher.engine.work import UNBOUND, Work
from bulk_publisher.limits.backoff import ATTEMPTS_ALONE
from bulk_publisher.model import Action, Fault, FaultClass, Page, PageId, SiteId, Status
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.wire import Answer

PUBLISH = ACTIONS[Action.PUBLISH]
PAGE = Page(PageId(7))
ON_SITE = Page(PageId(7), site=SiteId(3))


def _fault(kind, *, code="CODE", sent=False, is_alone=False):
    return Fault(kind, code, sent=sent, is_alone=is_alone)


LOST = _fault(FaultClass.TRANSIENT, sent=None)
BROKEN = _fault(FaultClass.TRANSIENT, sent=False)
ALONE = _fault(FaultClass.TRANSIENT, code="SYSTEM_ERROR", is_alone=True)


def _settle(reply, *, page=PAGE, action=Action.PUBLISH):
    return settle(Work(page), reply, ACTIONS[action])


def _play(replies, *, work=None):
    """The verdicts on a page that gets these *replies*, one after another, while it goes on."""
    work = work or Work(PAGE)
    verdicts = []
    for reply in replies:
        verdict = settle(work, reply, PUBLISH)
        verdicts.append(verdict)
        if isinstance(verdict, Settled):
            break
        work = verdict.work if isinstance(verdict, Again) else work
    return verdicts


@pytest.mark.parametrize(
    ("action", "status"),
    [(Action.PUBLISH, Status.PUBLISHED), (Action.UNPUBLISH, Status.UNPUBLISHED)],
)
def test_a_page_that_is_answered_with_true_is_done(action, status):
    assert _settle(Answer(True, None), action=action) == Settled(status)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("result", [None, False, 1, 1.0, "true", "Y", [], {}, [True]], ids=repr)
def test_a_page_that_is_answered_with_anything_else_has_failed(result, action):
    verdict = _settle(Answer(result, None), action=action)

    assert verdict.status is Status.FAILED
    assert verdict.fault.code == faults.NOT_PUBLISHED
    assert verdict.fault.hint


@pytest.mark.parametrize("kind", [FaultClass.RATE, FaultClass.OPERATING, FaultClass.BATCH])
def test_a_page_that_a_limit_refused_is_released(kind):
    assert _settle(_fault(kind)) == Released()


def test_a_page_whose_portal_could_not_be_reached_is_released():
    fault = faults.own_fault(faults.UNREACHABLE, "", sent=False)

    assert _settle(fault) == Released()


def test_a_page_that_the_portal_refused_has_failed():
    fault = _fault(FaultClass.PAGE)

    assert _settle(fault) == Settled(Status.FAILED, fault)


def test_a_fault_of_a_known_site_stops_that_site():
    fault = _fault(FaultClass.SITE)

    assert _settle(fault, page=ON_SITE) == StopSite(SiteId(3), fault)


def test_a_fault_of_a_site_that_is_not_known_is_the_pages():
    fault = _fault(FaultClass.SITE)

    assert _settle(fault) == Settled(Status.FAILED, fault)


@pytest.mark.parametrize("kind", [FaultClass.PORTAL, FaultClass.CREDENTIAL, FaultClass.TOKEN])
def test_a_fault_of_the_portal_stops_the_run(kind):
    fault = _fault(kind)

    assert _settle(fault) == StopRun(fault)


@pytest.mark.parametrize("kind", FaultClass)
@pytest.mark.parametrize("page", [PAGE, ON_SITE], ids=["no site", "site"])
def test_every_class_of_fault_has_a_verdict(kind, page):
    assert _settle(_fault(kind), page=page) is not None


def test_a_page_that_was_lost_is_sent_in_smaller_and_smaller_company():
    verdicts = _play([BROKEN] * 4)

    assert [verdict.work.company for verdict in verdicts] == [25, 6, 1, 1]
    assert [verdict.work.attempts for verdict in verdicts] == [1, 2, 3, 4]


def test_a_page_that_was_lost_never_gets_more_company_than_it_had():
    verdict = settle(Work(PAGE, company=1), BROKEN, PUBLISH)

    assert verdict.work.company == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [(True, Status.UNKNOWN), (None, Status.UNKNOWN), (False, Status.FAILED)],
)
def test_a_page_that_was_lost_to_the_end_is_unknown_where_it_may_have_been_done(sent, status):
    verdicts = _play([_fault(FaultClass.TRANSIENT, sent=sent)] * 9)

    assert len(verdicts) == ATTEMPTS
    assert verdicts[-1].status is status


@pytest.mark.parametrize("lost_at", range(ATTEMPTS))
def test_one_answer_that_was_lost_is_enough_to_leave_a_page_unknown(lost_at):
    replies = [BROKEN] * ATTEMPTS
    replies[lost_at] = LOST

    assert _play(replies)[-1].status is Status.UNKNOWN


def test_a_page_that_was_lost_and_then_published_is_published():
    assert _play([LOST, LOST, Answer(True, None)])[-1] == Settled(Status.PUBLISHED)


def test_a_page_that_needs_a_request_of_its_own_gets_two_more():
    verdicts = _play([ALONE] * 9)

    assert len(verdicts) == ATTEMPTS_ALONE
    assert [verdict.work.company for verdict in verdicts[:-1]] == [1, 1]
    assert verdicts[-1] == Settled(Status.FAILED, ALONE)


@pytest.mark.parametrize("lost", range(1, ATTEMPTS - 1))
def test_a_page_that_was_lost_before_still_gets_a_request_of_its_own(lost):
    verdicts = _play([BROKEN] * lost + [ALONE])

    assert isinstance(verdicts[-1], Again)
    assert verdicts[-1].work.company == 1


def test_a_page_is_given_up_after_so_many_attempts_whatever_they_met():
    verdicts = _play([BROKEN, ALONE, BROKEN, ALONE, ALONE, ALONE])

    assert len(verdicts) == ATTEMPTS


def test_a_refusal_by_a_limit_uses_no_attempt():
    verdicts = _play([BROKEN, _fault(FaultClass.RATE), _fault(FaultClass.OPERATING), BROKEN])

    assert verdicts[-1].work.attempts == 2


replies = st.sampled_from(
    [
        LOST,
        BROKEN,
        ALONE,
        _fault(FaultClass.RATE),
        _fault(FaultClass.PAGE),
        Answer(True, None),
        Answer(None, None),
        faults.own_fault(faults.UNREACHABLE, "", sent=False),
    ]
)


@given(st.lists(replies, max_size=30))
def test_a_page_keeps_its_count_and_its_doubts(sequence):
    verdicts = _play(sequence)

    works = [verdict.work for verdict in verdicts if isinstance(verdict, Again)]
    companies = [UNBOUND, *(work.company for work in works)]
    doubts = [work.may_be_done for work in works]
    assert [work.attempts for work in works] == list(range(1, len(works) + 1))
    assert len(works) < ATTEMPTS
    assert companies == sorted(companies, reverse=True)
    assert doubts == sorted(doubts)


# losses that are not the page's doing


def test_a_page_that_was_spared_is_as_far_from_being_given_up_as_before():
    spared = spare(Work(PAGE, attempts=4, company=1), LOST).work

    assert (spared.attempts, spared.spared, spared.company) == (5, 1, 1)
    assert isinstance(settle(Work(PAGE, attempts=4, company=1), LOST, PUBLISH), Settled)
    assert settle(spared, LOST, PUBLISH) == Settled(Status.UNKNOWN, LOST)
    assert isinstance(settle(spare(Work(PAGE, 3), LOST).work, LOST, PUBLISH), Again)


def test_a_page_is_not_spared_for_ever():
    verdict = Again(Work(PAGE))
    losses = 0
    while isinstance(verdict, Again):
        verdict = spare(verdict.work, LOST)
        losses += 1

    assert verdict == Settled(Status.UNKNOWN, LOST)
    assert losses <= 30


def test_a_spared_page_is_given_up_by_the_patience_of_the_day():
    worn_out = Work(PAGE, attempts=30, spared=25, company=1)

    assert isinstance(spare(worn_out, LOST), Settled)
    assert isinstance(spare(worn_out, LOST, attempts=12), Again)


def patience_after(share, requests):
    """The attempts of a page where so many of *requests* requests of new pages were lost."""
    patience, rng = Patience(), random.Random(1)
    for _ in range(requests):
        patience.on_request([Work(PAGE)], is_lost=rng.random() < share)
    return patience.attempts


def test_the_more_the_portal_loses_the_longer_a_page_is_tried():
    attempts = [patience_after(share, 400) for share in (0.0, 0.02, 0.3, 0.6, 0.95)]

    assert attempts[:2] == [ATTEMPTS, ATTEMPTS]
    assert attempts == sorted(attempts)
    assert ATTEMPTS < attempts[3] <= attempts[4] <= 20


def test_a_portal_that_loses_nearly_all_from_the_start_is_soon_believed_to():
    patience = Patience()
    for is_lost in [True] * 7 + [False]:
        patience.on_request([Work(PAGE)], is_lost=is_lost)

    assert patience.attempts > 2 * ATTEMPTS - 2


def test_losses_without_an_answer_are_no_reason_to_be_patient():
    patience = Patience()
    for _ in range(40):
        patience.on_request([Work(PAGE)], is_lost=True)

    assert patience.attempts == ATTEMPTS


def test_the_losses_of_one_page_make_nobody_more_patient_with_it():
    patience = Patience()
    for attempts in range(1, 40):
        patience.on_request([Work(PAGE, attempts)], is_lost=True)

    assert patience.attempts == ATTEMPTS


def test_losses_for_which_a_page_was_spared_tell_of_the_portal():
    patience = Patience()
    for is_lost in [True, True, False] * 20:
        patience.on_request([Work(PAGE, attempts=3, spared=3)], is_lost=is_lost)

    assert patience.attempts > ATTEMPTS


def test_a_page_is_tried_as_often_as_the_portal_deserves():
    assert isinstance(settle(Work(PAGE, attempts=4), LOST, PUBLISH, attempts=6), Again)


def test_where_the_portal_loses_most_requests_a_page_keeps_its_company_for_longer():
    calm = settle(Work(PAGE), LOST, PUBLISH).work
    rough = settle(Work(PAGE), LOST, PUBLISH, attempts=20).work

    assert (calm.company, rough.company) == (25, UNBOUND)


def test_a_page_that_was_lost_alone_goes_alone():
    assert settle(Work(PAGE), LOST, PUBLISH, was_alone=True).work.company == 1


def test_a_page_that_may_be_done_leaves_no_trace_of_its_next_request():
    assert not settle(Work(PAGE), LOST, PUBLISH).work.leaves_trace
    assert settle(Work(PAGE), BROKEN, PUBLISH).work.leaves_trace


@pytest.mark.parametrize("lose", [strike, spare])
def test_what_a_list_has_shown_of_a_page_stays_known(lose):
    assert lose(Work(PAGE, leaves_trace=True), LOST).work.leaves_trace
    assert not lose(Work(PAGE, leaves_trace=False), LOST).work.leaves_trace


def test_a_page_that_was_never_alone_is_not_given_up_but_sent_alone():
    # Its attempts were many while the portal lost most requests; now it loses few.
    lost_often = Work(PAGE, attempts=ATTEMPTS + 3, company=25)

    last_chance = settle(lost_often, LOST, PUBLISH)

    assert last_chance.work.company == 1
    assert settle(last_chance.work, LOST, PUBLISH).status is Status.UNKNOWN
    assert settle(lost_often, LOST, PUBLISH, was_alone=True).status is Status.UNKNOWN
