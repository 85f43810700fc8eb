"""Changes to a file of named portals: one entry at a time, whole or not at all, one writer at a time.

The file is the user's, and often a link to where their settings are kept: it is changed there.
"""

import codecs
import fcntl
import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs.job import Portal
from bulk_publisher.jobs.named_portals import read_portals
from bulk_publisher.jobs.portals_text import with_entry, without_entry
from bulk_publisher.jobs.rules import NAMED_PORTAL
from bulk_publisher.sources.opening import reason
from bulk_publisher.store.files import FOLDER_MODE, replacing
from bulk_publisher.text.shown import as_text, shown

_MODE = 0o666
"""Before the umask: there is no secret in it, and people share it."""


def put_portal(path: Path, name: str, portal: Portal, *, replaces: bool = False) -> None:
    """Name *portal* in the file at *path*, which is made if it is not there.

    Args:
        portal: Its paths are relative to the file's folder.
        replaces: An entry of that name may be there, and is replaced.

    Raises:
        BadSetting: If there is one and it may not be, or the file can't be changed.
    """
    told = msgspec.to_builtins(portal)
    fields = {key: _given(told[key]) for key in NAMED_PORTAL if told[key] is not None}

    def change(text: str, entries: dict[str, Any]) -> str:
        if name in entries and not replaces:
            raise is_there_already(path, name)
        before = entries.get(name)
        entries[name] = fields
        return with_entry(text, name, fields, before)

    _change(path, change)


def remove_portal(path: Path, name: str) -> None:
    """Remove the entry *name* from the file at *path*; comments stay.

    Raises:
        BadSetting: If there is none, or the file can't be changed.
    """

    def change(text: str, entries: dict[str, Any]) -> str:
        read_portals(path).find(name)
        del entries[name]
        return without_entry(text, name)

    _change(path, change)


def is_there_already(path: Path, name: str) -> BadSetting:
    """What is said of a name that is taken."""
    return BadSetting(
        f"{as_text(str(path))} names a portal {shown(name)} already.",
        "Choose another name, or replace it with --replace.",
    )


def _given(value: Any) -> Any:
    """*value* as it is written: of a secret the one key that it has."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items() if one is not None}
    return as_text(str(value))


def _change(path: Path, change: Callable[[str, dict[str, Any]], str]) -> None:
    """Write what *change* makes of the text; it changes the entries alike, which are compared."""
    try:
        with _locked(path) as target:
            # Its mistakes are told with their lines, and before anything is changed.
            read_portals(path)
            data = target.read_bytes()
            mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
            text = data.removeprefix(mark).decode()
            entries = tomllib.loads(text)
            fresh = change(text, entries)
            if not _says(fresh, entries):
                raise BadSetting(
                    f"{as_text(str(path))}: the entry is written in a way that only its author can change.",
                    "Change the file by hand: a table [NAME] with a line for each key.",
                )
            _write(target, mark + fresh.encode())
    except OSError as error:
        raise BadSetting(
            f"{as_text(str(path))} can't be changed: {reason(error)}.",
            "Make it and its folder writable, or name another file with --portals FILE.",
        ) from error


def _says(text: str, entries: dict[str, Any]) -> bool:
    try:
        # In their order, too: it is the file's.
        return list(tomllib.loads(text).items()) == list(entries.items())
    except ValueError:
        return False


def _write(target: Path, data: bytes) -> None:
    mode = stat.S_IMODE(target.stat().st_mode)
    with replacing(target, is_forced=True, mode=mode) as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


def _is_still_at(file: int, target: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), target.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Where the file at *path* really is, while nobody else of us changes it.

    Raises:
        OSError: If it can't be opened or made.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    while True:
        file = os.open(target, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, _MODE)  # fmt: skip
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(0, "it is not a regular file", str(target))
            # Whoever holds it writes a few lines.
            fcntl.flock(file, fcntl.LOCK_EX)
            # It may have been replaced while it was waited for.
            if _is_still_at(file, target):
                yield target
                return
        finally:
            os.close(file)
