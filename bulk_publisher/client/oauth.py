"""An application as a credential: its tokens are kept, and renewed when the portal calls them expired.

Rules: a token is renewed when the portal says ``expired_token``, and at no other time. Whoever meets that
waits for one renewal, in this process and in all others that keep the same tokens. The new tokens are
kept before anybody uses them, for the old refresh token is void from then on.

How it works: a renewal takes the lock of the tokens, reads them again - another process may have been there
before - and writes down that it is about to ask. Then it takes room for the answer, asks, and fills it. Nothing
is asked once the lock may be another's. So a process that is killed between asking and storing has left word of it: if the server refuses
the old refresh token later, that is why, and only a login helps.

An answer that was lost may have been a success. Asking again tells: the server grants it if it was none,
and refuses if it was one.

Source: docs/bitrix24.md §8.
"""

import asyncio
import dataclasses
import shlex
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from bulk_publisher.clock import Clock, LoopClock
from bulk_publisher.errors import BadSetting
from bulk_publisher.log import log
from bulk_publisher.model import Epoch, Fault, FaultClass, Mono
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import REST_3, Pass
from bulk_publisher.portal.proxy import proxy_at
from bulk_publisher.portal.token_endpoint import TokenEndpoint
from bulk_publisher.portal.tokens import (
    LARGEST_KEPT,
    TokenAnswer,
    TokenSet,
    decode_tokens,
    encode_tokens,
)
from bulk_publisher.store.disk import Disk
from bulk_publisher.store.secret_file import Room, SecretFile, SecretLock
from bulk_publisher.store.token_keeping import TokenKeeping
from bulk_publisher.text.redaction import Redactor
from bulk_publisher.utc import as_utc

T = TypeVar("T")

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds after which the server is asked again: its answer may be lost."""
_POLL = 0.1
_PATIENCE = 200.0
"""Seconds in which another process must have renewed the token: five answers of 30 s, and the pauses."""
_LEFT_BEHIND = 10.0
"""Seconds that a renewal is waited for by whoever is told to leave."""
_HIDDEN = 8
"""Sets of tokens, the one in use included, that are hidden in what is told: the others are long void."""
_NOT_BY_LOGIN = {
    "PAYMENT_REQUIRED",
    faults.MOVED,
    faults.BAD_CERTIFICATE,
    faults.NO_TLS,
    faults.PROXY_REFUSED,
    faults.PROXY_WANTS_LOGIN,
}
"""Why a token can't be renewed, and what no login changes anything about."""


