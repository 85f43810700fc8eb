"""Who has pressed what, in a file: a line of JSON each, appended and forced to disk."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.store.audit import Deed
from bulk_publisher.store.files import (
    FILE_MODE,
    folder_mode,
    is_there,
    open_own,
    open_to_read,
    refuse_planted,
    what_to_do,
)

_LONGEST_LINE = 64 * 1024
"""Bytes: nine texts of 1,000 characters, escaped, have fewer."""


class AuditFile:
    """``web-audit.jsonl``; it is made when something is to be kept, and its owner's alone whatever the umask."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._path = path

    def check(self) -> None:
        """Open it for one more line, and write none."""
        try:
            os.close(self._open())
        except OSError as error:
            raise self._lost(error) from error

    def append(self, deed: Deed) -> None:
        """Write a line."""
        line = msgspec.json.encode(deed) + b"\n"
        try:
            file = self._open()
            try:
                if not self._ends_a_line(file):
                    # A crash has cut the last one: what follows is a line of its own.
                    line = b"\n" + line
                # One write: where two processes append, their lines do not mix.
                written = os.write(file, line)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise self._lost(error) from error
        if written < len(line):
            raise self._lost(OSError(0, "it took only a part of the line"))

    def read(self) -> Iterator[Deed]:
        """The lines that are there."""
        if not is_there(self._path):
            return
        try:
            with closing(open_to_read(self._path)) as file:
                while line := file.readline(_LONGEST_LINE):
                    try:
                        yield msgspec.json.decode(line, type=Deed)
                    except (ValueError, RecursionError):
                        continue
        except OSError as error:
            raise BadJournal(f"{self._path}: can't be read: {error.strerror}.") from error

    def _open(self) -> int:
        for folder in (self._path.parent.parent, self._path.parent):
            folder.mkdir(folder_mode(), parents=True, exist_ok=True)
            refuse_planted(folder)
        file = open_own(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.fchmod(file, FILE_MODE)
        return file

    def _ends_a_line(self, file: int) -> bool:
        size = os.fstat(file).st_size
        return size == 0 or os.pread(file, 1, size - 1) == b"\n"

    def _lost(self, error: OSError) -> JournalLost:
        return JournalLost(
            f"{self._path}: can't be written: {error.strerror}.",
            what_to_do(error, "Free some space or mount it for writing."),
            error.strerror or str(error),
        )
