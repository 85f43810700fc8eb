"""Who we are to the portal, and how that is kept secret: a credential, and an inbound webhook as one.

All rooms above speak of the protocol alone. The URL of a webhook is the secret. It is read from the
environment or a file, given to the client, and never shown: its ``repr`` and ``str`` name the
portal's host and the user alone.

Source: docs/bitrix24.md §1, docs/bitrix24-dossier.md §8.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Fault
from bulk_publisher.portal.secret_addresses import host_of, is_loopback, split_address
from bulk_publisher.text.redaction import EXAMPLE_URL, Redactor

_PATH = re.compile(
    r"^/rest/(?P<user>0{0,9}[1-9][0-9]{0,17})/(?P<code>[A-Za-z0-9_-]+)(?:/(?P<method>[A-Za-z0-9_.]+)?)?/?$"
)
REST_3 = "note."
"""How the methods begin that only REST 3.0 has: those of Knowledge base 2.0."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What lets one request in. All of it is secret.

    Attributes:
        url: Where it is sent.
        fields: What its body holds beside the parameters.
    """

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


class Credential(Protocol):
    """By what a portal lets us in, whatever kind it is of."""

    @property
    def host(self) -> str:
        """The portal, as ``host`` or ``host:port``; no secret."""
        ...

    @property
    def origin(self) -> str:
        """The portal's address, as ``https://host``; no secret."""
        ...

    @property
    def user(self) -> int | None:
        """The ID of the user on whose behalf it acts; None where that is not known. No secret."""
        ...

    @property
    def identity(self) -> str:
        """By what the portal's limits know it, fit for a folder's name; no secret.

        It stays the same when the secret changes.
        """
        ...

    @property
    def is_loopback(self) -> bool:
        """Whether the portal is a program on this machine."""
        ...

    @property
    def redactor(self) -> Redactor:
        """Takes the secret, and those that it had before, out of what others say: one and the same object."""
        ...

    async def admit(self, method: str) -> Pass | Fault:
        """What lets a request of *method* in just now; a fault where it can't be had."""
        ...

    async def renew(self, refused: Pass, fault: Fault, /) -> Fault | None:
        """The portal has refused *refused* for its token: see that there is another one.

        Whoever comes with a pass from before the last renewal gets the new token, and no newer one.

        Returns:
            None where the request can go again; else what to say instead.
        """
        ...


class Webhook:
    """An inbound webhook of a portal: a ``Credential`` that never changes."""

    __slots__ = ("_root", "host", "is_loopback", "redactor", "user")

    def __init__(self, url: str) -> None:
        """Read a webhook's URL.

        Raises:
            BadSetting: If *url* is none. The message never repeats it.
        """
        parts = split_address(url.strip())
        path = None if parts is None else _PATH.match(parts.path)
        if parts is None or path is None or parts.scheme not in {"http", "https"}:
            raise BadSetting(
                "The webhook URL is not a Bitrix24 one.",
                f"It looks like {EXAMPLE_URL}; copy it from Developer resources > Inbound webhook.",
            )
        host = str(parts.hostname)
        self.is_loopback = is_loopback(host)
        if parts.scheme == "http" and not self.is_loopback:
            raise BadSetting(
                f"The webhook URL of {host} starts with http://, which would send the secret unencrypted.",
                "Use https:// instead.",
            )
        self.host = host_of(parts)
        self.user = int(path["user"])
        self.redactor = Redactor(path["code"])
        self._root = f"{parts.scheme}://{self.host}/rest/{path['user']}/{path['code']}/"

    @classmethod
    def from_env(cls, name: str = "BITRIX24_WEBHOOK") -> Self:
        """The webhook whose URL the environment variable *name* holds now.

        Raises:
            BadSetting: If it is not set, or holds none.
        """
        url = os.environ.get(name, "").lstrip("\ufeff").strip().strip("\"'")
        if not url:
            raise BadSetting(
                f"The environment variable {name} is not set: it holds the portal's webhook URL.",
                f"It looks like {EXAMPLE_URL}; copy it from Developer resources > Inbound webhook.",
            )
        return cls(url)

    def url(self, method: str) -> str:
        """The secret address of *method*; those of REST 3.0 have one of their own."""
        if method.startswith(REST_3):
            return f"{self._root.replace('/rest/', '/rest/api/', 1)}{method}"
        return f"{self._root}{method}.json"

    @property
    def secret(self) -> str:
        """The part that must never be shown."""
        return self._root.rstrip("/").rpartition("/")[2]

    @property
    def address(self) -> str:
        """All of its URL, to be kept where it is safe."""
        return self._root

    @property
    def origin(self) -> str:
        """The portal's address, without the secret."""
        return self._root.partition("/rest/")[0]

    @property
    def identity(self) -> str:
        """A hash of it, which tells nothing of the secret."""
        return hashlib.sha256(f"{self.host} {self.secret}".encode()).hexdigest()[:24]

    async def admit(self, method: str) -> Pass | Fault:
        """Its secret address."""
        return Pass(self.url(method))

    async def renew(self, _refused: Pass, fault: Fault) -> Fault | None:
        """There is no other: *fault* it is."""
        return fault

    def __repr__(self) -> str:
        return f"<Webhook of user {self.user} on {self.host}>"

    __str__ = __repr__
