"""Who somebody is to the page, and what they may. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do."""

    SEE = "see"
    """Look at everything, and change nothing."""
    STEER = "steer"
    """See, and start, pause, stop and continue runs."""

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs *needed*."""
        return self is needed or self is Role.STEER


class Proof(StrEnum):
    """By what somebody is known."""

    LOOPBACK = "loopback"
    """By nothing: somebody on this machine."""
    BEARER = "token"
    """A token in this very request, which no other website can send."""
    SESSION = "session"
    """A cookie that was given for a token."""
    HEADER = "user header"
    """A trusted proxy says so."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request.

    Attributes:
        name: A token's, or a user's of the proxy; ``local`` for who needs neither.
        key: What forms and sessions are bound to; never shown.
    """

    name: str
    role: Role
    proof: Proof
    key: str = ""

    @property
    def may_steer(self) -> bool:
        """Whether buttons are of any use."""
        return self.role.covers(Role.STEER)
