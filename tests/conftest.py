"""What every test stands on: virtual time by default."""

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.virtual import new_event_loop, patches
from bulk_publisher.log import show_by
from tests.postgres_server import PostgresServer, running

# How fast this machine is says nothing about the code, and its first draw of text is slow anywhere.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Virtual time, unless a test is marked ``real_time``."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": new_event_loop}


@pytest.fixture(autouse=True)
def _state_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What runs of this machine tell each other stays in the test: ports are used again."""
    state = tmp_path_factory.getbasetemp() / "state" / uuid4().hex
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    # The portals of whoever runs the tests are nobody's business.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(state / "config"))


@pytest.fixture(autouse=True)
def _stderr_of_its_own() -> Iterator[None]:
    """A command that a test has called says nothing in the next test."""
    yield
    show_by(None)


@pytest.fixture(autouse=True)
def _all_in_loop_time(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if not request.node.get_closest_marker("real_time"):
        for name, value in patches().items():
            monkeypatch.setattr(name, value)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of PostgreSQL for the tests of this process."""
    with running() as server:
        yield server
