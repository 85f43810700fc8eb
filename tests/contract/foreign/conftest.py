"""What tests with other people's clients stand on: the clients, and TLS before a sandbox.

`make foreign` installs them. Without them each test is skipped and says so.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bulk_publisher.sandbox import Sandbox, Scenario

HERE = Path(__file__).parent
REASON = "make foreign installs the clients that others wrote"


@pytest.fixture
def swift() -> Callable[..., Scenario]:
    """A portal whose work takes next to no time."""

    def make(**changes: Any) -> Scenario:
        given = {"pages": 120, "cost": 0.002, "cost_spread": 0.0, "overload": 0.0, "list_cost": 0.0}
        return Scenario(**{**given, **changes})

    return make


@pytest.fixture
def fast_bitrix24() -> ModuleType:
    return pytest.importorskip("fast_bitrix24", reason=REASON)


@pytest.fixture
def b24pysdk() -> ModuleType:
    return pytest.importorskip("b24pysdk", reason=REASON)


@pytest.fixture
async def behind_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[Sandbox], Awaitable[str]]]:
    """The webhook of a sandbox under https, by a certificate that the clients are told to trust."""
    pytest.importorskip("trustme", reason=REASON)
    ca_file = str(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", ca_file)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with AsyncExitStack() as stack:

        async def put(sandbox: Sandbox) -> str:
            url = await stack.enter_async_context(_tls_front(sandbox.url, ca_file))
            return sandbox.webhook.replace(sandbox.url, url)

        yield put


@asynccontextmanager
async def _tls_front(url: str, ca_file: str) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "tls_front.py"), url, ca_file, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def b24jssdk() -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """Takes steps with one client of b24jssdk; what came of each."""
    if not shutil.which("node") or not (HERE / "node_modules" / "@bitrix24" / "b24jssdk").is_dir():
        pytest.skip(REASON)

    async def drive(
        webhook: str,
        *steps: dict[str, Any] | list[dict[str, Any]],
        within: float = 9.0,
        oauth: dict[str, Any] | None = None,
        **restrictions: Any,
    ) -> list[dict[str, Any]]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "node", str(HERE / "driver.mjs"), stdin=pipe, stdout=pipe, env=dict(os.environ)
        )
        given = {"webhook": webhook, "oauth": oauth, "restrictions": restrictions, "steps": steps}
        try:
            async with asyncio.timeout(within):
                said, _ = await process.communicate(json.dumps(given).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return json.loads(said)

    return drive
