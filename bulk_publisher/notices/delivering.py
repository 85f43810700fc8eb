"""Sends to all recipients at once, each up to three times; what did not arrive is said and ends nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bulk_publisher.clock import Clock
from bulk_publisher.log import log
from bulk_publisher.model import Mono
from bulk_publisher.notices.sending import NotSent
from bulk_publisher.operations import crash

PAUSES = (2.0, 8.0)
"""Seconds before the second try and the third."""


class Named(Protocol):
    """Whoever is sent to."""

    @property
    def name(self) -> str:
        """Without a secret."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message to one recipient.

    Attributes:
        words: What was answered, or why it did not arrive.
    """

    name: str
    has_arrived: bool
    words: str


Send = Callable[[], Awaitable[str]]


async def deliver(
    sends: Sequence[tuple[Named, Send]], clock: Clock, *, pauses: Sequence[float] = PAUSES
) -> list[Delivery]:
    """Send all; gives what became of each, in their order.

    Args:
        pauses: Seconds before each further try.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_deliver(to.name, send, clock, pauses)) for to, send in sends]
    return [task.result() for task in tasks]


async def _deliver(name: str, send: Send, clock: Clock, pauses: Sequence[float]) -> Delivery:
    why = ""
    for number, pause in enumerate((0.0, *pauses), start=1):
        if pause:
            await clock.sleep_until(Mono(clock.now() + pause))
        try:
            answer = await send()
        except NotSent as error:
            why = error.why
            log.warning("notice.refused", to=name, number=number, reason=why)
            if error.is_final:
                break
        except Exception as error:  # noqa: BLE001 - a message is no reason for a run to fail
            why = crash.words_of(error)
            log.error("notice.crashed", to=name, what=why)
            break
        else:
            log.info("notice.sent", to=name, answer=answer)
            return Delivery(name, has_arrived=True, words=answer)
    return Delivery(name, has_arrived=False, words=why)
