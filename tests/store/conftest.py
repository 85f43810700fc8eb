"""The stores that there are: each passes the same tests."""

from collections.abc import Callable

import pytest

from bulk_publisher.store import SharedState, Store, machine_state, open_store, shared_state

POSTGRES = pytest.param("postgres", marks=pytest.mark.service)


def _folder_store(request: pytest.FixtureRequest) -> Store:
    return open_store(request.getfixturevalue("tmp_path") / "runs")


def _folder_state(request: pytest.FixtureRequest) -> SharedState:
    return machine_state({"XDG_STATE_HOME": str(request.getfixturevalue("tmp_path") / "state")})


def _postgres_store(request: pytest.FixtureRequest) -> Store:
    return open_store(request.getfixturevalue("database"))


def _postgres_state(request: pytest.FixtureRequest) -> SharedState:
    return shared_state(request.getfixturevalue("database"), {})


STORES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "folder": _folder_store,
    "postgres": _postgres_store,
}
STATES: dict[str, Callable[[pytest.FixtureRequest], SharedState]] = {
    "folder": _folder_state,
    "postgres": _postgres_state,
}


@pytest.fixture(params=["folder", POSTGRES])
def store(request: pytest.FixtureRequest) -> Store:
    """A store in which nothing is kept yet."""
    return STORES[request.param](request)


@pytest.fixture(params=["folder", POSTGRES])
def state(request: pytest.FixtureRequest) -> SharedState:
    """What runs share, before any was."""
    return STATES[request.param](request)
