"""Messages to a user of the portal that a job publishes on: ``im.notify.personal.add``.

Source: docs/bitrix24.md §11 [doc, source].
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from bulk_publisher.client.notice import say_nothing
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job
from bulk_publisher.model import Fault
from bulk_publisher.notices.message import Message
from bulk_publisher.notices.sending import NotSent
from bulk_publisher.operations.access import Entry, session_of

METHOD = "im.notify.personal.add"
Entrance = Callable[[Job], AbstractAsyncContextManager[Entry]]
"""How to get into the portal of a job."""

_TIMEOUT = 60.0
"""Seconds: a portal's request may take as long."""


class PortalUser:
    """A user of the job's portal."""

    def __init__(self, user: int, job: Job, entrance: Entrance, rng: random.Random) -> None:
        self._user = user
        self._job = job
        self._entrance = entrance
        self._rng = rng

    @property
    def name(self) -> str:
        """The user's ID."""
        return f"user {self._user} of the portal"

    async def send(self, message: Message) -> str:
        """Have the portal tell the user, in the name of the credential's owner."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                reply = await self._ask(f"{message.title}\n{message.text}")
        except BulkPublisherError as error:
            raise NotSent(error.message) from error
        except TimeoutError:
            raise NotSent("the portal did not answer in time") from None
        if isinstance(reply, Fault):
            if reply.code == "insufficient_scope":
                why = "the credential lacks the permission Chat and notifications (im)"
                raise NotSent(why, is_final=True)
            raise NotSent(f"the portal refused: {reply.words}")
        if isinstance(reply, bool) or not isinstance(reply, int) or reply < 1:
            raise NotSent("the portal made no notification: is there such a user?")
        return f"notification {reply}"

    async def _ask(self, text: str) -> object:
        async with (
            self._entrance(self._job) as entry,
            session_of(self._job, entry, self._rng, warn=say_nothing) as session,
        ):
            answer = await session.calls.call(
                METHOD, {"USER_ID": self._user, "MESSAGE": text}, attempts=1
            )
        return answer if isinstance(answer, Fault) else answer.result
