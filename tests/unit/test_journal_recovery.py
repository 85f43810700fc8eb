"""A journal is read back, cut where a crash tore it, and refused where it is damaged."""

import errno
import os
import random
import shutil
from pathlib import Path

import pytest

from bulk_publisher.errors import BadJournal, JournalLost, RunBusy
from bulk_publisher.model import Epoch, Outcome, Page, PageId, Status
from bulk_publisher.store import KeptRun, open_store
from bulk_publisher.store.description import Description
from bulk_publisher.store.folder import run_lock
from bulk_publisher.store.folder.lines import read_standing
from bulk_publisher.store.folder.reader import read_outcomes, read_spent_since
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.run_lock import FolderLock
from bulk_publisher.store.folder.sent import SentPages, read_sent
from bulk_publisher.store.folder.writer import JournalWriter
from bulk_publisher.store.record import encode_outcomes
from bulk_publisher.store.standing import Place
from tests.outcomes import RUN, outcome

FOUR = [outcome(page) for page in range(1, 5)]
LAST_THREE = len(encode_outcomes(FOUR[1:]))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def standing_of(path: Path):
    bad: list[Outcome] = []
    return read_standing(path, RUN, on_bad=bad.append), bad


@pytest.mark.parametrize("missing", range(LAST_THREE))
def test_a_journal_cut_at_any_byte_keeps_its_whole_lines(tmp_path: Path, missing: int) -> None:
    data = encode_outcomes(FOUR)
    path = written(tmp_path / "outcomes.jsonl", data[: len(data) - missing])
    whole = path.read_bytes().count(b"\n")

    with JournalWriter(path) as writer:
        writer.append(FOUR[whole:])

    assert list(read_outcomes(path)) == FOUR
    assert writer.torn_bytes == (len(data) - missing) - len(encode_outcomes(FOUR[:whole]))


def test_damage_in_the_middle_is_named_by_its_line(tmp_path: Path) -> None:
    data = encode_outcomes(FOUR).replace(b'"page":2', b'"page":\x00')
    path = written(tmp_path / "outcomes.jsonl", data)

    with pytest.raises(BadJournal, match=r"outcomes\.jsonl:2: the line is damaged"):
        standing_of(path)


def test_a_line_of_another_run_is_kept_and_not_counted(tmp_path: Path) -> None:
    data = encode_outcomes([*FOUR, outcome(9, run="20260301T030000Z-aaaa")])
    path = written(tmp_path / "outcomes.jsonl", data)

    standing, _ = standing_of(path)

    assert list(standing.settled) == [1, 2, 3, 4]
    assert standing.foreign == 1
    assert path.read_bytes() == data


def test_a_field_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    data = encode_outcomes(FOUR).replace(b'{"time"', b'{"colour":"blue","time"')
    path = written(tmp_path / "outcomes.jsonl", data)

    standing, _ = standing_of(path)

    assert len(standing.settled) == 4


def test_bad_pages_are_told_one_by_one(tmp_path: Path) -> None:
    failed = outcome(5, status=Status.FAILED, error="LANDING_NOT_EXIST")
    path = written(tmp_path / "outcomes.jsonl", encode_outcomes([*FOUR, failed, failed]))

    standing, bad = standing_of(path)

    assert bad == [failed]
    assert standing.good == {Status.PUBLISHED: 4}
    assert standing.doubled == 1


def test_only_the_lines_since_a_moment_are_read_from_the_end(tmp_path: Path) -> None:
    path = written(tmp_path / "outcomes.jsonl", encode_outcomes(FOUR))

    spent = list(read_spent_since(path, "2026-03-01T03:00:03.000Z"))

    assert [line.time[17:19] for line in spent] == ["04", "03"]


