"""The clock on the wall, in step with a loop of virtual time."""

import asyncio
import time
from datetime import datetime
from types import SimpleNamespace

import pytest


def set_wall(monkeypatch: pytest.MonkeyPatch, text: str) -> float:
    """It shows *text*, in ISO 8601, when a loop of virtual time begins; gives that in UTC seconds."""
    begins = datetime.fromisoformat(text).timestamp()

    def now() -> float:
        try:
            return begins + asyncio.get_running_loop().time()
        except RuntimeError:
            return begins

    monkeypatch.setattr("bulk_publisher.clock.time", SimpleNamespace(**{**vars(time), "time": now}))
    return begins
