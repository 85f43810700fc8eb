"""Reads a journal back, a line at a time.

A last line without its newline was cut by a crash: it is passed over, since its page was never
counted. A line in the middle that is no outcome is damage, and nothing is guessed from it.
"""

import mmap
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Outcome
from bulk_publisher.page_ids.page_set import is_page_id
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import LARGEST, open_to_read
from bulk_publisher.store.record import (
    Mark,
    Spent,
    decode_mark,
    decode_outcome,
    decode_spent,
)

_Line = TypeVar("_Line")


def read_outcomes(path: Path) -> Iterator[Outcome]:
    """The outcomes in *path*, in order.

    Raises:
        BadJournal: If it cannot be read, or a line in it is damaged.
    """
    for number, line in read_lines(path):
        yield _decoded(decode_outcome, path, number, line)


def read_marks(path: Path) -> Iterator[Mark]:
    """What a resume needs of each line of *path*; see ``read_outcomes``.

    Lines of what can't be a page are passed over: the portal has listed something odd once.
    """
    for _, _, mark in read_marked_lines(path):
        if is_page_id(mark.page):
            yield mark


def read_marked_lines(path: Path) -> Iterator[tuple[int, bytes, Mark]]:
    """Where each line of *path* begins, the line, and its mark; see ``read_outcomes``."""
    at = number = 0
    # One loop and no generator in a generator: millions of lines pass here.
    try:
        with open_to_read(path) as file:
            for line in iter(partial(file.readline, LARGEST), b""):
                number += 1
                if not line.endswith(b"\n"):
                    _check_length(line)
                    return
                yield at, line, decode_mark(line)
                at += len(line)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, number, error) from error


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines of *path* with their numbers.

    Raises:
        BadJournal: If it cannot be read.
    """
    number = 0
    try:
        with open_to_read(path) as file:
            for number, line in enumerate(iter(partial(file.readline, LARGEST), b""), start=1):
                if not line.endswith(b"\n"):
                    _check_length(line)
                    return
                yield number, line
    except OSError as error:
        raise _unreadable(path, error) from error
    except LineTooLong as error:
        raise damaged(path, number, error) from error


def read_spent_since(path: Path, since: str) -> Iterator[Spent]:
    """What the lines from *since* on say of operating time, the newest first.

    Reads from the end, and no further than needed: the lines stand in the order of their times.

    Args:
        since: ISO 8601 as in the journal.

    Raises:
        BadJournal: If it cannot be read, or a line in it is damaged.
    """
    try:
        end = whole_length(path)
        if not end:
            return
        with (
            open_to_read(path) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
        ):
            while end:
                start = view.rfind(b"\n", 0, end - 1) + 1
                line = view[start : min(end, start + LARGEST)]
                spent = _decoded(decode_spent, path, 0, line)
                if spent.time < since:
                    return
                yield spent
                end = start
    except OSError as error:
        raise _unreadable(path, error) from error


def whole_length(path: Path) -> int:
    """Bytes of *path* up to and with its last newline.

    Raises:
        OSError: If it cannot be read.
    """
    with open_to_read(path) as file:
        if not os.fstat(file.fileno()).st_size:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return view.rfind(b"\n") + 1


class LineTooLong(ValueError):
    """A line that is longer than any of ours."""


def damaged(path: Path, number: int, error: Exception) -> BadJournal:
    """The error of a line that is no outcome."""
    where = f"{path}:{number}: the line" if number else f"{path}: a line"
    return BadJournal(
        f"{where} is damaged: {decode_error_in_words(error)}.",
        "Repair it with a text editor. A line beyond repair may be removed, with sent.jsonl if there "
        "is one: resume then redoes its page, if the selection still names it.",
    )


def _decoded(decode: Callable[[bytes], _Line], path: Path, number: int, line: bytes) -> _Line:
    try:
        return decode(line)
    except (ValueError, RecursionError) as error:
        raise damaged(path, number, error) from error


def _check_length(line: bytes) -> None:
    """A last line without its newline was cut by a crash, unless it is none that can be."""
    if len(line) >= LARGEST:
        raise LineTooLong("it has no end")


def _unreadable(path: Path, error: OSError) -> BadJournal:
    return BadJournal(f"{path}: can't be read: {error.strerror}.", "Is this a run's folder?")
