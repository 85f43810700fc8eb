"""Who has entered a token in a browser: kept in memory, for half a day at most."""

import secrets
from dataclasses import dataclass

from bulk_publisher.clock import Clock
from bulk_publisher.model import Mono
from bulk_publisher.web.guard.page_tokens import PageToken, PageTokens, digest
from bulk_publisher.web.guard.roles import Proof, Visitor

LONGEST = 12 * 3600.0
"""Seconds after which a token has to be entered again: a day's work, and not the next one's."""
_MOST = 1000
"""Sessions; beyond them the oldest ends."""


@dataclass(frozen=True, slots=True)
class _Session:
    sha256: str
    ends_at: Mono


class Sessions:
    """Sessions by the hash of their names: what is looked up shows by its duration nothing of a name."""

    def __init__(self, tokens: PageTokens, clock: Clock) -> None:
        """Nobody has come yet."""
        self._tokens = tokens
        self._clock = clock
        self._open: dict[str, _Session] = {}

    def begin(self, token: PageToken) -> str:
        """A session of *token*: its name, which is the cookie's value."""
        self._sweep()
        name = secrets.token_urlsafe(32)
        ends_at = Mono(self._clock.now() + LONGEST)
        self._open[digest(name)] = _Session(token.sha256, ends_at)
        return name

    def find(self, name: str) -> Visitor | None:
        """Whose session that is; None if it has ended, or its token was removed."""
        key = digest(name)
        session = self._open.get(key)
        if session is None:
            return None
        token = self._tokens.find(session.sha256)
        if token is None or self._clock.now() >= session.ends_at:
            del self._open[key]
            return None
        return Visitor(token.name, token.role, Proof.SESSION, key)

    def end(self, name: str) -> None:
        """It counts no more."""
        self._open.pop(digest(name), None)

    def _sweep(self) -> None:
        now = self._clock.now()
        # They are in the order of their beginnings.
        for key, session in list(self._open.items()):
            if now < session.ends_at and len(self._open) < _MOST:
                break
            del self._open[key]
