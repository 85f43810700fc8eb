"""What is wrong in a folder of runs? Reads each file once, opens nothing that was planted, changes nothing."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bulk_publisher.errors import BadJournal
from bulk_publisher.store.description import Description, decode_description
from bulk_publisher.store.files import LARGEST, is_there, open_to_read, read_own
from bulk_publisher.store.flaws import Flaw, FlawKind
from bulk_publisher.store.folder.run_folder import RunFolder
from bulk_publisher.store.folder.sent import read_sent
from bulk_publisher.store.folder.verdict_file import read_verdicts
from bulk_publisher.store.journal_check import JournalCheck

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LEFT = re.compile(r"\..+\.new\Z")
"""What a killed process has left half written; whoever locks the folder next removes it."""


def flaws_of_run(files: RunFolder, run_id: str, *, is_running: bool) -> Iterator[Flaw]:
    """What is wrong with the folder of a run.

    Args:
        run_id: Whose lines it holds, where its description does not say.
        is_running: A process is at work in it: what is half written is no flaw.
    """
    if files.path.is_symlink():
        yield Flaw(FlawKind.LINK, str(files.path), "is a link to another folder", "Its runs are elsewhere: check them there.")  # fmt: skip
        return
    yield from _flaws_of_mode(files.path)
    yield from _flaws_of_names(files, is_running=is_running)
    description: Description | None = None
    try:
        description = decode_description(read_own(files.description))
    except OSError as error:
        yield Flaw(FlawKind.DAMAGED, str(files.description), f"can't be read: {error.strerror}")
    except ValueError as error:
        yield Flaw(FlawKind.DAMAGED, str(files.description), f"is damaged: {error}", "Repair it with a text editor.")  # fmt: skip
    if description is not None and description.run and description.run != files.path.name:
        yield Flaw(FlawKind.FOREIGN, str(files.path), f"is a copy of run {description.run}, or was renamed")  # fmt: skip
    if is_there(files.journal):
        told = 0 if description is None or description.ended is None else description.final.pages
        named = description.run if description is not None and description.run else run_id
        yield from _flaws_of_journal(files.journal, named, told, is_running=is_running)
    elif description is not None and description.final.pages:
        yield Flaw(FlawKind.DAMAGED, str(files.journal), f"is gone: it had {description.final.pages:,} lines when the run ended")  # fmt: skip
    for path, read in ((files.sent, read_sent), (files.verdicts, read_verdicts)):
        yield from _flaw_in_reading(path, read)


def flaws_beside(path: Path, *, is_run: Callable[[str], bool], latest: str) -> Iterator[Flaw]:
    """What is wrong in the folder of runs *path*, but for the runs.

    Args:
        is_run: Whether a name in it is that of a run.
        latest: What the link to the newest run is called.
    """
    if not path.is_dir():
        return
    # A person may have made it, and all in it is closed to others; but who may write here may plant runs.
    yield from _flaws_of_mode(path, _OTHERS_WRITE)
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        where = str(path / entry.name)
        if entry.name == latest:
            if not entry.is_symlink():
                yield Flaw(FlawKind.FOREIGN, where, "is no link to a run", "Rename it.")
            elif not RunFolder(Path(where)).description.is_file():
                yield Flaw(FlawKind.LINK, where, "leads to no run", "Remove it: the next run makes it anew.")  # fmt: skip
        elif entry.name.startswith(f".{latest}-") or entry.name.endswith(".removed"):
            yield Flaw(FlawKind.FOREIGN, where, "was left by a process that was killed", "store prune removes it, and so can you.")  # fmt: skip
        elif entry.name in {"serve", "approvals"} and entry.is_dir(follow_symlinks=False):
            yield from _flaws_of_mode(path / entry.name)
        elif not is_run(entry.name):
            yield Flaw(FlawKind.FOREIGN, where, "is no run and nothing else that is kept here")


def _flaws_of_names(files: RunFolder, *, is_running: bool) -> Iterator[Flaw]:
    known = {path.name for path in files.all}
    try:
        entries = sorted(os.scandir(files.path), key=lambda entry: entry.name)
    except OSError as error:
        yield Flaw(FlawKind.DAMAGED, str(files.path), f"can't be listed: {error.strerror}")
        return
    for entry in entries:
        path = files.path / entry.name
        if entry.name in known:
            yield from _flaws_of_file(path)
        elif not _LEFT.match(entry.name):
            yield Flaw(FlawKind.FOREIGN, str(path), "is no file of a run")
        elif not is_running:
            yield Flaw(FlawKind.FOREIGN, str(path), "was left by a process that was killed", "resume removes it, and so can you.")  # fmt: skip


def _flaws_of_file(path: Path) -> Iterator[Flaw]:
    try:
        found = path.lstat()
    except OSError:
        # It is gone by now: a run has ended meanwhile.
        return
    if stat.S_ISLNK(found.st_mode):
        yield Flaw(FlawKind.LINK, str(path), "is a link to another file", "Find out who put it there, then remove it.")  # fmt: skip
    elif not stat.S_ISREG(found.st_mode):
        yield Flaw(FlawKind.FOREIGN, str(path), "is not a regular file", "Find out who put it there, then remove it.")  # fmt: skip
    else:
        if found.st_nlink > 1:
            yield Flaw(FlawKind.LINK, str(path), "has a second name elsewhere (a hard link)", "Copy it, and put the copy in its place.")  # fmt: skip
        yield from _flaws_of_mode(path)


def _flaws_of_mode(path: Path, forbidden: int = _OTHERS) -> Iterator[Flaw]:
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return
    if mode & forbidden:
        yield Flaw(FlawKind.MODE, str(path), f"is open to others (mode {mode:04o})", f"chmod go= {path}")  # fmt: skip


def _flaw_in_reading(path: Path, read: Callable[[Path], object]) -> Iterator[Flaw]:
    try:
        read(path)
    except BadJournal as error:
        where, _, what = error.message.partition(": ")
        yield Flaw(FlawKind.DAMAGED, where, what.removesuffix("."), error.hint)


def _flaws_of_journal(path: Path, run_id: str, told: int, *, is_running: bool) -> Iterator[Flaw]:
    """One pass through the journal.

    Args:
        told: Pages that it had when the run ended; 0 where that is not told.
    """
    seen = JournalCheck(run_id)
    number = 0
    try:
        with open_to_read(path) as file:
            for number, line in enumerate(iter(partial(file.readline, LARGEST), b""), start=1):
                if why := seen.add(line):
                    yield Flaw(FlawKind.DAMAGED, f"{path}:{number}", f"the line is damaged: {why}")
    except OSError as error:
        yield Flaw(FlawKind.DAMAGED, str(path), f"can't be read: {error.strerror}")
        return
    if seen.torn and not is_running:
        yield Flaw(FlawKind.TORN, f"{path}:{number}", f"the last line was cut by a crash after {seen.torn:,} bytes", "It counts for nothing; resume removes it.")  # fmt: skip
    for kind, what, hint in seen.sums(told):
        yield Flaw(kind, str(path), what, hint)
