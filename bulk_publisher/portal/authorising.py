"""How a person lets an application in: the portal's page, and what comes back from it. Pure.

Rules: what comes back is somebody's typing, or anybody's request to a port of this machine. So it counts
only with the ``state`` that was drawn for this one time, and no text of it is repeated: the code in it is
a secret for as long as it lives.

Source: docs/bitrix24.md §8.
"""

import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.secret_addresses import host_of, is_loopback, is_safe, split_address

CODE_LIFETIME = 30
"""Seconds in which a code can be exchanged for tokens [doc]."""

_LONGEST = 8192
_CODE = re.compile(r"[\x21-\x7e]{1,2048}")
_ERROR = re.compile(r"[A-Za-z_]{1,40}")


class NotThisVisit(BadSetting):
    """What came back is of no visit of ours: another may come yet."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What the portal's page gave.

    Attributes:
        code: Good for one time and half a minute.
        told: What else came with it.
    """

    code: str = field(repr=False)
    told: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to the portal's page on which an application is let in.

    Attributes:
        origin: The portal's address, as ``https://host``.
        state: Drawn for this visit alone.
    """

    origin: str
    client_id: str
    state: str = field(repr=False)

    @property
    def page(self) -> str:
        """The address of the page. No secret of the application is in it."""
        query = urlencode({"client_id": self.client_id, "state": self.state})
        return f"{self.origin}/oauth/authorize/?{query}"

    @property
    def host(self) -> str:
        """The portal, as ``host`` or ``host:port``."""
        return host_of(urlsplit(self.origin))

    def read(self, redirected: str) -> Granted:
        """The code in the address that the portal has sent the visitor to.

        Raises:
            NotThisVisit: If it is not that address, or another visit's.
            BadSetting: If the portal has not let the application in.
        """
        told = _query(redirected.strip())
        if told is None or "state" not in told:
            raise NotThisVisit(
                "That is not the address that the portal has sent you to: it has a code and a state in it.",
                "Copy all of it from the browser's address bar.",
            )
        if not hmac.compare_digest(told["state"].encode(), self.state.encode()):
            raise NotThisVisit(
                "That address is of another login: its state is not the one of this one.",
                "Open the page again, and copy the address that it leads to.",
            )
        if told.get("domain", self.host).lower() not in {
            self.host,
            str(urlsplit(self.origin).hostname),
        }:
            raise BadSetting("That address is of another portal than the login is for.")
        if "code" not in told:
            said = told.get("error", "")
            why = f": {said}" if _ERROR.fullmatch(said) else ""
            raise BadSetting(f"The portal has not let the application in{why}.")
        if not _CODE.fullmatch(told["code"]):
            raise BadSetting("The code in that address can't be one.")
        return Granted(told["code"], told)


def portal_origin(address: str) -> str:
    """The portal's address, as ``https://host``, of what a person calls it.

    Raises:
        BadSetting: If it is none.
    """
    text = address.strip().rstrip("/")
    parts = split_address(text if "//" in text else f"https://{text}")
    if parts is not None and "//" not in text and is_loopback(str(parts.hostname)):
        parts = split_address(f"http://{text}")
    is_portal = parts is not None and is_safe(parts) and not (parts.username or parts.query)
    if parts is None or not is_portal or parts.path.rstrip("/"):
        raise BadSetting("That is not a portal's address.", "It looks like example.bitrix24.com.")
    return f"{parts.scheme}://{host_of(parts)}"


def _query(text: str) -> dict[str, str] | None:
    """The parameters of an address, each once; None where it is none."""
    if len(text) > _LONGEST:
        return None
    try:
        query = parse_qs(urlsplit(text).query, max_num_fields=50)
    except ValueError:
        # Its message may hold the code, so it ends here.
        return None
    return {name: values[-1] for name, values in query.items()}
