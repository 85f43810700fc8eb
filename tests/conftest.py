"""What every test stands on: virtual time by default."""

import asyncio
import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.virtual import new_event_loop, patches
from bulk_publisher.log import show_by
from bulk_publisher.portal.trust import tls_context
from tests.postgres_server import PostgresServer, name_in, running

# How fast this machine is says nothing about the code, and its first draw of text is slow anywhere.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


_MEMORY = Path("/dev/shm")
"""Where Linux has a disk in memory."""
_ROOM = 2 * 2**30
"""Bytes that must be free there: many times what the tests leave."""


def pytest_configure() -> None:
    """Folders of tests lie in memory, where that can be: a run forces every line to disk, and disks are slow."""
    if _holds_folders(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _holds_folders(place: Path) -> bool:
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(place)
    # Some tests run programs that they have written.
    return found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Virtual time, unless a test is marked ``real_time``."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay until the end: nothing looks through them for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _state_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What runs of this machine tell each other stays in the test: ports are used again."""
    state = tmp_path_factory.getbasetemp() / "state" / uuid4().hex
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    # The portals of whoever runs the tests are nobody's business.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(state / "config"))


@pytest.fixture(autouse=True, scope="session")
def _authorities() -> object:
    """Those of the system, read once: clients share them while somebody has them."""
    return tls_context(None)


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


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database with our tables in which nothing is kept yet; its leases are short."""
    from bulk_publisher.store.postgres.keeper import Keeper

    server = request.getfixturevalue("postgres")
    url = server.prepared()
    server.sql(
        "UPDATE bulk_publisher.store SET renew_every = 0.2, silent_after = 0.8, taken_over_after = 2.4",
        name=name_in(url),
    )
    keepers: list[Keeper] = []
    begin = Keeper._wake
    monkeypatch.setattr(Keeper, "_wake", lambda keeper: (keepers.append(keeper), begin(keeper)))
    yield url
    # A process that is killed leaves its leases; this one lives on, and would renew them for ever.
    for keeper in keepers:
        with keeper._changed:
            for work in (keeper._regular, keeper._due_at, keeper._pending):
                work.clear()
            keeper._changed.notify_all()
    server.leave(url)
