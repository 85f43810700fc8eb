"""What a daemon keeps, in a folder beside the runs: ``serve/plan.json``, ``serve/orders/NAME/``, ``serve/lock``.

What people were told of a job is beside it, in ``serve/told/JOB.json``: a run without a daemon tells, too.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from bulk_publisher.clock import utc_now
from bulk_publisher.errors import BadJournal, BadSetting, JournalLost, RunBusy
from bulk_publisher.log import log
from bulk_publisher.store.agenda import NO_SLOTS, Order, Slot, Told
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import (
    folder_mode,
    is_there,
    open_own,
    read_own,
    refuse_planted,
    replacing,
)
from bulk_publisher.store.folder.holders import read_holder, write_holder

_ORDER = "order.json"
_LIST = re.compile(r"[^A-Za-z0-9._-]+")
"""What a copy's name does without."""
_LEFT_AFTER = 60.0
"""Seconds after which a folder that is no order yet is none any more: to make one takes milliseconds."""


class FolderAgenda:
    """The agenda in one folder; it is made when something is to be kept."""

    def __init__(self, path: Path) -> None:
        """Nothing is looked at yet."""
        self._path = path
        # An order never changes once it is there, and a daemon looks at them each second.
        self._read: dict[str, Order | None] = {}
        self._slots: dict[str, Slot] | None = None

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._path)

    @property
    def is_shared(self) -> bool:
        """One daemon serves a folder."""
        return False

    @property
    def lists(self) -> str:
        """The same: the lists of orders are in it."""
        return self.place

    @contextmanager
    def serving(self, on_standstill: Callable[[], None]) -> Iterator[None]:
        """Hold ``lock``; the hold ends with its process."""
        try:
            self._make(self._path)
            opened = open_own(self._lock, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise BadSetting(f"{self._lock}: can't be written: {error.strerror}.") from error
        with os.fdopen(opened, "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if not _is_held(error):
                    raise BadSetting(
                        f"{self._lock}: this file system does not support locks: {error.strerror}.",
                        "Put the runs on another one with --runs.",
                    ) from error
                holder = read_holder(file.fileno())
                raise RunBusy(
                    f"{self._path.parent}: another daemon serves these runs ({holder.words}).",
                    holder.what_to_do,
                ) from error
            write_holder(file.fileno())
            yield

    @property
    def is_served(self) -> bool:
        """Whether a process holds ``lock``."""
        try:
            file = open_own(self._lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return _is_held(error)
        finally:
            os.close(file)
        return False

    def read_slots(self) -> dict[str, Slot]:
        """What stands in ``plan.json``."""
        path = self._plan
        try:
            slots = (
                msgspec.json.decode(read_own(path), type=dict[str, Slot]) if is_there(path) else {}
            )
        except OSError as error:
            raise BadJournal(f"{path}: can't be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise BadJournal(
                f"{path}: it is damaged: {decode_error_in_words(error)}.",
                "Repair it with a text editor, or remove it: then each job waits for its next time.",
            ) from error
        self._slots = slots
        return dict(slots)

    def read_changes(self) -> Mapping[str, Slot]:
        """Nobody else changes it."""
        return {}

    def write_slots(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot] = NO_SLOTS
    ) -> Mapping[str, Slot | None]:
        """Replace ``plan.json``."""
        before = self.read_slots() if self._slots is None else self._slots
        after = {name: slot for name, slot in before.items() if name not in gone} | dict(changes)
        self._replace(self._plan, after)
        self._slots = after
        return {**dict.fromkeys(gone), **changes}

    def take_up(self, names: Collection[str], most: int) -> Collection[str]:
        """All of them."""
        return names

    def let_go(self, name: str) -> None:
        """There is nobody else to do it."""

    def still_does(self, _name: str) -> bool:
        """There is nobody else."""
        return True

    def has_lost(self, _name: str) -> bool:
        """To nobody."""
        return False

    def read_told(self, job: str) -> Told:
        """What stands in the job's file in ``told/``."""
        path = self._told(job)
        try:
            return msgspec.json.decode(read_own(path), type=Told) if is_there(path) else Told()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("told.damaged", job=job, reason=str(error))
            return Told()

    def write_told(self, job: str, told: Told) -> None:
        """Replace the job's file in ``told/``."""
        self._replace(self._told(job), told)

    def _replace(self, path: Path, content: object) -> None:
        try:
            self._make(path.parent)
            with replacing(path, is_forced=True) as file:
                file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        except OSError as error:
            raise JournalLost(
                f"{path}: can't be written: {error.strerror}.",
                "Free some space or mount it for writing.",
                error.strerror or str(error),
            ) from error

    def _told(self, job: str) -> Path:
        """Two names that look alike in a file's name are told apart by what follows."""
        digest = hashlib.sha256(job.encode("utf-8", "replace")).hexdigest()[:12]
        return self._path / "told" / f"{_LIST.sub('_', job)[:60]}-{digest}.json"

    @contextmanager
    def order(self, name: str) -> Iterator["FolderOrder"]:
        """The folder of a new order."""
        order = FolderOrder(self._orders / name)
        try:
            self._make(self._orders)
            if _is_left_over(order.path):
                shutil.rmtree(order.path, ignore_errors=True)
            order.path.mkdir(folder_mode())
        except OSError as error:
            raise BadSetting(f"{order.path}: can't be made: {error.strerror}.") from error
        try:
            yield order
        finally:
            if not order.is_closed:
                shutil.rmtree(order.path, ignore_errors=True)

    def orders(self) -> Sequence[Order]:
        """What stands in the folders of orders; each is read once."""
        folder, names = self._orders, list[str]()
        # A pattern costs ten times as much, and mostly there is no order.
        with (
            suppress(FileNotFoundError, NotADirectoryError, PermissionError),
            os.scandir(folder) as entries,
        ):
            names = [one.name for one in entries if (folder / one.name / _ORDER).exists()]
        for name in self._read.keys() - set(names):
            del self._read[name]
        for name in names:
            if name not in self._read:
                self._read_order(name)
        found = [order for order in self._read.values() if order is not None]
        return sorted(found, key=lambda order: (order.submitted, order.name))

    def _read_order(self, name: str) -> None:
        try:
            order = msgspec.json.decode(read_own(self._orders / name / _ORDER), type=Order)
        except OSError as error:
            # It may be readable the next time.
            log.warning("order.damaged", order=name, reason=str(error))
        except (ValueError, RecursionError) as error:
            log.warning("order.damaged", order=name, reason=str(error))
            self._read[name] = None
        else:
            self._read[name] = order if order.name == name else None

    def remove_order(self, name: str) -> None:
        """Remove the folder of an order."""
        path = self._orders / name
        # Another may have the same name afterwards.
        self._read.pop(name, None)
        # First what makes it one: of a half-removed order nothing is found.
        with suppress(OSError):
            (path / _ORDER).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)

    @property
    def _lock(self) -> Path:
        return self._path / "lock"

    @property
    def _plan(self) -> Path:
        return self._path / "plan.json"

    @property
    def _orders(self) -> Path:
        return self._path / "orders"

    def _make(self, path: Path) -> None:
        # One by one: what is made on the way has not the mode that the last has.
        for folder in (self._path.parent, self._path, path):
            folder.mkdir(folder_mode(), parents=True, exist_ok=True)
            refuse_planted(folder)


def _is_left_over(order: Path) -> bool:
    """Whether the folder *order* was made by a process that was killed before it was an order."""
    try:
        made_at = order.lstat().st_mtime
    except OSError:
        return False
    return not is_there(order / _ORDER) and utc_now() - made_at > _LEFT_AFTER


def _is_held(error: OSError) -> bool:
    """Whether a lock could not be had since another process has it, and not since there are none."""
    return error.errno in {errno.EWOULDBLOCK, errno.EACCES}


class FolderOrder:
    """An order that is being written into its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_closed = False

    def keep_list(self, name: str, content: BinaryIO) -> str:
        """Copy a list into the folder; what it is called there ends as *name* does."""
        number = sum(1 for _ in self.path.iterdir())
        path = self.path / f"{number}-{_LIST.sub('_', Path(name).name)[-80:]}"
        try:
            with replacing(path, is_forced=True) as file:
                shutil.copyfileobj(content, file)
        except OSError as error:
            raise BadSetting(f"{path}: can't be written: {error.strerror}.") from error
        return str(path.resolve())

    def close(self, order: Order) -> None:
        """Write ``order.json``."""
        path = self.path / _ORDER
        try:
            with replacing(path, is_forced=True) as file:
                file.write(msgspec.json.format(msgspec.json.encode(order), indent=2) + b"\n")
        except OSError as error:
            raise BadSetting(f"{path}: can't be written: {error.strerror}.") from error
        self.is_closed = True
