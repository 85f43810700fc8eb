"""The lock of a run's folder: one process at a time works in it.

It is the kernel's and ends with its process, so nothing is left behind by a crash.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

from bulk_publisher.errors import BadSetting, JournalLost, RunBusy
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.files import open_own, sweep, what_to_do
from bulk_publisher.store.folder.holders import NOBODY, LockHolder, read_holder, write_holder
from bulk_publisher.store.folder.run_folder import RunFolder

_LOCAL_LOCKS = {"9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "smb3", "cifs", "vboxsf", "virtiofs"}  # fmt: skip
"""File systems shared with other machines whose locks those machines may not see. NFS is none of
them: its flock is the server's."""
_MOUNTS = Path("/proc/self/mountinfo")


class FolderLock(Closing):
    """Held while a process works in a run's folder; it dies with its process."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.lock
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            RunBusy: If another process has it.
            BadSetting: If the file system keeps no locks.
            JournalLost: If it takes no files.
        """
        try:
            self._file = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise JournalLost(
                f"{self._path}: can't be written: {error.strerror}.",
                what_to_do(error, "Free some space or mount it for writing."),
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = read_holder(self._file)
            os.close(self._file)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise RunBusy(
                    f"{self._path.parent}: another process is using it ({holder.words}).",
                    holder.what_to_do,
                ) from error
            raise BadSetting(
                f"{self._path}: this file system does not support locks: {error.strerror}.",
                "Put the runs on another one with --runs.",
            ) from error
        write_holder(self._file)
        sweep(self._path.parent)
        return self

    @property
    def doubt(self) -> str:
        """Why a process on another machine might not see the lock; empty where it does."""
        kind = _kind_of_disk(self._path.parent)
        if kind not in _LOCAL_LOCKS and "local locks" not in kind:
            return ""
        return f"The runs are on {kind}, where locks hold on this machine only: don't resume them from another machine meanwhile."

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)


def holder_of(folder: RunFolder) -> LockHolder:
    """Who works in *folder*, or did so last."""
    try:
        file = open_own(folder.lock, os.O_RDONLY)
    except OSError:
        return NOBODY
    try:
        return read_holder(file)
    finally:
        os.close(file)


def is_locked(folder: RunFolder) -> bool:
    """Whether a process is at work in *folder* now."""
    try:
        file = open_own(folder.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EWOULDBLOCK, errno.EACCES}
    finally:
        os.close(file)
    return False


def _kind_of_disk(folder: Path) -> str:
    """The file system that *folder* is on, with the kernel's word; empty where it does not tell."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        there = folder.resolve()
    except OSError:
        return ""
    return _kind_among(mounts, there)


def _kind_among(mounts: list[str], there: Path) -> str:
    best, kind = -1, ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        point = before.split(" ")[4].replace("\\040", " ")
        if there.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
            options = after.rpartition(" ")[2].split(",")
            if kind.startswith("nfs") and {"nolock", "local_lock=all", "local_lock=flock"} & {
                *options
            }:
                kind = f"{kind} with local locks"
    return kind
