"""Runs are forgotten whole, also those that a killed process has left half made or half removed."""

from typing import LiteralString

from bulk_publisher.errors import JournalLost
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.leases import Lease, Leases
from bulk_publisher.store.postgres.words import key_of

_OF_A_RUN: tuple[LiteralString, ...] = (
    "DELETE FROM chunk WHERE run = %s",
    "DELETE FROM note WHERE run = %s",
    "DELETE FROM verdict WHERE run = %s",
    "DELETE FROM log WHERE run = %s",
    "DELETE FROM document WHERE run = %s",
    "DELETE FROM progress WHERE run = %s",
    "DELETE FROM lease WHERE key = 'run/' || %s",
)
_OF_NO_RUN: tuple[LiteralString, ...] = (
    "DELETE FROM chunk WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM note WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM verdict WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM log WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM document WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM progress WHERE NOT EXISTS (SELECT FROM run WHERE id = run)",
    "DELETE FROM lease WHERE starts_with(key, 'slot/') AND NOT is_held AND NOT EXISTS (SELECT FROM slot WHERE 'slot/' || name = key)",
    "DELETE FROM lease WHERE starts_with(key, 'run/') AND NOT EXISTS (SELECT FROM run WHERE 'run/' || id = key)",
)
"""A run's row is there before anything of it is."""
UNBEGUN: LiteralString = (
    "SELECT id FROM run LEFT JOIN lease ON key = 'run/' || id WHERE begun IS NULL AND NOT coalesce("
    "is_held AND beat_at > clock_timestamp() - make_interval(secs => %s), false) ORDER BY id"
)
"""Runs that have not begun, and nobody has been heard of for so many seconds who would begin them."""


def remove_run(database: Database, run: str, lease: Lease, place: str) -> None:
    """Forget a run that *lease* is about: nobody finds it from the first statement on.

    Raises:
        JournalLost: If it can't be removed, or somebody else works on it now.
    """
    try:
        hidden = database.rows(
            "UPDATE run SET begun = NULL FROM lease "
            "WHERE id = %s AND key = %s AND token = %s AND is_held RETURNING id",
            [run, lease.key, lease.token],
        )
        if hidden:
            forget_unbegun(database, run)
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise JournalLost(
            f"{place}: can't be removed: {error}.",
            "Is the database running, and reached from here?",
            str(error),
        ) from None
    if not hidden:
        why = "another process works on the run now"
        raise JournalLost(f"{place}: can't be removed: {why}.", "status shows how it stands.", why)


def forget_unbegun(database: Database, run: str) -> None:
    """Forget a run that nobody finds; one that has begun is left as it is.

    Raises:
        NoAnswerFromDatabase: If nobody knows whether that was done.
        RefusedByDatabase: If it was not.
    """
    with database.together() as connection:
        gone = connection.execute("DELETE FROM run WHERE id = %s AND begun IS NULL", [run])
        if gone.rowcount:
            for statement in _OF_A_RUN:
                connection.execute(statement, [run])


def forget_left_over(database: Database, leases: Leases) -> None:
    """Forget what killed processes have left: runs that have not begun, and what belongs to no run.

    Raises:
        NoAnswerFromDatabase: If nobody knows whether that was done.
        RefusedByDatabase: If it was not.
    """
    for (run,) in database.rows(UNBEGUN, [leases.times.taken_over_after]):
        lease = leases.take(key_of(run), waits=True)
        # Who has it would begin it.
        if isinstance(lease, Lease):
            forget_unbegun(database, run)
            leases.give_back(lease)
    for statement in _OF_NO_RUN:
        database.rows(statement)
