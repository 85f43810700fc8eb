"""What a run says of itself while it goes on, and afterwards, in any store."""

from pathlib import Path

from bulk_publisher.store import KeptRun, Store
from bulk_publisher.store.heard import Snapshot, heard
from tests.store.making import begun


def snapshot_of(run: KeptRun, pages: int) -> Snapshot:
    return Snapshot(
        run=run.run_id, portal="example.bitrix24.com", time=1_772_334_000.0, pages=pages, total=9,
        counts={"published": pages}, errors={}, bad=0, seconds=3.0, rate=1.5, operating=None,
        requests=None, waiting=None, arrives_at=1_772_334_009.0, last_failures=(),
    )  # fmt: skip


def test_the_newest_word_counts_and_is_gone_at_the_end(store: Store) -> None:
    run = begun(store)

    assert run.read_progress() is None
    with run.lock():
        run.write_progress(snapshot_of(run, 3))
        run.write_progress(snapshot_of(run, 4))
        said = store.find("latest").read_progress()
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

    assert Path(run.names.log).read_bytes() == b'{}\n{"a": 1}\n'


def test_a_report_takes_the_place_of_the_one_before(store: Store) -> None:
    run = begun(store)

    run.write_report("<html>old")
    place = run.write_report("<html>new Ü")

    assert place == run.names.report
    assert Path(place).read_text(encoding="utf-8") == "<html>new Ü"
