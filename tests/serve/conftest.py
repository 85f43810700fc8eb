"""The clock on the wall goes with the loop, as everything here does that has no reason to set it."""

import pytest

from tests.wall import set_wall


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon of a day, in the zone of the daemons."""
    set_wall(monkeypatch, "2026-11-27T12:05+01:00")
