"""What is kept, and is it safe? Runs, their journals and notes, what limits were learned, and who has the turn.

It knows no portal and no retry; nothing but a store knows a file's name. Here it is chosen which one
it is; everybody else speaks of the protocol.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_publisher.errors import BadSetting
from bulk_publisher.store.database_address import DatabaseAddress, is_database, parse_address
from bulk_publisher.store.folder.folder_store import FolderStore, run_in
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.sharing import SharedState

if TYPE_CHECKING:
    from bulk_publisher.store.postgres.postgres_store import PostgresStore

__all__ = [
    "KeptRun",
    "SharedState",
    "Store",
    "find_run",
    "machine_state",
    "migrate_store",
    "open_store",
    "run_in",
    "shared_state",
]

_opened: dict[str, "PostgresStore"] = {}
"""Databases of this process, by their URLs: what reaches one is shared by all that ask."""


def open_store(place: str | Path) -> Store:
    """The store at *place*: a folder, which need not be there yet, or the URL of a database.

    Raises:
        BadSetting: If it is a URL that can't be read, or the extra ``cluster`` is missing.
    """
    if isinstance(place, str) and is_database(place):
        return _database_store(place)
    return FolderStore(Path(place))


def find_run(place: str | Path, name: str) -> KeptRun:
    """The run that *name* stands for in the store at *place*; or where *name* itself says, if it is a URL.

    Raises:
        BadJournal: If there is none, or several begin so.
        BadSetting: As ``open_store``.
    """
    return open_store(name if is_database(name) else place).find(name)


def machine_state(place: Path | Mapping[str, str]) -> SharedState:
    """What runs of this machine share: in the folder *place*, or in that of the user whose environment it is."""
    from bulk_publisher.store.folder.folder_state import FolderState  # noqa: PLC0415 - it loads asyncio: the Tab key lists runs without it

    return FolderState(place)


def shared_state(place: str | Path, environment: Mapping[str, str]) -> SharedState:
    """What the runs of the store at *place* share: on all hosts of a database, or on this machine.

    A database is opened when it is first asked for a turn.

    Raises:
        BadSetting: If it is a URL that can't be read, or the extra ``cluster`` is missing.
    """
    if isinstance(place, str) and is_database(place):
        return _database_store(place).state
    return machine_state(environment)


def migrate_store(place: str | Path) -> tuple[int, int]:
    """Bring the schema of the database at *place* to this program's version; gives those before and after.

    Raises:
        BadSetting: If it is none, can't be reached, does not allow it, or is newer.
    """
    if isinstance(place, str) and is_database(place):
        return _database_store(place).migrate()
    raise BadSetting(
        f"{place}: a folder needs no preparation.",
        "Name a database: --store postgresql://HOST/NAME",
    )


def _database_store(url: str) -> "PostgresStore":
    try:
        address = parse_address(url)
    except ValueError as error:
        raise BadSetting(f"The database's URL can't be read: {error}.") from None
    if address.url not in _opened:
        try:
            from bulk_publisher.store.postgres.postgres_store import PostgresStore  # noqa: PLC0415 - the extra, and only where it is used
        except ImportError as error:
            raise BadSetting(
                "Runs in PostgreSQL need psycopg, which is not installed.",
                "Install it with: pip install 'bulk-publisher[cluster]'",
            ) from error
        _opened[address.url] = PostgresStore(address, _lists_of(address))
    return _opened[address.url]


def _lists_of(address: DatabaseAddress) -> Path:
    """A folder for lists that come with orders: on all hosts alike, since runs name the files in it."""
    from bulk_publisher.store.user_folder import state_folder  # noqa: PLC0415 - folders need none

    return (
        state_folder(os.environ) / "lists" / hashlib.sha256(address.shown.encode()).hexdigest()[:16]
    )
