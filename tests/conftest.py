"""What every test stands on: virtual time by default."""

import asyncio
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import looptime
import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Virtual time, unless a test is marked ``real_time``."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": partial(looptime.new_event_loop, start=0)}


@pytest.fixture(autouse=True)
def _state_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What runs of this machine tell each other stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture(autouse=True)
def _throttler_in_loop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio-throttle reads a clock of its own: here it reads the loop's, as all others do."""
    clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr("asyncio_throttle.throttler.time", clock)
