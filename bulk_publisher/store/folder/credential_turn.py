"""Runs of this machine that use one credential take turns, and hand the limits over.

The portal counts a credential's requests and operating time together, whichever process they come
from; two processes that each keep to the limits would go over them together. So one of them sends at
a time: the turn is a lock of the kernel, which dies with its process, and beside it stands how the
last run left the limits. Who waits for the turn holds a lock of its own, by which the other one sees
that it is wanted.

Where the file system keeps no locks, or the folder can't be made, runs do not know of each other.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from bulk_publisher.limits.handover import Handover
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.store.files import open_own, read_own, replacing
from bulk_publisher.store.folder.holders import LockHolder, read_holder, write_holder

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Another one after each start of the machine (Linux)."""


_LARGEST = 2**20
"""Bytes of the word of another run: it takes some kilobytes."""
_Moment = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class _Left(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the lock.

    Attributes:
        boot: Of the machine; empty where it does not tell.
        uptime: When it was left, by the clock that all processes of one boot share.
        time: The same in UTC, which each of them has for itself.
    """

    session: str
    boot: str
    uptime: _Moment
    time: _Moment
    handover: Handover


class CredentialTurn:
    """The turn of one session at one credential. Invariant: what is written is written while it is ours."""

    def __init__(self, folder: Path, session: str) -> None:
        """Nothing is taken yet.

        Args:
            session: A name that no other has.

        Raises:
            OSError: If the folder's files can't be opened, or the file system keeps no locks.
        """
        self._session = session
        self._left = folder / "limits.json"
        self._turn = open_own(folder / "turn", os.O_RDWR | os.O_CREAT)
        try:
            self._queue = open_own(folder / "queue", os.O_RDWR | os.O_CREAT)
        except OSError:
            os.close(self._turn)
            raise
        self._is_ours = False
        self._taken = 0
        self._read: _Left | None = None
        try:
            _check_locks(self._queue)
        except OSError:
            self.close()
            raise

    @property
    def is_ours(self) -> bool:
        """Whether this run may send."""
        return self._is_ours

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for the turn."""
        if not _try_lock(self._queue, fcntl.LOCK_EX):
            return True
        fcntl.flock(self._queue, fcntl.LOCK_UN)
        return False

    def try_take(self) -> bool:
        """Take the turn if no other run has it; else be seen waiting for it."""
        if not self._is_ours and _try_lock(self._turn, fcntl.LOCK_EX):
            self._is_ours = True
            self._taken += 1
            # Another text each time: who waits sees by it that the turn goes round.
            write_holder(self._turn, f", turn {self._taken} of {self._session}")
        if self._is_ours:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        else:
            _try_lock(self._queue, fcntl.LOCK_SH)
        return self._is_ours

    def holder(self) -> LockHolder:
        """Who has the turn, or had it last."""
        return read_holder(self._turn)

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word."""
        try:
            left = msgspec.json.decode(read_own(self._left, most=_LARGEST), type=_Left)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            log.warning("turn.word_damaged", reason=str(error))
            return None
        if left.session == self._session or left == self._read:
            return None
        self._read = left
        return left.handover, _moment(left, now, epoch)

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Let others have the turn."""
        if not self._is_ours:
            return
        left = _Left(session=self._session, boot=_boot(), uptime=now, time=epoch, handover=handover)
        try:
            with replacing(self._left, is_forced=False) as file:
                file.write(msgspec.json.encode(left))
        except OSError as error:
            log.warning("turn.not_handed_over", reason=error.strerror)
        fcntl.flock(self._turn, fcntl.LOCK_UN)
        self._is_ours = False

    def close(self) -> None:
        """Be seen no more."""
        os.close(self._turn)
        os.close(self._queue)


def _moment(left: _Left, now: Mono, epoch: Epoch) -> Mono:
    """When *left* was left, by our clock. UTC may have been set since, or the machine have slept."""
    if left.boot and left.boot == _boot():
        return Mono(min(now, left.uptime))
    return Mono(now - max(0.0, epoch - left.time))


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _check_locks(file: int) -> None:
    """Raise OSError where the file system keeps no locks; a short look, which takes no turn."""
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_UN)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # It kept them when the run began; now runs do not know of each other there.
        log.warning("turn.not_kept", reason=error.strerror)
    return True
