"""A job is done once at a time: cron may begin it again before it has ended."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from bulk_publisher.errors import RunBusy

_log = structlog.get_logger()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the job file *path* while its job is done; the hold ends with its process.

    Where the file system keeps no locks, nobody is kept out.

    Raises:
        RunBusy: If another process does it just now.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunBusy(
                f"{path}: this job is being done already.",
                "Wait until that run has ended; how it stands says status, where its runs are kept.",
            ) from error
        except OSError as error:
            _log.debug("job.not_locked", reason=error.strerror)
        yield
