"""Leases: leave to work on a run, a portal or a job, for a while; and what becomes of one that is not renewed.

Rules:
    No clock but ``CLOCK_BOOTTIME`` of this machine decides anything, and none is compared with another
    machine's. A renewal counts from before its statement was sent. Whoever holds a lease is silent some
    time after the last one; whoever wants it takes it when he has himself seen it unchanged for longer.
    The time of the database is told to people, and tells whether it is worth waiting for.

    A process of this machine that is gone can renew nothing: what it held is free at once.
"""

import os
import re
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from bulk_publisher.clock import boottime
from bulk_publisher.store.folder.holders import LockHolder
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
)
from bulk_publisher.store.postgres.keeper import Keeper
from bulk_publisher.store.postgres.schema import LeaseTimes

_PROCESSES = Path("/proc")
_HOLDER = re.compile(
    r"host (?P<host>[\w.-]{1,255}), pid (?P<pid>[1-9]\d{0,9}), (?P<machine>\S{1,200}), since (?P<since>\d{1,20})"
)
# What another host is just taking is its own: nobody waits, and no two wait for each other.
_TAKE: LiteralString = """
WITH free AS (
    SELECT lease.key, seen.holder
    FROM lease JOIN unnest(%(keys)s::text[], %(tokens)s::bigint[], %(beats)s::bigint[], %(holders)s::text[])
    AS seen (key, token, beat, holder) ON lease.key = seen.key
    WHERE lease.token = seen.token AND (lease.beat = seen.beat OR NOT lease.is_held)
    FOR UPDATE OF lease SKIP LOCKED
)
UPDATE lease SET is_held = true, holder = free.holder, token = token + 1, beat = beat + 1, beat_at = now(), wanted_at = NULL
FROM free WHERE lease.key = free.key RETURNING lease.key, lease.token
"""
_WANTED_RENEWALS = 1.5
"""Renewals for which somebody waits who has said so."""
_QUIET = 3
"""Renewals that are missing before somebody waits for a lease to get free."""


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A lease as it stands.

    Attributes:
        quiet_for: Seconds since the last renewal, by the database's clock.
    """

    is_held: bool
    holder: str
    token: int
    beat: int
    quiet_for: float
    is_wanted: bool = False


FREE = SeenLease(is_held=False, holder="", token=0, beat=0, quiet_for=0.0)


class Lease:
    """One that this process has. Invariant: what it says of itself, it may have lost, never the other way."""

    def __init__(self, key: str, token: int, taken_at: float, silent_after: float) -> None:
        self.key = key
        self.token = token
        self._silent_after = silent_after
        self._renewed_at = taken_at
        self._is_lost = False

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has it, or it was given back."""
        return self._is_lost

    @property
    def is_fresh(self) -> bool:
        """Whether it is certain that nobody else has it yet: else nothing may leave."""
        return not self._is_lost and boottime() <= self._renewed_at + self._silent_after

    def renewed(self, asked_at: float) -> None:
        """The database has answered a statement that was sent after *asked_at*, and it was ours."""
        self._renewed_at = max(self._renewed_at, asked_at)

    def lose(self) -> None:
        """It is somebody else's, or nobody's."""
        self._is_lost = True


