"""An application's tokens: as they are kept, and as the authorisation server hands them out. Pure.

Rules: what is read is typed and bounded, or refused by the name of its key; no value of it is ever
repeated, for any may be a secret. What an answer says of addresses is not followed: where tokens are
sent is said once, at the login.

How it works: what is kept has the keys of the server's own answer, with the application's ID and secret
beside them, so that an application's own file can be read as well. A moment in an answer may be an epoch
(``expires``) or seconds from now (``expires_in``), and a number may be written as text, as PHP likes to.

Source: docs/bitrix24.md §8, docs/bitrix24-dossier.md §7.
"""

import hashlib
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.secret_addresses import host_of, is_loopback, is_safe, split_address
from bulk_publisher.portal.wire import LATEST, bounded_number

TOKEN_ENDPOINTS = {
    "oauth.bitrix.info": "https://oauth.bitrix.info/oauth/token/",
    "oauth.bitrix24.tech": "https://oauth.bitrix24.tech/oauth/token/",
}
"""The vendor's authorisation servers: the first is the documented one [doc], the second is named in the
answers of Russian portals [SDK issues]."""
DEFAULT_TOKEN_SERVER = "oauth.bitrix.info"  # noqa: S105 - a host
LARGEST_KEPT = 16 * 1024
"""Bytes that kept tokens have at most, with their names: a tenth is usual."""

_SECRET = r"\A[\x21-\x7e]{1,2048}\Z"  # noqa: S105 - no secret, but what one may look like
_Secret = Annotated[str, Meta(pattern=_SECRET)]
_Address = Annotated[str, Meta(min_length=1, max_length=2048)]
_Moment = Annotated[float, Meta(ge=0, le=LATEST)]
_User = Annotated[int, Meta(ge=0, le=10**15)]
_EPOCHS = 10**8
"""A moment below it, in 1973, is no epoch but seconds from now."""
_LONGEST_ID = 64
_WHERE = re.compile(r" - at `\$\.?(?P<key>[\w.]*)`\Z")


class TokenSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that lets an application in. All of it is secret but the addresses, the IDs and the moments.

    Attributes:
        client_endpoint: The portal's REST root, ``https://host/rest/``.
        token_endpoint: Where tokens are renewed.
        expires: Until when the access token is good, by the server's clock, in epoch seconds; None where
            that is not told. It is shown, and nothing else: the portal alone says when a token is too old.
        asked_at: Since when a renewal is under way, in epoch seconds of ours; None where none is. In a file
            that no process works with it tells that one was stopped between asking and storing.
    """

    access_token: _Secret
    refresh_token: _Secret
    client_id: _Secret
    client_secret: _Secret
    client_endpoint: _Address
    token_endpoint: _Address
    member_id: str | None = None
    user_id: _User | None = None
    expires: _Moment | None = None
    asked_at: _Moment | None = None

    def __post_init__(self) -> None:
        parts = split_address(self.client_endpoint)
        if parts is None or not is_safe(parts) or parts.path.rstrip("/") != "/rest":
            raise ValueError("client_endpoint must be https://HOST/rest/")
        parts = split_address(self.token_endpoint)
        if parts is None or not is_safe(parts) or parts.query or parts.fragment or parts.username:
            raise ValueError("token_endpoint must be an https:// address without a query")

    def __repr__(self) -> str:
        return f"<TokenSet of an application on {self.host}>"

    @property
    def host(self) -> str:
        """The portal, as ``host`` or ``host:port``."""
        return host_of(urlsplit(self.client_endpoint))

    @property
    def origin(self) -> str:
        """The portal's address, as ``https://host``."""
        return f"{urlsplit(self.client_endpoint).scheme}://{self.host}"

    @property
    def is_loopback(self) -> bool:
        """Whether the portal is a program on this machine."""
        return is_loopback(str(urlsplit(self.client_endpoint).hostname))

    @property
    def identity(self) -> str:
        """A hash by which the portal's limits know the application, which tells nothing of its secrets.

        The portal counts all users of an application together, so no user is in it.
        """
        told = f"oauth {self.host} {self.client_id}"
        return hashlib.sha256(told.encode()).hexdigest()[:24]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it must never be shown."""
        return (self.client_secret, self.access_token, self.refresh_token)

    def renewed(self, answer: "TokenAnswer") -> "TokenSet":
        """It with the tokens of *answer*; where they are sent stays as it was."""
        return msgspec.structs.replace(
            self,
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            expires=answer.expires,
            user_id=self.user_id if answer.user_id is None else answer.user_id,
            member_id=self.member_id if answer.member_id is None else answer.member_id,
            asked_at=None,
        )


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the authorisation server has handed out.

    Attributes:
        expires: In epoch seconds; None where it is not told.
        client_endpoint: The portal's REST root, as the server says; None where it does not.
    """

    access_token: _Secret
    refresh_token: _Secret
    expires: float | None = None
    client_endpoint: str | None = None
    member_id: str | None = None
    user_id: int | None = None

    def __repr__(self) -> str:
        return "<TokenAnswer>"


