"""Which pages are out? They are noted before they leave, and forgotten when they have their line.

A process that is killed with requests in flight leaves pages that may be done and have no line.
``sent.jsonl`` names them, with what was known of them before: a resume sends exactly these again,
whatever the selection says of them by then, and remembers how they were before the run.

It is a note about what is *not* in the journal yet, and no second journal: what has a line counts
as its line says. It holds what is out, and no more; it is made anew when it has grown.
"""

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadJournal, JournalLost
from bulk_publisher.model import Page, PageId
from bulk_publisher.page_ids.page_set import is_page_id
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import is_there, make_beside
from bulk_publisher.store.folder.reader import read_lines, read_marks
from bulk_publisher.store.folder.writer import sync_folder, write_all
from bulk_publisher.store.standing import Place

_GROWN = 4 * 2**20
"""Bytes from which the file is made anew, if it has doubled: some ten thousand pages."""


class _Note(msgspec.Struct, frozen=True, omit_defaults=True):
    pages: list[Page] = []
    place: Place | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Note)


class SentPages(Closing):
    """The pages that are out. Invariant: a page that may be done has its line, or stands here.

    One thread adds while another removes. The place is never ahead of what is out: it moves with the
    pages that it passes, and not before.
    """

    def __init__(self, path: Path, out: Iterable[Page] = (), place: Place | None = None) -> None:
        """Begin with the pages that an earlier process has left.

        Raises:
            JournalLost: If the file cannot be written.
        """
        self._path = path
        self._lock = threading.Lock()
        self._out = {page.id: page for page in out}
        self._ahead: set[PageId] = set()
        self._place = place
        self._file = -1
        self._size = self._least = 0
        self._renew()

    @property
    def ahead(self) -> int:
        """Pages that are expected, and have not left."""
        return len(self._ahead)

    def expect(self, pages: Iterable[Page]) -> list[Page]:
        """These are to be added before they leave; those that never do are not out in the end.

        Returns:
            Those that are not added yet.
        """
        fresh = [page for page in pages if page.id not in self._out]
        self._ahead.update(page.id for page in fresh)
        return fresh

    def leave(self, pages: Sequence[PageId]) -> bool:
        """These leave now; says whether all of them were added before."""
        self._ahead.difference_update(pages)
        with self._lock:
            return all(page in self._out for page in pages)

    def add(self, pages: Sequence[Page], place: Place | None) -> None:
        """These leave now, or soon; when this returns that is on disk.

        Args:
            place: Where the selection goes on; None where it begins, whatever was noted before.

        Raises:
            JournalLost: If it is not.
        """
        with self._lock:
            fresh = [page for page in pages if page.id not in self._out]
            self._out.update((page.id, page) for page in fresh)
            is_taken_back = place is None and self._place is not None
            self._place = place
        if not fresh and not is_taken_back:
            return
        if self._size > max(_GROWN, 2 * self._least) or is_taken_back:
            self._renew()
            return
        try:
            self._write(_Note(fresh, place))
        except OSError as error:
            raise _lost(self._path, error) from error

    def remove(self, pages: Iterable[PageId]) -> None:
        """These have their line."""
        with self._lock:
            for page in pages:
                self._out.pop(page, None)

    def forget_all(self) -> None:
        """The run is whole: nothing is out, and nothing is left of the selection."""
        self._out.clear()
        self._place = None

    def close(self) -> None:
        """Leave the pages that are still out, and the place; where there is neither, no file."""
        # Where that fails it says too much, never too little: what has a line counts as that says.
        with suppress(OSError, JournalLost):
            self._forget_what_never_left()
        os.close(self._file)
        if not self._out and self._place is None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _forget_what_never_left(self) -> None:
        never_left = [page for page in self._ahead if page in self._out]
        self.remove(never_left)
        if never_left and (self._out or self._place is not None):
            self._renew()

    def _renew(self) -> None:
        fresh = self._path
        try:
            fresh, file = make_beside(self._path)
            if self._file >= 0:
                os.close(self._file)
            self._file, self._size = file, 0
            with self._lock:
                note = _Note(list(self._out.values()), self._place)
            self._write(note)
            self._least = self._size
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            # The old one still says what is out; the new one takes room that is needed.
            if fresh != self._path:
                with suppress(OSError):
                    fresh.unlink(missing_ok=True)
            raise _lost(self._path, error) from error

    def _write(self, note: _Note) -> None:
        data = _ENCODER.encode(note) + b"\n"
        self._size += len(data)
        write_all(self._file, data)
        os.fdatasync(self._file)


def read_sent(path: Path) -> tuple[dict[PageId, Page], Place | None]:
    """The pages that were noted as sent, and the last place.

    Some of them may have their lines. What can't be a page is passed over. A last line that a crash has cut was written before its
    request left, so it counts for nothing.

    Raises:
        BadJournal: If it cannot be read, or a line in it is damaged.
    """
    pages: dict[PageId, Page] = {}
    place = None
    if not is_there(path):
        return pages, place
    for number, line in read_lines(path):
        try:
            note = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise BadJournal(
                f"{path}:{number}: the line is damaged: {decode_error_in_words(error)}.",
                "Remove the file to continue without it: pages that were in flight are then looked up again.",
            ) from error
        pages.update((page.id, page) for page in note.pages if is_page_id(page.id))
        place = note.place or place
    return pages, place


def _lost(path: Path, error: OSError) -> JournalLost:
    return JournalLost(
        f"{path}: can't be written: {error.strerror}.",
        "Free some space or mount it for writing, then resume.",
    )


def still_out(sent: Path, journal: Path) -> list[Page]:
    """Pages that were sent and have no line: a run that was killed has left them.

    Raises:
        BadJournal: If one of the files cannot be read, or a line in it is damaged.
    """
    noted, _ = read_sent(sent)
    if noted and is_there(journal):
        for mark in read_marks(journal):
            noted.pop(mark.page, None)
    return list(noted.values())
