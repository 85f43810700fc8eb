"""Tokens in the system's keyring, which has neither room to reserve nor locks that outlive nobody.

So the lock is a file of ours, and that there is room is hoped for: a keyring takes a few kilobytes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bulk_publisher.errors import BadSetting
from bulk_publisher.store.files import FOLDER_MODE
from bulk_publisher.store.secret_file import Room, SecretLock, try_lock
from bulk_publisher.store.system_keyring import is_in_keyring, read_from_keyring, write_to_keyring
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import shown


class KeyringTokens:
    """One entry of the system's keyring; what ``SecretFile`` is for a file."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        """Nothing is opened yet.

        Raises:
            BadSetting: If nobody knows where the home is, in which its lock is.
        """
        self._name = name
        hashed = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._lock: Path = config_folder(environment) / "credentials" / f".{hashed}.lock"

    @property
    def place(self) -> str:
        """How it is called."""
        return f"the system keyring, {shown(self._name)}"

    def is_there(self) -> bool:
        """Whether anything is kept.

        Raises:
            BadSetting: If no keyring can be used.
        """
        return is_in_keyring(self._name)

    def read(self) -> bytes:
        """What is kept.

        Raises:
            BadSetting: If there is nothing, or no keyring that can be used.
        """
        return read_from_keyring(self._name).encode()

    def write(self, content: bytes) -> None:
        """Keep *content* instead of what was kept.

        Raises:
            OSError: If no keyring takes it.
        """
        try:
            write_to_keyring(self._name, content.decode())
        except BadSetting as error:
            raise OSError(0, error.message) from error

    def note(self, content: bytes) -> None:
        """Keep *content*, which says more of the same tokens.

        Raises:
            OSError: If no keyring takes it.
        """
        self.write(content)

    def give_up(self) -> None:
        """A keyring is waited for in any case: it answers, or fails."""

    @contextmanager
    def room(self, _size: int) -> Iterator[Room]:
        """What fills it."""
        yield _Entry(self)

    def make_folder(self) -> None:
        """Make the folder that its lock is in.

        Raises:
            OSError: If it can't be made.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)

    def try_lock(self) -> SecretLock | None:
        """The lock of this entry among the processes of this user; None where another has it.

        Raises:
            OSError: If there can be none.
        """
        self.make_folder()
        return try_lock(self._lock)


class _Entry:
    def __init__(self, tokens: KeyringTokens) -> None:
        self._tokens = tokens

    def fill(self, content: bytes) -> None:
        self._tokens.write(content)
