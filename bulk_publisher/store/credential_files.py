"""Secrets that were handed to us to keep, a file each: for their owner alone, whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from bulk_publisher.store.files import FOLDER_MODE, read_own, replacing

_MOST = 1 << 16
"""Bytes of a secret: a webhook has 60, a credential of OAuth a few thousand."""
_IGNORE = ".gitignore"
"""Who keeps settings in git keeps no secrets there."""


def read_credential_file(path: Path) -> str:
    """The secret in the file at *path*.

    Raises:
        OSError: If it can't be read, or is no file of ours.
        UnicodeDecodeError: If it is no text.
    """
    return read_own(path, most=_MOST).decode()


def write_credential_file(path: Path, secret: str) -> None:
    """Keep *secret* in the file at *path*, in place of what stood there.

    Raises:
        OSError: If it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    ignore = path.parent / _IGNORE
    with suppress(FileExistsError):
        os.close(os.open(ignore, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        ignore.write_text("*\n")
    with replacing(path, is_forced=True) as file:
        file.write(f"{secret}\n".encode())


def remove_credential_file(path: Path) -> bool:
    """Remove the file at *path*; whether there was one.

    Raises:
        OSError: If it can't be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