class Leases:
    """All leases of this process in one database: they are renewed together, by a thread."""

    def __init__(self, database: Database, times: LeaseTimes) -> None:
        """Nothing is asked yet.

        Args:
            times: Of the database.
        """
        self._database = database
        self.times = times
        self._keeper = Keeper("leases")
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self.on_standstill: Callable[[], None] | None = None
        """Called by the thread that renews, where this process stood still and lost a lease meanwhile."""
        self._looked_at = boottime()
        self._sightings: dict[str, tuple[int, int, float]] = {}

    def look(self, key: str) -> SeenLease:
        """How the lease *key* stands; each look counts as having seen it.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        return self.look_at({key})[key]

    def look_at(self, keys: Collection[str]) -> dict[str, SeenLease]:
        """The same for several, which need not be there.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        found = self._database.rows(
            "SELECT key, is_held, holder, token, beat, extract(epoch FROM clock_timestamp() - beat_at)::float8, "
            "coalesce(wanted_at > clock_timestamp() - make_interval(secs => %s), false) FROM lease WHERE key = ANY(%s)",
            [self.times.renew_every * _WANTED_RENEWALS, list(keys)],
        )
        seen = dict.fromkeys(keys, FREE) | {key: SeenLease(*told) for key, *told in found}
        for key, one in seen.items():
            self._note(key, one)
        return seen

    def is_free(self, key: str, seen: SeenLease) -> bool:
        """Whether *seen* may be taken."""
        return not seen.is_held or is_gone(seen.holder) or self._is_stale(key, seen)

    def take(self, key: str, *, waits: bool = False) -> Lease | SeenLease:
        """The lease *key*; where somebody else has it, how it stands.

        Args:
            waits: Where its holder is silent, watch it until it is free or he speaks; blocks as long.

        Raises:
            NoAnswerFromDatabase: If nobody knows.
            RefusedByDatabase: If it can't be taken.
        """
        pause = threading.Event()
        while True:
            seen = self.look(key)
            if self.is_free(key, seen):
                for lease in self._take_those({key: seen}):
                    return lease
                continue
            times = self.times
            if not waits or seen.quiet_for < _QUIET * times.renew_every:
                return seen
            pause.wait(times.renew_every / 2)

    def try_take(self, key: str, seen: SeenLease) -> Lease | None:
        """Take *seen* if it is free, and still as it was seen."""
        return next(iter(self.take_free({key: seen}, 1)), None)

    def take_free(self, seen: Mapping[str, SeenLease], most: int) -> list[Lease]:
        """Take those of *seen* that are free, and still as they were seen, *most* at most.

        Raises:
            NoAnswerFromDatabase: If nobody knows.
            RefusedByDatabase: If none is taken.
        """
        free = [(key, one) for key, one in seen.items() if self.is_free(key, one)]
        return self._take_those(dict(free[:most])) if free[:most] else []

    def make_sure(self, lease: Lease) -> bool:
        """Whether nobody else has *lease*; where it was not renewed for long, it is now.

        Raises:
            NoAnswerFromDatabase: If that can't be told.
            RefusedByDatabase: Likewise.
        """
        if not lease.is_fresh and not lease.is_lost:
            asked_at = boottime()
            found = self._database.rows(
                "UPDATE lease SET beat = beat + 1, beat_at = now() "
                "WHERE key = %s AND token = %s AND is_held RETURNING 1",
                [lease.key, lease.token],
            )
            if found:
                lease.renewed(asked_at)
            else:
                lease.lose()
        return lease.is_fresh

    def give_back(self, lease: Lease) -> None:
        """Nobody has it; where that can't be said, others find out in time."""
        was_lost, was_fresh = lease.is_lost, lease.is_fresh
        self.let_go(lease)
        if was_lost:
            return
        if was_fresh:
            with suppress(NoAnswerFromDatabase, RefusedByDatabase):
                self._free(lease)
        else:
            # The database has not answered for long: dozens that end now would wait one after another.
            self._keeper.soon((lease.key, lease.token), lambda: self._free(lease))

    def let_go(self, lease: Lease) -> None:
        """Renew it no more; whoever calls this gives it back himself."""
        with self._lock:
            if self._held.get(lease.key) is lease:
                del self._held[lease.key]
            if not self._held:
                self._keeper.no_more("renew")
        lease.lose()

    @contextmanager
    def held(self, key: str) -> Iterator[Lease | SeenLease]:
        """The lease *key* for a block; how it stands where somebody else has it."""
        taken = self.take(key, waits=True)
        try:
            yield taken
        finally:
            if isinstance(taken, Lease):
                self.give_back(taken)

    def _free(self, lease: Lease) -> None:
        self._database.once(
            "UPDATE lease SET is_held = false, beat = beat + 1 WHERE key = %s AND token = %s",
            [lease.key, lease.token],
        )

    def _take_those(self, seen: Mapping[str, SeenLease]) -> list[Lease]:
        """Take these, as far as they are still as they were seen: a statement for all of them."""
        new = [key for key, one in seen.items() if one is FREE]
        if new:
            self._database.rows(
                "INSERT INTO lease (key) SELECT unnest(%s::text[]) ON CONFLICT (key) DO NOTHING",
                [new],
            )
        asked_at = boottime()
        found = self._database.once(
            _TAKE,
            {
                "keys": list(seen),
                "tokens": [one.token for one in seen.values()],
                "beats": [one.beat for one in seen.values()],
                "holders": [this_process(f"take {one.token + 1}") for one in seen.values()],
            },
        )
        times = self.times
        taken = [Lease(key, int(token), asked_at, times.silent_after) for key, token in found]
        if taken:
            with self._lock:
                if not self._held:
                    self._looked_at = asked_at
                for lease in taken:
                    self._held[lease.key] = lease
                    self._sightings.pop(lease.key, None)
            self._keeper.every(times.renew_every, "renew", self._renew)
        return taken

    def _renew(self) -> None:
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        asked_at = boottime()
        # Where the database is away this is still done again and again: only a standstill is so long.
        has_stood_still = asked_at - self._looked_at > self.times.taken_over_after
        self._looked_at = asked_at
        found = self._database.once(
            "UPDATE lease SET beat = beat + 1, beat_at = now() FROM unnest(%s::text[], %s::bigint[]) AS ours (key, token) "
            "WHERE lease.key = ours.key AND lease.token = ours.token AND is_held RETURNING lease.key",
            [list(held), [lease.token for lease in held.values()]],
        )
        ours = {key for (key,) in found}
        for key, lease in held.items():
            if key in ours:
                lease.renewed(asked_at)
            else:
                lease.lose()
        if has_stood_still and len(ours) < len(held) and self.on_standstill is not None:
            self.on_standstill()

    def _note(self, key: str, seen: SeenLease) -> None:
        with self._lock:
            before = self._sightings.get(key)
            if not seen.is_held:
                self._sightings.pop(key, None)
            elif before is None or before[:2] != (seen.token, seen.beat):
                self._sightings[key] = (seen.token, seen.beat, boottime())

    def _is_stale(self, key: str, seen: SeenLease) -> bool:
        with self._lock:
            token, beat, since = self._sightings.get(key, (-1, -1, 0.0))
        is_same = (token, beat) == (seen.token, seen.beat)
        return is_same and boottime() - since > self.times.taken_over_after


