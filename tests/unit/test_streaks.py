import pytest

from bulk_publisher.engine.settle import StopSite
from bulk_publisher.engine.streaks import ALIKE, SITE_UNKNOWN, Streaks
from bulk_publisher.errors import TooManyFailures
from bulk_publisher.model import Fault, FaultClass, Page, PageId, Scope, SiteId, Status
from bulk_publisher.portal import faults

PAGE = Page(PageId(7))
ON_SITE = Page(PageId(7), site=SiteId(3))
ON_ANOTHER = Page(PageId(8), site=SiteId(4))


def _fault(code):
    return faults.classify(code, "why", status=400, in_command=False)


MISSING = _fault("LANDING_NOT_EXIST")
UNKNOWN = _fault("NEVER_SEEN")
UNPAID = _fault("LANDING_PAYMENT_FAILED")
NO_ROOM = _fault("PUBLIC_SITE_REACHED")
DENIED = faults.own_fault(faults.NOT_PUBLISHED, "", sent=False)
LOST = faults.own_fault(faults.NO_ANSWER, "", sent=None)


@pytest.fixture
def streaks():
    return Streaks(max_failures=None)


def _good(streaks, page=PAGE, status=Status.PUBLISHED):
    return streaks.on_settled(page, status, None)


def _fail(streaks, fault, *, page=PAGE, times=1, status=Status.FAILED):
    """The verdicts on *times* failures alike."""
    return [streaks.on_settled(page, status, fault) for _ in range(times)]


def test_so_many_failures_with_an_unknown_code_stop_the_run(streaks):
    *before, last = _fail(streaks, UNKNOWN, times=ALIKE)

    assert before == [None] * (ALIKE - 1)
    assert isinstance(last, TooManyFailures)
    assert str(last) == f"{ALIKE} pages in a row failed with NEVER_SEEN: why"


@pytest.mark.parametrize("fault", [UNPAID, DENIED, LOST], ids=["page", "right", "lost"])
def test_failures_with_a_known_code_go_on(fault, streaks):
    _good(streaks)

    assert _fail(streaks, fault, times=3 * ALIKE) == [None] * 3 * ALIKE


@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.UNPUBLISHED])
def test_a_success_ends_a_row(status, streaks):
    _fail(streaks, UNKNOWN, times=ALIKE - 1)
    _good(streaks, status=status)

    assert _fail(streaks, UNKNOWN, times=ALIKE - 1) == [None] * (ALIKE - 1)


def test_another_code_ends_a_row(streaks):
    _fail(streaks, UNKNOWN, times=ALIKE - 1)
    _fail(streaks, UNPAID)

    assert _fail(streaks, UNKNOWN, times=ALIKE - 1) == [None] * (ALIKE - 1)


def test_codes_that_differ_in_their_brackets_and_case_are_alike(streaks):
    codes = ("Odd[L1]", "ODD[L2]", "odd") * ALIKE

    verdicts = [_fail(streaks, _fault(code))[0] for code in codes[:ALIKE]]

    assert isinstance(verdicts[-1], TooManyFailures)


def test_so_many_pages_that_are_missing_from_the_start_stop_the_run(streaks):
    *before, last = _fail(streaks, MISSING, times=ALIKE)

    assert before == [None] * (ALIKE - 1)
    assert isinstance(last, TooManyFailures)
    assert "--scope KNOWLEDGE" in last.hint


def test_a_scope_that_was_named_is_not_proposed_again(streaks):
    page = Page(PageId(7), scope=Scope.KNOWLEDGE)

    *_, last = _fail(streaks, MISSING, page=page, times=ALIKE)

    assert "a scope other than KNOWLEDGE" in last.hint


@pytest.mark.parametrize("fault", [None, UNPAID, DENIED], ids=["done", "unpaid", "no right"])
def test_missing_pages_after_one_that_was_there_go_on(fault, streaks):
    streaks.on_settled(PAGE, Status.FAILED if fault else Status.PUBLISHED, fault)

    assert _fail(streaks, MISSING, times=3 * ALIKE) == [None] * 3 * ALIKE


