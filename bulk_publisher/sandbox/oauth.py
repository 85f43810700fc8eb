"""The portal's OAuth server and its tokens. Pure: the time and the dice are handed in.

Source: docs/bitrix24.md §8, dossier §7 [doc].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from bulk_publisher.sandbox.calls import RestError


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

    def refresh(self, params: Mapping[str, Any], now: float) -> dict[str, object]:
        """Answers a request for new tokens.

        Raises:
            RestError: invalid_request, invalid_client or invalid_grant.
        """
        if params.get("grant_type") != "refresh_token":
            raise RestError("invalid_request", "Unsupported grant type")
        app = self.app
        if (params.get("client_id"), params.get("client_secret")) != (
            app.client_id,
            app.client_secret,
        ):
            raise RestError("invalid_client", "Client authentication failed")
        if params.get("refresh_token") != app.refresh_token:
            raise RestError("invalid_grant", "The refresh token is not valid any more")
        self._renew(now)
        return {
            "access_token": app.access_token,
            "expires": int(now + self._lifetime),
            "expires_in": int(self._lifetime),
            "scope": "app",
            "domain": "oauth.bitrix.info",
            "server_endpoint": app.client_endpoint,
            "status": "L",
            "client_endpoint": app.client_endpoint,
            "member_id": app.client_id.removeprefix("local."),
            "user_id": 1,
            "refresh_token": app.refresh_token,
        }

    def _renew(self, now: float) -> None:
        self.app.access_token = self._draw()
        self.app.refresh_token = self._draw()
        self._expires_at[self.app.access_token] = now + self._lifetime

    def _draw(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"
