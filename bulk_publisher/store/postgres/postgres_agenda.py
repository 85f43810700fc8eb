"""What a daemon keeps, in the database: a row for each job, order and list."""

import re
import secrets
import shutil
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, BinaryIO, LiteralString

import msgspec

from bulk_publisher.errors import BadJournal, BadSetting, JournalLost
from bulk_publisher.log import log
from bulk_publisher.store.agenda import NO_SLOTS, Order, Slot, Told
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import FOLDER_MODE, is_there, refuse_planted, replacing
from bulk_publisher.store.postgres.database import NoAnswerFromDatabase, RefusedByDatabase
from bulk_publisher.store.postgres.journal import reading
from bulk_publisher.store.postgres.leases import Lease
from bulk_publisher.store.postgres.postgres_run import Service

_SERVE, _SLOT, _PLAN = "serve/", "slot/", "plan"
"""Of keys of leases: a daemon's, a job's, and the one that counts the plan's editions."""
_FORGET_DAEMONS: LiteralString = "DELETE FROM lease WHERE starts_with(key, %(serve)s) AND (NOT is_held OR beat_at < now() - interval '1 day')"
_FIRST_EDITION: LiteralString = "INSERT INTO lease (key) VALUES (%s) ON CONFLICT (key) DO NOTHING"
_NEXT_EDITION: LiteralString = "UPDATE lease SET seq = seq + 1 WHERE key = %s RETURNING seq"
_CHANGE_SLOTS: LiteralString = (
    "UPDATE slot SET next_due = told.next_due, data = told.data, edition = %(edition)s "
    "FROM unnest(%(names)s::text[], %(dues)s::float8[], %(data)s::bytea[], %(before)s::bigint[]) "
    "AS told (name, next_due, data, before) WHERE slot.name = told.name AND slot.edition = told.before RETURNING slot.name"
)
_ADD_SLOTS: LiteralString = (
    "INSERT INTO slot (name, next_due, edition, data) SELECT name, next_due, %(edition)s, data "
    "FROM unnest(%(names)s::text[], %(dues)s::float8[], %(data)s::bytea[], %(before)s::bigint[]) "
    "AS told (name, next_due, data, before) WHERE before = 0 ON CONFLICT (name) DO NOTHING RETURNING name"
)
_REMOVE_SLOTS: LiteralString = (
    "DELETE FROM slot USING unnest(%(names)s::text[], %(before)s::bigint[]) AS told (name, before) "
    "WHERE slot.name = told.name AND edition = before"
)
_WITHOUT_SLOT: LiteralString = (
    "SELECT name FROM unnest(%(names)s::text[]) AS told (name) "
    "WHERE NOT EXISTS (SELECT FROM slot WHERE slot.name = told.name)"
)
_LIST = re.compile(r"[^A-Za-z0-9._-]+")
"""What a copy's name does without."""
_HERE = "\N{SYMBOL FOR START OF TEXT}lists/"
"""Stands in a kept order for the folder of lists, which each host has for itself."""
_MOST = 2**28
"""Bytes of a list: PostgreSQL takes no larger value."""


