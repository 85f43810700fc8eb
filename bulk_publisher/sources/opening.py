"""Files that people name: how they are found, opened and read without waiting or reading for ever.

Whatever a name stands for - a device without end, a pipe that nobody writes to - ends in a line.
"""

import os
import re
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from bulk_publisher.store.files import refuse_planted
from bulk_publisher.text.shown import as_text

WRITER_IS_AWAITED = 10.0
"""Seconds in which a program must have begun to write to a pipe: a script starts both at once."""

MOST_OF_SETTINGS = 1 << 20
"""Bytes of a file that holds settings; the largest that make sense have a thousandth of that."""

_STEP = 0.05
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half characters that stand for no byte: no file has them in its name."""

_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")


class CannotRead(OSError):
    """A file that is there and can't be read; ``strerror`` says why."""

    def __init__(self, why: str) -> None:
        super().__init__(0, why)


def found(name: str) -> str:
    r"""The path of the file that is called *name*, as it was given or as `as_text` wrote it down.

    The file whose name has a real backslash wins; where there is none, it is *name* all the same.
    """
    escaped = _ESCAPED.sub(lambda match: chr(0xDC00 + int(match[1], 16)), name)
    paths = [*_bytes_of(name), *_bytes_of(escaped)]
    there = (path for path in paths if os.path.lexists(path))
    return os.fsdecode(next(there, paths[0]))


def _bytes_of(name: str) -> Iterator[bytes]:
    """*name* in the encoding of the locale, and in UTF-8, in which most names are."""
    with suppress(UnicodeEncodeError):
        yield os.fsencode(name)
    yield as_text(name).encode() if _LONE.search(name) else name.encode("utf-8", "surrogateescape")


def reason(error: OSError) -> str:
    """Why a file can't be read or written, in words."""
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "no permission"
        case IsADirectoryError():
            return "it is a folder"
        case _:
            return error.strerror or str(error)


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file called *name*, to be read; a pipe as soon as somebody writes to it.

    Raises:
        OSError: If it can't be opened, or nobody writes to it.
    """
    # A pipe without a writer would hold us in open(), where no signal is heeded.
    fd = os.open(found(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with _Raw(fd) as raw, BufferedReader(raw) as file:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(0, "it is a folder")
        if stat.S_ISFIFO(mode):
            raw.await_writer()
        os.set_blocking(fd, True)
        yield cast("BinaryIO", file)


class _Raw(RawIOBase):
    """A descriptor that is read, and closed with this."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._first = b""

    def fileno(self) -> int:
        return self._fd

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer is wider than what BufferedReader hands in
        count = len(self._first) or os.readv(self._fd, [buffer])
        if self._first:
            buffer[:count] = self._first
            self._first = b""
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()

    def await_writer(self) -> None:
        """Return when a pipe that does not block has a writer, or had one.

        Raises:
            CannotRead: If none comes.
        """
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        left = WRITER_IS_AWAITED
        # poll() is silent where there is no writer, and where one has nothing to say yet.
        while not waiting.poll(_STEP * 1000):
            try:
                self._first = os.read(self._fd, 1)
            except BlockingIOError:
                return
            left -= _STEP
            if self._first:
                return
            if left <= 0:
                raise CannotRead(f"it is a pipe, and in {WRITER_IS_AWAITED:g} s nobody wrote to it")


def read_settings(name: str, *, most: int = MOST_OF_SETTINGS) -> bytes:
    """All of a small file; one that is too large for what it is meant to be is not read on.

    Args:
        most: Bytes that it may have.

    Raises:
        OSError: If it can't be read, or somebody else has put it where anybody may write.
    """
    named = Path(found(name))
    for path in (named, named.resolve()):
        refuse_planted(path)
    with opened(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise CannotRead(f"it has over {most >> 20} MB")
    return content
