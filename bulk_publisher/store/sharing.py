"""What runs share, whichever store they are kept in: whose turn it is, how the limits were left, which job is done.

Typing alone. For what blocks, what is atomic and what a lost lock means see ``store/protocol.py``.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bulk_publisher.errors import BadSetting
from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.store.token_keeping import TokenKeeping
from bulk_publisher.text.shown import shown


class Holder(Protocol):
    """Who has a lock, and how that process stands: for whoever waits for it."""

    @property
    def host(self) -> str:
        """The machine; empty where it is not known."""
        ...

    @property
    def pid(self) -> int:
        """0 where it is not known."""
        ...

    @property
    def text(self) -> str:
        """All that is known of it; another one each time that it takes the lock."""
        ...

    @property
    def is_stopped(self) -> bool:
        """Whether it is one of this machine that was stopped, and can be continued."""
        ...

    @property
    def words(self) -> str:
        """Who it is, and that it is stopped where it is."""
        ...

    @property
    def what_to_do(self) -> str:
        """About it, so that the lock gets free."""
        ...


class Turn(Protocol):
    """Whose turn it is among the runs that use one portal, and how the last one left its limits.

    Asked for in the loop, where nothing waits: what is told may be a second old, and a turn is taken or given
    within that time. Only ``is_ours`` is told as it is: it is false where somebody else can have the turn. One
    that has lost it finds that it is not its own, and what it gives then is not kept.
    """

    @property
    def is_ours(self) -> bool:
        """Whether this run may send."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for it."""
        ...

    @property
    def lasts(self) -> float:
        """Seconds after which it is given to whoever waits for it: the more, the longer giving it takes."""
        ...

    def holder(self) -> Holder:
        """Who has it, or had it last."""
        ...

    def try_take(self) -> bool:
        """Take it if no other run has it; else be seen waiting for it."""
        ...

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word.

        Each word is given once.
        """
        ...

    def leave_word(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """At the end of a session that had no turn: leave word of the limits, if nobody has it and will do so."""
        ...

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Leave word of the limits, and let others have it: both or, where it is not ours, neither."""
        ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """A turn; or that there is none, why, and what to do about it."""

    turn: Turn | None
    doubt: str = ""
    advice: str = ""


def no_tokens(name: str) -> BadSetting:
    """What is said of tokens in a database where there is none."""
    return BadSetting(
        f"The tokens {shown(name)} are kept in a database, and none is named.",
        "Name it with --store postgresql://HOST/NAME, or in BULK_PUBLISHER_STORE.",
    )


class SharedState(Protocol):
    """What runs leave for each other, whichever store they are kept in."""

    def turn(self, identity: str, session: str, *, portal: str) -> AbstractContextManager[Sharing]:
        """The turn of *session* among those of one portal; gone when the block ends.

        Limits are left for sessions of the same credential, but for the bucket: it is the portal's.

        Args:
            identity: Of the credential: the same for all that the portal counts together, for ever. No
                secret.
            session: A name that no other has.
            portal: Its host.

        Raises:
            BadSetting: If there must be turns, and they can't be kept.
        """
        ...

    def tokens(self, name: str, environment: Mapping[str, str]) -> TokenKeeping:
        """The tokens that are kept under *name*; nothing is read yet.

        Args:
            environment: Says where the key is that they are encrypted with.

        Raises:
            BadSetting: If none can be kept with this.
        """
        ...

    def alone(self, job: Path) -> AbstractContextManager[None]:
        """Hold the job of the file *job* while it is done.

        Where locks can't be kept nobody is kept out.

        Raises:
            RunBusy: If another process does it just now.
        """
        ...
