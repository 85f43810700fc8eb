"""What stands beside a journal: verdicts, the list of what can be done again, and the report."""

import io
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.model import Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.again_list import write_pages
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.fence import Fence, Written
from bulk_publisher.store.postgres.journal import reading, unpacked
from bulk_publisher.store.verdicts import Verdict

AGAIN, REPORT = "again.csv", "report.html"
_IN_PIECE = 1_000
"""Verdicts that are kept together."""
_IN_MEMORY = 2**24
_AT_ONCE = 100
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Verdict)


class Papers:
    """Of one run."""

    def __init__(self, database: Database, run: str, place: str) -> None:
        """Nothing is read.

        Args:
            place: What the verdicts are, for a person.
        """
        self._database = database
        self._run = run
        self._place = place

    def verdict_pieces(self) -> Iterator[bytes]:
        """All verdicts, as lines of JSON."""
        number = -1
        while True:
            with reading(self._place):
                found = self._database.rows(
                    "SELECT number, verdict.data FROM verdict JOIN run ON run.id = verdict.run AND run.verdicts = edition "
                    "WHERE run = %s AND number > %s ORDER BY number LIMIT %s",
                    [self._run, number, _AT_ONCE],
                )
            for number, data in found:  # noqa: B007 - the next ones follow it
                yield self._checked(data)
            if len(found) < _AT_ONCE:
                return

    def verdicts(self) -> Iterator[Verdict]:
        """All verdicts, in their order.

        Raises:
            BadJournal: If they can't be read.
        """
        number = 0
        for piece in self.verdict_pieces():
            for line in piece.split(b"\n")[:-1]:
                number += 1
                try:
                    yield _DECODER.decode(line)
                except (ValueError, RecursionError) as error:
                    raise self._damaged(number, error) from error

    @contextmanager
    def replace_verdicts(self, fence: Fence) -> Iterator[Callable[[Verdict], None]]:
        """What takes one verdict after another; they take the place of the old ones when the block ends well.

        Raises:
            JournalLost: If they can't be written.
        """
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            yield lambda verdict: _add(spool, verdict)
            spool.seek(0)
            self.keep_verdicts(iter(spool.readline, b""), fence)

    def keep_verdicts(self, lines: Iterator[bytes], fence: Fence) -> None:
        """Have *lines* in the place of the verdicts before.

        Raises:
            JournalLost: If they can't be written.
        """
        with _losing(self._place):
            edition = self._next_edition()
            for number, piece in enumerate(_pieces(lines)):
                self._database.rows(
                    "INSERT INTO verdict (run, edition, number, data) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [self._run, edition, number, zlib.compress(piece)],
                )
            fence.write(Written(edition=edition))
            self._database.rows(
                "DELETE FROM verdict WHERE run = %s AND edition < %s", [self._run, edition]
            )

    def write_again(self, pages: Mapping[Scope | None, PageSet]) -> None:
        """Keep the list of *pages*; for none, none.

        Raises:
            JournalLost: If it can't be written.
        """
        file = io.BytesIO()
        if pages:
            write_pages(file, pages, self.verdicts)
        with _losing(self._place):
            self.keep(AGAIN, file.getvalue())

    def keep(self, name: str, content: bytes) -> None:
        """Keep a document; for an empty one, none.

        Raises:
            NoAnswerFromDatabase: If nobody knows whether it is kept.
            RefusedByDatabase: If it is not.
        """
        if not content:
            self._database.rows(
                "DELETE FROM document WHERE run = %s AND name = %s", [self._run, name]
            )
            return
        self._database.rows(
            "INSERT INTO document (run, name, data) VALUES (%s, %s, %s) "
            "ON CONFLICT (run, name) DO UPDATE SET data = excluded.data",
            [self._run, name, zlib.compress(content)],
        )

    def document(self, name: str) -> bytes:
        """What was kept under *name*; empty for nothing.

        Raises:
            BadJournal: If it can't be read.
        """
        with reading(self._place):
            found = self._database.rows(
                "SELECT data FROM document WHERE run = %s AND name = %s", [self._run, name]
            )
        return self._checked(found[0][0]) if found else b""

    def log(self) -> Iterator[bytes]:
        """The log, byte for byte.

        Raises:
            BadJournal: If it can't be read.
        """
        number = -1
        while True:
            with reading(self._place):
                found = self._database.rows(
                    "SELECT number, data FROM log WHERE run = %s AND number > %s ORDER BY number LIMIT %s",
                    [self._run, number, _AT_ONCE],
                )
            for number, data in found:  # noqa: B007 - the next ones follow it
                yield self._checked(data)
            if len(found) < _AT_ONCE:
                return

    def keep_log(self, pieces: Iterator[bytes]) -> None:
        """Have *pieces* in the log.

        Raises:
            NoAnswerFromDatabase: If nobody knows whether they are kept.
            RefusedByDatabase: If they are not.
        """
        for piece in pieces:
            self._database.once(
                "INSERT INTO log (run, data) VALUES (%s, %s)", [self._run, zlib.compress(piece)]
            )

    def _next_edition(self) -> int:
        found = self._database.rows(
            "SELECT greatest(verdicts, (SELECT max(edition) FROM verdict WHERE run = id)) + 1 FROM run WHERE id = %s",
            [self._run],
        )
        return int(found[0][0]) if found else 1

    def _checked(self, data: bytes) -> bytes:
        try:
            return unpacked(data)
        except ValueError as error:
            raise self._damaged(0, error) from error

    def _damaged(self, number: int, error: Exception) -> BadJournal:
        where = f"{self._place}:{number}: the line" if number else f"{self._place}:"
        return BadJournal(
            f"{where} is damaged: {decode_error_in_words(error)}.", "Verify the run again."
        )


def _add(spool: "tempfile.SpooledTemporaryFile[bytes]", verdict: Verdict) -> None:
    spool.write(_ENCODER.encode(verdict) + b"\n")


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """*lines*, some together."""
    piece: list[bytes] = []
    for line in lines:
        piece.append(line)
        if len(piece) >= _IN_PIECE:
            yield b"".join(piece)
            piece = []
    if piece:
        yield b"".join(piece)


@contextmanager
def _losing(place: str) -> Iterator[None]:
    try:
        yield
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise JournalLost(
            f"{place}: can't be written: {error}.",
            "Once the database takes it again, verify again.",
            str(error),
        ).passing(may_pass(error)) from None
