"""Runs below a folder: how one is made, found and listed, and which one is the latest."""

import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from bulk_publisher.errors import BadJournal, BadSetting
from bulk_publisher.model import Epoch
from bulk_publisher.store.description import new_run_id
from bulk_publisher.store.files import folder_mode, is_planted, refuse_planted, replacing
from bulk_publisher.store.flaws import Flaw, FlawKind
from bulk_publisher.store.folder.audit_file import AuditFile
from bulk_publisher.store.folder.folder_agenda import FolderAgenda
from bulk_publisher.store.folder.folder_approvals import FolderApprovals
from bulk_publisher.store.folder.folder_run import LATEST, REMOVED, FolderRun, run_at
from bulk_publisher.store.folder.inspection import flaws_beside
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.text.shown import as_text

_NAMED = 5
"""Runs that are named where several are meant."""
_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4}$")


class FolderStore:
    """The runs below one folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._path)

    @contextmanager
    def create(self, now: Epoch, rng: random.Random) -> Iterator[FolderRun]:
        """Make the folder of a new run, locked; one in which no run has begun is removed again.

        Raises:
            BadSetting: If that cannot be done.
        """
        run = FolderRun(self._make(now, rng))
        try:
            with run.lock():
                yield run
        except BaseException:
            run.forget_unbegun()
            raise

    def find(self, name: str) -> FolderRun:
        """The run that *name* stands for: a folder, a run's id or its beginning, or ``latest``.

        Raises:
            BadJournal: If there is none, or several begin so, or it is one that somebody else has put there.
        """
        for path in (self._path / name, Path(name)):
            # What is too long for a name is none.
            with suppress(OSError):
                if name and RunFolder(path).description.is_file():
                    return _own_run_at(path)
        known = self._known()
        begun_so = [run for run in known if name and run.startswith(name)]
        if len(begun_so) == 1:
            return _own_run_at(self._path / begun_so[0])
        if begun_so:
            more = f", and {len(begun_so) - _NAMED} more" if len(begun_so) > _NAMED else ""
            raise BadJournal(
                f"{name}: {len(begun_so)} runs in {self._path} start like this: {', '.join(begun_so[:_NAMED])}{more}.",
                "Give the full ID of one.",
            )
        if name == LATEST and known:
            # The newest was removed, or links can't be made there.
            return _own_run_at(self._path / known[0])
        newest = ", ".join(known[:3])
        hint = f"The newest runs there: {newest}." if known else "No runs there yet."
        raise BadJournal(f"{name}: no such run in {self._path}.", hint)

    @property
    def audit(self) -> AuditFile:
        """``serve/web-audit.jsonl``: beside what a daemon keeps."""
        return AuditFile(self._path / "serve" / "web-audit.jsonl")

    @property
    def agenda(self) -> FolderAgenda:
        """What a daemon keeps, in the folder ``serve`` beside the runs."""
        return FolderAgenda(self._path / "serve")

    @property
    def approvals(self) -> FolderApprovals:
        """The plans that were handed in, in the folder ``approvals`` beside the runs."""
        return FolderApprovals(self._path / "approvals")

    def runs(self) -> list[FolderRun]:
        """All that have begun, the newest first."""
        return [FolderRun(self._path / name) for name in self._known()]

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong in the folder beside the runs, and with what a daemon keeps there."""
        known = set(self._known())
        yield from flaws_beside(self._path, is_run=known.__contains__, latest=LATEST)
        try:
            self.agenda.read_slots()
        except BadJournal as error:
            where, _, what = error.message.partition(": ")
            yield Flaw(FlawKind.DAMAGED, where, what.removesuffix("."), error.hint)

    def tidy(self) -> None:
        """Remove the folders whose removal was cut short."""
        for left in self._path.glob(f".*{REMOVED}"):
            shutil.rmtree(left, ignore_errors=True)

    def take_in(self, run_id: str, contents: Iterator[tuple[str, Iterator[bytes]]]) -> FolderRun:
        """Keep a run of another store in the folder *run_id*; it is there once all of it is.

        Raises:
            BadSetting: If there is something of that name, or it can't be written.
        """
        path = self._path / run_id
        description = b""
        try:
            self._path.mkdir(folder_mode(), parents=True, exist_ok=True)
            refuse_planted(self._path)
            path.mkdir(folder_mode())
            with FolderRun(path).lock():
                for name, pieces in contents:
                    if name == RunFolder(path).description.name:
                        description = b"".join(pieces)
                        continue
                    with replacing(path / PurePath(name).name, is_forced=True) as file:
                        file.writelines(pieces)
                with replacing(RunFolder(path).description, is_forced=True) as file:
                    file.write(description)
        except OSError as error:
            raise BadSetting(
                f"{path}: can't be written: {error.strerror}.",
                "Name a folder in which there is nothing of that name.",
            ) from error
        return run_at(path)

    def _known(self) -> list[str]:
        folders = (path.parent for path in self._path.glob(f"*/{RunFolder(Path()).description}"))
        ours = (one.name for one in folders if _RUN_ID.match(one.name) and not is_planted(one))
        return sorted(ours, reverse=True)

    def _make(self, now: Epoch, rng: random.Random) -> Path:
        try:
            self._path.mkdir(folder_mode(), parents=True, exist_ok=True)
            refuse_planted(self._path)
            while True:
                path = self._path / new_run_id(now, rng)
                try:
                    path.mkdir(folder_mode())
                except FileExistsError:
                    continue
                return path
        except OSError as error:
            raise BadSetting(
                f"{self._path}: can't create a run folder there: {error.strerror}.",
                "Choose another place with --runs or BULK_PUBLISHER_RUNS.",
            ) from error


def run_in(folder: Path) -> FolderRun:
    """The run that *folder* is, or a link to it.

    Raises:
        BadJournal: If it is none, or one that somebody else has put there.
    """
    name = as_text(str(folder))
    if not folder.is_dir():
        raise BadJournal(f"{name}: there is no such folder.")
    if not RunFolder(folder).description.is_file():
        raise BadJournal(f"{name}: that is no run's folder: it has no run.json.")
    return _own_run_at(folder)


def _own_run_at(path: Path) -> FolderRun:
    """The run in *path*, which may be a link.

    Raises:
        BadJournal: If it, or the folder that it is in, is one that somebody else has put there.
    """
    there = path.resolve()
    try:
        for one in (path.parent, path, there.parent, there):
            refuse_planted(one)
    except OSError as error:
        raise BadJournal(
            f"{error.filename}: this run is not read: {error.strerror}.",
            "Find out who put it there, and keep runs in a folder of your own: --runs names one.",
        ) from error
    return run_at(there)
