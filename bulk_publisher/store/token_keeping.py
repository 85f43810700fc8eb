"""Where tokens are kept: a file, an entry of the keyring, or a row of a database. Typing alone."""

from contextlib import AbstractContextManager
from typing import Protocol

from bulk_publisher.store.secret_file import Room, SecretLock


class TokenKeeping(Protocol):
    """An application's tokens, where all that use them find the newest. What blocks is done beside the loop."""

    @property
    def place(self) -> str:
        """How that is called."""
        ...

    def is_there(self) -> bool:
        """Whether anything is kept.

        Raises:
            BadSetting: If that can't be told.
        """
        ...

    def make_folder(self) -> None:
        """See that something can be kept there.

        Raises:
            BadSetting: If it can't.
        """
        ...

    def read(self) -> bytes:
        """What is kept.

        Raises:
            BadSetting: If it can't be read, or this host has not the key.
        """
        ...

    def write(self, content: bytes, /) -> None:
        """Keep *content* instead of what was kept.

        Raises:
            OSError: If it can't be kept.
        """
        ...

    def note(self, content: bytes, /) -> None:
        """Keep *content*, which says more of the same tokens.

        Raises:
            OSError: If it can't be kept, or they are not the same any more.
        """
        ...

    def room(self, size: int, /) -> AbstractContextManager[Room]:
        """Room for *size* bytes that are yet to come.

        Raises:
            OSError: If there is none.
        """
        ...

    def try_lock(self) -> SecretLock | None:
        """Their lock among all that use them; None where another has it.

        Raises:
            OSError: If that can't be told.
        """
        ...

    def give_up(self) -> None:
        """Whoever waits for any of this is about to leave; called from the loop."""
        ...
