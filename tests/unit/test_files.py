"""What is planted where a file of ours should be is refused, and does no harm."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from bulk_publisher.errors import BadJournal, BadSetting, BulkPublisherError, JournalLost
from bulk_publisher.jobs import Secret
from bulk_publisher.model import Epoch, PageId
from bulk_publisher.operations.plan_file import check_replaceable
from bulk_publisher.operations.secrets import doubt_of, read_webhook
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.report.writing import text_file
from bulk_publisher.sources.opening import read_settings
from bulk_publisher.store import files, machine_state, open_store
from bulk_publisher.store.description import Description
from bulk_publisher.store.files import OWN_UMASK, open_own, read_own, replacing, share_by
from bulk_publisher.store.folder.credential_turn import CredentialTurn
from bulk_publisher.store.folder.folder_run import FolderLog, FolderRun
from bulk_publisher.store.folder.reader import read_outcomes, read_spent_since
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.run_lock import FolderLock, is_locked
from bulk_publisher.store.folder.sent import SentPages, read_sent
from bulk_publisher.store.folder.writer import JournalWriter
from bulk_publisher.store.totals import Totals

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


@pytest.fixture
def anybodys(tmp_path: Path) -> Path:
    """A folder like /tmp, where anybody may write. Files of others are made as root, who tests."""
    if os.geteuid() != 0:
        pytest.fail("these tests give files away, which only root can: run them as root")
    folder = tmp_path / "anybodys"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


NOBODY = 65534


def _of_nobody(path: Path) -> Path:
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return path


def _run_in(folder: Path, name: str = "20261126T211613Z-f2c1") -> Path:
    run = folder / name
    run.mkdir()
    FolderRun(run).write_description(Description(run=name))
    return run


def test_a_file_of_somebody_else_where_anybody_may_write_is_neither_read_nor_written(
    anybodys,
) -> None:
    path = anybodys / "outcomes.jsonl"
    path.write_text(PRECIOUS)
    _of_nobody(path)

    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_APPEND):
        with pytest.raises(OSError, match="the user nobody has put it into a folder where anybody"):
            open_own(path, flags)
    assert path.read_text() == PRECIOUS


def test_a_file_of_somebody_else_in_a_folder_of_theirs_is_read(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(PRECIOUS)
    _of_nobody(path)
    _of_nobody(tmp_path)

    assert read_own(path).decode() == PRECIOUS


def _planted_run(folder: Path) -> str:
    return _of_nobody(_run_in(folder)).name


def _planted_latest(folder: Path) -> str:
    elsewhere = folder.parent / "theirs"
    elsewhere.mkdir()
    _of_nobody(_run_in(elsewhere))
    (folder / "latest").symlink_to(elsewhere / "20261126T211613Z-f2c1")
    _of_nobody(folder / "latest")
    return "latest"


@pytest.mark.parametrize("plant", [_planted_run, _planted_latest])
def test_a_run_that_somebody_else_has_put_there_is_not_found(anybodys: Path, plant) -> None:
    name = plant(anybodys)
    store = open_store(anybodys)

    with pytest.raises(BadJournal, match="the user nobody has put it into a folder where anybody"):
        store.find(name)
    assert store.runs() == []


def test_runs_are_not_put_into_a_folder_of_somebody_else(anybodys: Path) -> None:
    (anybodys / "runs").mkdir()
    _of_nobody(anybodys / "runs")
    store = open_store(anybodys / "runs")

    with pytest.raises(BadSetting, match="the user nobody"), store.create(Epoch(0), Random(1)):
        pass
    assert [*(anybodys / "runs").iterdir()] == []


def test_a_run_of_ours_is_found_where_anybody_may_write(anybodys: Path) -> None:
    run = _run_in(anybodys)
    (anybodys / "latest").symlink_to(run.name)

    assert open_store(anybodys).find("latest").run_id == run.name


@pytest.mark.parametrize("name", ["bulk-publisher", "bulk-publisher/a"])
def test_a_folder_of_state_of_somebody_else_is_not_used(anybodys: Path, name: str) -> None:
    planted = anybodys / name
    planted.mkdir(parents=True)
    _of_nobody(planted)
    if planted.parent != anybodys:
        planted.parent.chmod(0o1777)

    with machine_state({"XDG_STATE_HOME": str(anybodys)}).turn("a", "b", portal="a") as sharing:
        assert sharing.turn is None
        assert "the user nobody has put it" in sharing.doubt
    assert [*planted.iterdir()] == []


@pytest.mark.parametrize(("mode", "is_doubted"), [(0o600, False), (0o640, True), (0o602, True)])
def test_a_webhook_that_others_may_see_is_told_with_what_mends_it(tmp_path: Path, mode: int, is_doubted: bool) -> None:  # fmt: skip
    hook = tmp_path / "my hook"
    hook.touch()
    hook.chmod(mode)

    doubt = doubt_of(Secret(file=str(hook)))

    assert doubt.endswith(f"Protect it with: chmod 600 '{hook}'") is is_doubted


def _as_link(path: Path) -> None:
    target = path.parent.parent / "target"
    target.write_text("https://a")
    path.symlink_to(target)


@pytest.mark.parametrize("plant", [lambda path: path.write_text("https://a"), _as_link, os.mkfifo], ids=["file", "link", "pipe"])  # fmt: skip
def test_settings_that_somebody_else_has_put_there_are_not_read(anybodys: Path, plant) -> None:
    plant(anybodys / "hook")
    _of_nobody(anybodys / "hook")

    with pytest.raises(OSError, match="the user nobody"):
        read_settings(str(anybodys / "hook"))
    with pytest.raises(BadSetting, match="the webhook can't be read from it: the user nobody"):
        read_webhook(Secret(file=str(anybodys / "hook")), {})
    with pytest.raises(BadSetting, match="the plan can't be written"):
        check_replaceable(anybodys / "hook")


def test_a_file_that_is_written_takes_the_place_of_a_link_and_leaves_its_target(
    anybodys: Path,
) -> None:
    victim = anybodys.parent / "victim"
    (anybodys / "out.csv").symlink_to(victim)
    _of_nobody(anybodys / "out.csv")

    with text_file(anybodys / "out.csv") as file:
        file.write("id\n")

    assert not (anybodys / "out.csv").is_symlink()
    assert victim.read_text() == PRECIOUS


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o002)
    yield
    os.umask(before)
    share_by(OWN_UMASK)


def _modes(folder: Path) -> set[tuple[bool, int]]:
    return {(one.is_dir(), stat.S_IMODE(one.stat().st_mode)) for one in (folder, *folder.rglob("*"))}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "folders", "files_"), [(None, 0o700, 0o600), (0o027, 0o750, 0o640), (0o022, 0o755, 0o644), (0o000, 0o755, 0o644)]
)  # fmt: skip
def test_a_run_is_its_owners_alone_unless_told_otherwise(
    umask: None, tmp_path: Path, told: int | None, folders: int, files_: int
) -> None:
    if told is not None:
        share_by(told)
    store = open_store(tmp_path / "new" / "runs")

    with store.create(Epoch(0), Random(1)) as run:
        run.begin(Description(run=run.run_id))
        run.write_report("<html>")
        run.write_again({None: PageSet([PageId(1)])})
        run.open_log().close()
        with run.record(Totals()):
            pass

    assert _modes(tmp_path / "new" / "runs") == {(True, folders), (False, files_)}
