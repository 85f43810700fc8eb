"""Reads a journal back, a line at a time.

A last line without its newline was cut by a crash: it is passed over, since its page was never
counted. A line in the middle that is no outcome is damage, and nothing is guessed from it.
"""

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bulk_publisher.errors import BadJournal
from bulk_publisher.journal.record import Mark, decode_mark, decode_outcome
from bulk_publisher.model import Outcome

_Line = TypeVar("_Line")


def read_outcomes(path: Path) -> Iterator[Outcome]:
    """The outcomes in *path*, in order.

    Raises:
        BadJournal: If it cannot be read, or a line in it is damaged.
    """
    return _read(path, decode_outcome)


def read_marks(path: Path) -> Iterator[Mark]:
    """What a resume needs of each line of *path*; see ``read_outcomes``."""
    return _read(path, decode_mark)


def whole_length(path: Path) -> int:
    """Bytes of *path* up to and with its last newline.

    Raises:
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    if not size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.rfind(b"\n") + 1


def _read(path: Path, decode: Callable[[bytes], _Line]) -> Iterator[_Line]:
    try:
        with path.open("rb", buffering=2**20) as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decode(line)
                except ValueError as error:
                    raise BadJournal(
                        f"{path}:{number}: the line is damaged: {error}.",
                        "Look at it with a text editor; a whole line may be removed, which lets its page be done again.",
                    ) from error
    except OSError as error:
        raise BadJournal(f"{path}: {error.strerror}.", "Is this a run's folder?") from error
