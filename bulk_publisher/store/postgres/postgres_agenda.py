"""What a daemon keeps, in the database: a row for each job, order and list."""

import re
import shutil
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import msgspec

from bulk_publisher.errors import BadJournal, BadSetting, JournalLost
from bulk_publisher.log import log
from bulk_publisher.store.agenda import NO_SLOTS, Order, Slot, Told
from bulk_publisher.store.files import FOLDER_MODE, is_there, refuse_planted, replacing
from bulk_publisher.store.postgres.database import (
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.firing_leases import FiringLeases
from bulk_publisher.store.postgres.journal import reading
from bulk_publisher.store.postgres.plan_rows import PlanRows
from bulk_publisher.store.postgres.postgres_run import PostgresParts

_LIST = re.compile(r"[^A-Za-z0-9._-]+")
"""What a copy's name does without."""
_HERE = "\N{SYMBOL FOR START OF TEXT}lists/"
"""Stands in a kept order for the folder of lists, which each host has for itself."""
_MOST = 2**28
"""Bytes of a list: PostgreSQL takes no larger value."""


class PostgresAgenda:
    """The agenda of one database."""

    def __init__(self, parts: PostgresParts, lists: Path) -> None:
        """Nothing is looked at yet.

        Args:
            lists: A folder of this machine, for copies of the lists that came with orders.
        """
        self._parts = parts
        self._database = parts.database
        self._lists = lists
        # An order never changes once it is there, and a daemon looks at them each second.
        self._read: dict[tuple[str, float], Order | None] = {}
        self._plan = PlanRows(self._database)
        self._firings = FiringLeases(self._database, parts.leases, self._plan)

    @property
    def place(self) -> str:
        """The database."""
        return self._database.address.shown

    @property
    def lists(self) -> str:
        """Where copies of lists are on this machine."""
        return str(self._lists)

    @property
    def is_shared(self) -> bool:
        """Each host may have a daemon."""
        return True

    @contextmanager
    def serving(self, on_standstill: Callable[[], None]) -> Iterator[None]:
        """Be seen serving; what was taken up and not let go is given back at the end."""
        try:
            with self._firings.serving(on_standstill):
                yield
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(f"{self.place}: it can't be locked: {error}.").passing() from None

    @property
    def is_served(self) -> bool:
        """Whether a daemon is at work, on any host."""
        with reading(self.place):
            return self._firings.is_served

    def read_slots(self) -> dict[str, Slot]:
        """The plan."""
        return self._plan.read()

    def read_changes(self) -> dict[str, Slot]:
        """What has a later edition than any that was read here."""
        return self._plan.read_changes()

    def write_slots(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot] = NO_SLOTS
    ) -> Mapping[str, Slot | None]:
        """Change these in the plan."""
        return self._plan.write(changes, gone)

    def take_up(self, names: Collection[str], most: int) -> Collection[str]:
        """Those whose lease is free."""
        with reading(self.place):
            return self._firings.take_up(names, most)

    def let_go(self, name: str) -> None:
        """Give its lease back."""
        self._firings.let_go(name)

    def still_does(self, name: str) -> bool:
        """Whether its lease is certainly ours."""
        try:
            return self._firings.still_has(name)
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise JournalLost(
                f"{self.place}: nobody can tell who does {name}: {error}.",
                "Is the database running, and reached from here?",
                str(error),
            ).passing(may_pass(error)) from None

    def has_lost(self, name: str) -> bool:
        """Whether its lease is another daemon's, as far as was heard."""
        return self._firings.has_lost(name)

    def read_told(self, job: str) -> Told:
        """What people were told of *job*."""
        try:
            with reading(self.place):
                found = self._database.rows("SELECT data FROM told WHERE job = %s", [_key(job)])
            return msgspec.json.decode(found[0][0], type=Told) if found else Told()
        except (BadJournal, ValueError, RecursionError) as error:
            log.warning("told.damaged", job=job, reason=str(error))
            return Told()

    def write_told(self, job: str, told: Told) -> None:
        """Replace it."""
        try:
            self._database.rows(
                "INSERT INTO told (job, data) VALUES (%s, %s) ON CONFLICT (job) DO UPDATE SET data = excluded.data",
                [_key(job), msgspec.json.encode(told)],
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise JournalLost(
                f"{self.place}: what was told of {job} can't be written: {error}.",
                "Is the database running, and reached from here?",
                str(error),
            ) from None

    @contextmanager
    def order(self, name: str) -> Iterator["PostgresOrder"]:
        """A new order; what is not closed when the block ends is not there."""
        # What a process that was killed has left of one is taken over when it is closed.
        try:
            there = self._database.rows(
                "SELECT 1 FROM job_order WHERE name = %s AND data IS NOT NULL", [name]
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise _unwritten(self.place, error) from None
        if there:
            raise _there_already(self.place, name)
        order = PostgresOrder(self._parts, name, self._lists)
        try:
            yield order
        finally:
            if not order.is_closed:
                order.forget()

    def orders(self) -> Sequence[Order]:
        """Those that are there, the oldest first; their lists are then on this machine."""
        with reading(self.place):
            found = self._database.rows(
                "SELECT name, submitted FROM job_order WHERE data IS NOT NULL ORDER BY submitted, name"
            )
        # Another may have the same name once one was done.
        there = [(name, submitted) for name, submitted in found]
        for one in self._read.keys() - set(there):
            del self._read[one]
        for one in there:
            if one not in self._read:
                self._read_order(*one)
        return [order for one in there if (order := self._read.get(one)) is not None]

    def _read_order(self, name: str, submitted: float) -> None:
        with reading(self.place):
            found = self._database.rows("SELECT data FROM job_order WHERE name = %s", [name])
        if not found:
            return
        try:
            order = msgspec.json.decode(found[0][0], type=Order)
            if order.name == name:
                self._fetch_lists(name)
        except OSError as error:
            # There may be room the next time.
            log.warning("order.damaged", order=name, reason=str(error))
        except (ValueError, RecursionError, zlib.error) as error:
            log.warning("order.damaged", order=name, reason=str(error))
            self._read[name, submitted] = None
        else:
            job = _moved(order.job, _HERE, f"{self._lists}/")
            kept = msgspec.structs.replace(order, job=job)
            self._read[name, submitted] = kept if order.name == name else None

    def remove_order(self, name: str) -> None:
        """It was done; what was kept for it goes, too."""
        with suppress(NoAnswerFromDatabase, RefusedByDatabase):
            self._database.rows("DELETE FROM job_order WHERE name = %s", [name])
            self._database.rows("DELETE FROM order_list WHERE of_order = %s", [name])
        shutil.rmtree(self._lists / name, ignore_errors=True)

    def _fetch_lists(self, name: str) -> None:
        """Have the lists of the order *name* in a folder of this machine."""
        with reading(self.place):
            names = self._database.rows("SELECT name FROM order_list WHERE of_order = %s", [name])
        folder = self._lists / name
        for (listed,) in names:
            path = folder / PurePath(listed).name
            if is_there(path):
                continue
            for one in (self._lists, folder):
                one.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                refuse_planted(one)
            with reading(self.place):
                data = self._database.rows(
                    "SELECT data FROM order_list WHERE of_order = %s AND name = %s", [name, listed]
                )
            if data:
                with replacing(path, is_forced=False) as file:
                    file.write(zlib.decompress(data[0][0]))


class PostgresOrder:
    """An order that is being written."""

    def __init__(self, parts: PostgresParts, name: str, lists: Path) -> None:
        self._database = parts.database
        self._name = name
        self._lists = lists
        self._number = 0
        self.is_closed = False

    def keep_list(self, name: str, content: BinaryIO) -> str:
        """Keep a copy of a list; gives the path that it has on each host."""
        kept = f"{self._number}-{_LIST.sub('_', PurePath(name).name)[-80:]}"
        self._number += 1
        data = content.read(_MOST + 1)
        if len(data) > _MOST:
            raise BadSetting(f"{name}: it is larger than {_MOST // 2**20} MiB.")
        try:
            self._database.once(
                "INSERT INTO order_list (of_order, name, data) VALUES (%s, %s, %s)",
                [self._name, kept, zlib.compress(data)],
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise _unwritten(self._database.address.shown, error) from None
        return str(self._lists / self._name / kept)

    def close(self, order: Order) -> None:
        """The order itself; from now on it is found."""
        kept = msgspec.structs.replace(order, job=_moved(order.job, f"{self._lists}/", _HERE))
        try:
            made = self._database.rows(
                "INSERT INTO job_order (name, submitted, data) VALUES (%s, %s, %s) "
                "ON CONFLICT (name) DO UPDATE SET submitted = excluded.submitted, data = excluded.data "
                "WHERE job_order.data IS NULL OR job_order.data = excluded.data RETURNING name",
                [self._name, order.submitted, msgspec.json.encode(kept)],
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise _unwritten(self._database.address.shown, error) from None
        if not made:
            raise _there_already(self._database.address.shown, self._name)
        self.is_closed = True

    def forget(self) -> None:
        """It was not closed: its lists go, unless another has closed one of this name meanwhile."""
        with suppress(NoAnswerFromDatabase, RefusedByDatabase):
            self._database.rows(
                "DELETE FROM order_list WHERE of_order = %(name)s AND NOT EXISTS "
                "(SELECT FROM job_order WHERE name = %(name)s AND data IS NOT NULL)",
                {"name": self._name},
            )


def _key(job: str) -> str:
    """*job* as PostgreSQL keeps a text."""
    return job.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _moved(data: Any, before: str, after: str) -> Any:
    """*data* in which each text that begins with *before* begins with *after*."""
    match data:
        case dict():
            return {key: _moved(value, before, after) for key, value in data.items()}
        case list() | tuple():
            return [_moved(value, before, after) for value in data]
        case str() if data.startswith(before):
            return after + data[len(before) :]
        case _:
            return data


def _there_already(place: str, name: str) -> BadSetting:
    return BadSetting(f"{place}: there is an order {name} already.")


def _unwritten(place: str, error: Exception) -> BadSetting:
    return BadSetting(
        f"{place}: can't be written: {error}.", "Is the database running, and reached from here?"
    )
