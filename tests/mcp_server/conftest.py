"""An assistant and a sandbox, in one loop."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp import Client

from bulk_publisher.mcp_server.desk import Desk
from bulk_publisher.mcp_server.server import make_server
from bulk_publisher.operations.approving import approve
from bulk_publisher.sandbox import Sandbox, Scenario, serve
from bulk_publisher.store import Store, open_store
from bulk_publisher.store.approvals import Door


@dataclass
class Assistant:
    """Somebody who calls tools.

    Attributes:
        texts: All that was answered, as it came.
    """

    client: Client
    sandbox: Sandbox
    store: Store
    texts: list[str]

    async def call(self, tool: str, progress: Any = None, **arguments: Any) -> dict[str, Any]:
        """What *tool* answers; an error has the key ``error``."""
        result = await self.client.call_tool(tool, arguments, progress_callback=progress)
        assert isinstance(result.structured_content, dict)
        self.texts.append(result.content[0].text)
        assert result.is_error == ("error" in result.structured_content)
        return result.structured_content

    def a_person_approves(self, plan: str) -> None:
        """At a terminal."""
        kept = self.store.approvals.find(plan)
        approve(self.store, plan, kept.sha256, by="bob", through=Door.TERMINAL)


Meeting = Callable[..., AbstractAsyncContextManager[Assistant]]


@pytest.fixture
def meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """Lets an assistant and a sandbox meet."""

    @asynccontextmanager
    async def meeting(scenario: Scenario, *folders: Path) -> AsyncIterator[Assistant]:
        store = open_store(tmp_path / "runs")
        monkeypatch.delenv("BULK_PUBLISHER_PORTAL", raising=False)
        async with serve(scenario) as sandbox:
            monkeypatch.setenv("BITRIX24_WEBHOOK", sandbox.webhook)
            desk = Desk(store, folders=folders, approving="bulk-publisher approve")
            async with desk, Client(make_server(desk)) as client:
                yield Assistant(client, sandbox, store, [])

    return meeting
