"""Reads a run's journal and notes back from the database, some pieces at a time."""

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import msgspec

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Outcome, Page, PageId
from bulk_publisher.page_ids.page_set import is_page_id
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import LARGEST
from bulk_publisher.store.marked_lines import MarkedLine
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.recording import SentNote
from bulk_publisher.store.record import Spent, decode_mark, decode_outcome, decode_spent
from bulk_publisher.store.standing import Place

_AT_ONCE = 200
"""Pieces that are fetched at once: some ten thousand lines, less than a megabyte."""
_IN_PIECE = 24
"""Bits of a line's number within its piece; the piece's stands before them."""

_NOTES = msgspec.json.Decoder(SentNote)
_PLACES = msgspec.json.Decoder(Place)
_LATER: LiteralString = (
    "SELECT seq, data FROM chunk WHERE run = %s AND seq > %s ORDER BY seq LIMIT %s"
)
_WHOLE: LiteralString = (
    "SELECT seq, lines, data FROM chunk WHERE run = %s AND seq > %s ORDER BY seq LIMIT %s"
)
_EARLIER: LiteralString = (
    "SELECT seq, data FROM chunk WHERE run = %s AND seq < %s ORDER BY seq DESC LIMIT %s"
)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """What can't be read of *place* is one error, whatever the cause.

    Raises:
        BadJournal: If it can't be read.
    """
    try:
        yield
    except (NoAnswerFromDatabase, RefusedByDatabase) as error:
        raise BadJournal(
            f"{place}: can't be read: {error}.", "Is the database running, and reached from here?"
        ).passing(may_pass(error)) from None


def unpacked(data: bytes) -> bytes:
    """A piece as it was written.

    Raises:
        ValueError: If it is damaged, or larger than any of ours.
    """
    unpacking = zlib.decompressobj()
    try:
        told = unpacking.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError("it can't be unpacked") from error
    if not unpacking.eof:
        raise ValueError("it has no end")
    return told


def _lines_of(piece: bytes) -> list[bytes]:
    """Without their ends; each has one."""
    return piece.split(b"\n")[:-1]


