"""What runs of all hosts leave for each other, in the database."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bulk_publisher.errors import BadSetting, RunBusy
from bulk_publisher.store.cluster_key import read_key
from bulk_publisher.store.postgres.database import (
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.leases import SeenLease, holder_of
from bulk_publisher.store.postgres.portal_turns import PortalTurn
from bulk_publisher.store.postgres.postgres_run import PostgresParts
from bulk_publisher.store.sharing import Sharing
from bulk_publisher.store.token_keeping import TokenKeeping


class PostgresState:
    """The state of one database."""

    def __init__(self, parts: Callable[[], PostgresParts]) -> None:
        """Nothing is opened yet.

        Args:
            parts: Reaches the database, or says why it can't be.
        """
        self._reach = parts

    @contextmanager
    def turn(self, identity: str, session: str, *, portal: str) -> Iterator[Sharing]:
        """The turn of *session* at *portal*."""
        parts = self._reach()
        try:
            turn = PortalTurn(parts.board, identity, session, portal)
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            # Without it two hosts would go over the limits: here there is no other way to share them.
            raise BadSetting(
                f"{parts.database.address.shown}: the portal's limits can't be shared: {error}.",
                "Is the database running, and reached from here?",
            ).passing(may_pass(error)) from None
        try:
            yield Sharing(turn)
        finally:
            turn.end()

    def tokens(self, name: str, environment: Mapping[str, str]) -> TokenKeeping:
        """Those in the row *name*."""
        try:
            from bulk_publisher.store.postgres.credential_row import CredentialRow  # noqa: PLC0415 - it loads cryptography
        except ImportError as error:
            raise BadSetting(
                "Tokens in PostgreSQL need cryptography, which is not installed.",
                "Install it with: pip install 'bulk-publisher[cluster]'",
            ) from error
        return CredentialRow(self._reach, name, partial(read_key, environment))

    @contextmanager
    def alone(self, job: Path) -> Iterator[None]:
        """Hold the job of the file *job*, which has one path on all hosts."""
        key, parts = f"job/{_name_of(job)}", self._reach()
        try:
            with parts.leases.held(key) as taken:
                if isinstance(taken, SeenLease):
                    holder = holder_of(taken.holder)
                    raise RunBusy(
                        f"{job}: this job is already running. Its process: {holder.words}.",
                        "Wait until that run has ended; status shows how it stands.",
                    )
                yield
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(f"{job}: it can't be locked: {error}.").passing(
                may_pass(error)
            ) from None


def _name_of(job: Path) -> str:
    return hashlib.sha256(os.fsencode(job.resolve())).hexdigest()[:24]
