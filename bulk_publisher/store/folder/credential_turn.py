"""Runs of this machine that use one portal take turns, and hand the limits over.

The portal counts requests by address, whichever credential asks, and operating time by credential,
whichever process they come from; two processes that each keep to the limits would go over them
together. So one of them sends at a time: the turn is a lock of the kernel, which dies with its process.
Beside the lock of a credential stands how the last run with it left the limits, and beside that of the
portal how the last run of all left the bucket. Who waits for the turn holds a lock of its own, by which
the other one sees that it is wanted.

Where the file system keeps no locks, or a folder can't be made, runs do not know of each other.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from bulk_publisher.limits.handover import Handover, aged
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


class _Word(NamedTuple):
    """How a run has left the limits, and when that was by our clock."""

    at: Mono
    left: _Left


class _Seat:
    """A folder's locks, and the word beside them; a file to lock, which is the turn."""

    def __init__(self, folder: Path) -> None:
        self._word = folder / "limits.json"
        self._turn = open_own(folder / "turn", os.O_RDWR | os.O_CREAT)
        try:
            self._queue = open_own(folder / "queue", os.O_RDWR | os.O_CREAT)
        except OSError:
            os.close(self._turn)
            raise
        try:
            _check_locks(self._queue)
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self._turn

    @property
    def is_wanted(self) -> bool:
        if not _try_lock(self._queue, fcntl.LOCK_EX):
            return True
        self.wait_no_more()
        return False

    def try_take(self) -> bool:
        return _try_lock(self._turn, fcntl.LOCK_EX)

    def leave(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def wait(self) -> None:
        _try_lock(self._queue, fcntl.LOCK_SH)

    def wait_no_more(self) -> None:
        fcntl.flock(self._queue, fcntl.LOCK_UN)

    def read_word(self, now: Mono, epoch: Epoch) -> _Word | None:
        try:
            left = msgspec.json.decode(read_own(self._word, most=_LARGEST), type=_Left)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            log.warning("turn.word_damaged", reason=str(error))
            return None
        return _Word(_moment(left, now, epoch), left)

    def write_word(self, left: _Left) -> None:
        try:
            with replacing(self._word, is_forced=False) as file:
                file.write(msgspec.json.encode(left))
        except OSError as error:
            log.warning("turn.not_handed_over", reason=error.strerror)

    def close(self) -> None:
        os.close(self._turn)
        os.close(self._queue)


class CredentialTurn:
    """The turn of one session at one credential. Invariant: what is written is written while it is ours."""

    def __init__(self, folder: Path, session: str, portal: Path | None = None) -> None:
        """Nothing is taken yet.

        Args:
            folder: Of the credential.
            session: A name that no other has.
            portal: Folder in which all credentials of one portal take turns; None where this is its only one.

        Raises:
            OSError: If the folders' files can't be opened, or the file system keeps no locks.
        """
        self._session = session
        self._turn = _Seat(folder)
        try:
            self._portal = None if portal is None else _Seat(portal)
        except OSError:
            self._turn.close()
            raise
        self._is_ours = False
        self._taken = 0
        self._read: _Left | None = None
        # Programs of before know the credential's alone: both are taken, the portal's first.
        self._seats = (self._turn,) if self._portal is None else (self._portal, self._turn)
        self._barred_by = self._seats[0]

    @property
    def is_ours(self) -> bool:
        """Whether this run may send."""
        return self._is_ours

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for the turn."""
        return any(seat.is_wanted for seat in self._seats)

    @property
    def lasts(self) -> float:
        """Seconds: it is given and taken within one."""
        return 20.0

    def try_take(self) -> bool:
        """Take the turn if no other run has it; else be seen waiting for it."""
        if not self._is_ours and self._take_all():
            self._is_ours = True
            self._taken += 1
            for seat in self._seats:
                # Another text each time: who waits sees by it that the turn goes round.
                write_holder(seat.fileno(), f", turn {self._taken} of {self._session}")
        for seat in self._seats:
            if self._is_ours:
                seat.wait_no_more()
            else:
                seat.wait()
        return self._is_ours

    def holder(self) -> LockHolder:
        """Who has the turn, or had it last."""
        return read_holder(self._barred_by.fileno())

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word."""
        own = self._turn.read_word(now, epoch)
        last = None if self._portal is None else self._portal.read_word(now, epoch)
        if own is not None and (last is None or own.at >= last.at):
            last = own
        if last is None or last.left.session == self._session or last.left == self._read:
            return None
        self._read = last.left
        return (last.left.handover if last is own else self._composed(last, own)), last.at

    def leave_word(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Nobody had it: then it was taken at once, and given."""

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Let others have the turn."""
        if not self._is_ours:
            return
        left = _Left(session=self._session, boot=_boot(), uptime=now, time=epoch, handover=handover)
        self._turn.write_word(left)
        if self._portal is not None:
            self._portal.write_word(msgspec.structs.replace(left, handover=_of_bucket(handover)))
        for seat in self._seats:
            seat.leave()
        self._is_ours = False

    def close(self) -> None:
        """Be seen no more."""
        for seat in self._seats:
            seat.close()

    def _take_all(self) -> bool:
        for number, seat in enumerate(self._seats):
            if not seat.try_take():
                for taken in self._seats[:number]:
                    taken.leave()
                self._barred_by = seat
                return False
        return True

    def _composed(self, last: _Word, own: _Word | None) -> Handover:
        """The bucket as another credential has left it, with the meters of our own."""
        bucket = last.left.handover
        if own is None or own.left.session == self._session:
            return bucket
        later = aged(own.left.handover, last.at - own.at)
        return msgspec.structs.replace(later, requests=bucket.requests, busy_for=bucket.busy_for)


def _of_bucket(handover: Handover) -> Handover:
    """What of it holds for each credential of the portal."""
    return Handover(
        requests=handover.requests,
        operating_limit=None,
        meters={},
        busy_for=handover.busy_for,
    )


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
