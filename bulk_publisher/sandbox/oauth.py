"""The portal's OAuth server and its tokens. Pure: the time and the dice are handed in.

Source: docs/bitrix24.md §8, dossier §7 [doc].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from bulk_publisher.sandbox.calls import RestError

CODE_LIFETIME = 30.0
"""Seconds in which a code can be exchanged [doc]."""


@dataclass(slots=True)
class OAuthApp:
    """An application and the tokens it holds at the moment.

    The refresh token changes with every refresh, and the one before is void.
    """

    client_id: str
    client_secret: str
    access_token: str
    refresh_token: str
    token_url: str = ""
    client_endpoint: str = ""


class Tokens:
    """Hands out tokens and says which are still good."""

    def __init__(self, rng: Random, *, lifetime: float, now: float) -> None:
        self._rng = rng
        self._lifetime = lifetime
        self._expires_at: dict[str, float] = {}
        self._codes: dict[str, float] = {}
        self.app = OAuthApp(
            client_id=f"local.{self._draw()[:16]}",
            client_secret=self._draw(),
            access_token="",
            refresh_token="",
        )
        self._renew(now)

    def check(self, token: str, now: float) -> None:
        """Accepts an access token.

        Raises:
            RestError: expired_token or invalid_token, both 401.
        """
        expires_at = self._expires_at.get(token)
        if expires_at is None:
            raise RestError("invalid_token", "Unable to get application by token", status=401)
        if now >= expires_at:
            raise RestError("expired_token", "The access token provided has expired.", status=401)

    def expire(self) -> None:
        """Lets the current access token expire at once, for tests."""
        self._expires_at[self.app.access_token] = float("-inf")

    def authorise(self, params: Mapping[str, Any], registered: str, now: float) -> str:
        """Where a visitor of the authorize page is sent, who lets the application in at once.

        Args:
            registered: The application's own address.

        Raises:
            RestError: The page says it, and sends the visitor nowhere.
        """
        if params.get("client_id") != self.app.client_id:
            raise RestError("invalid_client", "Application not found")
        code = self._draw()
        self._codes[code] = now + CODE_LIFETIME
        told = {
            "code": code,
            "state": str(params.get("state", "")),
            "domain": urlsplit(self.app.client_endpoint).netloc,
            "member_id": self._member,
            "scope": "landing",
            "server_domain": "oauth.bitrix.info",
        }
        return f"{registered}{'&' if '?' in registered else '?'}{urlencode(told)}"

    def answer(self, params: Mapping[str, Any], now: float) -> dict[str, object]:
        """Answers a request for tokens: for new ones, or for the first ones by a code.

        Raises:
            RestError: invalid_request, invalid_client or invalid_grant.
        """
        if params.get("grant_type") == "authorization_code":
            return self._exchange(params, now)
        return self.refresh(params, now)

    def refresh(self, params: Mapping[str, Any], now: float) -> dict[str, object]:
        """Answers a request for new tokens.

        Raises:
            RestError: invalid_request, invalid_client or invalid_grant.
        """
        if params.get("grant_type") != "refresh_token":
            raise RestError("invalid_request", "Unsupported grant type")
        self._check_client(params)
        if params.get("refresh_token") != self.app.refresh_token:
            raise RestError("invalid_grant", "The refresh token is not valid any more")
        self._renew(now)
        return self.as_dict()

    def as_dict(self) -> dict[str, object]:
        """The tokens as the server hands them out."""
        app = self.app
        return {
            "access_token": app.access_token,
            "expires": int(self._expires_at[app.access_token]),
            "expires_in": int(self._lifetime),
            "scope": "app",
            "domain": "oauth.bitrix.info",
            "server_endpoint": app.client_endpoint,
            "status": "L",
            "client_endpoint": app.client_endpoint,
            "member_id": self._member,
            "user_id": 1,
            "refresh_token": app.refresh_token,
        }

    @property
    def _member(self) -> str:
        return self.app.client_id.removeprefix("local.")

    def _exchange(self, params: Mapping[str, Any], now: float) -> dict[str, object]:
        self._check_client(params)
        # A code is good for one time, whatever comes of it.
        if now >= self._codes.pop(str(params.get("code")), float("-inf")):
            raise RestError("invalid_grant", "The code is not valid any more")
        self._renew(now)
        return self.as_dict()

    def _check_client(self, params: Mapping[str, Any]) -> None:
        app = self.app
        told = (params.get("client_id"), params.get("client_secret"))
        if told != (app.client_id, app.client_secret):
            raise RestError("invalid_client", "Client authentication failed")

    def _renew(self, now: float) -> None:
        self.app.access_token = self._draw()
        self.app.refresh_token = self._draw()
        self._expires_at[self.app.access_token] = now + self._lifetime

    def _draw(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"
