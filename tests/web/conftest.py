"""Pages are made from a store, whichever it is; the clock on the wall goes with the loop beside a daemon."""

import pytest

from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.wall import set_wall


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon of a day, in the zone of the daemons."""
    set_wall(monkeypatch, "2026-11-27T12:05+01:00")
