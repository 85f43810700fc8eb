"""One call of a tool: how far it has come, what is to be hidden in its answer, and what a person should know."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bulk_publisher.jobs import Job
from bulk_publisher.operations.access import Reached
from bulk_publisher.operations.job_runs import entered
from bulk_publisher.store import SharedState
from bulk_publisher.text.redaction import Redactor, learn_environment, without_webhooks
from bulk_publisher.text.secret_queries import without_secret_queries

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Tells how much is done, of how much, in words of ours."""

_MOST_WARNINGS = 50


class Call:
    """One call. Invariant: how much of it is done grows, as the protocol has it."""

    def __init__(self, state: SharedState | None = None) -> None:
        """Nothing is done yet.

        Args:
            state: Where limits are shared; None for with the runs of this machine.
        """
        self._state = state
        self.warnings: list[str] = []
        self._redactors: list[Redactor] = []
        self._newest: tuple[int, int | None, str] = (-1, None, "")
        self._is_new = asyncio.Event()

    def warn(self, text: str) -> None:
        """A person should know this; of thousands the first will do."""
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(text)

    def note(self, done: int, total: int | None, words: str) -> None:
        """*done* of *total* now; None where nobody knows how many. Never waits."""
        if done > self._newest[0]:
            self._newest = done, total, words
            self._is_new.set()

    @asynccontextmanager
    async def enter(self, job: Job) -> AsyncIterator[Reached]:
        """The portal of *job*, open to its credential, whose secret is in no answer of this call.

        Raises:
            BadSetting: If there is none.
        """
        async with entered(job, self._state) as reached:
            self._redactors.append(reached.credential.redactor)
            yield reached

    @asynccontextmanager
    async def reported(self, report: Report) -> AsyncIterator[None]:
        """Report beside this block what is noted in it: the newest, as often as somebody listens."""
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(report))
            try:
                yield
            finally:
                telling.cancel()

    def without_secrets(self, answer: Any) -> Any:
        """*answer*, of what JSON has, without what a credential or the environment keeps secret."""
        of_environment = Redactor()
        learn_environment(of_environment, os.environ)
        redactors = (*self._redactors, of_environment)

        def hidden(value: Any) -> Any:
            match value:
                case str():
                    text = without_webhooks(without_secret_queries(value))
                    for redactor in redactors:
                        text = redactor.text(text)
                    return text
                case dict():
                    return {hidden(name): hidden(one) for name, one in value.items()}
                case list() | tuple():
                    return [hidden(one) for one in value]
                case _:
                    return value

        return hidden(answer)

    async def _tell(self, report: Report) -> None:
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            await report(*self._newest)
