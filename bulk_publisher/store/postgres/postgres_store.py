"""Runs in a database: how one is made, found, listed and taken in, and which one is the latest."""

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulk_publisher.errors import BadJournal, BadSetting, JournalLost
from bulk_publisher.model import Epoch
from bulk_publisher.store.database_address import DatabaseAddress, is_database, parse_address
from bulk_publisher.store.description import decode_description, new_run_id
from bulk_publisher.store.flaws import Flaw
from bulk_publisher.store.postgres.arrival import receive
from bulk_publisher.store.postgres.audit_rows import AuditRows
from bulk_publisher.store.postgres.database import (
    ANSWER_TIMEOUT,
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    checked_address,
    may_pass,
)
from bulk_publisher.store.postgres.fence import PATIENCE
from bulk_publisher.store.postgres.journal import reading
from bulk_publisher.store.postgres.keeper import Keeper
from bulk_publisher.store.postgres.leases import Lease, Leases
from bulk_publisher.store.postgres.portal_turns import TurnBoard
from bulk_publisher.store.postgres.postgres_agenda import PostgresAgenda
from bulk_publisher.store.postgres.postgres_approvals import PostgresApprovals
from bulk_publisher.store.postgres.postgres_run import PostgresParts, PostgresRun
from bulk_publisher.store.postgres.postgres_state import PostgresState
from bulk_publisher.store.postgres.removal import forget_left_over, forget_unbegun
from bulk_publisher.store.postgres.row_check import flaw_of, flaws_of_no_run
from bulk_publisher.store.postgres.schema import check_schema, migrate
from bulk_publisher.store.postgres.words import key_of
from bulk_publisher.store.sharing import SharedState

_LATEST = "latest"
_NAMED = 5
"""Runs that are named where several are meant."""