class PostgresAgenda:
    """The agenda of one database."""

    def __init__(self, service: Service, lists: Path) -> None:
        """Nothing is looked at yet.

        Args:
            lists: A folder of this machine, for copies of the lists that came with orders.
        """
        self._service = service
        self._database = service.database
        self._lists = lists
        # An order never changes once it is there, and a daemon looks at them each second.
        self._read: dict[str, Order | None] = {}
        self._seen = 0
        self._taken: dict[str, Lease] = {}

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
        leases, key = self._service.leases, f"{_SERVE}{secrets.token_hex(8)}"
        try:
            self._database.rows(_FORGET_DAEMONS, {"serve": _SERVE})
            leases.on_standstill = on_standstill
            with leases.held(key):
                try:
                    yield
                finally:
                    leases.on_standstill = None
                    for name in list(self._taken):
                        self.let_go(name)
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(f"{self.place}: it can't be locked: {error}.") from None

    @property
    def is_served(self) -> bool:
        """Whether a daemon is at work, on any host."""
        leases = self._service.leases
        with reading(self.place):
            keys = self._database.rows(
                "SELECT key FROM lease WHERE starts_with(key, %s) AND is_held", [_SERVE]
            )
            seen = leases.look_at([key for (key,) in keys])
        return any(
            one.quiet_for < leases.times.taken_over_after and not leases.is_free(key, one)
            for key, one in seen.items()
        )

    def read_slots(self) -> dict[str, Slot]:
        """The plan."""
        return self._read_slots(-1)

    def read_changes(self) -> dict[str, Slot]:
        """What has another edition than any that was read here."""
        return self._read_slots(self._seen)

    def write_slots(
        self, changes: Mapping[str, Slot], gone: Mapping[str, Slot] = NO_SLOTS
    ) -> Mapping[str, Slot | None]:
        """Change these in the plan; who comes later reads what was written before."""
        try:
            with self._database.together() as connection:
                connection.execute(_FIRST_EDITION, [_PLAN])
                # Its row is locked until all is written: an edition that is seen has none before it to come.
                row = connection.execute(_NEXT_EDITION, [_PLAN]).fetchone()
                edition = 0 if row is None else int(row[0])
                told = {
                    "names": list(changes),
                    "dues": [slot.next_due for slot in changes.values()],
                    "data": [msgspec.json.encode(slot.in_edition(0)) for slot in changes.values()],
                    "before": [slot.edition for slot in changes.values()],
                    "edition": edition,
                }
                written: dict[str, Slot | None] = {}
                for statement in (_CHANGE_SLOTS, _ADD_SLOTS):
                    for (name,) in connection.execute(statement, told).fetchall():
                        written[name] = changes[name].in_edition(edition)
                left = {
                    "names": list(gone),
                    "before": [slot.edition for slot in gone.values()],
                }
                connection.execute(_REMOVE_SLOTS, left)
                written |= dict.fromkeys(
                    name for (name,) in connection.execute(_WITHOUT_SLOT, left).fetchall()
                )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise JournalLost(
                f"{self.place}: the plan can't be written: {error}.",
                "Is the database running, and reached from here?",
                str(error),
            ) from None
        return written

    def take_up(self, names: Collection[str], most: int) -> Collection[str]:
        """Those whose lease is free."""
        leases = self._service.leases
        ours: list[str] = []
        with reading(self.place):
            seen = leases.look_at([f"{_SLOT}{name}" for name in names])
            for name in names:
                if len(ours) >= most:
                    break
                key = f"{_SLOT}{name}"
                lease = leases.try_take(key, seen[key])
                if lease is not None:
                    self._taken[name] = lease
                    ours.append(name)
        return ours

    def let_go(self, name: str) -> None:
        """Give its lease back."""
        lease = self._taken.pop(name, None)
        if lease is not None:
            self._service.leases.give_back(lease)

    def _read_slots(self, after: int) -> dict[str, Slot]:
        with reading(self.place):
            found = self._database.rows(
                "SELECT name, data, edition FROM slot WHERE edition > %s ORDER BY name", [after]
            )
        try:
            slots = {
                name: msgspec.json.decode(data, type=Slot).in_edition(edition)
                for name, data, edition in found
            }
        except (ValueError, RecursionError) as error:
            raise BadJournal(
                f"{self.place}: the plan is damaged: {decode_error_in_words(error)}.",
                "Delete its row from the table slot: then the job waits for its next time.",
            ) from error
        self._seen = max([self._seen, *(slot.edition for slot in slots.values())])
        return slots

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
        try:
            made = self._database.once(
                "INSERT INTO job_order (name) VALUES (%s) ON CONFLICT DO NOTHING RETURNING name",
                [name],
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise _unwritten(self.place, error) from None
        if not made:
            raise BadSetting(f"{self.place}: there is an order {name} already.")
        order = PostgresOrder(self._service, name, self._lists)
        try:
            yield order
        finally:
            if not order.is_closed:
                self.remove_order(name)

    def orders(self) -> Sequence[Order]:
        """Those that are there, the oldest first; their lists are then on this machine."""
        with reading(self.place):
            found = self._database.rows(
                "SELECT name FROM job_order WHERE data IS NOT NULL ORDER BY submitted, name"
            )
        names = [name for (name,) in found]
        for name in self._read.keys() - set(names):
            del self._read[name]
        for name in names:
            if name not in self._read:
                self._read_order(name)
        return [order for name in names if (order := self._read.get(name)) is not None]

    def _read_order(self, name: str) -> None:
        with reading(self.place):
            found = self._database.rows("SELECT data FROM job_order WHERE name = %s", [name])
        if not found:
            return
        try:
            order = msgspec.json.decode(found[0][0], type=Order)
            self._fetch_lists(name)
        except OSError as error:
            # There may be room the next time.
            log.warning("order.damaged", order=name, reason=str(error))
        except (ValueError, RecursionError, zlib.error) as error:
            log.warning("order.damaged", order=name, reason=str(error))
            self._read[name] = None
        else:
            job = _moved(order.job, _HERE, f"{self._lists}/")
            self._read[name] = msgspec.structs.replace(order, job=job)

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

    def __init__(self, service: Service, name: str, lists: Path) -> None:
        self._database = service.database
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
            self._database.rows(
                "UPDATE job_order SET submitted = %s, data = %s WHERE name = %s",
                [order.submitted, msgspec.json.encode(kept), self._name],
            )
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise _unwritten(self._database.address.shown, error) from None
        self.is_closed = True


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


def _unwritten(place: str, error: Exception) -> BadSetting:
    return BadSetting(
        f"{place}: can't be written: {error}.", "Is the database running, and reached from here?"
    )
