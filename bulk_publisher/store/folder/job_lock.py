"""A job is done once at a time: cron may begin it again before it has ended."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog

from bulk_publisher.errors import RunBusy
from bulk_publisher.store.folder.files import FOLDER_MODE, open_own
from bulk_publisher.store.folder.holders import read_holder, write_holder
from bulk_publisher.store.folder.turns import state_folder

_log = structlog.get_logger()


@contextmanager
def alone(job: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Hold the job of the file *job* while it is done; the hold ends with its process.

    Not the file itself: who edits it may replace it, and who calls this may hold it already. Where
    there is no place for a lock nobody is kept out.

    Raises:
        RunBusy: If another process of this machine does it just now.
    """
    name = hashlib.sha256(os.fsencode(job.resolve())).hexdigest()[:24]
    try:
        folder = state_folder(environment) / "jobs"
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        file = os.fdopen(open_own(folder / name, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
    except (OSError, RuntimeError) as error:
        _log.debug("job.not_locked", reason=str(error))
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = read_holder(file.fileno())
            raise RunBusy(
                f"{job}: this job is being done already. Its process: {holder.words}.",
                holder.what_to_do
                if holder.is_stopped
                else "Wait until that run has ended; how it stands says status, where its runs are kept.",
            ) from error
        except OSError as error:
            _log.debug("job.not_locked", reason=error.strerror)
        write_holder(file.fileno())
        yield
