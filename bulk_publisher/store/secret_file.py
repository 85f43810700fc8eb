"""A file with secrets that change: its owner's alone, replaced as a whole, under a lock beside it.

What is in it is none of its business. A new content is on disk, room for it included, before it takes
the old one's place; so whoever may not lose what he is about to be handed reserves that room first.
"""

import errno
import fcntl
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from bulk_publisher.errors import BadSetting
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.files import FOLDER_MODE, make_beside, open_own
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import as_text

LARGEST = 64 * 1024
"""Bytes of such a file."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HALF = re.compile(r"\.[0-9a-f]{16}\.new")


class Room(Protocol):
    """Room on the disk for a content that is yet to come."""

    def fill(self, content: bytes) -> None:
        """Keep *content* instead of what was kept; it is on disk when this returns.

        Raises:
            OSError: If the disk does not take it; then what was kept is kept.
        """
        ...


class SecretLock(Closing):
    """The lock of what is kept in one place, until it is closed or the process ends."""

    @property
    def is_ours(self) -> bool:
        """Whether it is certain that nobody else has it."""
        return True


class SecretFile:
    """One file of secrets."""

    def __init__(self, path: Path, *, holds: str = "tokens") -> None:
        """Nothing is opened yet.

        Args:
            holds: What that is, in a word.
        """
        self.path = path
        self._holds = holds

    @property
    def place(self) -> str:
        """How it is called."""
        return as_text(str(self.path))

    def read(self) -> bytes:
        """What is kept.

        Raises:
            BadSetting: If it can't be read, is another user's, or others may read or write it; with the
                command that mends it.
        """
        try:
            file = open_own(self.path, os.O_RDONLY)
        except OSError as error:
            raise BadSetting(f"{self.place}: can't be read: {_why(error)}.") from error
        with os.fdopen(file, "rb") as opened:
            self._check(os.fstat(file))
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadSetting(f"{self.place}: it is larger than {LARGEST // 1024} KiB.")
        return content

    def is_there(self) -> bool:
        """Whether anything is kept."""
        return os.path.lexists(self.path)

    def make_folder(self) -> None:
        """Make the folder that it is in, its owner's alone, where there is none.

        Raises:
            OSError: If it can't be made.
        """
        folder = self.path.parent
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            # Who keeps settings in git keeps no secrets there.
            (folder / ".gitignore").write_text("*\n", encoding="ascii")

    def write(self, content: bytes) -> None:
        """Keep *content* instead of what was kept.

        Raises:
            OSError: If the disk does not take it; then what was kept is kept.
        """
        with self.room(len(content)) as room:
            room.fill(content)

    def note(self, content: bytes) -> None:
        """Keep *content*, which says more of the same tokens.

        Raises:
            OSError: If the disk does not take it; then what was kept is kept.
        """
        self.write(content)

    def give_up(self) -> None:
        """The disk is waited for in any case: it answers, or fails."""

    @contextmanager
    def room(self, size: int) -> Iterator[Room]:
        """Room for *size* bytes, held on the disk until it is filled or the block ends.

        Raises:
            OSError: If there is none.
        """
        fresh, file = make_beside(self.path)
        filling = _Filling(self.path, fresh, file)
        try:
            _write_all(file, b"\n" * size)
            os.fsync(file)
            yield filling
        finally:
            os.close(file)
            if not filling.is_filled:
                with suppress(OSError):
                    fresh.unlink(missing_ok=True)

    def try_lock(self) -> SecretLock | None:
        """The lock of this file, until it is closed or the process ends; None where another has it.

        Raises:
            OSError: If there can be none.
        """
        lock = try_lock(self.path.with_name(f".{self.path.name}.lock"))
        if lock is not None:
            self._sweep()
        return lock

    def _check(self, found: os.stat_result) -> None:
        name = shlex.quote(self.place)
        if found.st_uid != os.geteuid():
            raise BadSetting(
                f"{self.place}: it belongs to another user, who could put other {self._holds} into it.",
                f"Make it yours with: sudo chown {os.geteuid()} {name}",
            )
        if stat.S_IMODE(found.st_mode) & _OTHERS:
            raise BadSetting(
                f"{self.place}: others on this machine may read or change the {self._holds} in it.",
                f"Protect it with: chmod 600 {name}",
            )

    def _sweep(self) -> None:
        """Remove what killed processes have left half written: there are secrets in it."""
        start = f".{self.path.name[:40]}"
        with suppress(OSError):
            for left in self.path.parent.glob(".*.new"):
                if left.name.startswith(start) and _HALF.fullmatch(left.name, len(start)):
                    left.unlink(missing_ok=True)


class _Filling:
    def __init__(self, path: Path, fresh: Path, file: int) -> None:
        self._path = path
        self._fresh = fresh
        self._file = file
        self.is_filled = False

    def fill(self, content: bytes) -> None:
        os.lseek(self._file, 0, os.SEEK_SET)
        _write_all(self._file, content)
        os.ftruncate(self._file, len(content))
        os.fsync(self._file)
        self._fresh.replace(self._path)
        self.is_filled = True
        _force_folder(self._path.parent)


class _Lock(SecretLock):
    def __init__(self, file: int) -> None:
        self._file = file

    def close(self) -> None:
        os.close(self._file)


def try_lock(path: Path) -> SecretLock | None:
    """The lock that the file at *path* stands for; None where another process has it.

    Raises:
        OSError: If there can be none.
    """
    file = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return None
        raise
    return _Lock(file)


def token_file(name: str, environment: Mapping[str, str]) -> Path:
    """Where the tokens of the portal called *name* are kept by default.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    return config_folder(environment) / "credentials" / f"{name}.json"


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _force_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _why(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "no permission"
        case _:
            return error.strerror or str(error)
