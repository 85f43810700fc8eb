"""Files of ours, opened so that nothing planted in their place does harm.

A run's folder may lie where others can write. What stands there under a name of ours may be a link to
a file of somebody's, a pipe that nobody writes to, a device without an end. So files of ours are
opened without following links, are regular files or are refused, are read up to a bound, and are
made for their owner alone. Every refusal is an ``OSError`` whose ``strerror`` says what is wrong.
"""

import errno
import os
import pwd
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

FOLDER_MODE = 0o700
"""Of a folder of ours: titles of pages, and what a portal said, are nobody else's."""
FILE_MODE = 0o600
OWN_UMASK = FOLDER_MODE ^ 0o777
LARGEST = 64 * 2**20
"""Bytes of a file that is read at once, and of a line of one: twice the largest answer of a portal."""

_BUFFER = 2**20
_WRITES = os.O_WRONLY | os.O_RDWR
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class _Umask:
    """Of the files of runs: as with the system's own, there is one a process."""

    bits: ClassVar[int] = OWN_UMASK


def share_by(umask: int) -> None:
    """Let others see the folders and files of runs that are made from now on; for the command line to say.

    Args:
        umask: What they may not, as of any program: 0o027 lets the group read. What the system's own
            umask forbids stays forbidden, and nobody but the owner ever writes.
    """
    _Umask.bits = umask | 0o022


def folder_mode() -> int:
    """Of a folder of a run."""
    return 0o777 & ~_Umask.bits


def file_mode() -> int:
    """Of a file in it."""
    return 0o666 & ~_Umask.bits


def refuse_planted(path: Path) -> None:
    """See that what stands at *path* is no trap: in a folder where anybody may write, it must be ours.

    It may be root's as well, and that of the folder's owner, who can do anything there anyway; a link
    is looked at as itself. As the kernel has it for links in ``/tmp`` (proc_sys_fs(5), protected_symlinks).

    Raises:
        OSError: If somebody else has put it there.
    """
    try:
        owner = path.lstat().st_uid
    except OSError:
        # What is not there, or can't be looked at, is told by whoever opens it.
        return
    _refuse_foreign(owner, path)


def is_planted(path: Path) -> bool:
    """Whether `refuse_planted` would refuse it."""
    try:
        refuse_planted(path)
    except OSError:
        return True
    return False


def open_own(path: Path, flags: int) -> int:
    """The descriptor of a file of ours; one that is made is its owner's alone.

    Args:
        flags: As for ``os.open``, without ``O_TRUNC``: nothing is emptied before it is known what it is.

    Raises:
        OSError: If it can't be opened, or is no regular file with this one name.
    """
    try:
        # Without O_NONBLOCK a pipe would be waited for, and Ctrl-C would wait too.
        file = os.open(
            path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, file_mode()
        )
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            raise OSError(error.errno, "it is a link to another file", str(path)) from error
        if error.errno in {errno.ENXIO, errno.ENODEV}:
            raise OSError(error.errno, "it is not a regular file", str(path)) from error
        raise
    try:
        _check(os.fstat(file), path, is_written=bool(flags & _WRITES))
    except OSError:
        os.close(file)
        raise
    return file


def open_to_read(path: Path) -> BinaryIO:
    """A file of ours, to be read a line at a time.

    Raises:
        OSError: As ``open_own``.
    """
    return os.fdopen(open_own(path, os.O_RDONLY), "rb", buffering=_BUFFER)


def read_own(path: Path, *, most: int = LARGEST) -> bytes:
    """All of a file of ours.

    Raises:
        OSError: As ``open_own``, or if it has more than *most* bytes.
    """
    with open_to_read(path) as file:
        return _read(file, path, most)


def is_readable_by_others(path: Path) -> bool:
    """Whether *path* is a regular file that others than its owner may read or write."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & _OTHERS)


def is_there(path: Path) -> bool:
    """Whether anything stands under that name, be it a link to nowhere."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        # Opening it says what is wrong.
        return True
    return True


def check_no_link(folder: Path) -> None:
    """See that *folder* is one itself.

    Raises:
        OSError: If it leads to another.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link to another folder", str(folder))


def what_to_do(error: OSError, otherwise: str) -> str:
    """About an *error* in writing a file of ours; *otherwise* where nothing stands in its way."""
    if error.errno in {errno.ELOOP, errno.EMLINK, errno.EINVAL, errno.EISDIR, errno.ENXIO}:
        return "Find out who put it there, then remove it or replace it with a regular file."
    return otherwise


@contextmanager
def replacing(path: Path, *, is_forced: bool, mode: int | None = None) -> Iterator[BinaryIO]:
    """What is written here is *path* in the end; whatever goes wrong leaves the old one alone.

    And it leaves nothing beside it: on a full disk that would take the room of what matters more.
    Only a process that is killed leaves its half; `sweep` finds it.

    Args:
        is_forced: It is on disk before it takes the place.
        mode: Who may read it, before the umask: 0o666 for a file that a person has named; None for
            a run's.

    Raises:
        OSError: If the disk does not take it.
    """
    fresh, file = make_beside(path, mode=mode)
    try:
        with os.fdopen(file, "wb") as opened:
            yield opened
            opened.flush()
            if is_forced:
                os.fsync(file)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def make_beside(path: Path, *, mode: int | None = None) -> tuple[Path, int]:
    """A new file in the folder of *path*, under a name that nobody can foresee, and its descriptor.

    Raises:
        OSError: If it can't be made.
    """
    fresh = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return fresh, os.open(fresh, flags, file_mode() if mode is None else mode)


def sweep(folder: Path) -> None:
    """Remove what killed processes have left half written in *folder*, which is locked."""
    with suppress(OSError):
        for left in folder.glob(".*.new"):
            left.unlink(missing_ok=True)


def _name_of(user: int) -> str:
    """Who *user* is, in words."""
    try:
        return f"the user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"the user {user}"


def _refuse_foreign(owner: int, path: Path) -> None:
    if owner in {os.geteuid(), 0}:
        return
    try:
        folder = path.parent.stat()
    except OSError:
        return
    if folder.st_mode & stat.S_IWOTH and owner != folder.st_uid:
        why = f"{_name_of(owner)} has put it into a folder where anybody may write"
        raise OSError(errno.EINVAL, why, str(path))


def _check(found: os.stat_result, path: Path, *, is_written: bool) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    _refuse_foreign(found.st_uid, path)
    if is_written and found.st_nlink > 1:
        # What is written would show under the other name, which may be anybody's file.
        raise OSError(errno.EMLINK, "it has a second name elsewhere (a hard link)", str(path))


def _read(file: BinaryIO, path: Path, most: int) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 2**20} MiB", str(path))
    return data
