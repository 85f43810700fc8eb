"""A file that takes the place of another one when all of it is written, and not before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, is_forced: bool) -> Iterator[BinaryIO]:
    """What is written here is *path* in the end; whatever goes wrong leaves the old one alone.

    And it leaves nothing beside it: on a full disk that would take the room of what matters more.

    Args:
        is_forced: It is on disk before it takes the place.

    Raises:
        OSError: If the disk does not take it.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            if is_forced:
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
