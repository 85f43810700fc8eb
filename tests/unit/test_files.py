"""What is planted where a file of ours should be is refused, and does no harm."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_publisher.errors import BadJournal, BulkPublisherError, JournalLost
from bulk_publisher.sources.opening import read_settings
from bulk_publisher.store import files
from bulk_publisher.store.description import Description
from bulk_publisher.store.files import open_own, read_own, replacing
from bulk_publisher.store.folder.credential_turn import CredentialTurn
from bulk_publisher.store.folder.folder_run import FolderLog, FolderRun
from bulk_publisher.store.folder.reader import read_outcomes, read_spent_since
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.run_lock import FolderLock, is_locked
from bulk_publisher.store.folder.sent import SentPages, read_sent
from bulk_publisher.store.folder.writer import JournalWriter

PRECIOUS = "precious\n"


def _link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "victim")


def _hard_link(path: Path) -> None:
    path.hardlink_to(path.parent.parent / "victim")


def _to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent.parent / "nowhere")


PLANTED: list[Callable[[Path], None]] = [_link, _hard_link, _to_nowhere, os.mkfifo, Path.mkdir]
NOT_READ = [_link, _to_nowhere, os.mkfifo, Path.mkdir]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "victim").write_text(PRECIOUS)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    return run


@pytest.fixture(autouse=True)
def _no_harm(folder: RunFolder):
    yield
    assert (folder.path.parent / "victim").read_text() == PRECIOUS
    assert not (folder.path.parent / "nowhere").exists()


@pytest.mark.parametrize("plant", PLANTED)
def test_a_lock_or_a_journal_that_is_none_of_ours_is_refused(folder: RunFolder, plant) -> None:
    plant(folder.path / "lock")
    plant(folder.journal)

    with pytest.raises(JournalLost, match="lock: can't be written"):
        FolderLock(folder).__enter__()
    with pytest.raises(JournalLost, match=r"outcomes\.jsonl"):
        JournalWriter(folder.journal)
    assert not is_locked(folder)


@pytest.mark.parametrize("plant", NOT_READ)
def test_what_is_read_back_is_a_file_of_its_own(folder: RunFolder, plant) -> None:
    for path in (folder.journal, folder.sent, folder.description):
        plant(path)

    reads: list[Callable[[], object]] = [
        FolderRun(folder.path).read_description,
        lambda: read_sent(folder.sent),
        lambda: list(read_outcomes(folder.journal)),
        lambda: list(read_spent_since(folder.journal, "")),
    ]
    for read in reads:
        with pytest.raises(BadJournal, match="can't be read"):
            read()


@pytest.mark.parametrize("plant", PLANTED)
def test_a_log_that_is_none_of_ours_is_not_written(folder: RunFolder, plant) -> None:
    plant(folder.log)

    with pytest.raises(OSError, match=r"link|regular|folder|directory"):
        FolderLog(folder.log)


@pytest.mark.parametrize("plant", PLANTED)
def test_the_state_of_a_turn_is_a_file_of_its_own(folder: RunFolder, plant) -> None:
    plant(folder.path / "turn")

    with pytest.raises(OSError, match=r"link|regular|folder|directory"):
        CredentialTurn(folder.path, "a")


def test_what_takes_a_place_goes_through_a_name_that_nobody_knows(folder: RunFolder) -> None:
    for name in ("run.json", "sent.jsonl", "limits.json", "report.html"):
        _link(folder.path / f"{name}.new")
        _link(folder.path / name)

    FolderRun(folder.path).write_description(Description(run="a"))
    SentPages(folder.sent).close()
    with replacing(folder.path / "limits.json", is_forced=False) as file:
        file.write(b"{}")

    assert FolderRun(folder.path).read_description().run == "a"
    assert not (folder.path / "limits.json").is_symlink()


def test_what_is_made_is_its_owners_alone(folder: RunFolder) -> None:
    FolderRun(folder.path).write_description(Description(run="a"))
    with FolderLock(folder), JournalWriter(folder.journal):
        SentPages(folder.sent)

        for path in folder.path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_what_a_killed_process_has_left_half_written_is_swept(folder: RunFolder) -> None:
    half, file = files.make_beside(folder.description)
    os.close(file)

    with FolderLock(folder):
        assert not half.exists()


def test_a_file_without_an_end_is_read_to_a_bound(folder: RunFolder) -> None:
    folder.description.write_bytes(b" " * 100)

    with pytest.raises(OSError, match="larger than"):
        read_own(folder.description, most=99)


def test_a_line_without_an_end_is_damage(folder: RunFolder, monkeypatch) -> None:
    monkeypatch.setattr("bulk_publisher.store.folder.reader.LARGEST", 1000)
    folder.journal.write_bytes(b"\0" * 5000 + b"\n")

    for read in (read_outcomes(folder.journal), read_spent_since(folder.journal, "")):
        with pytest.raises(BulkPublisherError, match="damaged"):
            list(read)


def test_a_pipe_that_a_person_has_named_is_read(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"https://a")
    os.close(theirs)

    assert read_settings(f"/dev/fd/{ours}") == b"https://a"
    os.close(ours)


def test_what_is_opened_stays_in_no_child(folder: RunFolder) -> None:
    file = open_own(folder.log, os.O_WRONLY | os.O_CREAT)
    assert not os.get_inheritable(file)
    os.close(file)
