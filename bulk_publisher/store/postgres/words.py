"""What a run says of itself while it goes on, and what it is asked: kept and fetched beside the loop.

Where the database does not answer, the newest word waits, lines of the log wait up to a bound, and nothing
is asked of the run.
"""

import threading
import zlib

import msgspec

from bulk_publisher.store.closing import Closing
from bulk_publisher.store.heard import Heard, Snapshot, heard
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.keeper import Keeper
from bulk_publisher.store.steering import Steering

_LISTEN_EVERY = 1.0
_MOST_WAITING = 4 * 2**20
"""Bytes of a log that wait for the database."""
_LOG_EVERY = 1.0
_PATIENCE = 2.0
"""Seconds for which the end of a run waits for its last words to be kept."""


class Words:
    """Of one run that this process works on, under *token*. All of it is soon done."""

    def __init__(self, database: Database, keeper: Keeper, run: str, token: int) -> None:
        """It listens from now on."""
        self._database = database
        self._keeper = keeper
        self._run = run
        self._token = token
        self._lock = threading.Lock()
        self._asked: Steering | None = None
        self._hearings = 0
        keeper.every(_LISTEN_EVERY, (self, "listen"), self._listen)

    def say(self, snapshot: Snapshot) -> None:
        """It stands so."""
        data = msgspec.json.encode(snapshot)
        self._keeper.soon((self, "progress"), lambda: self._write(data))

    def say_no_more(self) -> None:
        """It has ended."""
        self._keeper.soon((self, "progress"), self._remove)

    def asked(self) -> Steering | None:
        """What it was asked last, as far as was heard."""
        with self._lock:
            return self._asked

    def forget_asked(self) -> None:
        """What it was asked is over."""
        with self._lock:
            self._asked, self._hearings = None, self._hearings + 1
        # What is heard before it is gone is the old word.
        self._keeper.no_more((self, "listen"))
        self._keeper.soon((self, "steering"), self._forget)

    def end(self) -> None:
        """It is another's from now on; blocks for a moment, until its last word is kept."""
        self._keeper.no_more((self, "listen"))
        self._keeper.settle(_PATIENCE)

    def _listen(self) -> None:
        with self._lock:
            hearing = self._hearings
        found = read_steering(self._database, self._run)
        with self._lock:
            if hearing == self._hearings:
                self._asked = found

    def _forget(self) -> None:
        clear_steering(self._database, self._run)
        self._keeper.every(_LISTEN_EVERY, (self, "listen"), self._listen)

    def _write(self, data: bytes) -> None:
        self._database.rows(
            "INSERT INTO progress (run, token, at, data) SELECT %(run)s, %(token)s, clock_timestamp(), %(data)s "
            "FROM lease WHERE key = %(key)s AND token = %(token)s AND is_held "
            "ON CONFLICT (run) DO UPDATE SET token = excluded.token, at = excluded.at, data = excluded.data",
            {"run": self._run, "token": self._token, "key": key_of(self._run), "data": data},
        )

    def _remove(self) -> None:
        self._database.rows(
            "DELETE FROM progress WHERE run = %s AND token = %s", [self._run, self._token]
        )


class PostgresLog(Closing):
    """Appends to a run's log; lines that come together are kept together."""

    def __init__(self, database: Database, keeper: Keeper, run: str, token: int | None) -> None:
        """Nothing is asked yet.

        Args:
            token: Under which it is written; None where nobody works on the run.
        """
        self._database = database
        self._keeper = keeper
        self._run = run
        self._token = token
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0
        keeper.every(_LOG_EVERY, self, self._flush)

    def write(self, line: bytes) -> None:
        """One more line.

        Raises:
            OSError: If so many wait that no more can.
        """
        with self._lock:
            if self._size > _MOST_WAITING:
                raise OSError("the database takes no log")
            self._lines.append(line)
            self._size += len(line)

    def close(self) -> None:
        """Write what is left, and no more; where that can't be kept, it is not."""
        self._keeper.no_more(self)
        self._keeper.soon(self, self._flush)
        self._keeper.settle(_PATIENCE)

    def _flush(self) -> None:
        with self._lock:
            lines, self._lines, self._size = self._lines, [], 0
        if not lines:
            return
        data = zlib.compress(b"".join(lines))
        try:
            self._database.once(
                "INSERT INTO log (run, data) SELECT %(run)s, %(data)s WHERE %(token)s::bigint IS NULL OR EXISTS "
                "(SELECT 1 FROM lease WHERE key = %(key)s AND token = %(token)s)",
                {"run": self._run, "data": data, "key": key_of(self._run), "token": self._token},
            )
        except RefusedByDatabase:
            # It was not written: it is tried again. Where nobody knows, a gap is better than lines twice.
            with self._lock:
                self._lines[:0] = lines
                self._size += sum(map(len, lines))
            raise


def key_of(run: str) -> str:
    """The lease of a run."""
    return f"run/{run}"


def read_progress(database: Database, run: str) -> Heard | None:
    """What the process that is at work on *run* has said; None where there is nothing to be read."""
    try:
        found = database.rows(
            "SELECT data, extract(epoch FROM clock_timestamp() - at)::float8 FROM progress, lease "
            "WHERE run = %s AND key = %s AND progress.token = lease.token AND is_held",
            [run, key_of(run)],
        )
        return heard(msgspec.json.decode(found[0][0], type=Snapshot), found[0][1]) if found else None  # fmt: skip
    except (NoAnswerFromDatabase, RefusedByDatabase, ValueError, RecursionError):
        return None


def read_steering(database: Database, run: str) -> Steering | None:
    """What *run* was asked last; what can't be read asks nothing.

    Raises:
        NoAnswerFromDatabase: If that can't be told.
        RefusedByDatabase: Likewise.
    """
    found = database.rows("SELECT steering FROM run WHERE id = %s", [run])
    if not found or found[0][0] is None:
        return None
    try:
        return msgspec.json.decode(found[0][0], type=Steering)
    except (ValueError, RecursionError):
        return None


def clear_steering(database: Database, run: str) -> None:
    """What it was asked before is over.

    Raises:
        NoAnswerFromDatabase: If that can't be told.
        RefusedByDatabase: Likewise.
    """
    database.rows("UPDATE run SET steering = NULL WHERE id = %s AND steering IS NOT NULL", [run])
