"""One portal with one credential, within its limits, for as many runs as like.

What is asked through a client can't go over its limits: its runs share connections, the door before
the portal and the portal's plan, and send in turns, as runs of other processes of this machine do.
"""

import asyncio
import os
import random
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from bulk_publisher.client.notice import Warn
from bulk_publisher.client.pace import Pace, PortalPlan
from bulk_publisher.client.session import Access, OpenPortal, Session, open_portal, session_on
from bulk_publisher.client.turns_in_memory import StateInMemory
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.portal.proxy import proxy_at
from bulk_publisher.store import machine_state, shared_state
from bulk_publisher.store.database_address import is_database
from bulk_publisher.store.sharing import SharedState, Sharing


class Default(Enum):
    """What stands where the command line's own way is wanted."""

    DEFAULT = "default"


DEFAULT: Final = Default.DEFAULT
"""As the command line has it."""


def _state_at(state: Path | str | Default) -> SharedState:
    # The one place where a client reads the environment: where the state is by default.
    if isinstance(state, Default):
        return machine_state(os.environ)
    if isinstance(state, str) and is_database(state):
        return shared_state(state, os.environ)
    return machine_state(Path(state))


class Ongoing(Protocol):
    """What goes on in a client, and ends before it is left."""

    def stop(self) -> None:
        """Begin nothing more, and let what is in flight end."""
        ...

    def untold(self) -> Exception | None:
        """What it ended with, where nobody was told of it."""
        ...


class Client:
    """A portal, to be used in ``async with``: whoever leaves that waits for what is in flight.

    Invariant: what goes on in it ends before it is left.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        plan: PortalPlan | str | None = None,
        ca_file: Path | str | None = None,
        proxy: str | None = None,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        state: Path | str | Default | None = DEFAULT,
        name: str | None = None,
        named_in: Path | str | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            plan: Whose limits apply: ``standard``, ``enterprise`` or ``self-hosted``; None if the
                portal is to be asked.
            ca_file: Certificates to trust instead of the system's; None for the system's.
            proxy: Its URL; None for the one that the environment names.
            pace: How fast, and when to give up.
            state: A folder in which runs of this machine leave word of the limits for each other,
                by default the command line's; or the URL of a database, for those of all its hosts.
                None for none, then this client knows of no others.
            name: What the portal is called among the named ones: runs that are kept say so. See
                ``client_for``, which finds the portal by it.
            named_in: The file that names it; None for the user's own.

        Raises:
            ValueError: If there is no such *plan*.
            BadSetting: If *proxy* is none.
        """
        self.credential = credential
        self.name = name
        self.named_in = None if named_in is None else Path(named_in)
        self.pace = pace
        self.plan = None if plan is None else PortalPlan(plan)
        self.ca_file = None if ca_file is None else Path(ca_file)
        self._proxy = None if proxy is None else proxy_at(proxy, where="The client's proxy")
        self._in_memory = StateInMemory()
        self._state: SharedState = self._in_memory if state is None else _state_at(state)
        self._leaving = AsyncExitStack()
        self._portal: OpenPortal | None = None
        self._group = asyncio.TaskGroup()
        self._ongoing: dict[Ongoing, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"<Client of {self.credential.host}>"

    async def __aenter__(self) -> Self:
        access = Access(self.credential, self.plan, self.ca_file, proxy=self._proxy)
        self._portal = await self._leaving.enter_async_context(open_portal(access, self.pace))
        self._group = await self._leaving.enter_async_context(asyncio.TaskGroup())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._portal, leaving = None, self._leaving
        try:
            for one in self._ongoing:
                one.stop()
            if self._ongoing:
                await asyncio.wait(self._ongoing.values())
        except asyncio.CancelledError as cancelled:
            # Asked for a second time: what is in flight is left, and written down as far as it goes.
            await leaving.__aexit__(type(cancelled), cancelled, cancelled.__traceback__)
            raise
        await leaving.__aexit__(None, None, None)
        untold = [left for one in self._ongoing if (left := one.untold()) is not None]
        if error is None and untold:
            raise untold[0]

    def begin(self, ongoing: Ongoing, work: Coroutine[Any, Any, None]) -> None:
        """Have *work* done in the client; it must not raise.

        Raises:
            RuntimeError: If the client is not open.
        """
        if self._portal is None:
            work.close()
            raise RuntimeError("the client is not open: use it in 'async with'")
        for one in [one for one, task in self._ongoing.items() if task.done()]:
            if one.untold() is None:
                del self._ongoing[one]
        self._ongoing[ongoing] = self._group.create_task(work)

    @asynccontextmanager
    async def session(
        self, spec: ActionSpec, rng: random.Random, *, warn: Warn
    ) -> AsyncIterator[Session]:
        """A session within the client's limits.

        Args:
            spec: What is done in it: its method has meters of its own.
            warn: Told when the portal takes long to answer.

        Raises:
            PortalUnusable: If the portal or the credential cannot be used, or does not answer.
            RuntimeError: If the client is not open.
        """
        if self._portal is None:
            raise RuntimeError("the client is not open: use it in 'async with'")
        with self._sharing() as sharing:
            async with session_on(
                self._portal, self.pace, spec, rng, sharing, warn=warn
            ) as session:
                yield session

    @contextmanager
    def _sharing(self) -> Iterator[Sharing]:
        identity, name = self.credential.identity, secrets.token_hex(8)
        with ExitStack() as stack:
            sharing = stack.enter_context(
                self._state.turn(identity, name, portal=self.credential.host)
            )
            if sharing.turn is None:
                # Those of this client still share its limits.
                own = stack.enter_context(
                    self._in_memory.turn(identity, name, portal=self.credential.host)
                )
                sharing = Sharing(own.turn, sharing.doubt, sharing.advice)
            yield sharing
