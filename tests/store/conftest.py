"""The stores that there are: each passes the same tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_publisher.store import SharedState, Store, machine_state, open_store


def _folder_store(scratch: Path) -> Store:
    return open_store(scratch / "runs")


def _folder_state(scratch: Path) -> SharedState:
    return machine_state({"XDG_STATE_HOME": str(scratch / "state")})


STORES: dict[str, Callable[[Path], Store]] = {"folder": _folder_store}
STATES: dict[str, Callable[[Path], SharedState]] = {"folder": _folder_state}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store in which nothing is kept yet."""
    return STORES[request.param](tmp_path)


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> SharedState:
    """What runs share, before any was."""
    return STATES[request.param](tmp_path)
