"""Two ways to talk to a sandbox: under no clock at all, and over a real loopback socket."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from bulk_publisher.sandbox.calls import Credential
from bulk_publisher.sandbox.handling import Handling, perform
from bulk_publisher.sandbox.portal import Portal
from bulk_publisher.sandbox.scenario import Scenario

NOON = 1_800_000_000.0  # divisible by 60: baskets begin at whole multiples


class Core:
    """The portal's core under no clock: each call takes as long as it says, at once."""

    def __init__(self, **scenario: Any) -> None:
        given = {"cost_spread": 0.0, "overload": 0.0, "failure_cost": 0.0, **scenario}
        self.portal = Portal(Scenario(**given), now=NOON)
        self.now = NOON
        self.user = self.portal.users[0]
        self.kind = "apauth"

    @property
    def world(self):
        return self.portal.world

    @property
    def truth(self):
        return self.portal.truth

    def ask(self, method: str, **params: Any) -> tuple[int, Any]:
        """Status and decoded body."""
        credential = Credential(self.kind, f"webhook{self.user.id}", self.user)
        handling = Handling(self.portal, method, params, credential, now=self.now)
        answer, self.now = perform(handling)
        is_json = answer.content_type == "application/json"
        return answer.status, json.loads(answer.body) if is_json else answer.body

    def result(self, method: str, **params: Any) -> Any:
        status, body = self.ask(method, **params)
        assert status == 200, body
        return body["result"]

    def error(self, method: str, **params: Any) -> str:
        _, body = self.ask(method, **params)
        return body["error"]

    def publish(self, page: object, scope: str = "KNOWLEDGE") -> Any:
        return self.ask("landing.landing.publication", lid=page, scope=scope)

    def batch(self, *pages: int, scope: str = "KNOWLEDGE") -> dict[str, Any]:
        cmd = {f"p{page}": f"{PUBLICATION}?lid={page}&scope={scope}" for page in pages}
        return self.ask("batch", halt=0, cmd=cmd)[1]["result"]

    def rows(self, scope: str = "KNOWLEDGE", **params: Any) -> list[dict[str, Any]]:
        return self.result("landing.landing.getList", scope=scope, params=params)

    def ids(self, scope: str = "KNOWLEDGE", **wanted: Any) -> list[int]:
        found = self.rows(scope, select=["ID"], **wanted)
        return [int(row["ID"]) for row in found]


PUBLICATION = "landing.landing.publication"


@pytest.fixture(scope="session")
def core() -> Callable[..., Core]:
    return Core


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def post(http: aiohttp.ClientSession) -> Callable[..., Any]:
    """Posts a method to a sandbox; status and decoded body."""

    async def send(sandbox: Any, method: str, **params: Any) -> tuple[int, Any]:
        async with http.post(sandbox.webhook + method, json=params) as answer:
            return answer.status, await answer.json(content_type=None)

    return send
