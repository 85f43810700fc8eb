"""``verify.jsonl``: read back for whoever follows a run, and made anew by each ``verify``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.model import PageId, Status
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import is_there, replacing
from bulk_publisher.store.folder.reader import read_lines
from bulk_publisher.store.verdicts import Verdict

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Verdict)


def read_verdicts(path: Path) -> dict[PageId, Status]:
    """The verdicts on pages that are unknown in the journal; none where nobody has asked.

    Raises:
        BadJournal: If the file can't be read, or a line in it is damaged.
    """
    verdicts = each_verdict(path)
    return {line.page: line.verdict for line in verdicts if line.status is Status.UNKNOWN}


def add_verdict(file: BinaryIO, verdict: Verdict) -> None:
    """One more line."""
    file.write(_ENCODER.encode(verdict) + b"\n")


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of *path* when all of it is on disk, and not before.

    Raises:
        JournalLost: If it can't be written.
    """
    try:
        with replacing(path, is_forced=True) as file:
            yield file
    except OSError as error:
        raise JournalLost(
            f"{path}: can't be written: {error.strerror}.", "Free some space, then verify again."
        ) from error


def each_verdict(path: Path) -> Iterator[Verdict]:
    """All verdicts in *path*, in their order; none where there is no file.

    Raises:
        BadJournal: If it can't be read, or a line in it is damaged.
    """
    if not is_there(path):
        return
    for number, line in read_lines(path):
        try:
            yield _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise BadJournal(
                f"{path}:{number}: the line is damaged: {decode_error_in_words(error)}.",
                "Verify the run again.",
            ) from error
