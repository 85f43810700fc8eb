"""A credential whose token does not last: an application's, as far as a sandbox has one."""

import asyncio

from bulk_publisher.model import Fault
from bulk_publisher.portal.credentials import Pass
from bulk_publisher.sandbox import Sandbox
from bulk_publisher.text.redaction import Redactor


class Rotating:
    """Its token expires after some requests, on the portal too; a new one takes a second.

    Attributes:
        tokens: All that it has had, in order.
    """

    user = None
    identity = "local.rotating"
    is_loopback = True

    def __init__(self, sandbox: Sandbox, *, expires_after: int) -> None:
        self._sandbox = sandbox
        self._expires_after = self._left = expires_after
        self._renewing = asyncio.Lock()
        self.tokens = [sandbox.oauth.access_token]
        self.redactor = Redactor(self.tokens[0])
        self.origin = sandbox.url
        self.host = self.origin.partition("://")[2]

    async def admit(self, method: str) -> Pass | Fault:
        if not self._left:
            self._sandbox.expire_token()
        self._left -= 1
        return Pass(f"{self.origin}/rest/{method}", {"auth": self.tokens[-1]})

    async def renew(self, refused: Pass, fault: Fault) -> Fault | None:
        async with self._renewing:
            if refused.fields["auth"] == self.tokens[-1]:
                await asyncio.sleep(1.0)
                self._renew()
        return None

    def _renew(self) -> None:
        tokens, app = self._sandbox.portal.tokens, self._sandbox.oauth
        form = {
            "grant_type": "refresh_token",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "refresh_token": app.refresh_token,
        }
        self.tokens.append(str(tokens.refresh(form, self._sandbox.now())["access_token"]))
        self.redactor.learn(self.tokens[-1])
        self._left = self._expires_after
