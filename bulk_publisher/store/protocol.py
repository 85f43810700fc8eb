"""What a store is: the one owner of all that is kept. Typing alone; who implements it is chosen elsewhere.

Rules:
    Nobody but a store knows the name of a file or of a table. Whoever speaks to a person of something
    that is kept takes the words for it from ``KeptRun.names``. A ``Path`` here is a person's own file.

What waits, and what blocks:
    ``async`` is what each page passes while a run goes on: its task waits until that is safe on disk or
    in the database, and the loop goes on. All else is plain, and blocks as long as a disk or a database
    takes: it is called once or twice a run, where it begins or ends, and from a thread where others run
    in the same loop. What is plain and called in the loop all the while takes a few milliseconds at
    most: a ``Turn``, four times a second; a line of ``KeptLines``, a verdict, a line of the log, and
    ``write_progress``, every few seconds. Whoever can't answer that fast fetches many at once, or keeps
    what is to be written and writes it beside the loop.

What is atomic:
    Each write is there as a whole or not at all, also for a reader at that moment and after a kill;
    of a journal that holds for a group of outcomes up to the line that a kill has cut, which is not there.

What a lost lock means:
    A lock ends with its process, without anybody's help. Where it can be lost before - a lease that was
    not renewed - nothing of the late process is written from then on: ``JournalLost`` is raised in its
    stead, so that the run ends there and the one who has the lock now is not disturbed.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bulk_publisher.model import Epoch, Outcome, Page, PageId, Scope, Status
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.agenda import Agenda
from bulk_publisher.store.approvals import Approvals
from bulk_publisher.store.audit import Audit
from bulk_publisher.store.description import Description
from bulk_publisher.store.flaws import Flaw
from bulk_publisher.store.heard import Heard, Snapshot
from bulk_publisher.store.record import Mark, Spent
from bulk_publisher.store.sharing import Holder
from bulk_publisher.store.standing import Place, Standing
from bulk_publisher.store.steering import Steering
from bulk_publisher.store.totals import Totals
from bulk_publisher.store.verdicts import Verdict

if TYPE_CHECKING:
    from bulk_publisher.log import LineSink


class Recording(Protocol):
    """What is recorded while a run goes on; the engine's sink. It ends with its block.

    What an ``async`` method was given is safe when it returns, or ``JournalLost`` is raised. Whoever is
    cancelled meanwhile leaves when it is done, and not before.
    """

    @property
    def torn_bytes(self) -> int:
        """Bytes of a last line that a crash had cut short, removed on opening."""
        ...

    @property
    def ahead(self) -> int:
        """Pages that are noted and have not left yet."""
        ...

    async def note_sent(self, pages: Sequence[Page]) -> None:
        """These leave now: they may be done from then on."""
        ...

    async def note_ahead(self, pages: Sequence[Page]) -> None:
        """These leave next: then they need not be waited for."""
        ...

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        """These are settled: all of them or none. When it returns they are counted."""
        ...

    def watched(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """*pages* of a selection that the portal lists, so that a resume knows where to go on."""
        ...

    async def forget_place(self) -> None:
        """The portal may not have listed all up to there: a resume begins the list anew."""
        ...

    def forget_all(self) -> None:
        """The run is whole: nothing is out, and nothing is left of the selection."""
        ...


class KeptLines(Protocol):
    """Lines of a journal, found before and read when they are wanted: few bytes for each.

    Raises:
        BadJournal: If they can't be read any more.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Outcome]: ...

    def __reversed__(self) -> Iterator[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Names:
    """How a person is told of what is kept of a run: where it is, in words."""

    description: str
    journal: str
    verdicts: str
    log: str
    report: str
    again: str
    """What ``--csv`` takes."""


class Journal(Protocol):
    """What is settled for good. Readers give it as it is when they come to it.

    Each raises ``BadJournal`` if it can't be read, or a line in it is damaged; a last line that a crash
    has cut is passed over.
    """

    @property
    def has_journal(self) -> bool:
        """Whether anything was recorded; where not, only ``read_standing`` does not mind."""
        ...

    def outcomes(self) -> Iterator[Outcome]:
        """All lines in their order, also those of other runs."""
        ...

    def marks(self) -> Iterator[Mark]:
        """What a resume needs of each line; those of what can't be a page are passed over."""
        ...

    def find_lines(self, is_wanted: Callable[[Mark], bool]) -> KeptLines:
        """The lines of this run that are wanted, in their order; the first of a page counts."""
        ...

    def spent_since(self, since: str) -> Iterator[Spent]:
        """What the lines from *since* on say of operating time, the newest first.

        Args:
            since: ISO 8601 as in the journal.
        """
        ...

    def read_standing(self, on_bad: Callable[[Outcome], None]) -> Standing:
        """How far the run has come.

        Args:
            on_bad: Told each page that failed or is unknown.
        """
        ...


class Notes(Protocol):
    """What was sent, and has no line yet. Each raises ``BadJournal`` if that can't be read."""

    def read_notes(self) -> tuple[dict[PageId, Page], Place | None]:
        """The pages that were noted as sent, some of which may have their lines, and the last place."""
        ...

    def still_out(self) -> list[Page]:
        """Pages that were sent and have no line: a run that was killed has left them."""
        ...

    def noted_at(self) -> Epoch:
        """When a page was noted last; only where some are out."""
        ...


class Verdicts(Protocol):
    """What the portal said of each page when it was asked afterwards."""

    def read_verdicts(self) -> dict[PageId, Status]:
        """The verdicts on pages that are unknown in the journal; none where nobody has asked.

        Raises:
            BadJournal: If they can't be read.
        """
        ...

    def replace_verdicts(self) -> AbstractContextManager[Callable[[Verdict], None]]:
        """What takes one verdict after another.

        They take the place of the old ones all at once when the block ends well, and never otherwise.

        Raises:
            JournalLost: If they can't be written.
        """
        ...

    def write_again(self, pages: Mapping[Scope | None, PageSet]) -> None:
        """Keep the pages that can be done again, as a list that ``--csv`` takes; for none, none.

        What they carry by their verdicts is in it.

        Raises:
            JournalLost: If it can't be written.
        """
        ...


class Guarded(Protocol):
    """A run that one process at a time works on."""

    @property
    def doubt(self) -> str:
        """Why a process on another machine might not see the lock; empty where it does."""
        ...

    @property
    def is_locked(self) -> bool:
        """Whether a process is at work on it now."""
        ...

    def holder(self) -> Holder:
        """Who is at work on it, or was last."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Held while this process works on it. Without it nothing of a run is to be written.

        Raises:
            RunBusy: If another process has it.
            BadSetting: If locks can't be kept.
            JournalLost: If nothing can be written.
        """
        ...


class KeptRun(Journal, Notes, Verdicts, Guarded, Protocol):
    """One run, as far as it is kept. To have it reads nothing but its name."""

    @property
    def run_id(self) -> str:
        """The run's name: every line of it has it."""
        ...

    @property
    def name(self) -> str:
        """How its store calls it; another one than the run's where somebody has copied or renamed it."""
        ...

    @property
    def is_copy(self) -> bool:
        """Whether it has another name than the run."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for a person and for a command that is given here."""
        ...

    @property
    def address(self) -> str:
        """The same for a command that is given anywhere."""
        ...

    @property
    def names(self) -> Names:
        """What to call what is kept of it."""
        ...

    def is_in(self, store: str) -> bool:
        """Whether a command finds it by its name alone where runs are kept in *store*."""
        ...

    def beside(self, name: str, otherwise: str = "") -> "KeptRun":
        """The run *name* of the same store; where there is none, the one at the place *otherwise*.

        Nothing is said of whether it is there.
        """
        ...

    @property
    def is_described(self) -> bool:
        """Whether a run was begun here."""
        ...

    def read_description(self) -> Description:
        """The run as asked for, and how it ended.

        Raises:
            BadJournal: If it can't be read, or is damaged; the words name the key.
        """
        ...

    def begin(self, description: Description) -> None:
        """Describe a run that ``Store.create`` has made; from now on it is found, and is the latest.

        Raises:
            BadSetting: If that can't be written.
        """
        ...

    def write_description(self, description: Description) -> None:
        """Replace it.

        Raises:
            JournalLost: If that can't be written; the old one is still there.
        """
        ...

    def record(
        self,
        totals: Totals,
        *,
        out: Sequence[Page] = (),
        place: Place | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[Recording]:
        """Go on recording, under its lock: what a crash has cut is removed, and pages are out from the start.

        Args:
            totals: Counts what is settled.
            out: Pages that an earlier process had sent, and that have no line.
            place: Where a list of the portal goes on.
            warn: Told in the loop, from which it is called, what a person should know; None for nobody.

        Raises:
            JournalLost: If nothing can be written.
        """
        ...

    def open_log(self) -> "LineSink | None":
        """Where its log goes on; None where it can't be written, which stops nothing."""
        ...

    def write_progress(self, snapshot: Snapshot) -> None:
        """Say how it stands; in the loop, and soon done. Where it can't be kept it is not."""
        ...

    def read_progress(self) -> Heard | None:
        """What the process that is at work on it has said; None where there is nothing to be read."""
        ...

    def clear_progress(self) -> None:
        """It has ended."""
        ...

    def steer(self, steering: Steering) -> None:
        """Ask something of it: whoever is at work on it hears it within seconds.

        Raises:
            BadSetting: If that can't be kept.
        """
        ...

    def read_steering(self) -> Steering | None:
        """What was asked of it last; in the loop, and soon done. None for nothing."""
        ...

    def clear_steering(self) -> None:
        """It goes on: what was asked of it before is over."""
        ...

    def write_report(self, html: str) -> str:
        """Keep a report of it for a person to open; returns where.

        Raises:
            BadSetting: If that can't be written.
        """
        ...

    def size(self) -> int:
        """Bytes of all that is kept of it."""
        ...

    def remove(self) -> None:
        """Forget all of it, under its lock: nobody finds it any more, and nobody finds half of it.

        Raises:
            JournalLost: If that can't be done.
        """
        ...

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong with what is kept of it. Reads all of it once, and changes nothing."""
        ...

    def contents(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """All that is kept of it, as the files of a run's folder: each with its name, and its bytes in pieces.

        What only says how it stands just now is not among them.

        Raises:
            BadJournal: If it can't be read.
        """
        ...


class Store(Protocol):
    """Where runs are kept. To have it opens nothing."""

    @property
    def place(self) -> str:
        """Where that is, for a person."""
        ...

    def create(self, now: Epoch, rng: random.Random) -> AbstractContextManager[KeptRun]:
        """A new run, locked until its block ends; one that has not begun by then leaves nothing behind.

        Args:
            now: When it begins: a part of its name, beside what *rng* gives.

        Raises:
            BadSetting: If none can be kept there.
        """
        ...

    def find(self, name: str) -> KeptRun:
        """The run that *name* stands for: its name or the beginning of it, ``latest``, or its place.

        Raises:
            BadJournal: If there is none, or several begin so; the words name some that are there.
        """
        ...

    @property
    def agenda(self) -> Agenda:
        """What a daemon of this store keeps."""
        ...

    @property
    def audit(self) -> Audit:
        """What people have done on the page."""
        ...

    @property
    def approvals(self) -> Approvals:
        """The plans that were handed in to be approved."""
        ...

    def take_in(self, run_id: str, contents: Iterator[tuple[str, Iterator[bytes]]]) -> KeptRun:
        """Keep a run of another store, with all that ``KeptRun.contents`` gives of it.

        Raises:
            BadSetting: If there is one of that name, or it can't be written.
            BadJournal: If the other one can't be read.
        """
        ...

    def runs(self) -> Sequence[KeptRun]:
        """All that have begun, the newest first; a damaged one says so when its description is read."""
        ...

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong beside the runs: each of these tells its own."""
        ...

    def tidy(self) -> None:
        """Remove what is left of runs whose removal a kill has cut short."""
        ...