def this_process(rest: str) -> str:
    """Who takes a lease: this process, as no other one is called, ever; *rest* tells this time from others."""
    pid = os.getpid()
    return f"host {socket.gethostname()}, pid {pid}, {_machine() or 'unknown'}, since {_since(pid) or 0}, {rest}"


def holder_of(text: str) -> LockHolder:
    """Who has written *text*."""
    found = _HOLDER.match(text)
    return LockHolder(found["host"], int(found["pid"]), text) if found else LockHolder("", 0, text)


def is_gone(text: str) -> bool:
    """Whether the holder *text* was a process of this machine, as it runs now, that has ended."""
    found = _HOLDER.match(text)
    if found is None or not found["since"].strip("0") or found["machine"] != _machine():
        return False
    if found["host"] != socket.gethostname():
        # Machines that were copied while they ran have one another's marks, and names of their own.
        return False
    pid = int(found["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # Another user's: what can't be looked at is there.
        return False
    since = _since(pid)
    return since is not None and since != int(found["since"])


def _machine() -> str:
    """This run of this machine's kernel, and our name space of processes in it; empty where it is not told."""
    try:
        boot = (_PROCESSES / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROCESSES / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _since(pid: int) -> int | None:
    """When the process *pid* began, in ticks of its machine; 0 where it has ended, None where that is not told."""
    try:
        stat = (_PROCESSES / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name before it stands in brackets, and may hold anything.
    words = stat.rpartition(b")")[2].split()
    return 0 if words[0] in {b"Z", b"X"} else int(words[19])
