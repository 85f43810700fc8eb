"""The clock on the wall goes with the loop where a daemon is beside the page."""

import pytest

from tests.wall import set_wall


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon of a day, in the zone of the daemons."""
    set_wall(monkeypatch, "2026-11-27T12:05+01:00")
