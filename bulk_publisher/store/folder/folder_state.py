"""What runs of this machine leave for each other: below the user's folder for state, a folder a credential and a portal.

And a lock for each job: it is done once at a time, since cron may begin it again before it has ended.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bulk_publisher.errors import RunBusy
from bulk_publisher.log import log
from bulk_publisher.store.files import FOLDER_MODE, open_own, refuse_planted
from bulk_publisher.store.folder.credential_turn import CredentialTurn
from bulk_publisher.store.folder.holders import read_holder, write_holder
from bulk_publisher.store.sharing import Sharing, no_tokens
from bulk_publisher.store.token_keeping import TokenKeeping

_WITHOUT_TURNS = (
    "Avoid two runs at once or in quick succession, or set XDG_STATE_HOME to a writable folder."
)
"""What to do where no turn can be kept."""


class FolderState:
    """The folder for state; it is made when it is needed."""

    def __init__(self, place: Path | Mapping[str, str]) -> None:
        """Nothing is looked at yet.

        Args:
            place: A folder; or the environment of the user whose folder it is.
        """
        self._place = place

    @contextmanager
    def turn(self, identity: str, session: str, *, portal: str) -> Iterator[Sharing]:
        """The turn of *session* in the folder *identity* and that of *portal*, whose credentials take turns."""
        try:
            turn = CredentialTurn(
                self._made(identity), session, self._made(f"portal-{_digest(portal.encode())}")
            )
        except OSError as error:
            yield _doubt(f"{error.filename or 'the state folder'}: {error.strerror}")
            return
        except RuntimeError:
            yield _doubt("the home folder is unknown")
            return
        try:
            yield Sharing(turn)
        finally:
            turn.close()

    def tokens(self, name: str, environment: Mapping[str, str]) -> TokenKeeping:
        """None: a machine keeps its tokens in files, or in its keyring.

        Raises:
            BadSetting: Always.
        """
        raise no_tokens(name)

    @contextmanager
    def alone(self, job: Path) -> Iterator[None]:
        """Hold the job of the file *job* while it is done; the hold ends with its process.

        Not the file itself: who edits it may replace it, and who calls this may hold it already. Where
        there is no place for a lock nobody is kept out.

        Raises:
            RunBusy: If another process of this machine does it just now.
        """
        name = _digest(os.fsencode(job.resolve()))
        try:
            opened = open_own(self._made("jobs") / name, os.O_RDWR | os.O_CREAT)
        except (OSError, RuntimeError) as error:
            log.debug("job.not_locked", reason=str(error))
            yield
            return
        with os.fdopen(opened, "r+b", buffering=0) as file:
            _lock_job(file.fileno(), job)
            yield

    def _made(self, name: str) -> Path:
        """A folder in the user's.

        Raises:
            OSError: If it can't be made, or somebody else has put one there.
            RuntimeError: If nobody knows where the home is.
        """
        folder = self._root() / name
        folder.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        refuse_planted(folder.parent)
        folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
        refuse_planted(folder)
        return folder

    def _root(self) -> Path:
        if isinstance(self._place, Path):
            return self._place
        named = Path(self._place.get("XDG_STATE_HOME", ""))
        # A relative one is to be ignored (XDG Base Directory Specification).
        state = named if named.is_absolute() else Path.home() / ".local" / "state"
        return state / "bulk-publisher"


def _digest(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:24]


def _lock_job(file: int, job: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = read_holder(file)
        raise RunBusy(
            f"{job}: this job is already running. Its process: {holder.words}.",
            holder.what_to_do
            if holder.is_stopped
            else "Wait until that run has ended; status shows how it stands.",
        ) from error
    except OSError as error:
        log.debug("job.not_locked", reason=error.strerror)
    write_holder(file)


def _doubt(reason: str) -> Sharing:
    words = f"Runs on this machine can't share the webhook's limits ({reason})."
    return Sharing(None, words, _WITHOUT_TURNS)