def token_answer(told: dict[str, Any], *, now: float) -> TokenAnswer:
    """The tokens in an answer; what else it says is taken where it can be.

    To refuse an answer for anything but its tokens would lose them: they are handed out once.

    Args:
        now: Epoch seconds.

    Raises:
        ValueError: If it has no tokens; the words name the key and no value.
    """
    known = {key: told.get(key) for key in ("access_token", "refresh_token")}
    endpoint = told.get("client_endpoint")
    try:
        return msgspec.convert(
            {
                **known,
                "expires": _expires(told, now),
                "client_endpoint": endpoint if isinstance(endpoint, str) else None,
                "member_id": _id(told.get("member_id")),
                "user_id": _whole(told.get("user_id")),
            },
            TokenAnswer,
        )
    except msgspec.ValidationError as error:
        raise ValueError(_in_words(error)) from None


def decode_tokens(data: bytes) -> TokenSet:
    """What is kept.

    Raises:
        ValueError: If it is damaged; the words name the key and no value.
    """
    try:
        return msgspec.json.decode(data, type=TokenSet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(_in_words(error)) from None


def encode_tokens(tokens: TokenSet) -> bytes:
    """*tokens* as they are kept."""
    return msgspec.json.format(msgspec.json.encode(tokens), indent=2) + b"\n"


def given_tokens(
    data: bytes, *, where: str, client_id: str, client_secret: str, now: float
) -> TokenSet:
    """What an application has already: the server's own answer, with its ID and secret or without.

    Args:
        where: They were found, as the beginning of a sentence.
        client_id: Where *data* does not name it; empty for none.
        client_secret: Likewise.
        now: Epoch seconds.

    Raises:
        BadSetting: If something is missing or can't be; the words name the key and no value.
    """
    try:
        told = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
        answer = token_answer(told, now=now)
        for key, other in (("client_id", client_id), ("client_secret", client_secret)):
            told[key] = told.get(key) or other
            if not told[key]:
                raise ValueError(f"{key} is missing")  # noqa: TRY301 - said like all else that is
        fields = {
            "client_id": told["client_id"],
            "client_secret": told["client_secret"],
            "client_endpoint": told.get("client_endpoint"),
            "token_endpoint": told.get("token_endpoint") or token_endpoint_of(told),
        }
        tokens = (answer.access_token, answer.refresh_token)
        return msgspec.convert(
            {
                **fields,
                "access_token": tokens[0],
                "refresh_token": tokens[1],
                "expires": answer.expires,
                "member_id": answer.member_id,
                "user_id": answer.user_id,
            },
            TokenSet,
        )
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise BadSetting(
            f"{where}: these are not an application's tokens: {_in_words(error)}.",
            "They are what the authorisation server has answered: access_token, refresh_token and client_endpoint,"
            " with the application's client_id and client_secret.",
        ) from None


def token_endpoint_of(told: dict[str, Any]) -> str:
    """The vendor's endpoint that *told*, an answer or a redirect, names; no other one is believed."""
    for key in ("server_endpoint", "server_domain", "domain"):
        value = told.get(key)
        parts = split_address(value if "//" in value else f"//{value}") if isinstance(value, str) else None  # fmt: skip
        if parts is not None and parts.hostname in TOKEN_ENDPOINTS:
            return TOKEN_ENDPOINTS[parts.hostname]
    endpoint = told.get("client_endpoint")
    parts = split_address(endpoint) if isinstance(endpoint, str) else None
    if parts is not None and is_loopback(str(parts.hostname)):
        # A simulated portal has its own.
        return f"{parts.scheme}://{host_of(parts)}/oauth/token/"
    return TOKEN_ENDPOINTS[DEFAULT_TOKEN_SERVER]


def _expires(told: dict[str, Any], now: float) -> float | None:
    expires, seconds = (
        bounded_number(told.get(key), most=LATEST) for key in ("expires", "expires_in")
    )
    if expires is not None and expires >= _EPOCHS:
        return expires
    seconds = expires if seconds is None else seconds
    return None if seconds is None else now + seconds


def _whole(value: object) -> int | None:
    number = bounded_number(value, most=LATEST)
    return None if number is None or number % 1 or number > 10**15 else int(number)


def _id(value: object) -> str | None:
    is_one = isinstance(value, str) and value.isascii() and 0 < len(value) <= _LONGEST_ID
    return str(value) if is_one else None


def _in_words(error: Exception) -> str:
    """Why something is not what it must be: by its key, and with no value of it."""
    said = str(error)
    where = _WHERE.search(said)
    if where and where["key"]:
        return f"{where['key']} is missing or can't be that"
    missing = re.search(r"missing required field `(\w+)`", said)
    if missing:
        return f"{missing[1]} is missing"
    named = re.match(r"(client_endpoint|token_endpoint) must be [^`]*|client_\w+ is missing\Z|(?:access|refresh)_token is [a-z' ]+", said)  # fmt: skip
    return named[0] if named else "it is not a JSON object of them"