class OAuth:
    """An application of a portal: a ``Credential`` whose token changes.

    Invariant: what is in use is on disk.
    """

    def __init__(
        self,
        keeping: TokenKeeping,
        *,
        ca_file: Path | str | None = None,
        proxy: str | None = None,
        login: str = "bulk-publisher login",
    ) -> None:
        """Read what is kept; nothing is asked yet.

        Args:
            ca_file: Certificate authorities to trust beside the system's, on the way to the authorisation
                server; None for none.
            proxy: On that way; None for the one that the environment names.
            login: The command that logs in again, for whoever has to.

        Raises:
            BadSetting: If there are no tokens, they are damaged, or others may read them.
        """
        self._keeping = keeping
        self._tokens = _decoded(keeping)
        self.redactor = Redactor(self._tokens.client_secret)
        self._earlier: deque[TokenSet] = deque()
        self._learn(self._tokens)
        self.host = self._tokens.host
        self.origin = self._tokens.origin
        self.identity = self._tokens.identity
        self.is_loopback = self._tokens.is_loopback
        self._login = login
        self._endpoint = TokenEndpoint(
            self._tokens.token_endpoint,
            self.redactor,
            ca_file=None if ca_file is None else Path(ca_file),
            proxy=None if proxy is None else proxy_at(proxy, where="The credential's proxy"),
        )
        self._renewal: asyncio.Task[Fault | None] | None = None
        self._refused: tuple[str, Fault] | None = None

    @classmethod
    def from_file(
        cls, path: Path | str, *, ca_file: Path | str | None = None, proxy: str | None = None
    ) -> Self:
        """The application whose tokens ``bulk-publisher login`` has kept in the file at *path*.

        Args:
            path: Its owner's alone (mode 0600); it is replaced each time that the tokens change.
            ca_file: Certificate authorities to trust beside the system's, on the way to the
                authorisation server; None for none.
            proxy: On that way, as a URL; None for the one that the environment names.

        Raises:
            BadSetting: If it can't be read, holds no tokens, or others may read it.
        """
        keeping = SecretFile(Path(path))
        login = f"bulk-publisher login --oauth-file {shlex.quote(keeping.place)}"
        return cls(keeping, ca_file=ca_file, proxy=proxy, login=login)

    @property
    def user(self) -> int | None:
        """The ID of the user who has let the application in; None where it is not told."""
        return self._tokens.user_id

    async def admit(self, method: str) -> Pass:
        """Its address, with the access token beside the parameters."""
        at = f"{self.origin}/rest/api/{method}" if method.startswith(REST_3) else f"{self.origin}/rest/{method}.json"  # fmt: skip
        return Pass(at, {"auth": self._tokens.access_token})

    async def renew(self, refused: Pass, fault: Fault) -> Fault | None:
        """Renew the token where it has expired, once for all that meet it.

        Returns:
            None where the request can go again; else what is to be said instead.
        """
        if refused.fields["auth"] != self._tokens.access_token:
            return None
        if faults.base_code(fault.code) != "EXPIRED_TOKEN":
            return await self._other_than(refused, fault)
        if self._renewal is None or self._renewal.done():
            # Of no group of tasks: it goes on, and stores what it was given, when all who wait have left.
            renewal = self._renew(refused.fields["auth"])
            self._renewal = asyncio.get_running_loop().create_task(renewal)
        return await _carried_through(self._renewal)

    def __repr__(self) -> str:
        return f"<OAuth of an application on {self.host}>"

    __str__ = __repr__

    async def _other_than(self, refused: Pass, fault: Fault) -> Fault | None:
        """The portal does not know a token that it never called expired: another process may have a newer one."""
        try:
            kept = await self._beside(partial(_decoded, self._keeping))
        except BadSetting:
            return self._needs_login(fault)
        if kept.identity != self.identity or kept.access_token == refused.fields["auth"]:
            return self._needs_login(fault)
        self._take(kept)
        return None

    async def _renew(self, before: str) -> Fault | None:
        clock = LoopClock()
        try:
            lock = await self._lock(clock)
            if isinstance(lock, Fault):
                return lock
            try:
                kept = await self._beside(partial(_decoded, self._keeping))
                if kept.identity != self.identity:
                    said = f"{self._keeping.place} holds the tokens of another application now."
                    return faults.own_fault(faults.LOGIN_NEEDED, said, sent=False)
                if kept.access_token != before:
                    self._learn_from_others(kept)
                    return None
                fault = await self._ask_and_keep(kept, lock, clock)
                if fault is not None and not lock.is_ours:
                    # Whoever has it now may have been first: then the refusal was about that.
                    kept = await self._beside(partial(_decoded, self._keeping))
                    if kept.identity == self.identity and kept.access_token != before:
                        self._learn_from_others(kept)
                        return None
                return fault
            finally:
                await self._beside(lock.close)
        except BadSetting as error:
            return self._not_kept(error.message, error.hint)
        except OSError as error:
            return self._not_kept(
                f"{self._keeping.place}: can't be written: {error.strerror or error}."
            )

    def _learn_from_others(self, kept: TokenSet) -> None:
        """Another process has renewed them: use *kept*."""
        self._take(kept)
        log.info("token.taken", expires=_moment(kept.expires))

    async def _lock(self, clock: Clock) -> SecretLock | Fault:
        until = clock.now() + _PATIENCE
        while (lock := await self._beside(self._keeping.try_lock)) is None:
            if clock.now() >= until:
                said = f"Another process has been renewing the token in {self._keeping.place} for {_PATIENCE:.0f} s."
                return faults.own_fault(faults.TOKEN_NOT_RENEWED, said, sent=False)
            await clock.sleep_until(Mono(clock.now() + _POLL))
        return lock

    async def _ask_and_keep(self, kept: TokenSet, lock: SecretLock, clock: Clock) -> Fault | None:
        if self._refused is not None and self._refused[0] == kept.refresh_token:
            return self._refused[1]
        asked_at = clock.epoch() if kept.asked_at is None else kept.asked_at
        noted = msgspec.structs.replace(kept, asked_at=asked_at)
        # Before it is asked: who comes after a kill knows what has become of the old refresh token.
        await self._beside(partial(self._keeping.note, encode_tokens(noted)))
        with ExitStack() as stack:
            room = await self._beside(
                partial(stack.enter_context, self._keeping.room(LARGEST_KEPT))
            )
            answer, was_asked = await self._asked(kept, lock, clock)
            if isinstance(answer, TokenAnswer):
                return await self._kept_by(room, kept.renewed(answer))
        if kept.asked_at is None and not was_asked:
            # Nothing was handed out that could be lost.
            await self._beside(partial(self._keeping.note, encode_tokens(kept)))
        return self._told(kept, answer, asked_at if kept.asked_at or was_asked else None)

    async def _kept_by(self, room: Room, fresh: TokenSet) -> Fault | None:
        self._learn(fresh)
        try:
            await self._beside(partial(room.fill, encode_tokens(fresh)))
        except OSError as error:
            said = (
                f"{self._keeping.place}: the new tokens can't be written ({error.strerror or error}),"
                " so they are lost, and the old ones are void."
            )
            return self._needs_login(faults.own_fault(faults.LOGIN_NEEDED, said, sent=False))
        self._take(fresh)
        log.info("token.renewed", expires=_moment(fresh.expires))
        return None

    async def _asked(
        self, kept: TokenSet, lock: SecretLock, clock: Clock
    ) -> tuple[TokenAnswer | Fault, bool]:
        """What the server says; and whether an answer before may have been lost with the tokens in it."""
        query = refresh_query(kept)

        def may_leave() -> bool:
            return lock.is_ours

        answer = await self._endpoint.ask(query, clock, may_leave=may_leave)
        was_asked = False
        for pause in _PAUSES:
            if isinstance(answer, TokenAnswer) or answer.kind is FaultClass.CREDENTIAL:
                break
            log.warning("token.unanswered", code=answer.code, description=answer.description)
            was_asked |= answer.sent is not False
            await clock.sleep_until(Mono(clock.now() + pause))
            answer = await self._endpoint.ask(query, clock, may_leave=may_leave)
        if isinstance(answer, Fault) and answer.kind is FaultClass.TRANSIENT:
            was_asked |= answer.sent is not False
        return answer, was_asked

    def _told(self, kept: TokenSet, fault: Fault, asked_at: float | None) -> Fault:
        """What is said of a renewal that came to nothing."""
        if fault.kind is FaultClass.TRANSIENT:
            return dataclasses.replace(fault, sent=False)
        if asked_at is not None:
            lost = (
                f"A renewal that began at {_moment(asked_at)} was cut off between asking for the new tokens"
                " and storing them: they are lost, and the old ones are void."
            )
            fault = dataclasses.replace(fault, description=f"{fault.description} {lost}".strip())
        told = self._needs_login(fault)
        self._refused = (kept.refresh_token, told)
        log.error("token.refused", code=told.code, description=told.description)
        return told

    def _needs_login(self, fault: Fault) -> Fault:
        if fault.code in _NOT_BY_LOGIN:
            return fault
        rule = faults.TABLE.get(fault.code)
        about = f"{rule.hint} " if rule and rule.kind is not FaultClass.PAGE else ""
        hint = f"{about}Log in again: {self._login}"
        return dataclasses.replace(fault, kind=FaultClass.CREDENTIAL, hint=hint, sent=False)

    @staticmethod
    def _not_kept(said: str, hint: str = "") -> Fault:
        fault = faults.own_fault(faults.TOKENS_NOT_KEPT, said, sent=False)
        return dataclasses.replace(fault, hint=hint) if hint else fault

    async def _beside(self, work: Callable[[], T]) -> T:
        """What *work* gives, done beside the loop."""
        done: list[T] = []
        with Disk(self._keeping.give_up) as disk:
            await disk.do(lambda: done.append(work()))
        return done[0]

    def _take(self, fresh: TokenSet) -> None:
        """Use *fresh* from now on; it is kept."""
        self._learn(fresh)
        self._tokens = fresh

    def _learn(self, fresh: TokenSet) -> None:
        """Hide *fresh* from now on, and what was in use before for as long as somebody may repeat it."""
        if self._earlier and self._earlier[-1].secrets == fresh.secrets:
            return
        for secret in fresh.secrets:
            self.redactor.learn(secret)
        self._earlier.append(fresh)
        if len(self._earlier) > _HIDDEN:
            stale = set(self._earlier.popleft().secrets)
            for secret in stale.difference(*(one.secrets for one in self._earlier)):
                self.redactor.forget(secret)


def refresh_query(tokens: TokenSet) -> Mapping[str, str]:
    """What the authorisation server is asked for new tokens with. All of it is secret."""
    return {
        "grant_type": "refresh_token",
        "client_id": tokens.client_id,
        "client_secret": tokens.client_secret,
        "refresh_token": tokens.refresh_token,
    }


def _decoded(keeping: TokenKeeping) -> TokenSet:
    try:
        return decode_tokens(keeping.read())
    except ValueError as error:
        raise BadSetting(
            f"{keeping.place}: these are not an application's tokens: {error}.",
            "Have them kept by: bulk-publisher login",
        ) from None


async def _carried_through(renewal: asyncio.Task[Fault | None]) -> Fault | None:
    """What *renewal* gives; who is cancelled meanwhile leaves it a while to store what it is given."""
    try:
        return await asyncio.shield(renewal)
    except asyncio.CancelledError:
        await asyncio.wait([renewal], timeout=_LEFT_BEHIND)
        raise


def _moment(at: float | None) -> str | None:
    return None if at is None else as_utc(Epoch(at))
