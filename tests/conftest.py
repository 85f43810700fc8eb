"""What every test stands on: virtual time by default."""

import asyncio
from collections.abc import Callable
from functools import partial

import looptime
import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Virtual time, unless a test is marked ``real_time``."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": partial(looptime.new_event_loop, start=0)}
