"""What a run says of itself while it goes on, and afterwards, in any store."""

from functools import partial

import pytest

from bulk_publisher.model import Epoch
from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.heard import Heard, Snapshot, heard
from bulk_publisher.store.steering import Steering, Wish
from tests.store.making import begun, content_of
from tests.store.patience import soon


def snapshot_of(run: KeptRun, pages: int) -> Snapshot:
    return Snapshot(
        run=run.run_id, portal="example.bitrix24.com", time=1_772_334_000.0, pages=pages, total=9,
        counts={"published": pages}, errors={}, bad=0, seconds=3.0, rate=1.5, operating=None,
        requests=None, waiting=None, arrives_at=1_772_334_009.0, last_failures=(),
    )  # fmt: skip


def _pages_said(store: Store, pages: int) -> Heard | None:
    """What the latest run says of itself, once it says that."""
    said = store.find("latest").read_progress()
    return said if said is not None and said.snapshot.pages == pages else None


def test_the_newest_word_counts_and_is_gone_at_the_end(store: Store) -> None:
    run = begun(store)

    assert run.read_progress() is None
    with run.lock():
        run.write_progress(snapshot_of(run, 3))
        run.write_progress(snapshot_of(run, 4))
        said = soon(partial(_pages_said, store, 4))
        run.clear_progress()
        run.clear_progress()

    assert said is not None
    assert said.snapshot == snapshot_of(run, 4)
    assert not said.is_silent
    assert run.read_progress() is None


def test_a_run_that_is_silent_promises_nothing(store: Store) -> None:
    said = heard(snapshot_of(begun(store), 3), 60.0)

    assert said.is_silent
    assert said.snapshot.arrives_at is None
    assert said.snapshot.pages == 3


def test_a_log_goes_on_where_it_ended(store: Store) -> None:
    run = begun(store)

    for line in (b"{}\n", b'{"a": 1}\n'):
        log = run.open_log()
        assert log is not None
        log.write(line)
        log.close()

    assert content_of(run, "log.jsonl") == b'{}\n{"a": 1}\n'


def test_a_report_takes_the_place_of_the_one_before(store: Store) -> None:
    run = begun(store)

    run.write_report("<html>old")
    place = run.write_report("<html>new Ü")

    assert place == run.names.report
    assert content_of(run, "report.html").decode() == "<html>new Ü"


def test_what_a_run_is_asked_stands_until_it_goes_on(store: Store) -> None:
    run = begun(store)
    pause = Steering(wish=Wish.PAUSE, at=1.0, until=60.0, by="ann")

    assert run.read_steering() is None
    run.clear_steering()
    run.steer(Steering(wish=Wish.STOP, at=0.0))
    run.steer(pause)

    assert store.find("latest").read_steering() == pause
    run.clear_steering()
    assert store.find("latest").read_steering() is None


@pytest.mark.parametrize(
    ("steering", "now", "is_resting"),
    [
        (Steering(wish=Wish.STOP, at=0.0), 100.0, True),
        (Steering(wish=Wish.PAUSE, at=0.0), 100.0, True),
        (Steering(wish=Wish.PAUSE, at=0.0, until=100.0), 99.0, True),
        (Steering(wish=Wish.PAUSE, at=0.0, until=100.0), 100.0, False),
    ],
    ids=["stopped", "paused for good", "paused", "the pause is over"],
)
def test_only_a_pause_with_an_end_ends_by_itself(
    steering: Steering, now: float, is_resting: bool
) -> None:
    assert steering.is_resting(Epoch(now)) is is_resting
