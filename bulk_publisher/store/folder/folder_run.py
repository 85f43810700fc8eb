"""One run in its folder, as the protocol of stores has it: each of its files by the module that knows it."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from bulk_publisher.clock import seconds_since_written
from bulk_publisher.errors import BadJournal, BadSetting, JournalLost
from bulk_publisher.model import Epoch, Outcome, Page, PageId, Scope, Status
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.closing import Closing
from bulk_publisher.store.description import Description, decode_description, encode_description
from bulk_publisher.store.disk import Disk
from bulk_publisher.store.files import (
    check_no_link,
    is_there,
    open_own,
    open_to_read,
    read_own,
    replacing,
)
from bulk_publisher.store.flaws import Flaw
from bulk_publisher.store.folder.again_file import write_list
from bulk_publisher.store.folder.holders import LockHolder
from bulk_publisher.store.folder.inspection import flaws_of_run
from bulk_publisher.store.folder.lines import FolderLines, find_lines, read_standing
from bulk_publisher.store.folder.reader import read_marks, read_outcomes, read_spent_since
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.run_lock import FolderLock, holder_of, is_locked
from bulk_publisher.store.folder.sent import SentPages, read_sent, still_out
from bulk_publisher.store.folder.verdict_file import add_verdict, fresh, read_verdicts
from bulk_publisher.store.folder.writer import JournalWriter
from bulk_publisher.store.heard import Heard, Snapshot, heard
from bulk_publisher.store.ledger import Ledger
from bulk_publisher.store.protocol import Names
from bulk_publisher.store.record import Mark, Spent
from bulk_publisher.store.standing import Place, Standing
from bulk_publisher.store.steering import Steering
from bulk_publisher.store.totals import Totals
from bulk_publisher.store.verdicts import Verdict

LATEST = "latest"
"""The name of the link to the newest run."""
REMOVED = ".removed"
"""How the names of folders end that are being removed."""
_PIECE = 2**20


class FolderLog(Closing):
    """Appends to a run's log."""

    def __init__(self, path: Path) -> None:
        """Open *path*.

        Raises:
            OSError: If that can't be done.
        """
        self._file = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, line: bytes) -> None:
        """One more line.

        Raises:
            OSError: If the disk does not take it.
        """
        os.write(self._file, line)

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)


