"""What is written of a run, by whoever has its lease: each time one statement that does nothing for anybody else.

Rules:
    A statement moves the run's ``seq`` by one, from where the writer has left it and under his token, and
    writes from that row: where there is none, nothing is written. It is committed by itself, so that no lock
    outlives it, however long its writer is stopped.

    Where no answer comes, nobody knows whether it was done: it is looked up by seq, token and digest, and
    sent again if it was not, until it is known. Sent twice it is done once: the second finds another seq.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

from bulk_publisher.clock import boottime
from bulk_publisher.errors import JournalLost, RunTaken
from bulk_publisher.log import log
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.leases import Lease

PATIENCE = 900.0
"""Seconds for which a database that is away is waited for: as long as a portal that does not answer."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_TOLD_AFTER = 1.0
"""Seconds of waiting that a person hears of: a connection that is only made anew takes less."""

_WRITE: LiteralString = """
WITH fence AS (
    UPDATE lease SET seq = seq + 1, digest = %(digest)s, beat = beat + 1, beat_at = now(), lines = lines + %(count)s,
        place = CASE WHEN %(moves)s THEN %(place)s ELSE place END,
        noted_at = CASE WHEN %(note)s::bytea IS NULL THEN noted_at ELSE now() END
    WHERE key = %(key)s AND token = %(token)s AND seq = %(seq)s AND is_held
    RETURNING seq
), chunked AS (
    INSERT INTO chunk (run, seq, token, digest, lines, data)
    SELECT %(run)s, seq, %(token)s, %(digest)s, %(count)s, %(lines)s FROM fence WHERE %(lines)s::bytea IS NOT NULL
), noted AS (
    INSERT INTO note (run, seq, token, digest, data)
    SELECT %(run)s, seq, %(token)s, %(digest)s, %(note)s FROM fence WHERE %(note)s::bytea IS NOT NULL
), settled AS (
    DELETE FROM note USING fence WHERE note.run = %(run)s AND note.seq < fence.seq
        AND (%(wipes)s OR note.seq = ANY(%(done)s::bigint[]))
), described AS (
    UPDATE run SET description = coalesce(%(description)s, description), verdicts = coalesce(%(edition)s::integer, verdicts),
        begun = CASE WHEN %(begins)s THEN (SELECT coalesce(max(begun), 0) + 1 FROM run) ELSE begun END
    FROM fence WHERE id = %(run)s AND (%(description)s::bytea IS NOT NULL OR %(edition)s::integer IS NOT NULL)
)
SELECT seq FROM fence
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one statement writes; None and False for what it leaves as it is.

    Attributes:
        lines: Of the journal, compressed; *count* of them.
        note: Of pages that leave, compressed.
        moves: *place* takes the place of the old one.
        done: Seqs of notes all of whose pages have their lines.
        wipes: All notes before go.
        description: Of the run.
        begins: From now on the run is found; with a description.
        edition: Of the verdicts that count.
    """

    lines: bytes | None = None
    count: int = 0
    note: bytes | None = None
    moves: bool = False
    place: bytes | None = None
    done: tuple[int, ...] = ()
    wipes: bool = False
    description: bytes | None = None
    begins: bool = False
    edition: int | None = None

    def digest(self) -> bytes:
        """Of all that it holds: two that differ have two."""
        told = repr([getattr(self, name) for name in self.__slots__])
        return hashlib.sha256(told.encode()).digest()[:16]


def _say_nothing(_text: str) -> None:
    """Where nobody is there to be told."""


class _Wait:
    """For a database that is away: told once when it has become one, and once when it is over."""

    def __init__(self, patience: float, tell: Callable[[str], None]) -> None:
        """It begins with the first question."""
        self._patience = patience
        self._tell = tell
        self._began_at = boottime()
        self._pause = _FIRST_PAUSE
        self._is_told = False

    @property
    def lasted(self) -> float:
        """Seconds."""
        return boottime() - self._began_at

    @property
    def is_over_patience(self) -> bool:
        """Whether it is not waited for any more."""
        return self.lasted > self._patience

    def next_pause(self, why: Exception) -> float:
        """Seconds until it is asked again, which has not answered because of *why*."""
        if not self._is_told and self.lasted > _TOLD_AFTER:
            self._is_told = True
            log.warning("database.away", reason=str(why), patience=self._patience)
            minutes = f"{self._patience / 60:.0f} minutes"
            self._tell(f"The database does not answer; waiting for it for up to {minutes}.")
        pause, self._pause = self._pause, min(_LONGEST_PAUSE, 2 * self._pause)
        return pause

    def end(self) -> None:
        """It has answered."""
        if self._is_told:
            log.warning("database.back", seconds=round(self.lasted, 1))
            self._tell("The database answers again.")