class PostgresStore:
    """The runs in one database. Its schema is looked at when it is first needed."""

    def __init__(
        self,
        address: DatabaseAddress,
        lists: Path,
        *,
        patience: float = PATIENCE,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        """Nothing is opened yet.

        Args:
            lists: A folder of this machine for the lists that come with orders.
            patience: Seconds for which a run waits for a database that is away.
            answer_timeout: Seconds after which an answer of it is not waited for any more.
        """
        self._address = checked_address(address)
        self._lists = lists
        self._patience = patience
        self._answer_timeout = answer_timeout
        self._lock = threading.Lock()
        self._opened: PostgresParts | None = None

    @property
    def place(self) -> str:
        """The database's URL, without secrets."""
        return self._address.shown

    @property
    def parts(self) -> PostgresParts:
        """What reaches the database.

        Raises:
            BadSetting: If it can't be reached, or its schema is not one for this program.
        """
        with self._lock:
            if self._opened is None:
                database = Database(self._address, answer_timeout=self._answer_timeout)
                times = check_schema(database)
                leases = Leases(database, times)
                board = TurnBoard(database, leases, Keeper("turns"))
                self._opened = PostgresParts(
                    database, leases, Keeper("words"), board, self._patience
                )
            return self._opened

    @property
    def agenda(self) -> PostgresAgenda:
        """What a daemon keeps."""
        return PostgresAgenda(self.parts, self._lists)

    @property
    def audit(self) -> AuditRows:
        """What people have done on the page."""
        return AuditRows(self.parts.database)

    @property
    def approvals(self) -> PostgresApprovals:
        """The plans that were handed in."""
        return PostgresApprovals(self.parts.database)

    @property
    def state(self) -> SharedState:
        """What the runs of all its hosts share."""
        return PostgresState(lambda: self.parts)

    def migrate(self) -> tuple[int, int]:
        """Bring the schema to this program's version; gives those before and after.

        Raises:
            BadSetting: If that can't be done.
        """
        database = Database(self._address)
        try:
            return migrate(database)
        finally:
            database.close()

    @contextmanager
    def create(self, now: Epoch, rng: random.Random) -> Iterator[PostgresRun]:
        """Make a new run, locked; one that has not begun by the end leaves nothing behind."""
        parts = self.parts
        run, lease = self._make(parts, now, rng)
        try:
            with run.holding(lease):
                yield run
        except BaseException:
            _forget(parts, run.run_id)
            raise

    def find(self, name: str) -> PostgresRun:
        """The run that *name* stands for: its ID or the beginning of it, ``latest``, or its place."""
        parts = self.parts
        if is_database(name):
            name = parse_address(name).run or _LATEST
        with reading(self.place):
            if name == _LATEST:
                found = parts.database.rows(
                    "SELECT id FROM run WHERE begun IS NOT NULL ORDER BY begun DESC LIMIT 1"
                )
            else:
                found = parts.database.rows(
                    "SELECT id FROM run WHERE begun IS NOT NULL AND starts_with(id, %(name)s) "
                    "AND %(name)s <> '' ORDER BY id <> %(name)s, id DESC",
                    {"name": name.replace("\0", "")},
                )
        ids = [row[0] for row in found]
        if len(ids) == 1 or ids[:1] == [name]:
            return PostgresRun(parts, ids[0])
        if ids:
            more = f", and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            raise BadJournal(
                f"{name}: {len(ids)} runs in {self.place} start like this: {', '.join(ids[:_NAMED])}{more}.",
                "Give the full ID of one.",
            )
        newest = ", ".join(run.name for run in self.runs()[:3])
        hint = f"The newest runs there: {newest}." if newest else "No runs there yet."
        raise BadJournal(f"{name}: no such run in {self.place}.", hint)

    def runs(self) -> list[PostgresRun]:
        """All that have begun, the newest first."""
        parts = self.parts
        with reading(self.place):
            found = parts.database.rows(
                "SELECT id FROM run WHERE begun IS NOT NULL ORDER BY id DESC"
            )
        return [PostgresRun(parts, run) for (run,) in found]

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong beside the runs that are found, and with what a daemon keeps."""
        parts = self.parts
        yield from flaws_of_no_run(parts.database, parts.leases, self.place)
        try:
            self.agenda.read_slots()
        except BadJournal as error:
            yield flaw_of(error)

    def tidy(self) -> None:
        """Remove what is left of runs that have not begun, or whose removal was cut short."""
        parts = self.parts
        try:
            forget_left_over(parts.database, parts.leases)
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(
                f"{self.place}: can't be tidied: {error}.",
                "Is the database running, and reached from here?",
            ) from None

    def take_in(self, run_id: str, contents: Iterable[tuple[str, Iterator[bytes]]]) -> PostgresRun:
        """Keep a run of another store; it is found once all of it is there."""
        parts = self.parts
        run, lease = self._make_named(parts, run_id)
        if lease is None:
            raise BadSetting(f"{run_id}: there is a run of this name in {self.place}.")
        try:
            with run.holding(lease):
                description = receive(parts, run_id, lease, contents)
                run.begin(decode_description(description))
        except ValueError as error:
            _forget(parts, run_id)
            raise BadJournal(f"{run_id}: its run.json is damaged: {error}.") from error
        except (JournalLost, NoAnswerFromDatabase, RefusedByDatabase) as error:
            _forget(parts, run_id)
            raise BadSetting(f"{self.place}: can't be written: {error}.") from error
        except BaseException:
            _forget(parts, run_id)
            raise
        return run

    def _make(
        self, parts: PostgresParts, now: Epoch, rng: random.Random
    ) -> tuple[PostgresRun, Lease]:
        while True:
            run, lease = self._make_named(parts, new_run_id(now, rng))
            if lease is not None:
                return run, lease

    def _make_named(self, parts: PostgresParts, run_id: str) -> tuple[PostgresRun, Lease | None]:
        """The run of this name, with its lease if nobody had it before."""
        try:
            made = parts.database.once(
                "INSERT INTO run (id) VALUES (%s) ON CONFLICT (id) DO NOTHING RETURNING id",
                [run_id],
            )
            taken = parts.leases.take(key_of(run_id)) if made else None
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(
                f"{self.place}: can't create a run there: {error}.",
                "Is the database running, and reached from here?",
            ).passing(may_pass(error)) from None
        return PostgresRun(parts, run_id), taken if isinstance(taken, Lease) else None


def _forget(parts: PostgresParts, run_id: str) -> None:
    """Where that can't be done, nobody finds it: it has not begun."""
    with suppress(NoAnswerFromDatabase, RefusedByDatabase):
        forget_unbegun(parts.database, run_id)
