"""The plan of next runs, a row for each job and order: what one host changes, the others hear of."""

from collections.abc import Collection, Mapping
from typing import Any, LiteralString

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.store.agenda import Slot
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.journal import reading

_TRIES = 3
"""Of a change that the database refuses since another one is in its way."""
_READ: LiteralString = "SELECT name, edition, data FROM slot WHERE edition > %s ORDER BY name"
# The counter's row is a statement's own until it is committed: whoever sees an edition sees all before it.
_WRITE: LiteralString = """
WITH counter AS (
    UPDATE plan SET edition = edition + 1 RETURNING edition AS latest
), told AS (
    SELECT * FROM unnest(%(names)s::text[], %(dues)s::float8[], %(data)s::bytea[], %(editions)s::bigint[])
    AS told (name, next_due, data, edition)
), changed AS (
    UPDATE slot SET edition = latest, next_due = told.next_due, data = told.data FROM told, counter
    WHERE slot.name = told.name AND slot.edition = told.edition RETURNING slot.name, slot.edition
), made AS (
    INSERT INTO slot (name, next_due, edition, data) SELECT name, next_due, latest, data FROM told, counter
    WHERE edition = 0 ON CONFLICT (name) DO NOTHING RETURNING name, edition
), gone AS (
    DELETE FROM slot USING counter, unnest(%(gone)s::text[], %(gone_editions)s::bigint[]) AS old (name, edition)
    WHERE slot.name = old.name AND slot.edition = old.edition
)
SELECT name, edition FROM changed UNION ALL SELECT name, edition FROM made
"""
_NEW_EDITION: LiteralString = """
WITH counter AS (UPDATE plan SET edition = edition + 1 RETURNING edition AS latest)
UPDATE slot SET edition = latest FROM counter WHERE name = ANY(%(names)s)
"""


class PlanRows:
    """The rows of one database. Each statement is committed by itself: no host that stands still holds another up."""

    def __init__(self, database: Database) -> None:
        """Nothing is read yet."""
        self._database = database
        self._place = database.address.shown
        self._seen = 0

    def read(self) -> dict[str, Slot]:
        """All that are there.

        Raises:
            BadJournal: If one is damaged, or they can't be read.
        """
        return self._slots(-1)

    def read_changes(self) -> dict[str, Slot]:
        """Those with a later edition than any that was read here.

        Raises:
            BadJournal: As ``read``.
        """
        return self._slots(self._seen)

    def renew(self, names: Collection[str]) -> None:
        """Have these in another edition: what anybody has read of them is old.

        Raises:
            NoAnswerFromDatabase: If nobody knows whether it was done.
            RefusedByDatabase: If it was not.
        """
        self._database.rows(_NEW_EDITION, {"names": list(names)})

    def write(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot]
    ) -> dict[str, Slot | None]:
        """Change these, unless another host has done so; what was done.

        Raises:
            JournalLost: If that can't be written, or nobody knows whether it was.
        """
        told = {
            "names": list(changes),
            "dues": [slot.next_due for slot in changes.values()],
            "editions": [slot.edition for slot in changes.values()],
            "data": [_encoded(slot) for slot in changes.values()],
            "gone": list(gone),
            "gone_editions": [slot.edition for slot in gone.values()],
        }
        try:
            written = self._write(told, changes)
            left = self._there(gone) if gone else {}
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise JournalLost(
                f"{self._place}: the plan can't be written: {error}.",
                "Is the database running, and reached from here?",
                str(error),
            ).passing(may_pass(error)) from None
        done: dict[str, Slot | None] = {
            name: changes[name].in_edition(edition) for name, edition in written.items()
        }
        return done | dict.fromkeys(gone.keys() - left.keys())

    def _write(self, told: Mapping[str, Any], changes: Mapping[str, Slot]) -> dict[str, int]:
        for tries_left in reversed(range(_TRIES)):
            try:
                return dict(self._database.once(_WRITE, told))
            except RefusedByDatabase as error:
                # Two hosts that change the same rows may have to wait for each other.
                if not error.is_passing or not tries_left:
                    raise
            except NoAnswerFromDatabase:
                done = self._done(changes)
                if done or not changes:
                    return done
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _done(self, changes: Mapping[str, Slot]) -> dict[str, int]:
        """Of a statement whose answer was lost: what stands there now as it was to be."""
        return {
            name: edition
            for name, (edition, data) in self._there(changes).items()
            if edition > changes[name].edition and data == _encoded(changes[name])
        }

    def _there(self, names: Mapping[str, Slot]) -> dict[str, tuple[int, bytes]]:
        found = self._database.rows(
            "SELECT name, edition, data FROM slot WHERE name = ANY(%s)", [list(names)]
        )
        return {name: (edition, bytes(data)) for name, edition, data in found}

    def _slots(self, after: int) -> dict[str, Slot]:
        with reading(self._place):
            found = self._database.rows(_READ, [after])
        slots: dict[str, Slot] = {}
        for name, edition, data in found:
            try:
                slots[name] = msgspec.json.decode(data, type=Slot).in_edition(edition)
            except (ValueError, RecursionError) as error:
                raise BadJournal(
                    f"{self._place}: the plan of {name} is damaged: {decode_error_in_words(error)}.",
                    "Delete its row from the table slot: then the job waits for its next time.",
                ) from error
        self._seen = max([self._seen, *(slot.edition for slot in slots.values())])
        return slots


def _encoded(slot: Slot) -> bytes:
    """Its edition stands beside it."""
    return msgspec.json.encode(slot.in_edition(0))
