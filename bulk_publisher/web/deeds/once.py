"""Pressed twice, done once: what a question carries, and what became of the answer.

How it works:
    A question carries a token that nobody else can make: it says to whom, what and on which state of things
    it was asked. The first who answers with it has it done; whoever comes with the same again is told what
    came of that. A program that sends ``Idempotency-Key`` is treated alike.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from aiohttp import web

from bulk_publisher.clock import Clock
from bulk_publisher.model import Mono

T = TypeVar("T")

VALID_FOR = 3600.0
"""Seconds in which a question may be answered."""
_KEPT_FOR = 24 * 3600.0
"""Seconds for which it is known what came of an answer."""
_MOST = 10_000


class Once(Generic[T]):
    """Answers that were given, and what came of each."""

    def __init__(self, clock: Clock) -> None:
        """None was given yet."""
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._given: OrderedDict[str, tuple[Mono, asyncio.Future[T]]] = OrderedDict()

    def token(self, about: str) -> str:
        """What a question carries.

        Args:
            about: Whom it asks, what, and on which state of things.
        """
        nonce = f"{secrets.token_hex(16)}.{self._clock.now():.0f}"
        return f"{nonce}.{self._mac(nonce, about)}"

    def check(self, token: str, about: str) -> None:
        """Refuse an answer to another question.

        Raises:
            HTTPConflict: If it is one, or too old.
        """
        nonce, _, mac = token.rpartition(".")
        is_ours = hmac.compare_digest(
            mac.encode("utf-8", "replace"), self._mac(nonce, about).encode()
        )
        if not is_ours:
            raise web.HTTPConflict(
                text="This was not asked here, or has changed since. Nothing was done: look again."
            )
        asked_at = float(nonce.rpartition(".")[2])
        if self._clock.now() > asked_at + VALID_FOR:
            raise web.HTTPConflict(
                text="This was asked too long ago. Nothing was done: look again."
            )

    def knows(self, key: str) -> bool:
        """Whether somebody has come with *key*: ``do`` does nothing more then."""
        self._forget()
        return key in self._given

    async def do(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What comes of *work*, which is done for the first who comes with *key*."""
        self._forget()
        if key in self._given:
            return await asyncio.shield(self._given[key][1])
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._given[key] = (self._clock.now(), outcome)
        try:
            outcome.set_result(await work())
        except BaseException as error:
            # It was not done: it may be tried again.
            del self._given[key]
            if isinstance(error, Exception):
                outcome.set_exception(error)
                outcome.exception()  # whoever waits for it beside is told; maybe nobody does
            else:
                outcome.cancel()
            raise
        return outcome.result()

    def _forget(self) -> None:
        now = self._clock.now()
        while self._given:
            key, (at, outcome) = next(iter(self._given.items()))
            if not outcome.done() or (now < at + _KEPT_FOR and len(self._given) < _MOST):
                return
            del self._given[key]

    def _mac(self, nonce: str, about: str) -> str:
        told = f"{nonce} {about}".encode("utf-8", "replace")
        return hmac.new(self._secret, told, "sha256").hexdigest()
