"""The one writer of a journal: a page is settled when its line is on disk, not before.

Lines are written and forced to disk a group at a time. When that fails - a full disk, a file system
gone read-only - the group is taken back as far as possible and ``JournalLost`` says that nothing of
it counts.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Outcome
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.files import open_own, what_to_do
from bulk_publisher.store.folder.reader import whole_length
from bulk_publisher.store.record import encode_outcomes


class JournalWriter(Closing):
    """Appends outcomes to a journal. Invariant: the file ends with a whole line."""

    def __init__(self, path: Path) -> None:
        """Open *path*, make it if it is not there, and cut a torn last line.

        Raises:
            JournalLost: If it cannot be opened for writing.
        """
        self._path = path
        self.torn_bytes = 0
        """Bytes of a last line that a crash had cut short, removed on opening."""
        try:
            self._file = open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._length = whole_length(path)
            self.torn_bytes = os.fstat(self._file).st_size - self._length
            if self.torn_bytes:
                os.ftruncate(self._file, self._length)
            os.fsync(self._file)
            sync_folder(path.parent)
        except OSError as error:
            raise _lost(path, error) from error

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write a line for each outcome; when this returns they are on disk.

        Raises:
            JournalLost: If they are not, or that cannot be told.
        """
        try:
            write_all(self._file, encode_outcomes(outcomes))
            os.fdatasync(self._file)
            self._check_place()
        except OSError as error:
            self._take_back()
            raise _lost(self._path, error) from error
        self._length = os.fstat(self._file).st_size

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _check_place(self) -> None:
        """A file that was removed or replaced takes every line, and nobody will ever read them."""
        ours, there = os.fstat(self._file), self._path.lstat()
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            raise OSError(errno.ENOENT, "it was replaced by another file")

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._length)
            os.fsync(self._file)
        except OSError:
            # The disk takes nothing any more: what is torn now is cut when it is opened again.
            return


def write_all(file: int, data: bytes) -> None:
    """*data* into *file*, however many writes that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def sync_folder(folder: Path) -> None:
    """Have the names in *folder* on disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lost(path: Path, error: OSError) -> JournalLost:
    return JournalLost(
        f"{path}: the journal can't be written: {error.strerror}.",
        what_to_do(
            error,
            "Free some space or mount it for writing, then resume: pages without a line in it are redone.",
        ),
    )
