"""Plans that were handed in, in a folder beside the runs: ``approvals/NAME/plan.json`` and ``approval.json``.

The record is replaced under ``approvals/lock``, which ends with its process: of two that take a plan
at a time the second reads what the first has written.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadJournal, BadSetting, NotApproved
from bulk_publisher.log import log
from bulk_publisher.store.approvals import About, Act, Proposal, as_approved, as_taken, unknown
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.files import (
    folder_mode,
    is_there,
    open_own,
    read_own,
    refuse_planted,
    replacing,
)
from bulk_publisher.text.shown import shown

_RECORD = "approval.json"
_PLAN = "plan.json"
_NAME = re.compile(r"p-[0-9a-f]{10}")
_LARGEST_PLAN = 512 * 2**20
"""Bytes, as of any plan."""


class FolderApprovals:
    """The plans in one folder; it is made when one is handed in."""

    def __init__(self, path: Path) -> None:
        """Nothing is looked at yet."""
        self._path = path

    @property
    def place(self) -> str:
        """The folder with the runs."""
        return str(self._path.parent)

    def propose(self, plan: bytes, about: About, act: Act) -> Proposal:
        """Write the plan, and then what makes it one."""
        name = f"p-{secrets.token_hex(5)}"
        proposal = Proposal(
            name=name, sha256=hashlib.sha256(plan).hexdigest(), about=about, proposed=act
        )
        folder = self._path / name
        with self._told():
            for made in (self._path.parent, self._path):
                made.mkdir(folder_mode(), parents=True, exist_ok=True)
                refuse_planted(made)
            self._forget_over(act.at)
            folder.mkdir(folder_mode())
            with replacing(folder / _PLAN, is_forced=True) as file:
                file.write(plan)
            self._write(proposal)
            _force(self._path)
        return proposal

    def approve(self, name: str, sha256: str, act: Act) -> Proposal:
        """Replace its record."""
        return self._change(name, lambda proposal: as_approved(proposal, sha256, act))

    def take(self, name: str, sha256: str, act: Act, run: str) -> Proposal:
        """Replace its record; it is on disk when this returns."""
        return self._change(name, lambda proposal: as_taken(proposal, sha256, act, run))

    def find(self, name: str) -> Proposal:
        """What stands in its record."""
        if not _NAME.fullmatch(name) or not is_there(self._record(name)):
            raise unknown(shown(name), self.place)
        return self._read(name)

    def read_plan(self, name: str) -> bytes:
        """What stands in its ``plan.json``."""
        path = self._path / self.find(name).name / _PLAN
        if not is_there(path):
            raise NotApproved(f"{name}: this plan is not kept any more.", "Make a new one with: bulk-publisher plan … --propose")  # fmt: skip
        try:
            return read_own(path, most=_LARGEST_PLAN)
        except OSError as error:
            raise BadJournal(f"{path}: can't be read: {error.strerror}.") from error

    def proposals(self) -> list[Proposal]:
        """What stands in all records."""
        found: list[Proposal] = []
        for path in self._path.glob(f"p-*/{_RECORD}"):
            try:
                found.append(self._read(path.parent.name))
            except BadJournal as error:
                log.warning("approval.damaged", plan=path.parent.name, reason=error.message)
        return sorted(found, key=lambda one: (one.proposed.at, one.name), reverse=True)

    def _record(self, name: str) -> Path:
        return self._path / name / _RECORD

    def _read(self, name: str) -> Proposal:
        path = self._record(name)
        try:
            for one in (self._path, path.parent):
                refuse_planted(one)
            proposal = msgspec.json.decode(read_own(path), type=Proposal)
        except OSError as error:
            raise BadJournal(f"{path}: can't be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise BadJournal(f"{path}: it is damaged: {decode_error_in_words(error)}.", "Make a new plan.") from error  # fmt: skip
        if proposal.name != name:
            raise BadJournal(f"{path}: it is a copy of {proposal.name}.", "Make a new plan.")
        return proposal

    def _change(self, name: str, change: Callable[[Proposal], Proposal]) -> Proposal:
        with self._alone(name):
            changed = change(self.find(name))
            with self._told():
                self._write(changed)
        return changed

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Hold the lock: for as long as it takes to replace a record."""
        self.find(name)
        with self._told():
            lock = open_own(self._path / "lock", os.O_RDWR | os.O_CREAT)
        try:
            with self._told():
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, proposal: Proposal) -> None:
        path = self._record(proposal.name)
        with replacing(path, is_forced=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(proposal), indent=2) + b"\n")
        _force(path.parent)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadSetting(f"{error.filename or self._path}: can't be written: {error.strerror}.") from error  # fmt: skip

    def _forget_over(self, at: float) -> None:
        """Remove the copies of plans that nobody can publish any more; who did what stays."""
        for proposal in self.proposals():
            if proposal.is_over(at):
                with suppress(OSError):
                    (self._path / proposal.name / _PLAN).unlink(missing_ok=True)


def _force(folder: Path) -> None:
    """Have the names in *folder* on disk: a power cut must not give an approval back."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
