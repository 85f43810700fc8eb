"""The turn among the runs of one client that leave no word for others of this machine. Pure.

It is what a store keeps for all runs of a machine, for whoever wants none of that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Mono
from bulk_publisher.store.sharing import Sharing, no_tokens
from bulk_publisher.store.token_keeping import TokenKeeping


@dataclass(frozen=True, slots=True)
class _ThisProcess:
    """Who has the turn: another run of the same client. It gives it in its own time."""

    text: str
    host: str = ""
    pid: int = 0
    is_stopped: bool = False
    words: str = "another run of this program"
    what_to_do: str = "Wait until it has ended, or stop it."


class SharedTurn:
    """Who has the turn, who waits for it, and how the limits were left."""

    def __init__(self) -> None:
        """Nobody has it."""
        self.holder: object = None
        self.waiting: set[object] = set()
        self.taken = 0
        self.left: tuple[object, Handover, Mono] | None = None


class TurnInMemory:
    """The turn of one session among those that share it."""

    def __init__(self, shared: SharedTurn) -> None:
        """Nothing is taken yet."""
        self._shared = shared
        self._read: tuple[object, Handover, Mono] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this run may send."""
        return self._shared.holder is self

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for the turn."""
        return bool(self._shared.waiting - {self})

    @property
    def lasts(self) -> float:
        """Seconds: it is given and taken within one."""
        return 20.0

    def holder(self) -> _ThisProcess:
        """Who has the turn, or had it last."""
        return _ThisProcess(f"turn {self._shared.taken}")

    def try_take(self) -> bool:
        """Take the turn if no other run has it; else be seen waiting for it."""
        if self._shared.holder is None:
            self._shared.holder = self
            self._shared.taken += 1
        if self.is_ours:
            self._shared.waiting.discard(self)
        else:
            self._shared.waiting.add(self)
        return self.is_ours

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word."""
        left = self._shared.left
        if left is None or left[0] is self or left is self._read:
            return None
        self._read = left
        return left[1], left[2]

    def leave_word(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Nobody had it: then it was taken at once, and given."""

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Let others have the turn."""
        if self.is_ours:
            self._shared.left = self, handover, now
            self._shared.holder = None

    def close(self) -> None:
        """Be seen no more."""
        self._shared.waiting.discard(self)
        if self.is_ours:
            self._shared.holder = None


class StateInMemory:
    """What the runs of one client share, and nobody else."""

    def __init__(self) -> None:
        """Nobody has the turn."""
        self._shared = SharedTurn()

    @contextmanager
    def turn(self, identity: str, session: str, *, portal: str) -> Iterator[Sharing]:
        """The turn of one session."""
        turn = TurnInMemory(self._shared)
        try:
            yield Sharing(turn)
        finally:
            turn.close()

    def tokens(self, name: str, environment: Mapping[str, str]) -> TokenKeeping:
        """None: nothing outlives the client.

        Raises:
            BadSetting: Always.
        """
        raise no_tokens(name)

    @contextmanager
    def alone(self, job: Path) -> Iterator[None]:
        """Nobody is kept out."""
        yield
