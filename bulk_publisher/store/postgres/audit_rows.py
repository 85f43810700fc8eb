"""Who has pressed what, in the database: a row each, appended and never changed."""

from collections.abc import Iterator

import msgspec

from bulk_publisher.errors import JournalLost
from bulk_publisher.store.audit import Deed
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.journal import reading

_AT_ONCE = 1_000


class AuditRows:
    """The table ``audit``."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._place = f"{database.address.shown}, table audit"

    def check(self) -> None:
        """Ask whether it would take one more row."""
        try:
            found = self._database.rows(
                "SELECT has_table_privilege('audit', 'INSERT') AND NOT pg_is_in_recovery() "
                "AND current_setting('transaction_read_only') = 'off'"
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise self._lost(str(error)) from None
        if not found[0][0]:
            raise self._lost("this role may not, or the database is read-only")

    def append(self, deed: Deed) -> None:
        """Write a row, which is committed when this returns."""
        try:
            self._database.once("INSERT INTO audit (data) VALUES (%s)", [msgspec.json.encode(deed)])
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise self._lost(str(error)) from None

    def read(self) -> Iterator[Deed]:
        """The rows that are there."""
        number = 0
        while True:
            with reading(self._place):
                found = self._database.rows(
                    "SELECT number, data FROM audit WHERE number > %s ORDER BY number LIMIT %s",
                    [number, _AT_ONCE],
                )
            for number, data in found:  # noqa: B007 - the next ones follow it
                try:
                    yield msgspec.json.decode(data, type=Deed)
                except (ValueError, RecursionError):
                    continue
            if len(found) < _AT_ONCE:
                return

    def _lost(self, why: str) -> JournalLost:
        return JournalLost(
            f"{self._place}: can't be written: {why}.",
            "Is the database running, and reached from here?",
            why,
        )
