"""One browser a session."""

from collections.abc import Iterator

import pytest

from tests.browser.stage import HOW_TO_INSTALL, Stage, found_chromium


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need a program beside Python."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.service)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The browser, and its loop."""
    chromium = found_chromium()
    if chromium is None:
        pytest.skip(HOW_TO_INSTALL)
    with Stage(chromium) as begun:
        yield begun
