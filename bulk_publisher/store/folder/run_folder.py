"""A run's folder: its name, its files, its lock, and which one is the latest.

``runs/<run-id>/`` holds ``run.json`` (what was asked for, and how it ended), ``outcomes.jsonl`` (the
journal), ``log.jsonl`` and ``lock``. One process at a time works in it: the lock is the kernel's and
ends with its process, so nothing is left behind by a crash.
"""

import errno
import fcntl
import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bulk_publisher.errors import BadJournal, BadSetting, JournalLost, RunBusy
from bulk_publisher.model import Epoch
from bulk_publisher.store.description import (
    Description,
    decode_description,
    encode_description,
)
from bulk_publisher.store.folder.closing import Closing
from bulk_publisher.store.folder.files import (
    FOLDER_MODE,
    open_own,
    read_own,
    replacing,
    sweep,
    what_to_do,
)
from bulk_publisher.store.folder.holders import NOBODY, Holder, read_holder, write_holder

LATEST = "latest"
"""The name of the link to the newest run."""
LOCK = "lock"
"""The file that a process holds, and has written its name into when it took it."""

_LOCAL_LOCKS = {"9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "smb3", "cifs", "vboxsf", "virtiofs"}  # fmt: skip
"""File systems shared with other machines whose locks those machines may not see. NFS is none of
them: its flock is the server's."""
_MOUNTS = Path("/proc/self/mountinfo")

_NAMED = 5
"""Runs that are named where several are meant."""
_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4}$")


