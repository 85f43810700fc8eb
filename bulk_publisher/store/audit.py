"""Who has pressed what on the page, and what became of it. Typing and data alone.

For what blocks and what is atomic see ``store/protocol.py``.
"""

from collections.abc import Iterator
from typing import Annotated, Protocol

import msgspec

_Short = Annotated[str, msgspec.Meta(max_length=1000)]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did, or was refused.

    Attributes:
        at: ISO 8601 in UTC.
        who: The name of a token, or of a user; empty for somebody unknown.
        proof: By what that is known; empty for somebody unknown.
        role: Empty for somebody unknown.
        address: Of the client.
        what: Method and path; of what was asked for there and has ended since, what that was.
        target: What it is about: a run, a job, a token.
        outcome: ``done``, ``repeated`` for what was done at an earlier request, ``refused``, or ``failed`` by a fault of ours.
        status: The answer's, in HTTP; of what has ended since, the exit status that a command would have.
        note: What came of it, in words; empty where the answer says all.
    """

    at: _Short
    who: _Short
    proof: _Short
    role: _Short
    address: _Short
    what: _Short
    target: _Short
    outcome: _Short
    status: int
    note: _Short = ""


class Audit(Protocol):
    """What was done, in its order. Nothing of it is ever changed."""

    def check(self) -> None:
        """See that more can be kept, before something is done that has to be.

        Raises:
            JournalLost: If it can't.
        """
        ...

    def append(self, deed: Deed) -> None:
        """Keep one more; it is safe when this returns.

        Raises:
            JournalLost: If it is not.
        """
        ...

    def read(self) -> Iterator[Deed]:
        """All of them, the oldest first; damaged lines are passed over.

        Raises:
            BadJournal: If they can't be read.
        """
        ...
