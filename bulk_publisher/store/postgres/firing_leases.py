"""Who does which firing, and which daemons are at work: leases of jobs, and one of each daemon."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.leases import Lease, Leases, is_gone
from bulk_publisher.store.postgres.plan_rows import PlanRows

_DAEMON, _FIRING = "serve/", "slot/"


class FiringLeases:
    """Those of one daemon."""

    def __init__(self, database: Database, leases: Leases, plan: PlanRows) -> None:
        """Nothing is taken."""
        self._database = database
        self._plan = plan
        self._leases = leases
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}

    @contextmanager
    def serving(self, on_standstill: Callable[[], None]) -> Iterator[None]:
        """Be seen as a daemon; what was taken up is let go in the end.

        Raises:
            NoAnswerFromDatabase: If that can't be written.
            RefusedByDatabase: Likewise.
        """
        key = f"{_DAEMON}{uuid4().hex}"
        # Rows of daemons that were killed, and of orders that were done.
        self._database.rows(
            "DELETE FROM lease WHERE beat_at < now() - interval '1 day' AND (starts_with(key, %s) "
            "OR starts_with(key, %s) AND NOT EXISTS (SELECT 1 FROM slot WHERE %s || name = key))",
            [_DAEMON, _FIRING, _FIRING],
        )
        self._leases.on_standstill = on_standstill
        with self._leases.held(key):
            try:
                yield
            finally:
                for name in list(self._held):
                    self.let_go(name)
        with suppress(NoAnswerFromDatabase, RefusedByDatabase):
            self._database.rows("DELETE FROM lease WHERE key = %s AND NOT is_held", [key])

    @property
    def is_served(self) -> bool:
        """Whether a daemon is at work, as far as the database knows.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        found = self._database.rows(
            "SELECT holder FROM lease WHERE starts_with(key, %s) AND is_held "
            "AND beat_at > clock_timestamp() - make_interval(secs => %s)",
            [_DAEMON, self._leases.times.taken_over_after],
        )
        return any(not is_gone(holder) for (holder,) in found)

    def take_up(self, names: Collection[str], most: int) -> list[str]:
        """Those of *names* that nobody does, *most* at most.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        seen = self._leases.look_at({_key(name) for name in names})
        # The oldest first, as they are given; to look at them loses their order.
        free = self._leases.take_free({_key(name): seen[_key(name)] for name in names}, most)
        leases = {lease.key: lease for lease in free}
        taken = [name for name in names if _key(name) in leases]
        with self._lock:
            self._held.update((name, leases[_key(name)]) for name in taken)
        try:
            # Whoever had it before may still believe that he does: what he has read is old from now on.
            if taken:
                self._plan.renew(taken)
        except (NoAnswerFromDatabase, RefusedByDatabase):
            for name in taken:
                self.let_go(name)
            raise
        return taken

    def let_go(self, name: str) -> None:
        """Others may do it."""
        with self._lock:
            lease = self._held.pop(name, None)
        if lease is not None:
            self._leases.give_back(lease)

    def still_has(self, name: str) -> bool:
        """Whether nobody else can have *name*.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        with self._lock:
            lease = self._held.get(name)
        return lease is not None and self._leases.make_sure(lease)

    def has_lost(self, name: str) -> bool:
        """Whether somebody else is known to have *name*, which was taken up here."""
        with self._lock:
            lease = self._held.get(name)
        return lease is not None and lease.is_lost


def _key(name: str) -> str:
    return f"{_FIRING}{name}"
