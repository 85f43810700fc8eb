"""How the limits pass from one run of this machine to the next."""

from pathlib import Path

import pytest

from bulk_publisher.app import turns
from bulk_publisher.app.turns import CredentialTurn
from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Mono

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
    monkeypatch.setattr(turns, "_BOOT_ID", other)

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
