"""The tokens of one application in the database, encrypted: what a file of them is for one machine.

Rules:
    Their lock is a lease, ``credential/NAME``: whoever is stopped past it asks for nothing any more. What is
    noted before that is written under the lease.

    New tokens are kept whoever has the lease by then, as long as those that they replace are still there: they
    are the only ones that work. ``edition`` counts the pairs, and notes leave it as it is.

    A database that is away is waited for, once the tokens have been read: nobody can log in there either.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from bulk_publisher.clock import boottime
from bulk_publisher.errors import BadSetting
from bulk_publisher.log import log
from bulk_publisher.store.cluster_key import ClusterKey
from bulk_publisher.store.postgres.database import NoAnswerFromDatabase, RefusedByDatabase
from bulk_publisher.store.postgres.leases import Lease, Leases
from bulk_publisher.store.postgres.postgres_run import PostgresParts
from bulk_publisher.store.postgres.schema import unreachable
from bulk_publisher.store.postgres.sealing import Tampered, sealed, unsealed
from bulk_publisher.store.secret_file import Room, SecretLock
from bulk_publisher.text.shown import shown

T = TypeVar("T")

_PAUSE: Final = 0.5
_AWAY = (NoAnswerFromDatabase, RefusedByDatabase)


class CredentialRow:
    """One row of tokens; see ``SecretFile``. Each use of it in an ``OAuth`` is one of these."""

    def __init__(
        self, reach: Callable[[], PostgresParts], name: str, key: Callable[[], ClusterKey]
    ) -> None:
        """Nothing is asked yet.

        Args:
            key: Reads the key of this host, or says why it can't be.
        """
        self._reach = reach
        self._name = name
        self._key = key
        self._edition: int | None = None
        self._lease: Lease | None = None
        self._is_given_up = threading.Event()

    @property
    def place(self) -> str:
        """How it is called."""
        return f"{self._reach().database.address.shown}, the tokens {shown(self._name)}"

    def is_there(self) -> bool:
        """Whether anything is kept.

        Raises:
            BadSetting: If that can't be told.
        """
        return self._row() is not None

    def make_folder(self) -> None:
        """Its table is there; a key must be, too.

        Raises:
            BadSetting: If there is none.
        """
        self._key()

    def read(self) -> bytes:
        """What is kept.

        Raises:
            BadSetting: If it can't be read, or this host has another key.
        """
        row = self._row()
        if row is None:
            raise BadSetting(
                f"{self.place}: there are none.",
                "Have them kept by: bulk-publisher login --store URL --portal NAME",
            )
        edition, key_id, data = row
        key = self._key()
        if key_id != key.id:
            raise BadSetting(
                f"{self.place}: they are encrypted with the key {key_id}, and this host has the key {key.id} in {key.place}.",
                "Copy the key from the host that has logged in, or log in again from this one.",
            )
        try:
            content = unsealed(key.secret, self._name, data)
        except Tampered:
            raise BadSetting(
                f"{self.place}: they are damaged, or belong to another name.", "Log in again."
            ) from None
        self._edition = edition
        return content

    def write(self, content: bytes) -> None:
        """Keep *content* instead of what was kept, whatever that was.

        Raises:
            OSError: If the database does not take it.
        """
        given = self._given(content)
        self._asked(
            lambda: self._reach().database.once(
                "INSERT INTO credential (name, key_id, data) VALUES (%(name)s, %(key_id)s, %(data)s) "
                "ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, data = excluded.data, "
                "edition = credential.edition + 1, changed_at = now()",
                given,
            )
        )

    def note(self, content: bytes) -> None:
        """Keep *content*, which says more of the same tokens, under the lock.

        Raises:
            OSError: If the database does not take it, or somebody else has the lock or has replaced them.
        """
        given = self._given(content)
        lease = self._lease
        if lease is None or not self._asked(
            lambda: self._reach().database.once(
                "WITH fence AS (UPDATE lease SET beat = beat + 1, beat_at = now() "
                "WHERE key = %(key)s AND token = %(token)s AND is_held RETURNING key) "
                "UPDATE credential SET key_id = %(key_id)s, data = %(data)s, changed_at = now() FROM fence "
                "WHERE name = %(name)s AND edition = %(edition)s RETURNING name",
                {**given, "key": lease.key, "token": lease.token},
            )
        ):
            raise OSError(0, "another process renews them now")

    @contextmanager
    def room(self, _size: int) -> Iterator[Room]:
        """What fills it: that the database takes them was seen from the note."""
        yield _Filling(self._fill)

    def try_lock(self) -> SecretLock | None:
        """The lock of these tokens among all hosts; None where another process has it.

        Raises:
            OSError: If that can't be told.
        """
        leases = self._reach().leases
        taken = self._asked(lambda: leases.take(f"credential/{self._name}"))
        if not isinstance(taken, Lease):
            return None
        self._lease = taken
        return _RowLock(taken, leases)

    def give_up(self) -> None:
        """Wait for a database that is away no more."""
        self._is_given_up.set()

    def _fill(self, content: bytes) -> None:
        given = self._given(content)
        data = given["data"]

        def kept() -> bool:
            database = self._reach().database
            if database.once(
                "UPDATE credential SET key_id = %(key_id)s, data = %(data)s, edition = edition + 1, changed_at = now() "
                "WHERE name = %(name)s AND edition = %(edition)s RETURNING edition",
                given,
            ):
                return True
            # It may have been done by a statement whose answer was lost.
            found = database.rows("SELECT data FROM credential WHERE name = %s", [self._name])
            return bool(found) and bytes(found[0][0]) == data

        if not self._asked(kept):
            raise OSError(0, "others were kept there meanwhile")
        self._edition = (self._edition or 0) + 1

    def _given(self, content: bytes) -> dict[str, object]:
        try:
            key = self._key()
        except BadSetting as error:
            raise OSError(0, error.message.removesuffix(".")) from error
        data = sealed(key.secret, self._name, content)
        return {"name": self._name, "key_id": key.id, "data": data, "edition": self._edition}

    def _row(self) -> tuple[int, str, bytes] | None:
        parts = self._reach()
        statement = "SELECT edition, key_id, data FROM credential WHERE name = %s"
        try:
            found = self._waited_for(lambda: parts.database.rows(statement, [self._name]))
        except _AWAY as error:
            raise unreachable(parts.database, error) from None
        return (int(found[0][0]), found[0][1], bytes(found[0][2])) if found else None

    def _asked(self, work: Callable[[], T]) -> T:
        try:
            return self._waited_for(work)
        except _AWAY as error:
            raise OSError(0, str(error)) from None

    def _waited_for(self, work: Callable[[], T]) -> T:
        """What *work* gives, which may be done twice; a database that is away is waited for."""
        began_at, patience = boottime(), self._reach().patience
        while True:
            try:
                return work()
            except _AWAY as error:
                is_final = isinstance(error, RefusedByDatabase) and not error.is_passing
                is_over = self._edition is None or boottime() - began_at > patience
                if is_final or is_over or self._is_given_up.wait(_PAUSE):
                    raise
                log.warning("database.away", reason=str(error))


class _Filling:
    def __init__(self, fill: Callable[[bytes], None]) -> None:
        self._fill = fill

    def fill(self, content: bytes) -> None:
        self._fill(content)


class _RowLock(SecretLock):
    def __init__(self, lease: Lease, leases: Leases) -> None:
        self._lease = lease
        self._leases = leases

    @property
    def is_ours(self) -> bool:
        return self._lease.is_fresh

    def close(self) -> None:
        self._leases.give_back(self._lease)
