"""What a run's folder holds, byte for byte; and that older folders are read.

``folders/`` was written before there was a protocol of stores.
"""

import errno
import fcntl
import json
import os
import random
import shutil
from pathlib import Path

import msgspec
import pytest

from bulk_publisher.errors import BadJournal, BadSetting
from bulk_publisher.limits.handover import BasketLeft, Handover, LimitLeft, MeterLeft
from bulk_publisher.log import show_by
from bulk_publisher.model import Action, Epoch, Mono, Page, PageId, Scope, SiteId, Status
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store import KeptRun, machine_state, open_store
from bulk_publisher.store.agenda import Order
from bulk_publisher.store.description import (
    Description,
    FinalTotals,
    KeptLimits,
    SelectedCounts,
)
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.heard import Bar, Snapshot, Wait
from bulk_publisher.store.totals import Totals
from bulk_publisher.store.verdicts import judge
from tests.folders import files_of
from tests.outcomes import outcome
from tests.store.making import standing_of

FOLDERS = Path(__file__).with_name("folders")
NOW, OLD = "20260301T030000Z-1f2e", "20250301T030000Z-0a0b"
LEFT = Handover(
    requests=7.0,
    operating_limit=LimitLeft(limit=480.0, ago=1.0),
    meters={"batch": MeterLeft(told=None, baskets=(BasketLeft(spent=1.0, leaves_in=2.0, may_leave_in=1.0),))},
)  # fmt: skip
DESCRIPTION = Description(
    run=NOW,
    version="0.1.0",
    schema="1.0",
    portal="example.bitrix24.com",
    user=1,
    plan="Professional",
    limits=KeptLimits(capacity=50, drain=2, operating=480),
    started="2026-03-01T03:00:00.000Z",
    seed=7,
    folder="/srv",
    selected=SelectedCounts(total=3, duplicates=1, bad_rows=0, sha256="ab" * 32),
    totals=FinalTotals(
        counts={Status.PUBLISHED: 1}, left=2, seconds=1.5, cost=0.5, waited={"operating": 0.25}
    ),
).with_job({"name": "a", "select": {"page": ["1-3"]}})
LINES = [
    outcome(1, run=NOW),
    outcome(3, run=NOW, status=Status.UNKNOWN, error="X"),
]
SENT = [
    Page(PageId(1), scope=None, source="pages.csv:2", title="Über uns", was_active=False),
    Page(PageId(2), scope=Scope.KNOWLEDGE, source="pages.csv:3", site=SiteId(4)),
]
SNAPSHOT = Snapshot(
    run=NOW, portal="example.bitrix24.com", time=1772334000.0, pages=2, total=3,
    counts={"published": 1}, errors={"X": 1}, bad=1, seconds=3.0, rate=1.5,
    operating=Bar(level=1.0, limit=480.0), requests=None,
    waiting=Wait(until=None, limit="outage", because="the portal"),
    arrives_at=1772334009.0, last_failures=("page 3: X",),
)  # fmt: skip


async def written(folder: Path) -> KeptRun:
    """All of a run, as it stands where its process was killed."""
    run = FolderRun(folder)
    files_of(run).path.mkdir()
    run.begin(DESCRIPTION)
    with run.record(Totals()) as recording:
        await recording.note_sent(SENT)
        await recording.append(LINES)
    with run.replace_verdicts() as keep:
        keep(judge(LINES[1], None, time="2026-03-01T04:00:00.000Z"))
    run.write_again({Scope.KNOWLEDGE: PageSet([3, 1]), None: PageSet([7])})
    run.write_progress(SNAPSHOT)
    return run


async def test_what_is_written_is_what_was_written_before(tmp_path: Path) -> None:
    await written(tmp_path / NOW)

    for file in sorted((FOLDERS / NOW).iterdir()):
        # Version 1.1 of a line ends with what the page carries of its list; and portals have names now.
        new = (tmp_path / NOW / file.name).read_bytes().replace(b',"row":null}\n', b"}\n")
        new = new.replace(b',"portal_name":null}', b"}")
        assert new == file.read_bytes(), file.name
    assert {path.name for path in (tmp_path / NOW).iterdir()} == {
        file.name for file in (FOLDERS / NOW).iterdir()
    }


def test_how_limits_are_left_is_written_as_it_was(tmp_path: Path) -> None:
    with machine_state({"XDG_STATE_HOME": str(tmp_path)}).turn("a", "s", portal="a") as sharing:
        assert sharing.turn is not None
        sharing.turn.try_take()
        sharing.turn.give(LEFT, Mono(1.0), Epoch(2.0))

    old, new = (
        json.loads(path.read_bytes())
        for path in (FOLDERS / "limits.json", tmp_path / "bulk-publisher" / "a" / "limits.json")
    )
    assert list(new) == list(old)
    assert new | {"boot": old["boot"]} == old


def test_limits_that_were_left_before_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "bulk-publisher" / "a"
    folder.mkdir(parents=True)
    shutil.copy(FOLDERS / "limits.json", folder)

    with machine_state({"XDG_STATE_HOME": str(tmp_path)}).turn("a", "t", portal="a") as sharing:
        assert sharing.turn is not None
        left = sharing.turn.left_by_other(Mono(50.0), Epoch(12.0))

    assert left == (LEFT, 40.0)


