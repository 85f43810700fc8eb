"""Our mirror of one meter of operating time."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_publisher.limits.decision import Reading
from bulk_publisher.limits.operating import OperatingMeter
from bulk_publisher.model import Mono

NEVER = float("inf")


@pytest.fixture
def meter():
    return OperatingMeter()


def book(meter: OperatingMeter, spent: float, at: float, minute: int | None = None) -> None:
    meter.book(spent, minute=minute, finished_at=Mono(at), now=Mono(at))


def tell(
    meter: OperatingMeter,
    operating: float,
    at: float,
    *,
    worked: float = 0.0,
    minute: int | None = None,
    sent_at: float | None = None,
    reset_at: float | None = None,
) -> None:
    """An answer that came at *at*, as soon as the portal had it."""
    meter.settle(
        Reading("m", operating, worked, None if reset_at is None else Mono(reset_at)),
        minute=minute,
        sent_at=Mono(at if sent_at is None else sent_at),
        finished_at=Mono(at),
        now=Mono(at),
    )


def ready(meter: OperatingMeter, cost: float, at: float, *, limit: float = 100.0) -> float:
    return meter.ready_at(cost, limit=limit, now=Mono(at))


def may_be_ready(meter: OperatingMeter, cost: float, at: float, *, limit: float = 100.0) -> float:
    return meter.may_be_ready_at(cost, limit=limit, now=Mono(at))


def may_leave_at(meter: OperatingMeter, at: float) -> float:
    """When the first of its seconds may have left."""
    return at + min(basket.may_leave_in for basket in meter.hand_over(Mono(at)).baskets)


def test_a_new_meter_is_empty_and_ready(meter):
    assert (meter.level(Mono(0.0)), ready(meter, 100.0, 0.0), meter.told) == (0.0, 0.0, None)


def test_a_request_leaves_the_sum_ten_minutes_after_it_ended(meter):
    book(meter, 30.0, 10.0, minute=0)

    assert [meter.booked(Mono(at)) for at in (10.0, 610.0, 610.1)] == [30.0, 30.0, 0.0]


def test_requests_of_one_minute_leave_with_the_first_of_them(meter):
    book(meter, 30.0, 1.0, minute=0)
    book(meter, 30.0, 59.0, minute=0)

    assert [meter.booked(Mono(at)) for at in (601.0, 601.1)] == [60.0, 0.0]


def test_it_tells_when_the_oldest_of_its_baskets_leaves(meter):
    book(meter, 30.0, 1.0, minute=0)
    book(meter, 30.0, 59.0)

    told = [meter.next_leaves_at(Mono(at)) for at in (60.0, 602.0, 660.0)]
    assert told == [pytest.approx(601.0, abs=0.1), pytest.approx(659.0, abs=0.1), None]


def test_a_request_whose_minute_is_not_known_leaves_by_itself(meter):
    book(meter, 30.0, 1.0, minute=0)
    book(meter, 30.0, 59.0)

    assert [meter.booked(Mono(at)) for at in (601.1, 659.0, 659.1)] == [30.0, 30.0, 0.0]


def test_a_tenth_of_a_second_is_not_booked(meter):
    book(meter, 0.1, 1.0)

    assert meter.booked(Mono(1.0)) == 0.0


def test_what_is_in_flight_is_held_until_it_is_released(meter):
    meter.reserve(1, 40.0)
    meter.reserve(2, 50.0)

    assert (meter.level(Mono(0.0)), ready(meter, 10.0, 0.0), ready(meter, 11.0, 0.0)) == (
        90.0,
        0.0,
        NEVER,
    )
    meter.release(1)
    meter.release(1)
    assert meter.level(Mono(0.0)) == 50.0


def test_it_is_ready_at_the_moment_that_enough_baskets_have_left(meter):
    book(meter, 60.0, 0.0, minute=0)
    book(meter, 40.0, 60.0, minute=1)

    assert ready(meter, 61.0, 100.0) == pytest.approx(660.0, abs=0.02)
    assert ready(meter, 60.0, 100.0) == pytest.approx(600.0, abs=0.02)
    assert meter.fits(60.0, limit=100.0, now=Mono(600.1))
    assert not meter.fits(60.0, limit=100.0, now=Mono(599.9))


def test_a_page_that_is_dearer_than_the_limit_fits_where_nothing_else_is(meter):
    book(meter, 1.0, 0.0, minute=0)

    assert ready(meter, 500.0, 1.0) == pytest.approx(600.0, abs=0.02)
    assert ready(meter, 500.0, 601.0) == 601.0


def test_what_others_had_spent_before_may_leave_when_the_portal_says(meter):
    tell(meter, 80.0, 10.0, reset_at=200.0)

    assert (meter.level(Mono(10.0)), meter.told) == (80.0, 80.0)
    assert (may_be_ready(meter, 50.0, 20.0), ready(meter, 50.0, 20.0)) == (200.0, 610.0)
    [basket] = meter.hand_over(Mono(20.0)).baskets
    assert (20.0 + basket.may_leave_in, 20.0 + basket.leaves_in) == (200.0, 610.0)
    assert meter.hand_over(Mono(700.0)).baskets == ()


def test_what_others_had_spent_before_certainly_leaves_where_nothing_is_said(meter):
    tell(meter, 80.0, 10.0)

    assert (may_be_ready(meter, 50.0, 20.0), ready(meter, 50.0, 20.0)) == (610.0, 610.0)


def test_what_others_spend_meanwhile_is_added_and_foreseen(meter):
    tell(meter, 0.0, 0.0)

    tell(meter, 30.0, 100.0)

    # 30 s in the 100 s since the first answer.
    assert meter.booked(Mono(100.0)) == 30.0
    assert meter.others_rate(Mono(100.0)) == pytest.approx(0.3)
    assert ready(meter, 69.0, 100.0) == 100.0
    assert ready(meter, 69.0, 110.0) > 110.0


def test_it_may_leave_ten_minutes_after_the_answer_before_and_has_after_this_one(meter):
    tell(meter, 0.0, 50.0)

    tell(meter, 90.0, 100.0)

    assert may_leave_at(meter, 101.0) == 590.0
    assert meter.booked(Mono(700.0)) == 90.0 - 90.0
    assert meter.booked(Mono(699.0)) == 90.0


def test_others_within_one_minute_share_a_basket(meter):
    tell(meter, 0.0, 0.0)
    tell(meter, 10.0, 10.0)
    tell(meter, 20.0, 20.0)
    tell(meter, 30.0, 30.0)

    tell(meter, 40.0, 100.0)

    assert may_leave_at(meter, 100.0) == 540.0
    assert [meter.booked(Mono(at)) for at in (629.0, 699.0, 701.0)] == [40.0, 40.0, 0.0]


def test_a_new_minute_of_others_begins_a_basket(meter):
    tell(meter, 0.0, 0.0)
    tell(meter, 10.0, 90.0)

    tell(meter, 20.0, 180.0)

    assert [meter.booked(Mono(at)) for at in (689.0, 691.0, 781.0)] == [20.0, 10.0, 0.0]


def test_a_trifle_above_our_own_is_ours(meter):
    tell(meter, 30.4, 10.0, worked=30.0, minute=0)

    assert (meter.booked(Mono(10.0)), meter.others_rate(Mono(10.0))) == (30.4, 0.0)


def test_what_is_less_than_we_know_has_left_from_the_oldest(meter):
    tell(meter, 30.0, 0.0, worked=30.0, minute=0)
    tell(meter, 50.0, 300.0, worked=20.0, minute=5)

    tell(meter, 20.0, 580.0)

    assert [meter.booked(Mono(at)) for at in (580.0, 899.0, 901.0)] == [20.0, 20.0, 0.0]


def test_what_ended_beside_an_answer_may_not_be_in_its_sum(meter):
    tell(meter, 14.0, 20.0, worked=14.0, minute=0, sent_at=0.0)

    tell(meter, 14.0, 20.0, worked=14.0, minute=0, sent_at=1.0)

    assert meter.booked(Mono(20.0)) == 28.0


def test_an_answer_that_was_late_takes_back_what_was_thought_of_others(meter):
    tell(meter, 20.0, 0.0, worked=20.0, minute=0)
    tell(meter, 54.0, 100.0, worked=14.0, minute=1, sent_at=80.0)
    thought = meter.others_rate(Mono(100.0))

    meter.settle(
        Reading("m", 40.0, 20.0, None),
        minute=1,
        sent_at=Mono(80.0),
        finished_at=Mono(99.0),
        now=Mono(101.0),
    )

    assert thought == pytest.approx(0.2)
    assert (meter.booked(Mono(101.0)), meter.others_rate(Mono(101.0))) == (54.0, 0.0)


def test_a_basket_that_was_still_there_is_not_taken_for_others(meter):
    tell(meter, 30.0, 0.5, worked=30.0, minute=0)

    tell(meter, 30.0, 601.0)

    assert (meter.booked(Mono(601.0)), meter.others_rate(Mono(601.0))) == (30.0, 0.0)
    assert ready(meter, 100.0, 601.0) == 602.0


def test_a_basket_that_left_long_ago_is_not_brought_back(meter):
    tell(meter, 30.0, 0.0, worked=30.0, minute=0)

    tell(meter, 30.0, 650.0)

    assert meter.others_rate(Mono(650.0)) == pytest.approx(30 / 600)


def test_a_question_moves_what_has_not_left_to_when_the_portal_says(meter):
    tell(meter, 80.0, 0.0, reset_at=100.0)

    tell(meter, 80.0, 110.0, reset_at=300.0)

    assert (may_be_ready(meter, 50.0, 110.0), ready(meter, 50.0, 110.0)) == (300.0, 600.0)


def test_a_question_that_is_answered_without_a_moment_is_asked_again_in_a_minute(meter):
    tell(meter, 80.0, 0.0, reset_at=100.0)

    tell(meter, 80.0, 110.0)

    assert may_be_ready(meter, 50.0, 110.0) == 170.0


def test_the_sum_when_the_last_page_began_is_without_what_ended_beside_it(meter):
    tell(meter, 14.0, 10.0, worked=14.0, sent_at=0.0)
    tell(meter, 28.0, 20.5, worked=14.0, sent_at=0.0)

    tell(meter, 40.0, 21.0, worked=12.0, sent_at=10.0)

    # Of the 40 s the last page took 1, and 14 were booked half a second after it began.
    assert meter.passed_before(1.0) == 25.0
    assert meter.passed_before(0.2) == 39.8


def test_the_highest_sum_that_passed_is_the_one_before_the_request(meter):
    tell(meter, 50.0, 10.0, worked=14.0, sent_at=0.0)
    tell(meter, 30.0, 700.0, worked=14.0, sent_at=690.0)

    assert meter.highest_passed == 36.0


def test_nothing_told_is_nothing_passed(meter):
    assert meter.passed_before(1.0) == -1.0


def test_a_refusal_that_we_cannot_explain_fills_the_meter_with_others(meter):
    tell(meter, 40.0, 0.0, worked=40.0, minute=0)

    meter.fill_up(100.0, now=Mono(300.0))
    meter.fill_up(90.0, now=Mono(301.0))

    assert (meter.booked(Mono(300.0)), meter.others_rate(Mono(300.0))) == (100.0, 0.2)


def test_it_rests_when_nothing_was_booked_for_a_minute(meter):
    at_first = meter.is_resting(Mono(0.0))
    tell(meter, 0.0, 0.0)
    empty = meter.is_resting(Mono(0.0))
    tell(meter, 5.0, 5.0, worked=5.0)

    assert (at_first, empty) == (False, True)
    assert [meter.is_resting(Mono(at)) for at in (65.0, 65.1)] == [False, True]


requests = st.lists(
    st.tuples(st.floats(0.0, 90.0), st.floats(0.0, 30.0), st.booleans()), min_size=1, max_size=60
)


@example(
    requests=[
        (0.0, 1.0, False),
        (52.0, 29.48321266210142, False),
        (83.0, 29.48127329664193, False),
        (90.0, 15.889147988706595, False),
        (0.0, 1.6123636352958322, False),
        (0.0, 3.0, False),
        (26.0, 29.46707593614609, False),
        (0.0, 1.2851154896678594, False),
        (0.0, 8.0, False),
        (90.0, 22.0, False),
        (51.0, 30.0, False),
        (90.0, 30.0, False),
    ]
)
@given(requests=requests)
def test_alone_on_the_portal_the_mirror_is_its_sum(requests):
    meter, portal = OperatingMeter(), Naive()

    pairs = [portal.answer(meter, *request) for request in requests]

    assert all(told - 1e-6 <= mirrored <= told + 1e-6 for told, mirrored in pairs)


@given(requests=requests, theirs=st.floats(0.0, 1.0))
def test_beside_others_the_mirror_is_never_below_what_was_told(requests, theirs):
    meter, portal = OperatingMeter(), Naive(theirs=theirs)

    pairs = [portal.answer(meter, *request) for request in requests]

    assert all(mirrored >= told - 1e-6 for told, mirrored in pairs)


@given(requests=requests, cost=st.floats(0.1, 200.0), theirs=st.floats(0.0, 1.0))
def test_asking_changes_nothing_and_hope_is_never_later_than_certainty(requests, cost, theirs):
    meter, portal = OperatingMeter(), Naive(theirs=theirs)
    pairs = [portal.answer(meter, *request) for request in requests]

    first = (ready(meter, cost, portal.now), may_be_ready(meter, cost, portal.now))

    assert pairs
    assert (ready(meter, cost, portal.now), may_be_ready(meter, cost, portal.now)) == first
    assert portal.now <= first[1]
    assert theirs or first[1] <= first[0]


class Naive:
    """The portal's meter, by the text: every booking with its minute; a sum over all of them."""

    def __init__(self, *, theirs: float = 0.0) -> None:
        self.theirs = theirs
        self.now = 0.0
        self.bookings: list[tuple[float, float]] = []

    def leaving(self) -> list[tuple[float, float]]:
        """When each booking leaves, and what it is."""
        first: dict[int, float] = {}
        for booked_at, _ in self.bookings:
            first.setdefault(int(booked_at // 60), booked_at)
        return [(first[int(booked_at // 60)] + 600.0, spent) for booked_at, spent in self.bookings]

    def total(self, at: float) -> float:
        return sum(spent for leaves_at, spent in self.leaving() if at < leaves_at)

    def reset_at(self, at: float) -> float | None:
        return min((leaves_at for leaves_at, _ in self.leaving() if at < leaves_at), default=None)

    def answer(
        self, meter: OperatingMeter, pause: float, cost: float, is_told: bool
    ) -> tuple[float, float]:
        """One request after a pause; the sum as told, and as mirrored."""
        cost = cost if cost > 0.1 else 0.0
        if self.theirs * pause > 1.0:
            self.bookings.append((self.now + pause, self.theirs * pause))
        sent_at = self.now + pause
        self.now = sent_at + cost
        if cost:
            self.bookings.append((self.now, cost))
        told, minute = self.total(self.now), int(self.now // 60)
        tell(
            meter,
            told,
            self.now,
            worked=cost,
            minute=minute,
            sent_at=sent_at,
            reset_at=self.reset_at(self.now) if is_told else None,
        )
        return told, meter.booked(Mono(self.now))


# Requests whose answer was lost


def test_what_a_lost_request_may_have_cost_is_booked_and_not_certain(meter):
    book(meter, 30.0, 0.0)
    meter.guess(20.0, sent_at=Mono(0.0), now=Mono(10.0))

    assert (meter.booked(Mono(10.0)), meter.certain(Mono(10.0))) == (50.0, 30.0)


def test_what_is_about_to_leave_is_not_certain(meter):
    book(meter, 30.0, 0.0)

    assert (meter.certain(Mono(500.0)), meter.certain(Mono(560.0))) == (30.0, 0.0)


def test_where_less_is_told_than_known_the_oldest_is_taken_for_gone_even_beside_a_guess(meter):
    book(meter, 30.0, 0.0)
    meter.guess(20.0, sent_at=Mono(0.0), now=Mono(300.0))

    tell(meter, 20.0, 400.0)

    # What stays leaves later: so nothing is sent too early.
    assert [meter.booked(Mono(at)) for at in (400.0, 601.0, 901.0)] == [20.0, 20.0, 0.0]


# How fast others spend


def test_others_are_refused_with_us_in_a_pause_which_makes_them_no_slower(meter):
    for at in range(0, 101, 10):
        tell(meter, at * 0.2, float(at))

    tell(meter, 40.0, 500.0)

    assert meter.others_rate(Mono(500.0)) == pytest.approx(0.2)


def test_while_baskets_leave_nothing_is_learned_of_others(meter):
    tell(meter, 100.0, 0.0)
    for at in range(10, 101, 10):
        tell(meter, 100.0 + at * 0.2, float(at))

    # All of the first hundred are gone, so far as we know; the portal still has some of them.
    for at in range(580, 651, 10):
        tell(meter, 70.0, float(at))

    assert meter.others_rate(Mono(650.0)) == pytest.approx(0.2)


def test_what_a_lost_request_has_cost_is_not_taken_for_others(meter):
    for at in range(0, 101, 10):
        tell(meter, 0.0 if at < 50 else 30.0, float(at))
    before = meter.others_rate(Mono(100.0))

    meter.guess(30.0, sent_at=Mono(45.0), now=Mono(101.0))
    tell(meter, 30.0, 110.0)

    assert (before, meter.others_rate(Mono(110.0))) == (pytest.approx(0.3), 0.0)


def test_after_ten_minutes_without_an_answer_nothing_is_foreseen(meter):
    for at in range(0, 101, 10):
        tell(meter, at * 0.5, float(at))

    assert meter.others_rate(Mono(690.0)) == pytest.approx(0.5)
    assert meter.others_rate(Mono(710.0)) == 0.0
    assert ready(meter, 100.0, 710.0) == 710.0


def test_a_basket_that_others_began_has_left_when_the_portal_says_so(meter):
    book(meter, 50.0, 30.0, minute=0)
    book(meter, 20.0, 70.0, minute=1)

    # Others began the first one at 5, and have spent as much since.
    tell(meter, 70.0, 606.0, reset_at=661.0)

    assert meter.booked(Mono(606.0)) == 70.0
    assert meter.booked(Mono(640.0)) == 70.0


def test_others_who_begin_when_they_cannot_be_watched_are_seen_all_the_same(meter):
    tell(meter, 0.0, 0.0)
    book(meter, 10.0, 5.0)
    for at in range(10, 61, 10):
        tell(meter, 10.0, float(at))
    quiet = meter.others_rate(Mono(60.0))
    # The basket of ours is about to leave.
    tell(meter, 130.0, 600.0)

    assert (quiet, meter.others_rate(Mono(600.0))) == (0.0, pytest.approx(0.2))


def test_after_a_refusal_what_may_have_left_has_not_and_others_of_ours_are_waited_for(meter):
    tell(meter, 60.0, 0.0, worked=60.0, minute=0)
    tell(meter, 90.0, 50.0)
    assert may_be_ready(meter, 5.0, 590.0) == 590.0

    meter.fill_up(100.0, now=Mono(590.0))

    assert 590.0 < may_be_ready(meter, 5.0, 590.0) <= 600.1


def test_the_basket_of_a_minute_lives_by_the_start_of_the_request_that_ended_first(meter):
    def settle(started: float, finished: float) -> None:
        meter.book(
            1.0, minute=0, started_at=Mono(started), finished_at=Mono(finished), now=Mono(40.0)
        )

    settle(5.0, 30.0)
    settle(20.0, 25.0)  # its answer came later

    assert meter.booked(Mono(619.0)) == 2.0
    assert meter.booked(Mono(621.0)) == 0.0
