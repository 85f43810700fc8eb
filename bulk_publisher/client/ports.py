"""What a client needs of others, in its own words: a portal over some wire, and a turn among runs."""

from collections.abc import Mapping
from typing import Any, Protocol

from bulk_publisher.limits.handover import Handover
from bulk_publisher.model import Epoch, Fault, Mono
from bulk_publisher.portal.wire import Answer, BatchAnswer
from bulk_publisher.store.folder.holders import Holder


class Portal(Protocol):
    """A portal that is asked once and says what came."""

    @property
    def host(self) -> str: ...

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault: ...

    async def batch(self, commands: Mapping[str, str]) -> BatchAnswer | Fault: ...


class Turn(Protocol):
    """Whose turn it is among the runs of this machine that use one credential."""

    @property
    def is_ours(self) -> bool: ...

    @property
    def is_wanted(self) -> bool:
        """Whether another run waits for it."""
        ...

    def holder(self) -> Holder:
        """Who has it, or had it last."""
        ...

    def try_take(self) -> bool:
        """Take it, if no other run has it."""
        ...

    def left_by_other(self, now: Mono, epoch: Epoch) -> tuple[Handover, Mono] | None:
        """How another run has left the limits, and when; None where there is no new word."""
        ...

    def give(self, handover: Handover, now: Mono, epoch: Epoch) -> None:
        """Let others have it."""
        ...
