"""What is kept, and is it safe? Runs, their journals and notes, what limits were learned, and who has the turn.

It knows no portal and no retry; nothing but a store knows a file's name. Here it is chosen which one
it is; everybody else speaks of the protocol.
"""

from collections.abc import Mapping
from pathlib import Path

from bulk_publisher.store.folder.folder_store import FolderStore
from bulk_publisher.store.protocol import KeptRun, Store
from bulk_publisher.store.sharing import SharedState

__all__ = ["KeptRun", "SharedState", "Store", "machine_state", "open_store"]


def open_store(place: str | Path) -> Store:
    """The store at *place*: a folder, which need not be there yet."""
    return FolderStore(Path(place))


def machine_state(place: Path | Mapping[str, str]) -> SharedState:
    """What runs of this machine share: in the folder *place*, or in that of the user whose environment it is."""
    from bulk_publisher.store.folder.folder_state import FolderState  # noqa: PLC0415 - it loads structlog: the Tab key lists runs without it

    return FolderState(place)