class Fence:
    """Writes of one run, one after the other. Invariant: once it has lost the run it writes nothing."""

    def __init__(self, database: Database, run: str, lease: Lease, *, patience: float) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._run = run
        self._lease = lease
        self._patience = patience
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._is_given_up = threading.Event()
        self.tell: Callable[[str], None] = _say_nothing
        """Told what a person should know, by whichever thread writes."""

    @property
    def lease(self) -> Lease:
        """Under which it writes."""
        return self._lease

    @property
    def place(self) -> str:
        """What is written, for a person."""
        return self._database.address.of_run(self._run)

    def give_up(self) -> None:
        """Wait for no answer any more than once."""
        self._is_given_up.set()

    def write(self, written: Written, *, is_patient: bool = True) -> int:
        """Have it written; gives its seq. Blocks until that is known.

        Args:
            is_patient: Wait for a database that is away.

        Raises:
            JournalLost: If it is not written, or nobody can tell, or somebody else has the run.
        """
        digest = written.digest()
        with self._lock:
            wait = _Wait(self._patience, self.tell)
            while True:
                try:
                    seq = self._write_once(written, digest)
                except NoAnswerFromDatabase as error:
                    why: Exception = error
                except RefusedByDatabase as error:
                    why = error
                    if not error.is_passing:
                        raise self._lost(str(error)) from None
                else:
                    wait.end()
                    return seq
                if not is_patient or wait.is_over_patience:
                    raise self._lost(str(why)) from None
                if self._is_given_up.wait(wait.next_pause(why)):
                    raise self._lost(str(why)) from None

    def wait_until_fresh(self) -> None:
        """Return once it is certain that nobody else has the run; blocks.

        Raises:
            JournalLost: If somebody has, or that can't be told.
        """
        if not self._lease.is_fresh:
            # A statement that is ours renews the lease.
            self.write(Written())
        if not self._lease.is_fresh:
            raise self._lost("the lease was not renewed in time")

    def _write_once(self, written: Written, digest: bytes) -> int:
        if self._lease.is_lost:
            raise self._taken()
        if self._seq is None:
            self._seq = self._read_seq()
        asked_at = boottime()
        try:
            found = self._database.once(_WRITE, self._parameters(written, digest, self._seq))
        except NoAnswerFromDatabase:
            found = []
        if not found and not self._is_written(self._seq + 1, digest):
            # It is known now: it was not done, and nobody else has the run.
            raise NoAnswerFromDatabase("the connection was lost")
        self._seq += 1
        self._lease.renewed(asked_at)
        return self._seq

    def _read_seq(self) -> int:
        found = self._database.rows(
            "SELECT seq FROM lease WHERE key = %s AND token = %s AND is_held",
            [self._lease.key, self._lease.token],
        )
        if not found:
            raise self._taken()
        return int(found[0][0])

    def _is_written(self, seq: int, digest: bytes) -> bool:
        """Whether our statement was done.

        Raises:
            JournalLost: If it was not, and somebody else has the run.
        """
        found = self._database.rows(
            "SELECT token, seq, digest, is_held FROM lease WHERE key = %s", [self._lease.key]
        )
        token, there, last, is_held = found[0] if found else (-1, -1, None, False)
        if token == self._lease.token and is_held:
            if (there, last) == (seq, digest):
                return True
            if there == seq - 1:
                return False
            raise self._lost("its lines are not those that this process has written")
        ours = self._database.rows(
            "SELECT 1 FROM chunk WHERE run = %(run)s AND seq = %(seq)s AND token = %(token)s AND digest = %(digest)s "
            "UNION SELECT 1 FROM note WHERE run = %(run)s AND seq = %(seq)s AND token = %(token)s AND digest = %(digest)s",
            {"run": self._run, "seq": seq, "token": self._lease.token, "digest": digest},
        )
        self._lease.lose()
        if ours:
            return True
        raise self._taken()

    def _parameters(self, written: Written, digest: bytes, seq: int) -> dict[str, object]:
        told = {name: getattr(written, name) for name in written.__slots__}
        return {
            **told,
            "done": list(written.done),
            "digest": digest,
            "key": self._lease.key,
            "token": self._lease.token,
            "run": self._run,
            "seq": seq,
        }

    def _taken(self) -> RunTaken:
        self._lease.lose()
        return RunTaken(
            f"{self.place}: another process works on this run now; this one records nothing any more.",
            "Let the other one go on. status shows how it stands.",
            "another process works on the run now",
        )

    def _lost(self, why: str) -> JournalLost:
        return JournalLost(
            f"{self.place}: the journal can't be written: {why}.",
            "Once the database takes it again, resume: pages without a line are looked up or redone.",
            why,
        ).passing()