def new_run_id(now: Epoch, rng: random.Random) -> str:
    """A name for a run that begins at *now*: ``20260301T030000Z-1f2e``."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{rng.randrange(16**4):04x}"


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path, run_id: str = "") -> None:
        """The run in *path*; nothing is read.

        Args:
            run_id: The run's name, where its folder has another: a copy of it has.
        """
        self.path = path
        self.run_id = run_id or path.name

    @property
    def name(self) -> str:
        """How its folder is called."""
        return self.path.name

    @property
    def is_copy(self) -> bool:
        """Whether the folder has another name than the run: somebody has copied or renamed it."""
        return self.run_id != self.name

    @property
    def journal(self) -> Path:
        """Its outcomes, a line each."""
        return self.path / "outcomes.jsonl"

    @property
    def log(self) -> Path:
        """What happened on the way, a line each."""
        return self.path / "log.jsonl"

    @property
    def description(self) -> Path:
        """The run as asked for, and its totals at the end."""
        return self.path / "run.json"

    @property
    def sent(self) -> Path:
        """The pages that are out and have no line yet."""
        return self.path / "sent.jsonl"

    @property
    def verdicts(self) -> Path:
        """What the portal said of each page when it was asked afterwards."""
        return self.path / "verify.jsonl"

    @property
    def again(self) -> Path:
        """The pages that are not as the journal says, and can be done again: a CSV."""
        return self.path / "again.csv"

    def read_description(self) -> Description:
        """What stands in ``run.json``.

        Raises:
            BadJournal: If it cannot be read, or is damaged; the words name the key.
        """
        try:
            return decode_description(read_own(self.description))
        except OSError as error:
            raise BadJournal(
                f"{self.description}: it can't be read: {error.strerror}.",
                "Is this a run's folder?",
            ) from error
        except ValueError as error:
            raise BadJournal(
                f"{self.description}: it is damaged: {error}.",
                "Look at it with a text editor: what is wrong there is to be as it was.",
            ) from error

    def write_description(self, description: Description) -> None:
        """Replace ``run.json``, all at once.

        Raises:
            OSError: If the disk does not take it; the old one is still there.
        """
        with replacing(self.description, is_forced=True) as file:
            file.write(encode_description(description))


@contextmanager
def kept_if_begun(folder: RunFolder) -> Iterator[None]:
    """Remove *folder* if no run could be described in it: nothing was begun there."""
    try:
        yield
    except BaseException:
        if not folder.description.exists():
            with suppress(OSError):
                (folder.path / LOCK).unlink(missing_ok=True)
                folder.path.rmdir()
        raise


def create_folder(runs: Path, now: Epoch, rng: random.Random) -> RunFolder:
    """Make the folder of a new run below *runs*.

    Raises:
        BadSetting: If that cannot be done.
    """
    try:
        runs.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        while True:
            path = runs / new_run_id(now, rng)
            try:
                path.mkdir(FOLDER_MODE)
            except FileExistsError:
                continue
            return RunFolder(path)
    except OSError as error:
        raise BadSetting(
            f"{runs}: no folder for the run can be made there: {error.strerror}.",
            "Name another place with --runs or BULK_PUBLISHER_RUNS.",
        ) from error


def find_folder(name: str, runs: Path) -> RunFolder:
    """The run that *name* stands for: a folder, a run's id below *runs* or its beginning, or ``latest``.

    Raises:
        BadJournal: If there is none, or several begin so.
    """
    for path in (runs / name, Path(name)):
        # What is too long for a name is none.
        with suppress(OSError):
            if name and (path / "run.json").is_file():
                return folder_at(path.resolve())
    known = known_runs(runs)
    begun_so = [run for run in known if name and run.startswith(name)]
    if len(begun_so) == 1:
        return folder_at((runs / begun_so[0]).resolve())
    if begun_so:
        more = f", and {len(begun_so) - _NAMED} more" if len(begun_so) > _NAMED else ""
        raise BadJournal(
            f"{name}: {len(begun_so)} runs in {runs} begin so: {', '.join(begun_so[:_NAMED])}{more}.",
            "Name one of them in full.",
        )
    if name == LATEST and known:
        # The newest was removed, or links can't be made there.
        return folder_at((runs / known[0]).resolve())
    hint = (
        f"The newest runs there: {', '.join(known[:3])}." if known else "There is no run there yet."
    )
    raise BadJournal(f"{name}: no such run in {runs}.", hint)


def folder_at(path: Path) -> RunFolder:
    """The run in *path*, by the name that it gives itself; by its folder's where it gives none.

    A run that is copied is still that run: its lines have its name, and not the folder's.
    """
    try:
        return RunFolder(path, RunFolder(path).read_description().run)
    except BadJournal:
        # Whoever wants to know more of it is told what is wrong.
        return RunFolder(path)


def known_runs(runs: Path) -> list[str]:
    """The IDs of the runs below *runs*, the newest first."""
    folders = (path.parent for path in runs.glob("*/run.json"))
    return sorted((one.name for one in folders if _RUN_ID.match(one.name)), reverse=True)


def point_latest(folder: RunFolder) -> None:
    """Let ``latest`` point at *folder*, all at once; where links cannot be made, there is none."""
    fresh = folder.path.parent / f".{LATEST}-{folder.run_id}"
    try:
        fresh.symlink_to(folder.path.name)
        fresh.replace(folder.path.parent / LATEST)
    except OSError:
        fresh.unlink(missing_ok=True)


class FolderLock(Closing):
    """Held while a process works in a run's folder; it dies with its process."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.path / LOCK
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
                f"{self._path}: it can't be written: {error.strerror}.",
                what_to_do(error, "Make room or mount it for writing."),
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = read_holder(self._file)
            os.close(self._file)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise RunBusy(
                    f"{self._path.parent}: another process is at work in it ({holder.words}).",
                    holder.what_to_do,
                ) from error
            raise BadSetting(
                f"{self._path}: this file system keeps no locks: {error.strerror}.",
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
        return f"The runs are on {kind}, where locks hold on this machine only: don't resume them from another one meanwhile."

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)


def holder_of(folder: RunFolder) -> Holder:
    """Who works in *folder*, or did so last."""
    try:
        file = open_own(folder.path / LOCK, os.O_RDONLY)
    except OSError:
        return NOBODY
    try:
        return read_holder(file)
    finally:
        os.close(file)


def is_locked(folder: RunFolder) -> bool:
    """Whether a process is at work in *folder* now."""
    try:
        file = open_own(folder.path / LOCK, os.O_RDONLY)
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
