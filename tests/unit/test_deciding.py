"""Who is told of what: the same failure once a day, and that it is over once for each that was told."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs import Occasion
from bulk_publisher.model import Epoch, PageId
from bulk_publisher.notices.deciding import DAY, Ended, decide, late, occasion_of, sign_of
from bulk_publisher.store.agenda import Told

ALL = frozenset(Occasion)
FAILED = Ended(Occasion.FAILED, "1-a")
OTHER = Ended(Occasion.FAILED, "1-b")
WELL = Ended(Occasion.FINISHED)
HOUR = 3600.0

_ENDINGS = st.one_of(
    st.just(WELL),
    st.builds(Ended, st.just(Occasion.FINISHED), st.just(""), st.sampled_from(["0-x", "0-y"])),
    st.builds(
        Ended,
        st.sampled_from([Occasion.FAILED, Occasion.STOPPED, Occasion.LATE]),
        st.sampled_from(["1-a", "1-b", "3-c"]),
    ),
)
_STORIES = st.lists(st.tuples(st.floats(1, 30 * HOUR), _ENDINGS), max_size=40)
_WANTED = st.frozensets(st.sampled_from(list(Occasion)))


def played(story, wanted=ALL):
    """What is told of each ending of *story*: moment, ending, occasion or None."""
    told, now, said = Told(), 1e9, []
    for pause, ended in story:
        now += pause
        told, occasion = decide(told, ended, wanted=wanted, now=Epoch(now))
        said.append((now, ended, occasion))
    return said


def occasions(*story, wanted=ALL):
    return [occasion for _, _, occasion in played(story, wanted)]


def test_a_failure_is_told_at_once_and_the_same_one_a_day_later() -> None:
    story = [(1, FAILED), (HOUR, FAILED), (HOUR, FAILED), (24 * HOUR, FAILED)]

    assert occasions(*story) == [Occasion.FAILED, None, None, Occasion.FAILED]


def test_a_nightly_failure_is_told_each_night_though_it_may_end_earlier() -> None:
    assert occasions((1, FAILED), (23.5 * HOUR, FAILED)) == [Occasion.FAILED] * 2


def test_another_failure_is_told_at_once() -> None:
    assert occasions((1, FAILED), (HOUR, OTHER)) == [Occasion.FAILED] * 2


def test_that_it_is_well_again_is_told_once() -> None:
    story = [(1, FAILED), (HOUR, WELL), (HOUR, WELL)]

    assert occasions(*story) == [Occasion.FAILED, Occasion.HEALED, Occasion.FINISHED]


def test_a_job_that_fails_every_other_hour_is_told_once_a_day() -> None:
    story = [(HOUR, FAILED), (HOUR, WELL)] * 8

    told = occasions(*story, wanted=ALL - {Occasion.FINISHED})

    assert told == [Occasion.FAILED, Occasion.HEALED] + [None] * 14


def test_pages_that_are_no_longer_known_to_fail_are_told_once_a_day() -> None:
    healed = Ended(Occasion.FINISHED, healed="0-x")

    assert occasions((1, healed), (HOUR, healed)) == [Occasion.HEALED, Occasion.FINISHED]


@given(_STORIES, _WANTED)
def test_only_what_is_wanted_is_told(story, wanted) -> None:
    assert all(occasion in {None, *wanted} for occasion in occasions(*story, wanted=wanted))


@given(_STORIES)
def test_the_same_failure_is_told_once_in_a_day(story) -> None:
    said = [(now, ended.sign) for now, ended, occasion in played(story) if occasion is ended.occasion and ended.sign]  # fmt: skip

    for sign in {sign for _, sign in said}:
        times = [now for now, its in said if its == sign]
        assert all(later - earlier >= DAY for earlier, later in pairwise(times))


@given(_STORIES)
def test_no_failure_goes_untold_for_longer_than_a_day(story) -> None:
    last: dict[str, float] = {}
    for now, ended, occasion in played(story):
        if ended.sign and occasion is not None:
            last[ended.sign] = now
        if ended.sign:
            assert now - last[ended.sign] < DAY


@given(st.lists(st.tuples(st.floats(1, 30 * HOUR), _ENDINGS.filter(lambda one: not one.healed)), max_size=40))  # fmt: skip
def test_well_again_follows_a_failure_that_was_told_and_comes_once(story) -> None:
    is_open = False
    for _, ended, occasion in played(story):
        if ended.occasion is Occasion.FINISHED:
            assert (occasion is Occasion.HEALED) is is_open
            is_open = False
        elif occasion is not None:
            is_open = True


@given(_STORIES, _WANTED)
def test_what_is_kept_does_not_grow(story, wanted) -> None:
    told, now = Told(), 1e9
    for pause, ended in story:
        now += pause
        told, _ = decide(told, ended, wanted=wanted, now=Epoch(now))
        assert len(told.at) <= 5


def test_a_job_is_late_only_when_its_time_is_over() -> None:
    assert late(due=Epoch(100), after=50, now=Epoch(149)) is None
    assert late(due=Epoch(100), after=50, now=Epoch(150)) == Ended(Occasion.LATE, "late")


def test_each_exit_status_has_its_occasion() -> None:
    assert occasion_of(0) is Occasion.FINISHED
    assert {occasion_of(status) for status in (1, 2, 4, 70, 99)} == {Occasion.FAILED}
    assert {occasion_of(status) for status in (3, 5, 75, 129, 130, 143)} == {Occasion.STOPPED}


def test_failures_are_told_apart_by_their_pages_and_not_by_how_long_they_took() -> None:
    one = [("", PageId(1), "A")]
    two = [*one, ("", PageId(2), "A")]

    assert sign_of(1, "", one) != sign_of(1, "", two)
    assert sign_of(1, "", two) == sign_of(1, "", two[::-1])
    assert sign_of(3, "Run 20260301T030000Z-1f2e: 12 min", []) == sign_of(3, "Run 20260302T030000Z-aaaa: 9 min", [])  # fmt: skip
    assert sign_of(3, "The disk is full", []) != sign_of(3, "The portal is gone", [])
