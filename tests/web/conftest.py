"""Pages are made from a store, whichever it is."""

from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