class Pieces:
    """The journal of one run, as it lies in the database."""

    def __init__(self, database: Database, run: str, place: str) -> None:
        """Nothing is read.

        Args:
            place: What it is, for a person.
        """
        self._database = database
        self._run = run
        self._place = place

    @property
    def is_there(self) -> bool:
        """Whether there is any."""
        with reading(self._place):
            return bool(self._fetch(_LATER, -1, 1))

    def data(self) -> Iterator[bytes]:
        """All of it, byte for byte."""
        for _, piece in self._pieces():
            yield piece

    def raw(self) -> Iterator[tuple[int, int, bytes]]:
        """Its pieces as they lie there: the seq of each, how many lines it was written with, and it, packed."""
        at = -1
        while True:
            with reading(self._place):
                found = self._database.rows(_WHOLE, [self._run, at, _AT_ONCE])
            for at, lines, data in found:
                yield at, lines, data
            if len(found) < _AT_ONCE:
                return

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """All lines, each with a number by which it is found again."""
        for seq, piece in self._pieces():
            first = seq << _IN_PIECE
            for number, line in enumerate(_lines_of(piece)):
                yield first + number, line

    def marked(self) -> Iterator[MarkedLine]:
        """The same, with what a resume needs of each."""
        number = 0
        try:
            for number, (at, line) in enumerate(self.lines(), start=1):  # noqa: B007 - the error names it
                yield at, line, decode_mark(line)
        except (ValueError, RecursionError) as error:
            raise self.damaged(number, error) from error

    def outcomes(self) -> Iterator[Outcome]:
        """The outcomes in the lines."""
        number = 0
        try:
            for number, (_, line) in enumerate(self.lines(), start=1):  # noqa: B007 - the error names it
                yield decode_outcome(line)
        except (ValueError, RecursionError) as error:
            raise self.damaged(number, error) from error

    def spent_since(self, since: str) -> Iterator[Spent]:
        """What the lines from *since* on say of operating time, the newest first."""
        try:
            for _, piece in self._pieces(backwards=True):
                for line in reversed(_lines_of(piece)):
                    spent = decode_spent(line)
                    if spent.time < since:
                        return
                    yield spent
        except (ValueError, RecursionError) as error:
            raise self.damaged(0, error) from error

    def at(self, places: Iterable[int]) -> Iterator[Outcome]:
        """The outcomes in the lines with these numbers."""
        seq, lines = -1, []
        try:
            for place in places:
                if place >> _IN_PIECE != seq:
                    seq = place >> _IN_PIECE
                    lines = _lines_of(self._piece(seq))
                yield decode_outcome(lines[place & ((1 << _IN_PIECE) - 1)])
        except (ValueError, RecursionError, IndexError) as error:
            raise self.damaged(0, ValueError(str(error))) from error

    def damaged(self, number: int, error: Exception) -> BadJournal:
        """The error of a line that is no outcome."""
        where = f"{self._place}:{number}: the line" if number else f"{self._place}: a line"
        return BadJournal(
            f"{where} is damaged: {decode_error_in_words(error)}.",
            "Restore the database from a backup, or take the run out with store export.",
        )

    def _pieces(self, *, backwards: bool = False) -> Iterator[tuple[int, bytes]]:
        at = 2**62 if backwards else -1
        while True:
            with reading(self._place):
                found = self._fetch(_EARLIER if backwards else _LATER, at, _AT_ONCE)
            for seq, data in found:
                at = seq
                yield seq, self._unpacked(data)
            if len(found) < _AT_ONCE:
                return

    def _piece(self, seq: int) -> bytes:
        with reading(self._place):
            found = self._fetch(_LATER, seq - 1, 1)
        return self._unpacked(found[0][1]) if found and found[0][0] == seq else b""

    def _unpacked(self, data: bytes) -> bytes:
        try:
            return unpacked(data)
        except ValueError as error:
            raise self.damaged(0, error) from error

    def _fetch(self, statement: LiteralString, at: int, most: int) -> list[tuple[int, bytes]]:
        return [(seq, data) for seq, data in self._database.rows(statement, [self._run, at, most])]


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines of a journal; *places* says where they are, eight bytes for each."""

    pieces: Pieces
    places: "array[int]"

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Outcome]:
        return self.pieces.at(self.places)

    def __reversed__(self) -> Iterator[Outcome]:
        return self.pieces.at(reversed(self.places))


def read_notes(
    database: Database, run: str, key: str, place: str
) -> tuple[dict[PageId, Page], Place | None]:
    """The pages that were noted as sent, and the last place in the selection.

    Raises:
        BadJournal: If that can't be read.
    """
    pages: dict[PageId, Page] = {}
    with reading(place):
        kept = database.rows("SELECT place FROM lease WHERE key = %s", [key])
        notes = database.rows("SELECT data FROM note WHERE run = %s ORDER BY seq", [run])
    try:
        for (data,) in notes:
            note = _NOTES.decode(unpacked(data))
            pages.update((page.id, page) for page in note.pages if is_page_id(page.id))
        there = _PLACES.decode(kept[0][0]) if kept and kept[0][0] is not None else None
    except (ValueError, RecursionError) as error:
        raise BadJournal(
            f"{place}: a note is damaged: {decode_error_in_words(error)}.",
            "Restore the database from a backup.",
        ) from error
    return pages, there


def without_lines(noted: dict[PageId, Page], marked: Callable[[], Iterable[MarkedLine]]) -> list[Page]:  # fmt: skip
    """Those of *noted* that have no line; for none, nothing is read."""
    if noted:
        for _, _, mark in marked():
            noted.pop(mark.page, None)
    return list(noted.values())
