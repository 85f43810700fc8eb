"""A file takes another's place whole or not at all, and leaves nothing beside it."""

from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting, JournalLost
from bulk_publisher.report import writing
from bulk_publisher.store.description import Description
from bulk_publisher.store.files import replacing
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.folder.run_folder import RunFolder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    return path


@pytest.mark.parametrize("is_forced", [True, False])
def test_what_is_written_is_in_its_place_afterwards(old: Path, is_forced: bool) -> None:
    with replacing(old, is_forced=is_forced) as file:
        file.write(b"new")
        assert old.read_bytes() == b"old"

    assert old.read_bytes() == b"new"
    assert [*old.parent.iterdir()] == [old]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_one_and_nothing_else(
    old: Path, error: BaseException
) -> None:
    def write() -> None:
        with replacing(old, is_forced=True) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        write()

    assert old.read_bytes() == b"old"
    assert [*old.parent.iterdir()] == [old]


def test_a_report_that_can_t_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "html_report", lambda _stories, of: "<html>")
    taken = tmp_path / "report.html"
    taken.mkdir()

    with pytest.raises(BadSetting, match="can't be written"):
        writing.write_html([], taken)

    assert [*tmp_path.iterdir()] == [taken]


def test_a_description_that_can_t_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.description.mkdir()

    with pytest.raises(JournalLost, match="directory"):
        FolderRun(tmp_path).write_description(Description(run="a"))

    assert [*tmp_path.iterdir()] == [folder.description]
