"""Gives what is kept of a run as the files of a run's folder, and says how much that is."""

from collections.abc import Iterator
from typing import LiteralString

import msgspec

from bulk_publisher.store.postgres.database import Database
from bulk_publisher.store.postgres.journal import Pieces, read_notes, reading, without_lines
from bulk_publisher.store.postgres.papers import AGAIN, REPORT, Papers
from bulk_publisher.store.postgres.recording import SentNote
from bulk_publisher.store.postgres.words import key_of
from bulk_publisher.store.protocol import Names

_SIZE: LiteralString = """
SELECT (SELECT coalesce(sum(octet_length(data)), 0) FROM chunk WHERE run = %(run)s)
    + (SELECT coalesce(sum(octet_length(data)), 0) FROM note WHERE run = %(run)s)
    + (SELECT coalesce(sum(octet_length(data)), 0) FROM verdict WHERE run = %(run)s)
    + (SELECT coalesce(sum(octet_length(data)), 0) FROM log WHERE run = %(run)s)
    + (SELECT coalesce(sum(octet_length(data)), 0) FROM document WHERE run = %(run)s)
    + (SELECT coalesce(sum(octet_length(description)), 0) FROM run WHERE id = %(run)s)
"""


def size_of(database: Database, run: str) -> int:
    """Bytes of the rows of *run*, as they were given to the database.

    Raises:
        NoAnswerFromDatabase: If that can't be told.
        RefusedByDatabase: Likewise.
    """
    ((size,),) = database.rows(_SIZE, {"run": run})
    return int(size)


def files_of(
    database: Database, run: str, names: Names, place: str, description: bytes
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each with its name, and its bytes in pieces.

    Args:
        names: What to call them to a person; *place* is all of them.

    Raises:
        BadJournal: If one can't be read.
    """
    yield "run.json", iter([description])
    pieces = Pieces(database, run, names.journal)
    if pieces.is_there:
        yield "outcomes.jsonl", pieces.data()
    noted, at = read_notes(database, run, key_of(run), place)
    out = without_lines(noted, pieces.marked)
    if out or at is not None:
        yield "sent.jsonl", iter([msgspec.json.encode(SentNote(out, at)) + b"\n"])
    papers = Papers(database, run, names.verdicts)
    for name, parts in (
        ("log.jsonl", papers.log()),
        ("verify.jsonl", papers.verdict_pieces()),
        (AGAIN, iter([papers.document(AGAIN)])),
        (REPORT, iter([papers.document(REPORT)])),
    ):
        first = next(parts, b"")
        if first:
            yield name, _with(first, parts)
    with reading(place):
        steering = database.rows("SELECT steering FROM run WHERE id = %s", [run])
    if steering and steering[0][0] is not None:
        yield "steering.json", iter([bytes(steering[0][0])])


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
