"""What runs share, in any store: whose turn it is, how the limits were left, which job is being done."""

from pathlib import Path

import pytest

from bulk_publisher.errors import RunBusy
from bulk_publisher.limits.handover import Handover, LimitLeft, MeterLeft
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.store import SharedState
from bulk_publisher.store.sharing import Turn
from tests.store.patience import soon

LEFT = Handover(requests=7.0, operating_limit=None, meters={}, busy_for=2.0)


def test_a_turn_is_one_sessions_at_a_time(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one, state.turn("a", "2", portal="a") as other:
        first, second = _both(one.turn, other.turn)

        assert soon(first.try_take)
        assert first.is_ours
        assert not first.is_wanted
        assert not second.try_take()
        assert soon(lambda: first.is_wanted)
        assert not second.try_take()
        assert soon(lambda: second.holder().pid > 0)
        first.give(LEFT, Mono(1.0), Epoch(1.0))
        assert not first.is_ours
        assert soon(second.try_take)
        assert not first.try_take()


def test_a_turn_is_let_go_with_its_session(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one:
        assert one.turn is not None
        assert soon(one.turn.try_take)

    with state.turn("a", "2", portal="a") as other:
        assert other.turn is not None
        assert soon(other.turn.try_take)


def test_credentials_do_not_wait_for_each_other(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one, state.turn("b", "2", portal="b") as other:
        first, second = _both(one.turn, other.turn)

        assert soon(first.try_take)
        assert soon(second.try_take)
        first.give(LEFT, Mono(1.0), Epoch(1.0))
        assert second.left_by_other(Mono(2.0), Epoch(2.0)) is None


def test_credentials_of_one_portal_take_turns_and_hand_on_the_bucket_alone(
    state: SharedState,
) -> None:
    meters = {"landing": MeterLeft(told=480.0, baskets=())}
    limit = LimitLeft(limit=300.0, ago=1.0)
    left = Handover(requests=9.0, operating_limit=limit, meters=meters, busy_for=3.0)
    with state.turn("a", "1", portal="p") as one, state.turn("b", "2", portal="p") as other:
        first, second = _both(one.turn, other.turn)

        assert soon(first.try_take)
        assert not second.try_take()
        assert soon(lambda: first.is_wanted)
        first.give(left, Mono(10.0), Epoch(1_800_000_010.0))
        assert soon(second.try_take)
        assert not first.try_take()
        heard = second.left_by_other(Mono(13.0), Epoch(1_800_000_013.0))

    assert heard is not None
    assert heard[0] == Handover(requests=9.0, operating_limit=None, meters={}, busy_for=3.0)


def test_a_session_hears_of_its_credentials_meters_past_the_turns_of_others(
    state: SharedState,
) -> None:
    told = Handover(requests=9.0, operating_limit=None, meters={"landing": MeterLeft(told=480.0, baskets=())})  # fmt: skip
    # By our clock as the machine's processes share it: the later word is the later one.
    for number, (identity, left) in enumerate([("a", told), ("b", LEFT)]):
        with state.turn(identity, f"{number}", portal="p") as sharing:
            assert sharing.turn is not None
            assert soon(sharing.turn.try_take)
            at = 10.0 + number
            sharing.turn.give(left, Mono(at), Epoch(1_800_000_000.0 + at))

    with state.turn("a", "3", portal="p") as later:
        assert later.turn is not None
        heard = later.turn.left_by_other(Mono(13.0), Epoch(1_800_000_013.0))

    assert heard is not None
    assert heard[0].requests == LEFT.requests
    assert heard[0].busy_for == LEFT.busy_for
    assert heard[0].meters["landing"].told == 480.0


def test_limits_are_handed_on_once_and_never_to_who_left_them(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one, state.turn("a", "2", portal="a") as other:
        first, second = _both(one.turn, other.turn)
        soon(first.try_take)
        second.try_take()
        first.give(LEFT, Mono(10.0), Epoch(1_800_000_010.0))

        assert first.left_by_other(Mono(13.0), Epoch(1_800_000_013.0)) is None
        left = soon(lambda: second.left_by_other(Mono(13.0), Epoch(1_800_000_013.0)))
        assert left is not None
        assert left[0] == LEFT
        assert 0.0 <= left[1] <= 13.0
        assert soon(second.try_take)
        assert second.left_by_other(Mono(14.0), Epoch(1_800_000_014.0)) is None
        assert first.left_by_other(Mono(14.0), Epoch(1_800_000_014.0)) is None


def test_a_session_that_comes_later_hears_how_the_limits_were_left(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one:
        assert one.turn is not None
        soon(one.turn.try_take)
        one.turn.give(LEFT, Mono(10.0), Epoch(1_800_000_010.0))

    with state.turn("a", "2", portal="a") as other:
        assert other.turn is not None
        left = other.turn.left_by_other(Mono(13.0), Epoch(1_800_000_013.0))

    assert left is not None
    assert left[0] == LEFT


def test_who_has_no_turn_leaves_no_word(state: SharedState) -> None:
    with state.turn("a", "1", portal="a") as one, state.turn("a", "2", portal="a") as other:
        first, second = _both(one.turn, other.turn)

        first.give(LEFT, Mono(10.0), Epoch(10.0))

        assert second.left_by_other(Mono(13.0), Epoch(13.0)) is None


def test_a_job_is_done_once_at_a_time(state: SharedState, tmp_path: Path) -> None:
    with (
        state.alone(tmp_path / "a.toml"),
        state.alone(tmp_path / "b.toml"),
        pytest.raises(RunBusy, match="already running"),
        state.alone(tmp_path / "." / "a.toml"),
    ):
        pass

    with state.alone(tmp_path / "a.toml"):
        pass


def _both(first: Turn | None, second: Turn | None) -> tuple[Turn, Turn]:
    assert first is not None
    assert second is not None
    return first, second
