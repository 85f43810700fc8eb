"""One run in the database, as the protocol of stores has it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import LiteralString

import msgspec

from bulk_publisher.clock import utc_now
from bulk_publisher.errors import BadJournal, BadSetting, JournalLost, RunBusy
from bulk_publisher.model import Epoch, Outcome, Page, PageId, Scope, Status
from bulk_publisher.page_ids.page_set import PageSet, is_page_id
from bulk_publisher.store.database_address import is_database, parse_address
from bulk_publisher.store.description import Description, decode_description, encode_description
from bulk_publisher.store.flaws import Flaw
from bulk_publisher.store.folder.holders import LockHolder
from bulk_publisher.store.heard import Heard, Snapshot
from bulk_publisher.store.marked_lines import places_of, standing_in
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    Row,
    may_pass,
)
from bulk_publisher.store.postgres.departure import files_of, size_of
from bulk_publisher.store.postgres.fence import PATIENCE, Fence, Written
from bulk_publisher.store.postgres.journal import (
    FoundLines,
    Pieces,
    read_notes,
    reading,
    without_lines,
)
from bulk_publisher.store.postgres.keeper import Keeper
from bulk_publisher.store.postgres.leases import Lease, Leases, SeenLease, holder_of
from bulk_publisher.store.postgres.papers import AGAIN, REPORT, Papers
from bulk_publisher.store.postgres.portal_turns import TurnBoard
from bulk_publisher.store.postgres.recording import PostgresLedger, recording
from bulk_publisher.store.postgres.removal import remove_run
from bulk_publisher.store.postgres.row_check import RunRows
from bulk_publisher.store.postgres.words import (
    PostgresLog,
    Words,
    clear_steering,
    key_of,
    read_progress,
    read_steering,
)
from bulk_publisher.store.protocol import Names
from bulk_publisher.store.record import Mark, Spent
from bulk_publisher.store.standing import Place, Standing
from bulk_publisher.store.steering import Steering
from bulk_publisher.store.totals import Totals
from bulk_publisher.store.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class PostgresParts:
    """What all runs of one database share in this process: its parts that are there once.

    Attributes:
        words: Keeps what runs say of themselves.
        board: The turns of its runs.
        patience: Seconds for which a database that is away is waited for.
    """

    database: Database
    leases: Leases
    words: Keeper
    board: TurnBoard
    patience: float = PATIENCE


@dataclass(slots=True)
class _Held:
    """What this process has while it works on the run."""

    fence: Fence
    words: Words


class PostgresRun:
    """A run in the database."""

    doubt = ""
    """Every host sees a lease."""

    def __init__(self, parts: PostgresParts, run_id: str) -> None:
        """The run of this name; nothing is read."""
        self._parts = parts
        self._database = parts.database
        self.run_id = self.name = run_id
        self._held: _Held | None = None

    @property
    def is_copy(self) -> bool:
        """A database has each run once."""
        return False

    @property
    def place(self) -> str:
        """The database's URL, with the run behind its ``#``."""
        return self._database.address.of_run(self.run_id)

    @property
    def address(self) -> str:
        """The same, from any host."""
        return self.place

    @property
    def names(self) -> Names:
        """What its files would be called in a folder, in the database."""
        return Names(
            description=f"{self.place}/run.json",
            journal=f"{self.place}/outcomes.jsonl",
            verdicts=f"{self.place}/verify.jsonl",
            log=f"{self.place}/log.jsonl",
            report=f"{self.place}/{REPORT}",
            again=f"{self.place}/{AGAIN}",
        )

    def is_in(self, store: str) -> bool:
        """Whether *store* is this database, told with or without a password."""
        return is_database(store) and parse_address(store).shown == self._database.address.shown

    def beside(self, name: str, otherwise: str = "") -> "PostgresRun":
        """The run *name* of the same database; where there is none, the one at *otherwise*, if it is there."""
        run = PostgresRun(self._parts, name)
        if is_database(otherwise) and not run.is_described:
            return PostgresRun(self._parts, parse_address(otherwise).run or name)
        return run

    # how it is described

    @property
    def is_described(self) -> bool:
        """Whether a run was begun under this name."""
        with reading(self.place):
            return bool(self._rows("SELECT 1 FROM run WHERE id = %s AND begun IS NOT NULL"))

    def read_description(self) -> Description:
        """The run as asked for, and how it ended."""
        try:
            return decode_description(self.description_data())
        except ValueError as error:
            raise BadJournal(
                f"{self.names.description}: it is damaged: {error}.",
                "Restore the database from a backup.",
            ) from error

    def description_data(self) -> bytes:
        """What a ``run.json`` would hold."""
        with reading(self.names.description):
            found = self._rows("SELECT description FROM run WHERE id = %s")
        if not found or found[0][0] is None:
            raise BadJournal(f"{self.place}: no such run.", "status lists the runs.")
        return bytes(found[0][0])

    def begin(self, description: Description) -> None:
        """Write the first description."""
        try:
            self._fence().write(Written(description=encode_description(description), begins=True))
        except JournalLost as error:
            raise BadSetting(error.message, error.hint).passing(error.is_passing) from error

    def write_description(self, description: Description) -> None:
        """Replace it."""
        self._fence().write(Written(description=encode_description(description)))

    # who works on it

    @property
    def is_locked(self) -> bool:
        """Whether a process is at work on it now, or may be."""
        seen = self._look()
        return not self._parts.leases.is_free(key_of(self.run_id), seen)

    def holder(self) -> LockHolder:
        """Who is at work on it, or was last."""
        return holder_of(self._look().holder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while this process works on it; where its holder is silent, that is waited out."""
        with _taking(self.place):
            taken = self._parts.leases.take(key_of(self.run_id), waits=True)
        if isinstance(taken, SeenLease):
            holder = holder_of(taken.holder)
            raise RunBusy(
                f"{self.place}: another process is using it ({holder.words}).", holder.what_to_do
            )
        with self.holding(taken):
            yield

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Work on it under *lease*, which is given back."""
        parts = self._parts
        words = Words(parts.database, parts.words, self.run_id, lease.token)
        fence = Fence(parts.database, self.run_id, lease, patience=parts.patience)
        self._held = _Held(fence, words)
        try:
            yield
        finally:
            self._held = None
            words.end()
            parts.leases.give_back(lease)

    # its journal

    @property
    def has_journal(self) -> bool:
        """Whether anything was recorded."""
        return self._pieces.is_there

    def outcomes(self) -> Iterator[Outcome]:
        """All lines in their order."""
        return self._pieces.outcomes()

    def marks(self) -> Iterator[Mark]:
        """What a resume needs of each line."""
        return (mark for _, _, mark in self._pieces.marked() if is_page_id(mark.page))

    def find_lines(self, is_wanted: Callable[[Mark], bool]) -> FoundLines:
        """The lines of this run that are wanted."""
        pieces = self._pieces
        return FoundLines(pieces, places_of(pieces.marked(), self.run_id, is_wanted))

    def spent_since(self, since: str) -> Iterator[Spent]:
        """What the lines from *since* on say of operating time, the newest first."""
        return self._pieces.spent_since(since)

    def read_standing(self, on_bad: Callable[[Outcome], None]) -> Standing:
        """How far the run has come."""
        pieces = self._pieces
        return standing_in(pieces.marked(), self.run_id, on_bad=on_bad, damaged=pieces.damaged)

    # what is out

    def read_notes(self) -> tuple[dict[PageId, Page], Place | None]:
        """The pages that were noted as sent, and the last place."""
        return read_notes(self._database, self.run_id, key_of(self.run_id), self.place)

    def still_out(self) -> list[Page]:
        """Pages that were sent and have no line."""
        return without_lines(self.read_notes()[0], self._pieces.marked)

    def noted_at(self) -> Epoch:
        """When a page was noted last: as long ago by our clock as by the database's."""
        with reading(self.place):
            found = self._database.rows(
                "SELECT coalesce(extract(epoch FROM clock_timestamp() - noted_at), 0)::float8 FROM lease WHERE key = %s",
                [key_of(self.run_id)],
            )
        return Epoch(utc_now() - (found[0][0] if found else 0.0))

    @contextmanager
    def record(
        self,
        totals: Totals,
        *,
        out: Sequence[Page] = (),
        place: Place | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Iterator[PostgresLedger]:
        """Go on recording."""
        with recording(self._fence(), totals, out, place, warn) as ledger:
            yield ledger

    # what stands beside

    def read_verdicts(self) -> dict[PageId, Status]:
        """The verdicts on pages that are unknown in the journal."""
        verdicts = self._papers.verdicts()
        return {one.page: one.verdict for one in verdicts if one.status is Status.UNKNOWN}

    def replace_verdicts(self) -> AbstractContextManager[Callable[[Verdict], None]]:
        """What takes one verdict after another."""
        return self._papers.replace_verdicts(self._fence())

    def write_again(self, pages: Mapping[Scope | None, PageSet]) -> None:
        """Keep the pages that can be done again, as a list that ``--csv`` takes."""
        # Nothing of a process that has lost the run is kept.
        self._fence().write(Written())
        self._papers.write_again(pages)

    def open_log(self) -> PostgresLog:
        """Where its log goes on."""
        token = None if self._held is None else self._held.fence.lease.token
        return PostgresLog(self._database, self._parts.words, self.run_id, token)

    def write_report(self, html: str) -> str:
        """Keep a report of it."""
        with _setting(self.names.report):
            self._papers.keep(REPORT, html.encode())
        return self.names.report

    # what it says, and is asked

    def write_progress(self, snapshot: Snapshot) -> None:
        """Say how it stands, beside the loop."""
        if self._held is not None:
            self._held.words.say(snapshot)

    def read_progress(self) -> Heard | None:
        """What the process that is at work on it has said."""
        return read_progress(self._database, self.run_id)

    def clear_progress(self) -> None:
        """It has ended."""
        if self._held is not None:
            self._held.words.say_no_more()

    def steer(self, steering: Steering) -> None:
        """Ask something of it."""
        with _setting(self.place):
            self._database.rows(
                "UPDATE run SET steering = %s WHERE id = %s",
                [msgspec.json.encode(steering), self.run_id],
            )

    def read_steering(self) -> Steering | None:
        """What was asked of it last; by who works on it, as it was heard within the last second."""
        if self._held is not None:
            return self._held.words.asked()
        with reading(self.place):
            return read_steering(self._database, self.run_id)

    def clear_steering(self) -> None:
        """It goes on: what was asked of it before is over."""
        if self._held is not None:
            self._held.words.forget_asked()
            return
        with reading(self.place):
            clear_steering(self._database, self.run_id)

    # all of it

    def contents(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """All that is kept of it, as the files of a folder."""
        description = self.description_data()
        return files_of(self._database, self.run_id, self.names, self.place, description)

    def size(self) -> int:
        """Bytes of its rows."""
        with reading(self.place):
            return size_of(self._database, self.run_id)

    def remove(self) -> None:
        """Forget all of it, under its lock."""
        remove_run(self._database, self.run_id, self._fence().lease, self.place)

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong with its rows."""
        rows = RunRows(self._database, self._parts.leases, self.run_id, self.place, self.names)
        return rows.flaws()

    # how

    @property
    def _pieces(self) -> Pieces:
        return Pieces(self._database, self.run_id, self.names.journal)

    @property
    def _papers(self) -> Papers:
        return Papers(self._database, self.run_id, self.names.verdicts)

    def _fence(self) -> Fence:
        if self._held is None:
            raise RuntimeError(f"{self.place} is written to without its lock")
        return self._held.fence

    def _look(self) -> SeenLease:
        with reading(self.place):
            return self._parts.leases.look(key_of(self.run_id))

    def _rows(self, statement: LiteralString) -> list[Row]:
        return self._database.rows(statement, [self.run_id])


@contextmanager
def _taking(place: str) -> Iterator[None]:
    try:
        yield
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise JournalLost(
            f"{place}: it can't be locked: {error}.",
            "Is the database running, and reached from here?",
            str(error),
        ).passing(may_pass(error)) from None


@contextmanager
def _setting(place: str) -> Iterator[None]:
    try:
        yield
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise BadSetting(
            f"{place}: can't be written: {error}.",
            "Is the database running, and reached from here?",
        ).passing(may_pass(error)) from None
