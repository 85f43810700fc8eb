"""Keyrings for tests, by the keyring library's own interface.

A program that is started finds one by ``PYTHON_KEYRING_BACKEND``; what it keeps then is in the file that
``TEST_KEYRING`` names, for no other purpose than to be looked at.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class KeptKeyring(KeyringBackend):
    """One that works: its entries are in memory, and in a file where one is named."""

    priority = 5  # type: ignore[assignment]  # the library's own way to say it

    def __init__(self) -> None:
        super().__init__()
        named = os.environ.get("TEST_KEYRING")
        self._file = Path(named) if named else None
        self._entries: dict[str, str] = {}

    @property
    def entries(self) -> dict[str, str]:
        """What it keeps, by ``service/name``."""
        if self._file is not None and self._file.exists():
            self._entries = json.loads(self._file.read_text())
        return self._entries

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keep(self.entries | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = dict(self.entries)
        if entries.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("not there")
        self._keep(entries)

    def _keep(self, entries: dict[str, str]) -> None:
        self._entries = entries
        if self._file is not None:
            self._file.write_text(json.dumps(entries))


class LockedKeyring(KeptKeyring):
    """One that nobody unlocks; its words are as careless as they can be."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("https://x.bitrix24.com/rest/1/leakleakleakleak/")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(password)


class PlaintextThing(KeptKeyring):
    """One that says by its name that it hides nothing."""


class Nothing(KeptKeyring):
    """One that does not recommend itself."""

    priority = 0  # type: ignore[assignment]  # the library's own way to say it


@contextmanager
def used(backend: KeyringBackend) -> Iterator[None]:
    """*backend* is the system's keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield
    finally:
        keyring.set_keyring(before)