def test_a_page_of_which_no_answer_came_was_not_found_by_that(streaks):
    _fail(streaks, LOST, status=Status.UNKNOWN)

    assert isinstance(_fail(streaks, MISSING, times=ALIKE)[-1], TooManyFailures)


@pytest.mark.parametrize(
    ("fault", "is_nothing_found"),
    [(MISSING, True), (LOST, False), (UNPAID, False)],
    ids=["missing", "lost", "unpaid"],
)
def test_nothing_is_found_when_a_first_batch_is_missing(fault, is_nothing_found, streaks):
    _fail(streaks, fault, times=ALIKE - 1)

    assert streaks.is_nothing_found is is_nothing_found


@pytest.mark.parametrize("page", [PAGE, ON_SITE], ids=["no site", "site"])
def test_one_page_that_is_there_is_enough_to_have_found_something(page, streaks):
    _good(streaks, page)
    _fail(streaks, MISSING, times=ALIKE - 1)

    assert not streaks.is_nothing_found


def test_a_missing_page_or_two_say_nothing_about_the_others(streaks):
    _fail(streaks, MISSING, times=2)

    assert not streaks.is_nothing_found


def test_a_fault_of_a_site_in_a_row_stops_the_run_where_the_site_is_not_known(streaks):
    *before, last = _fail(streaks, NO_ROOM, times=SITE_UNKNOWN)

    assert before == [None] * (SITE_UNKNOWN - 1)
    assert isinstance(last, TooManyFailures)
    assert last.hint == NO_ROOM.hint


def test_a_fault_of_a_site_that_names_each_page_in_brackets_is_one_row(streaks):
    codes = [f"PUBLIC_HTML_DISALLOWED[L{number}]" for number in range(SITE_UNKNOWN)]

    verdicts = [_fail(streaks, _fault(code))[0] for code in codes]

    assert isinstance(verdicts[-1], TooManyFailures)


def test_doubts_about_the_pages_of_a_known_site_do_not_stop_the_run(streaks):
    doubt = Fault(FaultClass.SITE, faults.SITE_CHECKED_ONCE, sent=True)

    verdicts = _fail(streaks, doubt, page=ON_SITE, times=3 * ALIKE, status=Status.UNKNOWN)

    assert verdicts == [None] * 3 * ALIKE


def test_a_site_on_which_nothing_is_published_without_an_error_is_stopped(streaks):
    *before, last = _fail(streaks, DENIED, page=ON_SITE, times=ALIKE)

    assert before == [None] * (ALIKE - 1)
    assert last == StopSite(SiteId(3), DENIED)


def test_a_site_on_which_one_page_was_published_is_not_stopped(streaks):
    _good(streaks, ON_SITE)

    assert _fail(streaks, DENIED, page=ON_SITE, times=3 * ALIKE) == [None] * 3 * ALIKE


def test_each_site_is_counted_on_its_own(streaks):
    _fail(streaks, DENIED, page=ON_SITE, times=ALIKE - 1)
    _good(streaks, ON_ANOTHER)
    _fail(streaks, DENIED, page=ON_ANOTHER, times=ALIKE)

    assert _fail(streaks, DENIED, page=ON_SITE) == [StopSite(SiteId(3), DENIED)]


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN])
def test_as_many_failures_as_are_allowed_stop_the_run(status):
    streaks = Streaks(max_failures=3)
    first = _fail(streaks, UNPAID, times=2, status=status)
    _good(streaks)

    last = streaks.on_settled(PAGE, status, MISSING)

    assert first == [None, None]
    assert isinstance(last, TooManyFailures)
    assert "is reached (3)" in str(last)


def test_without_a_bound_any_number_of_failures_goes_on(streaks):
    verdicts = [_fail(streaks, fault)[0] for fault in (UNPAID, UNKNOWN, DENIED) * 200]

    assert verdicts == [None] * 600
