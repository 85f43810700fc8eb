"""A report as a file: all of it or none, so that a reader never sees half of one."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from bulk_publisher.errors import BadSetting
from bulk_publisher.report.html_page import html_report, is_drawable
from bulk_publisher.report.story import Story, read_story
from bulk_publisher.store.files import replacing
from bulk_publisher.store.protocol import KeptRun


def write_html(stories: Iterable[Story], path: Path, *, of: int = 1) -> None:
    """The report on *stories*, *of* so many at most, in *path*.

    Raises:
        BadJournal: If a run can't be read.
        BadSetting: If the pictures can't be drawn, or *path* can't be written.
    """
    text = html_report(stories, of=of)
    with file_at(path) as file:
        file.write(text.encode())


@contextmanager
def file_at(path: Path) -> Iterator[BinaryIO]:
    """What is written here is *path* in the end, once all of it is.

    Raises:
        BadSetting: If it can't be written.
    """
    try:
        with replacing(path, is_forced=False, mode=0o666) as file:
            yield file
    except OSError as error:
        raise BadSetting(f"{path} can't be written: {error.strerror}.") from error


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """What is written here, as UTF-8, is *path* in the end.

    Raises:
        BadSetting: If it can't be written.
    """
    with file_at(path) as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        yield text
        text.flush()
        text.detach()


def leave_report(folder: KeptRun) -> str | None:
    """A report beside what is kept of the run, and where; None where its pictures can't be drawn here.

    Raises:
        BulkPublisherError: If the run can't be read, or nothing can be written.
    """
    return folder.write_report(html_report([read_story(folder)])) if is_drawable() else None
