"""How the limits pass from one run of this machine to the next."""

import asyncio
import errno
import fcntl
import json
import os
import random
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.client.turns import DoorTurn
from bulk_publisher.limits.bounds import Bounds, Waiting
from bulk_publisher.limits.decision import WaitUntil
from bulk_publisher.limits.governor import Governor
from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.portal.throttle import Door
from bulk_publisher.store import machine_state
from bulk_publisher.store.folder import credential_turn
from bulk_publisher.store.folder.credential_turn import CredentialTurn

LEFT = Handover(requests=7.0, operating_limit=None, meters={})


def leave(folder: Path, *, now: float, epoch: float) -> None:
    turn = CredentialTurn(folder, "first")
    assert turn.try_take()
    turn.give(LEFT, Mono(now), Epoch(epoch))
    turn.close()


@pytest.fixture
def second(tmp_path):
    turn = CredentialTurn(tmp_path, "second")
    yield turn
    turn.close()


@pytest.mark.parametrize("set_by", [-3600.0, 0.0, 3600.0])
def test_a_clock_that_is_set_between_two_runs_dates_nothing_wrong(tmp_path, second, set_by):
    leave(tmp_path, now=100.0, epoch=1_800_000_000.0)

    left = second.left_by_other(Mono(130.0), Epoch(1_800_000_030.0 + set_by))

    assert left == (LEFT, 100.0)


def test_after_a_start_of_the_machine_the_date_is_all_there_is(tmp_path, second, monkeypatch):
    leave(tmp_path, now=5000.0, epoch=1_800_000_000.0)
    other = tmp_path / "boot_id"
    other.write_text("another\n", encoding="ascii")
    monkeypatch.setattr(credential_turn, "_BOOT_ID", other)

    left = second.left_by_other(Mono(40.0), Epoch(1_800_000_090.0))

    assert left == (LEFT, -50.0)


def test_a_word_is_read_once(tmp_path, second):
    leave(tmp_path, now=100.0, epoch=1_800_000_000.0)

    assert second.left_by_other(Mono(130.0), Epoch(1_800_000_030.0)) is not None
    assert second.left_by_other(Mono(131.0), Epoch(1_800_000_031.0)) is None


def test_a_run_does_not_learn_from_itself(second):
    assert second.try_take()
    second.give(LEFT, Mono(1.0), Epoch(1.0))

    assert second.left_by_other(Mono(2.0), Epoch(2.0)) is None


def test_where_no_turn_can_be_kept_it_is_said_why(tmp_path):
    (tmp_path / "file").touch()

    with machine_state({"XDG_STATE_HOME": str(tmp_path / "file")}).turn(
        "abc", "first", portal="abc"
    ) as sharing:
        assert sharing.turn is None

    doubt = sharing.doubt
    assert doubt.startswith("Runs on this machine can't share the webhook's limits (")
    assert "Not a directory" in doubt
    assert "XDG_STATE_HOME" in sharing.advice


def test_where_the_file_system_keeps_no_locks_there_is_no_turn(tmp_path, monkeypatch):
    def refuse(_file: int, _kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)

    with machine_state({"XDG_STATE_HOME": str(tmp_path)}).turn(
        "abc", "first", portal="abc"
    ) as sharing:
        assert sharing.turn is None
    assert "No locks available" in sharing.doubt


def test_a_turn_that_is_kept_leaves_no_doubt(tmp_path):
    with machine_state({"XDG_STATE_HOME": str(tmp_path)}).turn(
        "abc", "first", portal="abc"
    ) as sharing:
        assert sharing.turn is not None
        assert sharing.turn.try_take()
    assert sharing.doubt == ""


@pytest.mark.parametrize(
    "change",
    [
        {"busy_for": -1},
        {"requests": 1e300},
        {"requests": "many"},
        {"operating_limit": {"limit": 0, "ago": 0}},
        {"meters": {"a": {"told": 1e300, "baskets": []}}},
        {"meters": {"a": {"told": 1, "baskets": [{"spent": 1, "leaves_in": 1e18, "may_leave_in": 0}]}}},
    ],
    ids=str,
)  # fmt: skip
def test_an_absurd_word_is_no_word(tmp_path, second, change):
    leave(tmp_path, now=100.0, epoch=1_800_000_000.0)
    word = tmp_path / "limits.json"
    told = json.loads(word.read_text())
    word.write_text(json.dumps({**told, "handover": {**told["handover"], **change}}))

    assert second.left_by_other(Mono(130.0), Epoch(1_800_000_030.0)) is None


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\xff", b" " * 2**21, b"", b"{}"], ids=len)
def test_a_word_that_is_none_is_passed_over(tmp_path, second, data):
    (tmp_path / "limits.json").write_bytes(data)

    assert second.left_by_other(Mono(130.0), Epoch(1_800_000_030.0)) is None


def test_nobody_is_waited_for_longer_than_a_request_lasts():
    bounds = Bounds(capacity=50, drain=2, operating_limit=480)
    governor = Governor(bounds, together=("batch", "a"), alone=("a",), rng=random.Random(1))

    governor.take_over(msgspec.structs.replace(LEFT, busy_for=1e18), since=Mono(0.0), now=Mono(0.0))

    decision = governor.next_decision(Waiting(10, 0, True), now=Mono(0.0))
    assert isinstance(decision, WaitUntil)
    assert decision.at <= 120


async def test_what_the_door_has_let_through_is_handed_on_whatever_the_limits_say(tmp_path, second):
    now, epoch = Mono(asyncio.get_running_loop().time()), Epoch(1_800_000_000.0)
    turn = CredentialTurn(tmp_path, "first")
    door, next_door = Door(capacity=50, drain=2), Door(capacity=50, drain=2)
    first, second = DoorTurn(turn, door), DoorTurn(second, next_door)
    for _ in range(40):
        async with door:
            pass

    first.try_take()
    first.give(msgspec.structs.replace(LEFT, requests=0.0), now, epoch)
    turn.close()
    second.left_by_other(now, epoch)

    assert next_door.level == pytest.approx(40)