def test_a_journal_that_was_removed_takes_no_more_lines(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    with JournalWriter(path) as writer:
        path.unlink()

        with pytest.raises(JournalLost):
            writer.append(FOUR)


def test_a_group_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outcomes.jsonl"

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with JournalWriter(path) as writer:
        writer.append(FOUR[:1])
        monkeypatch.setattr(os, "fdatasync", full)

        with pytest.raises(JournalLost, match="No space left"):
            writer.append(FOUR[1:])

    assert list(read_outcomes(path)) == FOUR[:1]


def test_pages_that_are_out_are_read_back_until_they_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    pages = [Page(PageId(number), was_active=False) for number in (1, 2, 3)]
    with SentPages(path) as sent:
        sent.add(pages[:2], None)
        sent.add(pages[1:], Place("--site 1", 3))

        assert read_sent(path) == ({page.id: page for page in pages}, Place("--site 1", 3))


def test_nothing_is_left_of_a_run_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"

    with SentPages(path, [Page(PageId(1))], Place("--site 1", 3)) as sent:
        sent.forget_all()

    assert list(tmp_path.iterdir()) == []


def test_pages_that_were_noted_ahead_and_never_left_are_not_out(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    pages = [Page(PageId(number)) for number in (1, 2, 3)]
    with SentPages(path) as sent:
        sent.add(pages[:1], None)
        assert sent.expect(pages) == pages[1:]
        sent.add(pages[1:], None)
        assert list(read_sent(path)[0]) == [1, 2, 3]
        assert sent.leave([PageId(2)])
        assert not sent.leave([PageId(4)])

    assert list(read_sent(path)[0]) == [1, 2]


def test_a_note_that_was_cut_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    with SentPages(path, [Page(PageId(1))]) as sent:
        sent.add([Page(PageId(2))], None)
        path.write_bytes(path.read_bytes()[:-5])

        pages, _ = read_sent(path)

    assert list(pages) == [1]


def test_a_damaged_note_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "sent.jsonl", b"{}\nnonsense\n{}\n")

    with pytest.raises(BadJournal, match=r"sent\.jsonl:2"):
        read_sent(path)


def test_a_second_process_is_told_who_has_the_lock(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    with FolderLock(folder), pytest.raises(RunBusy, match=f"pid {os.getpid()}"):
        FolderLock(folder).__enter__()


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    with FolderLock(folder):
        pass

    with FolderLock(folder) as lock:
        assert lock.doubt == ""


@pytest.mark.parametrize(
    ("mount", "kind"),
    [
        ("9 1 0:1 / / rw - ext4 /dev/sda rw", "ext4"),
        ("9 1 0:1 / /runs rw shared:1 - nfs4 host:/x rw,vers=4.2", "nfs4"),
        ("9 1 0:1 / /runs rw - nfs host:/x rw,nolock", "nfs with local locks"),
        ("9 1 0:1 / /runs rw - fuse.sshfs me@host: rw", "fuse.sshfs"),
        ("9 1 0:1 / /elsewhere rw - cifs //host/x rw", ""),
    ],
)
def test_the_file_system_of_a_folder_is_found(mount: str, kind: str) -> None:
    assert run_lock._kind_among([mount], Path("/runs/20260301T030000Z-1f2e")) == kind


def test_locks_that_other_machines_may_not_see_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = written(tmp_path / "mountinfo", b"9 1 0:1 / / rw - fuse.sshfs me@host: rw\n")
    monkeypatch.setattr(run_lock, "_MOUNTS", mounts)

    doubt = FolderLock(RunFolder(tmp_path)).doubt

    assert "this machine only" in doubt


def test_a_run_is_found_by_its_id_its_folder_and_latest(tmp_path: Path) -> None:
    run = made_run(tmp_path, 0.0)

    found = {open_store(tmp_path).find(name).place for name in (run.run_id, run.place, "latest")}

    assert found == {run.address}


def made_run(runs: Path, now: float, *, is_begun: bool = True) -> KeptRun:
    with open_store(runs).create(Epoch(now), random.Random(1)) as run:
        if is_begun:
            run.begin(Description(run=run.run_id))
    return run


def test_a_run_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    folder = made_run(tmp_path, 0.0)
    empty = made_run(tmp_path, 60.0, is_begun=False)

    with pytest.raises(BadJournal) as caught:
        open_store(tmp_path).find(empty.run_id)

    assert folder.run_id in caught.value.hint
    assert empty.run_id not in caught.value.hint


def test_the_latest_run_is_the_newest_that_is_there(tmp_path: Path) -> None:
    older, newest = made_run(tmp_path, 0.0), made_run(tmp_path, 60.0)
    made_run(tmp_path, 120.0, is_begun=False)

    assert open_store(tmp_path).find("latest").run_id == newest.run_id
    shutil.rmtree(newest.place)
    assert open_store(tmp_path).find("latest").run_id == older.run_id
