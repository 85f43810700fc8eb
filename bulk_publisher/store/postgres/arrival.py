"""Takes a run in from another store: what its files hold becomes rows, all before the run is found."""

import zlib
from collections.abc import Iterable, Iterator

import msgspec

from bulk_publisher.errors import BadJournal
from bulk_publisher.model import Page, PageId
from bulk_publisher.store.files import LARGEST
from bulk_publisher.store.postgres.fence import Fence, Written
from bulk_publisher.store.postgres.leases import Lease
from bulk_publisher.store.postgres.papers import AGAIN, REPORT, Papers
from bulk_publisher.store.postgres.postgres_run import PostgresParts
from bulk_publisher.store.postgres.recording import SentNote, encode_place
from bulk_publisher.store.standing import Place

_LINES_AT_ONCE = 1_000
_NOTES = msgspec.json.Decoder(SentNote)


def receive(
    parts: PostgresParts, run: str, lease: Lease, contents: Iterable[tuple[str, Iterator[bytes]]]
) -> bytes:
    """Keep *contents* as those of *run*; gives its description, which is not kept yet.

    A last line that a crash has cut is left out, as when a run goes on. What has another name is none of a run's.

    Raises:
        BadJournal: If something in it is damaged, or there is no description.
        JournalLost: If it can't be written.
        NoAnswerFromDatabase: Likewise.
        RefusedByDatabase: Likewise.
    """
    arrival = _Arrival(parts, run, lease)
    description = b""
    for name, pieces in contents:
        if name == "run.json":
            description = b"".join(pieces)
        elif name in arrival.takers:
            arrival.takers[name](name, pieces)
    if not description:
        raise BadJournal(f"{run}: there is no run.json.", "Is this a run's folder?")
    return description


class _Arrival:
    """Takes the files of one run, each as what it holds."""

    def __init__(self, parts: PostgresParts, run: str, lease: Lease) -> None:
        self._database = parts.database
        self._run = run
        self._fence = Fence(parts.database, run, lease, patience=parts.patience)
        self._papers = Papers(parts.database, run, run)
        self.takers = {
            "outcomes.jsonl": self._take_journal,
            "sent.jsonl": self._take_notes,
            "log.jsonl": lambda _name, pieces: self._papers.keep_log(pieces),
            "verify.jsonl": self._take_verdicts,
            AGAIN: self._take_document,
            REPORT: self._take_document,
            "steering.json": self._take_steering,
        }

    def _take_journal(self, name: str, pieces: Iterator[bytes]) -> None:
        for count, data in _grouped(_whole_lines(name, pieces)):
            self._fence.write(Written(lines=zlib.compress(data), count=count))

    def _take_notes(self, name: str, pieces: Iterator[bytes]) -> None:
        _note(self._fence, list(_whole_lines(name, pieces)))

    def _take_verdicts(self, name: str, pieces: Iterator[bytes]) -> None:
        self._papers.keep_verdicts(_whole_lines(name, pieces), self._fence)

    def _take_document(self, name: str, pieces: Iterator[bytes]) -> None:
        self._papers.keep(name, b"".join(pieces))

    def _take_steering(self, _name: str, pieces: Iterator[bytes]) -> None:
        self._database.rows(
            "UPDATE run SET steering = %s WHERE id = %s", [b"".join(pieces), self._run]
        )


def _note(fence: Fence, lines: list[bytes]) -> None:
    pages: dict[PageId, Page] = {}
    place: Place | None = None
    for number, line in enumerate(lines, start=1):
        try:
            note = _NOTES.decode(line)
        except (ValueError, RecursionError) as error:
            raise BadJournal(f"sent.jsonl:{number}: the line is damaged.") from error
        pages.update((page.id, page) for page in note.pages)
        place = note.place or place
    data = zlib.compress(msgspec.json.encode(SentNote(list(pages.values())))) if pages else None
    fence.write(Written(note=data, moves=True, place=encode_place(place)))


def _whole_lines(name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in *pieces*, each with its end."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > LARGEST:
            raise BadJournal(f"{name}: a line has no end.")


def _grouped(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    group: list[bytes] = []
    for line in lines:
        group.append(line)
        if len(group) >= _LINES_AT_ONCE:
            yield len(group), b"".join(group)
            group = []
    if group:
        yield len(group), b"".join(group)
