"""What sends a message: a protocol, and what goes wrong."""

from typing import Protocol

from bulk_publisher.notices.message import Message


class NotSent(Exception):
    """A message that did not arrive; its words name no secret.

    Args:
        is_final: Whether the same would happen again: something is set wrongly.
    """

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_final = is_final


class Sender(Protocol):
    """One way to one recipient."""

    @property
    def name(self) -> str:
        """Who that is, for a person; no secret."""
        ...

    async def send(self, message: Message) -> str:
        """Send it once; gives what came back, in a few words without a secret.

        Raises:
            NotSent: If it has not arrived, or nothing says that it has.
        """
        ...


class Switch(Protocol):
    """A dead man's switch: it tells somebody when nothing is heard of a job."""

    @property
    def name(self) -> str:
        """Who that is, for a person; no secret."""
        ...

    async def begin(self) -> str:
        """A job begins; see ``Sender.send``."""
        ...

    async def end(self, *, is_well: bool, words: str) -> str:
        """A job has ended; see ``Sender.send``."""
        ...