def test_a_folder_that_was_written_before_is_read() -> None:
    run = open_store(FOLDERS).find(NOW)

    told = run.read_description()
    assert msgspec.structs.replace(told, kept={}) == msgspec.structs.replace(DESCRIPTION, kept={})
    assert list(run.outcomes()) == LINES
    assert sorted(standing_of(run).settled) == [1, 3]
    assert list(run.read_notes()[0].values()) == SENT
    assert run.still_out() == SENT[1:]
    assert run.read_verdicts() == {3: Status.FAILED}


async def test_a_folder_of_an_older_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    shutil.copytree(FOLDERS / OLD, tmp_path / OLD)
    run = open_store(tmp_path).find("latest")

    told = run.read_description()
    assert (told.job.name, told.job.action, told.is_whole) == ("old", Action.PUBLISH, False)
    assert told.selected == SelectedCounts()
    assert [line.page for line in run.outcomes()] == [1]
    assert [page.id for page in run.still_out()] == [2]
    assert run.read_verdicts() == {}
    with run.lock():
        run.write_description(msgspec.structs.replace(told, ended="2025-03-01T04:00:00Z"))
        with run.record(Totals()) as recording:
            assert recording.torn_bytes == len('{"time":"2025-03-01T03:00:02.000Z","run":"2025')
            await recording.append([outcome(2, run=OLD)])

    assert [mark.page for mark in run.marks()] == [1, 2]
    again = json.loads((tmp_path / OLD / "run.json").read_bytes())
    assert again["of_a_later_version"] == [1]
    assert again["ended"] == "2025-03-01T04:00:00Z"


async def test_a_line_that_a_crash_has_cut_is_removed_and_counted(tmp_path: Path) -> None:
    run = await written(tmp_path / NOW)
    journal = files_of(run).journal
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"time":"2026')

    assert list(run.outcomes()) == LINES
    with run.lock(), run.record(Totals()) as recording:
        assert recording.torn_bytes == 13
    assert journal.read_bytes() == whole


async def test_a_copy_knows_whose_it_is(tmp_path: Path) -> None:
    run = await written(tmp_path / NOW)
    shutil.copytree(run.place, tmp_path / "COPY")

    copied = open_store(tmp_path).find("COPY")

    assert copied.is_copy
    assert (copied.run_id, copied.name) == (NOW, "COPY")
    assert sorted(standing_of(copied).settled) == [1, 3]
    assert [one.name for one in open_store(tmp_path).runs()] == [NOW]


async def test_a_run_that_is_damaged_is_listed_and_says_so(tmp_path: Path) -> None:
    run = await written(tmp_path / NOW)
    shutil.copytree(FOLDERS / OLD, tmp_path / OLD)
    files_of(run).description.write_text("{")

    older, damaged = sorted(open_store(tmp_path).runs(), key=lambda one: one.name)
    with pytest.raises(BadJournal, match="it is damaged") as caught:
        damaged.read_description()

    assert run.names.description in caught.value.message
    assert older.read_description().run == OLD


async def test_progress_of_a_process_that_is_gone_is_no_word_of_the_next(tmp_path: Path) -> None:
    run = await written(tmp_path / NOW)
    with run.lock():
        pass
    assert run.read_progress() is None

    with run.lock():
        run.write_progress(SNAPSHOT)
        assert run.read_progress() is not None


def test_a_place_that_can_t_be_written_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()

    with (
        pytest.raises(BadSetting, match="can't create a run folder there"),
        open_store(tmp_path / "runs").create(Epoch(0.0), random.Random(1)),
    ):
        pass


def test_a_relative_folder_for_state_is_ignored(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    with machine_state({"XDG_STATE_HOME": "here"}).turn("a", "1", portal="a") as sharing:
        assert sharing.turn is not None

    assert not (tmp_path / "here").exists()
    assert (tmp_path / "home/.local/state/bulk-publisher/a").is_dir()


def test_an_order_is_read_once_and_a_damaged_one_is_told_once(tmp_path: Path) -> None:
    agenda = open_store(tmp_path).agenda
    with agenda.order("good-1") as book:
        book.close(Order(name="good-1", at=9.0, submitted=1.0))
    bad = tmp_path / "serve/orders/bad-1/order.json"
    bad.parent.mkdir()
    bad.write_text("{")
    told: list[object] = []

    show_by(lambda event: told.append((event["event"], event["order"])))
    try:
        looks = [[order.name for order in agenda.orders()] for _ in range(3)]
    finally:
        show_by(None)
    agenda.remove_order("good-1")

    assert looks == [["good-1"]] * 3
    assert told == [("order.damaged", "bad-1")]
    assert agenda.orders() == []


def test_where_the_file_system_keeps_no_locks_no_daemon_is_said_to_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int, _kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    agenda = open_store(tmp_path).agenda

    with (
        pytest.raises(BadSetting, match="does not support locks: No locks available") as caught,
        agenda.serving(lambda: None),
    ):
        pass

    assert "--runs" in caught.value.hint
    assert not agenda.is_served
