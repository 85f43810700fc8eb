"""A report as a file: written beside itself first, so that a reader never sees half of one."""

from pathlib import Path

from bulk_publisher.errors import BadSetting
from bulk_publisher.report.html_page import html_report, is_drawable
from bulk_publisher.report.story import read_story
from bulk_publisher.store.folder.files import FILE_MODE, replacing
from bulk_publisher.store.folder.run_folder import RunFolder

FILE = "report.html"
"""In a run's folder."""


def write_html(folders: list[RunFolder], path: Path, *, mode: int = 0o666) -> None:
    """The report on *folders* in *path*.

    Args:
        mode: Who may read it, before the umask.

    Raises:
        BadJournal: If a run can't be read.
        BadSetting: If the pictures can't be drawn, or *path* can't be written.
    """
    text = html_report([read_story(folder) for folder in folders])
    try:
        with replacing(path, is_forced=False, mode=mode) as file:
            file.write(text.encode())
    except OSError as error:
        raise BadSetting(f"{path}: the report can't be written: {error.strerror}.") from error


def leave_report(folder: RunFolder) -> Path | None:
    """A report in the run's own folder; None where its pictures can't be drawn here.

    Raises:
        BulkPublisherError: If the run can't be read, or the disk takes nothing.
    """
    if not is_drawable():
        return None
    path = folder.path / FILE
    write_html([folder], path, mode=FILE_MODE)
    return path
