"""What is wrong with the rows of a run, or of none? Reads each once, and changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import LiteralString

from bulk_publisher.errors import BadJournal
from bulk_publisher.store.description import Description, decode_description
from bulk_publisher.store.flaws import Flaw, FlawKind
from bulk_publisher.store.journal_check import JournalCheck
from bulk_publisher.store.postgres.database import Database, Row
from bulk_publisher.store.postgres.journal import Pieces, read_notes, reading, unpacked
from bulk_publisher.store.postgres.leases import Leases, SeenLease, holder_of
from bulk_publisher.store.postgres.papers import Papers
from bulk_publisher.store.postgres.removal import UNBEGUN
from bulk_publisher.store.postgres.words import key_of
from bulk_publisher.store.protocol import Names

_RESTORE = "Restore the database from a backup."
_PRUNE = "store prune removes it."
_OUT_OF_ORDER: LiteralString = (
    "SELECT count(*) FILTER (WHERE chunked.token < before), count(*) FILTER (WHERE chunked.seq > lease.seq) FROM "
    "(SELECT seq, token, lag(token) OVER (ORDER BY seq) AS before FROM chunk WHERE run = %s) AS chunked "
    "LEFT JOIN lease ON key = %s"
)
_OF_NO_RUN: LiteralString = """
SELECT told, count(*) FROM (
    SELECT 'chunk' AS told, run FROM chunk UNION ALL SELECT 'note', run FROM note
    UNION ALL SELECT 'verdict', run FROM verdict UNION ALL SELECT 'log', run FROM log
    UNION ALL SELECT 'document', run FROM document UNION ALL SELECT 'progress', run FROM progress
    UNION ALL SELECT 'lease', substr(key, 5) FROM lease WHERE starts_with(key, 'run/')
) AS rows WHERE NOT EXISTS (SELECT FROM run WHERE id = run) GROUP BY told ORDER BY told
"""


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of one run.

    Attributes:
        names: How a person is told of them.
    """

    database: Database
    leases: Leases
    run: str
    place: str
    names: Names

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong with them."""
        with reading(self.place):
            seen = self.leases.look(key_of(self.run))
            # Before the pieces are read: a run that goes on may only have more of them by then.
            kept = self._rows("SELECT description FROM run WHERE id = %s", self.run)
            told = self._rows("SELECT lines FROM lease WHERE key = %s", key_of(self.run))
        yield from self._flaws_of_lease(seen)
        description: Description | None = None
        try:
            description = decode_description(kept[0][0] or b"" if kept else b"")
        except ValueError as error:
            yield Flaw(FlawKind.DAMAGED, self.names.description, f"is damaged: {error}", _RESTORE)
        is_over = description is not None and description.ended is not None
        pages = description.final.pages if description is not None and is_over else 0
        yield from self._flaws_of_journal(pages, told[0][0] if told else 0)
        yield from self._flaws_of_order()
        yield from self._flaws_beside()

    def _flaws_of_lease(self, seen: SeenLease) -> Iterator[Flaw]:
        is_quiet = seen.quiet_for > self.leases.times.taken_over_after
        if seen.is_held and (is_quiet or self.leases.is_free(key_of(self.run), seen)):
            yield Flaw(FlawKind.LEFT, self.place, f"was left by a process that is gone ({holder_of(seen.holder).words})", "status shows how it stands; resume goes on with it.")  # fmt: skip

    def _flaws_of_journal(self, pages: int, lines: int) -> Iterator[Flaw]:
        """One pass through the journal.

        Args:
            pages: That it had when the run ended; 0 where that is not told.
            lines: That were written, by the run's lease.
        """
        where, seen = self.names.journal, JournalCheck(self.run)
        found = unread = 0
        with reading(self.place):
            for seq, count, data in Pieces(self.database, self.run, where).raw():
                try:
                    piece = unpacked(data)
                except ValueError as error:
                    unread += count
                    yield Flaw(FlawKind.DAMAGED, where, f"has a damaged piece, number {seq}, of {count:,} lines: {error}", _RESTORE)  # fmt: skip
                    continue
                its = BytesIO(piece).readlines()
                if len(its) != count:
                    yield Flaw(FlawKind.DAMAGED, where, f"has {len(its):,} lines in its piece number {seq}, and was written with {count:,}", _RESTORE)  # fmt: skip
                for number, line in enumerate(its, start=found + unread + 1):
                    if why := seen.add(line):
                        yield Flaw(FlawKind.DAMAGED, f"{where}:{number}", f"the line is damaged: {why}", _RESTORE)  # fmt: skip
                found += len(its)
        if found + unread < lines:
            yield Flaw(FlawKind.DAMAGED, where, f"misses {lines - found - unread:,} of the {lines:,} lines that were written", _RESTORE)  # fmt: skip
        for kind, what, hint in seen.sums(max(0, pages - unread)):
            yield Flaw(kind, where, what, hint)

    def _flaws_of_order(self) -> Iterator[Flaw]:
        with reading(self.place):
            ((late, beyond),) = self._rows(_OUT_OF_ORDER, self.run, key_of(self.run))
        if late:
            yield Flaw(FlawKind.FOREIGN, self.names.journal, f"has {late:,} pieces out of order: of a process that had lost the run by then", _RESTORE)  # fmt: skip
        if beyond:
            yield Flaw(FlawKind.FOREIGN, self.names.journal, f"has {beyond:,} pieces that no process has written", _RESTORE)  # fmt: skip

    def _flaws_beside(self) -> Iterator[Flaw]:
        papers = Papers(self.database, self.run, self.names.verdicts)
        try:
            read_notes(self.database, self.run, key_of(self.run), self.place)
        except BadJournal as error:
            yield flaw_of(error)
        try:
            for _ in papers.verdicts():
                pass
        except BadJournal as error:
            yield flaw_of(error)

    def _rows(self, statement: LiteralString, *parameters: str) -> list[Row]:
        return self.database.rows(statement, parameters)


def flaws_of_no_run(database: Database, leases: Leases, place: str) -> Iterator[Flaw]:
    """What is wrong beside the runs that are found."""
    with reading(place):
        unbegun = database.rows(UNBEGUN, [leases.times.taken_over_after])
        others = database.rows(_OF_NO_RUN)
    for (run,) in unbegun:
        yield Flaw(FlawKind.FOREIGN, database.address.of_run(run), "was left by a process that was killed", _PRUNE)  # fmt: skip
    for table, count in others:
        yield Flaw(FlawKind.FOREIGN, place, f"has rows of runs that are not there: {count:,} in table {table}", _PRUNE)  # fmt: skip


def flaw_of(error: BadJournal) -> Flaw:
    """*error*, which is about something that is damaged, as a flaw."""
    where, _, what = error.message.partition(": ")
    return Flaw(FlawKind.DAMAGED, where, what.removesuffix("."), error.hint)  # fmt: skip
