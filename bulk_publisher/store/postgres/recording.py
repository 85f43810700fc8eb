"""What is recorded while a run goes on, in the database: the journal in pieces, and the notes of what is out."""

import asyncio
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from bulk_publisher.errors import JournalLost
from bulk_publisher.model import Outcome, Page, PageId
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.disk import Disk
from bulk_publisher.store.ledger import Ledger
from bulk_publisher.store.postgres.fence import Fence, Written
from bulk_publisher.store.record import encode_outcomes
from bulk_publisher.store.standing import Place
from bulk_publisher.store.totals import Totals

_MOST_NOTES = 2_000
"""Notes that may stand in the database before they are made one."""


class SentNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of ``sent.jsonl``."""

    pages: list[Page] = []
    place: Place | None = None


_ENCODER = msgspec.json.Encoder()


def encode_place(place: Place | None) -> bytes | None:
    """*place* as it is kept."""
    return None if place is None else _ENCODER.encode(place)


class NotedPages(Closing):
    """The pages that are out. Invariant: a page that may be done has its line, or stands in a note.

    A note goes once all of its pages have their lines, with the next thing that is written.
    """

    def __init__(self, fence: Fence, out: Sequence[Page], place: Place | None) -> None:
        """Begin with the pages that an earlier process has left; what it had noted goes.

        Raises:
            JournalLost: If that can't be written.
        """
        self._fence = fence
        self._lock = threading.Lock()
        self._out = {page.id: page for page in out}
        self._notes: dict[int, set[PageId]] = {}
        self._note_of: dict[PageId, int] = {}
        self._done: list[int] = []
        self._ahead: set[PageId] = set()
        self._place = place
        self._write_anew()

    @property
    def ahead(self) -> int:
        """Pages that are expected, and have not left."""
        return len(self._ahead)

    def expect(self, pages: Iterable[Page]) -> list[Page]:
        """These are to be added before they leave; gives those that are not added yet."""
        fresh = [page for page in pages if page.id not in self._out]
        self._ahead.update(page.id for page in fresh)
        return fresh

    def leave(self, pages: Sequence[PageId]) -> bool:
        """These leave now; says whether all of them were added before."""
        self._ahead.difference_update(pages)
        with self._lock:
            return all(page in self._out for page in pages)

    def add(self, pages: Sequence[Page], place: Place | None) -> None:
        """These leave now, or soon; when this returns that is committed."""
        with self._lock:
            fresh = [page for page in pages if page.id not in self._out]
            self._out.update((page.id, page) for page in fresh)
            is_moved, self._place = place != self._place, place
            is_grown = len(self._notes) > _MOST_NOTES
        if is_grown:
            self._write_anew()
        elif fresh or (is_moved and place is None):
            self._write(fresh, wipes=False)

    def remove(self, pages: Iterable[PageId]) -> None:
        """These have their line."""
        with self._lock:
            for page in pages:
                self._out.pop(page, None)
                seq = self._note_of.pop(page, None)
                if seq is not None:
                    left = self._notes[seq]
                    left.discard(page)
                    if not left:
                        del self._notes[seq]
                        self._done.append(seq)

    def take_done(self) -> tuple[int, ...]:
        """Notes that nobody needs any more."""
        with self._lock:
            done, self._done = tuple(self._done), []
        return done

    def forget_all(self) -> None:
        """The run is whole: nothing is out, and nothing is left of the selection."""
        with self._lock:
            self._out.clear()
            self._place = None

    def close(self) -> None:
        """Leave the pages that are still out, and the place."""
        with self._lock:
            for page in self._ahead:
                self._out.pop(page, None)
        # Where that fails the notes say too much, never too little: what has a line counts as that says.
        with suppress(JournalLost):
            self._write_anew(is_patient=False)

    def _write_anew(self, *, is_patient: bool = True) -> None:
        with self._lock:
            out = list(self._out.values())
            self._notes.clear()
            self._note_of.clear()
            self._done.clear()
        self._write(out, wipes=True, is_patient=is_patient)

    def _write(self, pages: Sequence[Page], *, wipes: bool, is_patient: bool = True) -> None:
        note = zlib.compress(_ENCODER.encode(SentNote(list(pages), None))) if pages else None
        written = Written(
            note=note,
            moves=True,
            place=encode_place(self._place),
            done=self.take_done(),
            wipes=wipes,
        )
        seq = self._fence.write(written, is_patient=is_patient)
        with self._lock:
            ids = {page.id for page in pages if page.id in self._out}
            self._note_of.update(dict.fromkeys(ids, seq))
            if ids:
                self._notes[seq] = ids
            elif pages:
                self._done.append(seq)


class ChunkWriter:
    """Appends outcomes to the journal, a piece for each group."""

    torn_bytes = 0
    """A statement is done or it is not."""

    def __init__(self, fence: Fence, noted: NotedPages) -> None:
        self._fence = fence
        self._noted = noted

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write a line for each outcome; when this returns they are committed.

        Raises:
            JournalLost: If they are not, or that can't be told.
        """
        lines = zlib.compress(encode_outcomes(outcomes))
        done = self._noted.take_done()
        self._fence.write(Written(lines=lines, count=len(outcomes), done=done))


class PostgresLedger(Ledger):
    """A ledger of a run that may be lost to another host: then nothing leaves any more."""

    def __init__(self, fence: Fence, noted: NotedPages, disk: Disk, totals: Totals, place: Place | None) -> None:  # fmt: skip
        super().__init__(ChunkWriter(fence, noted), noted, disk, totals, place)
        self._fence = fence
        self._beside = disk

    async def note_sent(self, pages: Sequence[Page]) -> None:
        """These leave now, while the run is certainly ours."""
        await super().note_sent(pages)
        if not self._fence.lease.is_fresh:
            await self._beside.do(self._fence.wait_until_fresh)


@contextmanager
def recording(
    fence: Fence,
    totals: Totals,
    out: Sequence[Page],
    place: Place | None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[PostgresLedger]:
    """Go on recording.

    Args:
        warn: Told, in the loop, when the database is away and when it is back; None for nobody.

    Raises:
        JournalLost: If nothing can be written.
    """
    if warn is not None:
        fence.tell = _from_any_thread(warn)
    with NotedPages(fence, out, place) as noted, Disk(fence.give_up) as disk:
        yield PostgresLedger(fence, noted, disk, totals, place)


def _from_any_thread(warn: Callable[[str], None]) -> Callable[[str], None]:
    """Has the running loop tell *warn*, at once where its own thread asks for it."""
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def tell(text: str) -> None:
        if threading.get_ident() == thread:
            warn(text)
        else:
            loop.call_soon_threadsafe(warn, text)

    return tell
