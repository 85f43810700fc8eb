"""Plans that were handed in, in the database: a row each, changed only as it was read."""

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

from bulk_publisher.errors import BadJournal, BadSetting, NotApproved
from bulk_publisher.log import log
from bulk_publisher.store.approvals import About, Act, Proposal, as_approved, as_taken, unknown
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.store.postgres.database import (
    Database,
    NoAnswerFromDatabase,
    RefusedByDatabase,
    may_pass,
)
from bulk_publisher.store.postgres.journal import reading
from bulk_publisher.text.shown import shown

_NAME = re.compile(r"p-[0-9a-f]{10}")
_TRIES = 20
"""A row changes three times in its life: whoever finds it changed so often is not looking at ours."""


class PostgresApprovals:
    """The table ``approval``."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database

    @property
    def place(self) -> str:
        """The database."""
        return self._database.address.shown

    def propose(self, plan: bytes, about: About, act: Act) -> Proposal:
        """Write its row."""
        name = f"p-{secrets.token_hex(5)}"
        proposal = Proposal(
            name=name, sha256=hashlib.sha256(plan).hexdigest(), about=about, proposed=act
        )
        self._forget_over(act.at)
        with self._told():
            self._database.rows(
                "INSERT INTO approval (name, record, plan) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [name, msgspec.json.encode(proposal), zlib.compress(plan)],
            )
        return proposal

    def approve(self, name: str, sha256: str, act: Act) -> Proposal:
        """Replace its record."""
        return self._change(name, lambda proposal: as_approved(proposal, sha256, act))

    def take(self, name: str, sha256: str, act: Act, run: str) -> Proposal:
        """Replace its record; that is committed when this returns."""
        return self._change(name, lambda proposal: as_taken(proposal, sha256, act, run))

    def find(self, name: str) -> Proposal:
        """What stands in its record."""
        return self._decoded(name, self._record(name))

    def read_plan(self, name: str) -> bytes:
        """The copy in its row."""
        self.find(name)
        with reading(self.place):
            found = self._database.rows("SELECT plan FROM approval WHERE name = %s", [name])
        if not found or found[0][0] is None:
            raise NotApproved(f"{name}: this plan is not kept any more.", "Make a new one with: bulk-publisher plan … --propose")  # fmt: skip
        try:
            return zlib.decompress(found[0][0])
        except zlib.error as error:
            raise BadJournal(f"{self.place}: plan {name} is damaged.", "Make a new plan.") from error  # fmt: skip

    def proposals(self) -> list[Proposal]:
        """What stands in all records."""
        with reading(self.place):
            rows = self._database.rows("SELECT name, record FROM approval")
        found = []
        for name, record in rows:
            try:
                found.append(self._decoded(name, record))
            except BadJournal as error:
                log.warning("approval.damaged", plan=name, reason=error.message)
        return sorted(found, key=lambda one: (one.proposed.at, one.name), reverse=True)

    def _record(self, name: str) -> bytes:
        if not _NAME.fullmatch(name):
            raise unknown(shown(name), self.place)
        with reading(self.place):
            found = self._database.rows("SELECT record FROM approval WHERE name = %s", [name])
        if not found:
            raise unknown(shown(name), self.place)
        return bytes(found[0][0])

    def _decoded(self, name: str, record: bytes) -> Proposal:
        try:
            proposal = msgspec.json.decode(record, type=Proposal)
        except (ValueError, RecursionError) as error:
            raise BadJournal(f"{self.place}: plan {name} is damaged: {decode_error_in_words(error)}.", "Make a new plan.") from error  # fmt: skip
        if proposal.name != name:
            raise BadJournal(f"{self.place}: plan {name} is a copy of {proposal.name}.", "Make a new plan.")  # fmt: skip
        return proposal

    def _change(self, name: str, change: Callable[[Proposal], Proposal]) -> Proposal:
        """Have it changed by exactly one of all that would change what they have read."""
        written = b""
        for _ in range(_TRIES):
            record = self._record(name)
            if record == written:
                # Its answer was lost.
                return self._decoded(name, record)
            changed = change(self._decoded(name, record))
            written = msgspec.json.encode(changed)
            with self._told(), suppress(NoAnswerFromDatabase):
                if self._database.once(
                    "UPDATE approval SET record = %s WHERE name = %s AND record = %s RETURNING name",
                    [written, name, record],
                ):
                    return changed
        raise BadSetting(f"{self.place}: plan {name} can't be changed now.", "Try again.").passing()

    def _forget_over(self, at: float) -> None:
        """Remove the copies of plans that nobody can publish any more; who did what stays."""
        over = [proposal.name for proposal in self.proposals() if proposal.is_over(at)]
        if over:
            with suppress(NoAnswerFromDatabase, RefusedByDatabase):
                self._database.rows("UPDATE approval SET plan = NULL WHERE name = ANY(%s)", [over])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (NoAnswerFromDatabase, RefusedByDatabase) as error:
            raise BadSetting(
                f"{self.place}: can't be written: {error}.",
                "Is the database running, and reached from here?",
            ).passing(may_pass(error)) from None