class FolderRun:
    """A run in its folder."""

    def __init__(self, path: Path, run_id: str = "") -> None:
        """The run in *path*; nothing is read.

        Args:
            run_id: The run's name, where its folder has another: a copy of it has.
        """
        self._files = RunFolder(path)
        self.run_id = run_id or path.name

    @property
    def name(self) -> str:
        """How its folder is called."""
        return self._files.path.name

    @property
    def is_copy(self) -> bool:
        """Whether the folder has another name than the run: somebody has copied or renamed it."""
        return self.run_id != self.name

    @property
    def place(self) -> str:
        """Its folder."""
        return str(self._files.path)

    @property
    def address(self) -> str:
        """Its folder, as every command finds it from anywhere on this machine."""
        return str(self._files.path.resolve())

    @property
    def names(self) -> Names:
        """Its files."""
        files = self._files
        return Names(
            description=str(files.description),
            journal=str(files.journal),
            verdicts=str(files.verdicts),
            log=str(files.log),
            report=str(files.report),
            again=str(files.again),
        )

    def is_in(self, store: str) -> bool:
        """Whether its folder is right below *store*."""
        return self._files.path.parent in {Path(store), Path(store).resolve()}

    def beside(self, name: str, otherwise: str = "") -> "FolderRun":
        """The run in the folder *name* beside this one; where there is none, in *otherwise*."""
        path = self._files.path.parent / name
        return run_at(Path(otherwise) if otherwise and not path.is_dir() else path)

    @property
    def is_described(self) -> bool:
        """Whether there is a ``run.json``."""
        return is_there(self._files.description)

    def read_description(self) -> Description:
        """What stands in ``run.json``.

        Raises:
            BadJournal: If it cannot be read, or is damaged; the words name the key.
        """
        path = self._files.description
        try:
            return decode_description(read_own(path))
        except OSError as error:
            raise BadJournal(
                f"{path}: can't be read: {error.strerror}.", "Is this a run's folder?"
            ) from error
        except ValueError as error:
            raise BadJournal(
                f"{path}: it is damaged: {error}.",
                "Repair it with a text editor.",
            ) from error

    def begin(self, description: Description) -> None:
        """Write the first ``run.json``, and let ``latest`` point here; where links can't be made, there is none.

        Raises:
            BadSetting: If the disk does not take it.
        """
        try:
            self.write_description(description)
        except JournalLost as error:
            raise BadSetting(
                error.message,
                "Free some space, or choose another place with --runs or BULK_PUBLISHER_RUNS.",
            ) from error
        folder = self._files.path
        link = folder.parent / f".{LATEST}-{self.run_id}"
        try:
            link.symlink_to(folder.name)
            link.replace(folder.parent / LATEST)
        except OSError:
            link.unlink(missing_ok=True)

    def write_description(self, description: Description) -> None:
        """Replace ``run.json``, all at once.

        Raises:
            JournalLost: If the disk does not take it; the old one is still there.
        """
        path = self._files.description
        try:
            with replacing(path, is_forced=True) as file:
                file.write(encode_description(description))
        except OSError as error:
            raise JournalLost(
                f"{path}: can't be written: {error.strerror}.",
                "Free some space or mount it for writing, then resume.",
                error.strerror or str(error),
            ) from error

    def forget_unbegun(self) -> None:
        """Remove the folder if no run was described in it."""
        if not self._files.description.exists():
            with suppress(OSError):
                self._files.lock.unlink(missing_ok=True)
                self._files.path.rmdir()

    @property
    def doubt(self) -> str:
        """Why a process on another machine might not see the lock; empty where it does."""
        return self.lock().doubt

    @property
    def is_locked(self) -> bool:
        """Whether a process is at work in it now."""
        return is_locked(self._files)

    def holder(self) -> LockHolder:
        """Who works in it, or did so last."""
        return holder_of(self._files)

    def lock(self) -> FolderLock:
        """Held while a process works in it."""
        return FolderLock(self._files)

    @property
    def has_journal(self) -> bool:
        """Whether there is an ``outcomes.jsonl``."""
        return is_there(self._files.journal)

    def outcomes(self) -> Iterator[Outcome]:
        """The lines of the journal."""
        return read_outcomes(self._files.journal)

    def marks(self) -> Iterator[Mark]:
        """What a resume needs of them."""
        return read_marks(self._files.journal)

    def find_lines(self, is_wanted: Callable[[Mark], bool]) -> FolderLines:
        """Those of the run that are wanted."""
        return find_lines(self._files.journal, self.run_id, is_wanted)

    def spent_since(self, since: str) -> Iterator[Spent]:
        """What they say of operating time, the newest first."""
        return read_spent_since(self._files.journal, since)

    def read_standing(self, on_bad: Callable[[Outcome], None]) -> Standing:
        """How far the run has come."""
        return read_standing(self._files.journal, self.run_id, on_bad=on_bad)

    def read_notes(self) -> tuple[dict[PageId, Page], Place | None]:
        """The pages that were noted as sent, and the last place."""
        return read_sent(self._files.sent)

    def still_out(self) -> list[Page]:
        """Pages that were sent and have no line."""
        return still_out(self._files.sent, self._files.journal)

    def noted_at(self) -> Epoch:
        """When ``sent.jsonl`` was written."""
        return Epoch(self._files.sent.stat().st_mtime)

    @contextmanager
    def record(
        self,
        totals: Totals,
        *,
        out: Sequence[Page] = (),
        place: Place | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Iterator[Ledger]:
        """Go on recording: the journal and the notes, each by a thread of its own."""
        with (
            JournalWriter(self._files.journal) as journal,
            SentPages(self._files.sent, out, place) as sent,
            Disk() as disk,
        ):
            yield Ledger(journal, sent, disk, totals, place)

    def read_verdicts(self) -> dict[PageId, Status]:
        """The verdicts on pages that are unknown in the journal."""
        return read_verdicts(self._files.verdicts)

    @contextmanager
    def replace_verdicts(self) -> Iterator[Callable[[Verdict], None]]:
        """What adds a line to a new ``verify.jsonl``."""
        with fresh(self._files.verdicts) as file:
            yield partial(add_verdict, file)

    def write_again(self, pages: Mapping[Scope | None, PageSet]) -> None:
        """The pages that can be done again, in ``again.csv``; for none, no file."""
        path = self._files.again
        if not pages:
            path.unlink(missing_ok=True)
            return
        write_list(path, pages, self._files.verdicts)

    def open_log(self) -> FolderLog | None:
        """Where ``log.jsonl`` goes on."""
        try:
            return FolderLog(self._files.log)
        except OSError:
            return None

    def write_progress(self, snapshot: Snapshot) -> None:
        """Replace ``progress.json``; where the disk takes nothing, it stays as it is."""
        with suppress(OSError), replacing(self._files.progress, is_forced=False) as file:
            file.write(msgspec.json.encode(snapshot))

    def read_progress(self) -> Heard | None:
        """What stands in ``progress.json``.

        What a process left that was killed says nothing of the one that has the folder now.
        """
        path = self._files.progress
        try:
            snapshot = msgspec.json.decode(read_own(path), type=Snapshot)
            age = seconds_since_written(path)
            is_of_another = path.stat().st_mtime_ns < self._files.lock.stat().st_mtime_ns
        except (OSError, ValueError, RecursionError):
            return None
        return None if is_of_another else heard(snapshot, age)

    def clear_progress(self) -> None:
        """Remove ``progress.json``."""
        with suppress(OSError):
            self._files.progress.unlink(missing_ok=True)

    def steer(self, steering: Steering) -> None:
        """Replace ``steering.json``."""
        path = self._files.steering
        try:
            with replacing(path, is_forced=True) as file:
                file.write(msgspec.json.encode(steering))
        except OSError as error:
            raise BadSetting(f"{path}: can't be written: {error.strerror}.") from error

    def read_steering(self) -> Steering | None:
        """What stands in ``steering.json``; what can't be read asks nothing."""
        try:
            return msgspec.json.decode(read_own(self._files.steering), type=Steering)
        except (OSError, ValueError, RecursionError):
            return None

    def clear_steering(self) -> None:
        """Remove ``steering.json``."""
        with suppress(OSError):
            self._files.steering.unlink(missing_ok=True)

    def write_report(self, html: str) -> str:
        """Replace ``report.html``."""
        path = self._files.report
        try:
            with replacing(path, is_forced=False) as file:
                file.write(html.encode())
        except OSError as error:
            raise BadSetting(f"{path}: the report can't be written: {error.strerror}.") from error
        return str(path)

    def size(self) -> int:
        """Bytes of the files in its folder."""
        total = 0
        with suppress(OSError):
            for entry in os.scandir(self._files.path):
                total += entry.stat(follow_symlinks=False).st_size
        return total

    def remove(self) -> None:
        """Remove its folder: first its name, so that a kill leaves no half of it that looks like a run."""
        path = self._files.path
        gone = path.with_name(f".{path.name}.{secrets.token_hex(8)}{REMOVED}")
        try:
            check_no_link(path)
            path.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise JournalLost(
                f"{path}: can't be removed: {error.strerror}.",
                "Find out whose it is, or remove it by hand.",
                error.strerror or str(error),
            ) from error
        link = path.with_name(LATEST)
        with suppress(OSError):
            if link.readlink() == Path(path.name):
                link.unlink()

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong with its folder, and in the files there."""
        return flaws_of_run(self._files, self.run_id, is_running=self.is_locked)

    def contents(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The files that are there."""
        for path in self._files.all_kept:
            if is_there(path):
                yield path.name, _pieces_of(path)


def _pieces_of(path: Path) -> Iterator[bytes]:
    try:
        with open_to_read(path) as file:
            yield from iter(partial(file.read, _PIECE), b"")
    except OSError as error:
        raise BadJournal(
            f"{path}: can't be read: {error.strerror}.", "Is this a run's folder?"
        ) from error


def run_at(path: Path) -> FolderRun:
    """The run in *path*, by the name that it gives itself; by its folder's where it gives none.

    A run that is copied is still that run: its lines have its name, and not the folder's.
    """
    run = FolderRun(path)
    try:
        return FolderRun(path, run.read_description().run)
    except BadJournal:
        # Whoever wants to know more of it is told what is wrong.
        return run
