"""The bytes of a list of pages: read as often as need be, copied first if they can be read only once.

What is read has bounds: a device gives bytes for ever.
"""

import errno
import hashlib
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.opening import found, opened, reason

MOST_BYTES = 1 << 30
"""A list that is copied or unpacked may have so many: a hundred times a million pages."""

CHUNK = 1 << 18


class FileBytes:
    """An open file that can be read from the beginning over and over, also by several readers."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = fd
        weakref.finalize(self, os.close, fd)

    def open(self) -> BufferedReader:
        return BufferedReader(_Reading(self, self._fd), CHUNK)

    def fileno(self) -> int:
        """Its descriptor, for another process to read from the beginning."""
        return self._fd

    def size(self) -> int:
        """How many there are."""
        return os.fstat(self._fd).st_size

    def head(self) -> bytes:
        return os.pread(self._fd, 16, 0)

    def sha256(self) -> str:
        return hashlib.file_digest(self.open(), "sha256").hexdigest()


class _Reading(RawIOBase):
    """One reading of `FileBytes`, with a position of its own; keeps the file open while it lasts."""

    def __init__(self, of: FileBytes, fd: int) -> None:
        self._of = of
        self._fd = fd
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is wider than what BufferedReader hands in
        count = os.preadv(self._fd, [buffer], self._at)
        self._at += count
        return count


def head_of(path: str) -> bytes:
    """What the file at *path* begins with; nothing where that can't be told without using it up."""
    try:
        if not stat.S_ISREG(Path(found(path)).stat().st_mode):
            return b""
        with opened(path) as file:
            return file.read(16)
    except OSError:
        return b""


def open_bytes(path: str, name: str, *, kind: str, refuse: Callable[[bytes], None]) -> FileBytes:
    """The bytes of *path*, or of standard input where it is ``-``.

    Args:
        name: The file, for messages.
        kind: What it should be, for messages.
        refuse: Raises `BadSource` where the first bytes of what can be read only once are not those
            of such a file.

    Raises:
        BadSource: If they can't be copied, or there are too many.
        OSError: If they can't be read.
    """
    if path == "-":
        stdin: BinaryIO | None = getattr(sys.stdin, "buffer", None)
        if stdin is None:
            raise BadSource(f"{name} can't be read: it is closed")
        return _spooled(stdin, name, refuse)
    try:
        with opened(path) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return FileBytes(os.dup(file.fileno()), name)
            return _spooled(file, name, refuse)
    except IsADirectoryError as error:
        raise BadSource(f"{name} is a folder, not {kind}") from error


def _spooled(pipe: BinaryIO, name: str, refuse: Callable[[bytes], None]) -> FileBytes:
    """A copy of what can be read only once, as far as it may be a list of pages."""
    size = 0
    with spool_for(name) as spool:
        while chunk := pipe.read(CHUNK):
            if not size:
                refuse(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise too_large(name)
            try:
                spool.write(chunk)
                spool.flush()
            except OSError as error:
                raise no_copy(name, error) from error
        return FileBytes(os.dup(spool.fileno()), name)


def spool_for(name: str) -> BinaryIO:
    """A temporary file without a name, for what *name* holds; it is gone with the process.

    Raises:
        BadSource: If none can be made.
    """
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(prefix="bulk-publisher-"))
    except OSError as error:
        raise no_copy(name, error) from error


def no_copy(name: str, error: OSError) -> BadSource:
    """What is said where a copy of *name* can't be written."""
    # Python looks for a folder by itself, and has a long sentence where it finds none.
    is_nowhere = error.errno == errno.ENOENT
    why = "there is no writable temporary folder" if is_nowhere else reason(error)
    return BadSource(
        f"{name} can't be copied: {why}",
        "It is needed twice and can be read only once: set TMPDIR to a folder with enough space, or "
        "pass the list as a file.",
    )


def too_large(name: str) -> BadSource:
    """What is said of a list of over `MOST_BYTES`."""
    return BadSource(
        f"{name} is too large: over {MOST_BYTES >> 30} GB",
        "Is it a list of pages? Split it.",
    )
