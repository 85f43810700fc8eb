"""Tokens of the page: made, kept as hashes in a file of the user's, and recognised.

A token is 256 random bits, so its SHA-256 is all that need be kept: nobody guesses it, whatever the hash
costs. scrypt and its like make guesses dear, which words that people choose need and random bits don't;
here they would only make each request of a program cost 100 ms of the loop that runs the jobs.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Epoch
from bulk_publisher.store.secret_file import SecretFile
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import shown
from bulk_publisher.web.guard.roles import Role

_START = "bpw_"
"""So that a search for secrets that were left about finds them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_LONGEST = 200
"""Characters of what is looked at as a token."""
_MOST = 200

_Signature = tuple[int, int, int] | None


class PageToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token, as far as it is kept.

    Attributes:
        sha256: Of the token, in hexadecimal.
        added: When, in UTC seconds.
    """

    name: Annotated[str, msgspec.Meta(pattern=rf"\A{_NAME.pattern}\Z")]
    role: Role
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    added: float


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[PageToken] = []


def tokens_file(environment: Mapping[str, str]) -> Path:
    """Where the tokens are kept: ``web/tokens.json`` in the folder for settings, which no git takes in.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    return config_folder(environment) / "web" / "tokens.json"


class PageTokens:
    """The tokens in one file. Another process may change it at any time: what was removed counts no more."""

    def __init__(self, path: Path, warn: Warn = say_nothing) -> None:
        """Nothing is opened yet.

        Args:
            warn: Told once when the file can't be read any more; then no token counts.
        """
        self._file = SecretFile(path)
        self._warn = warn
        self._signature: _Signature = None
        self._known: tuple[PageToken, ...] = ()

    def all(self) -> tuple[PageToken, ...]:
        """Those that there are, in the order of their names.

        Raises:
            BadSetting: If the file can't be read.
        """
        if not self._file.is_there():
            return ()
        try:
            kept = msgspec.json.decode(self._file.read(), type=_Kept)
        except (ValueError, RecursionError) as error:
            raise BadSetting(
                f"{self._file.place}: it is damaged.",
                "Remove it, and add the tokens again with: bulk-publisher web token add",
            ) from error
        return tuple(sorted(kept.tokens, key=lambda token: token.name))

    def add(self, name: str, role: Role, now: Epoch) -> str:
        """A new token of that name; it is given here once and never again.

        Raises:
            BadSetting: If the name can't be or is taken, or the file can't be written.
        """
        if not _NAME.fullmatch(name):
            raise BadSetting(
                f"{shown(name)} can't be a token's name.",
                "Use up to 60 letters, digits, '.', '_' and '-', beginning with a letter or a digit.",
            )
        text = _START + secrets.token_urlsafe(32)
        with self._changing() as (tokens, write):
            if any(token.name == name for token in tokens):
                raise BadSetting(
                    f"There is a token {name} already.",
                    f"Choose another name, or remove it first: bulk-publisher web token remove {name}",
                )
            if len(tokens) >= _MOST:
                raise BadSetting(
                    f"There are {_MOST} tokens already, which is the most.",
                    "Remove some with: bulk-publisher web token remove NAME",
                )
            write([*tokens, PageToken(name=name, role=role, sha256=digest(text), added=now)])
        return text

    def remove(self, name: str) -> None:
        """It counts no more, and the sessions that it began end.

        Raises:
            BadSetting: If there is none, or the file can't be written.
        """
        with self._changing() as (tokens, write):
            left = [token for token in tokens if token.name != name]
            if len(left) == len(tokens):
                raise BadSetting(
                    f"There is no token {shown(name)}.",
                    "To see the names: bulk-publisher web token list",
                )
            write(left)

    def match(self, text: str) -> PageToken | None:
        """The token that *text* is; it takes as long whichever it is, and whether or not it is one."""
        given = digest(text[:_LONGEST]) if len(text) <= _LONGEST else ""
        found = None
        for token in self._current():
            if hmac.compare_digest(token.sha256, given):
                found = token
        return found

    def find(self, sha256: str) -> PageToken | None:
        """The token with that hash; None if it was removed since."""
        return next((token for token in self._current() if token.sha256 == sha256), None)

    def _current(self) -> tuple[PageToken, ...]:
        """As the file has them now; it is read again when it has changed."""
        signature = _signature(self._file.path)
        if signature is None:
            self._signature, self._known = None, ()
        elif signature != self._signature:
            self._signature = signature
            try:
                self._known = self.all()
            except BadSetting as error:
                self._known = ()
                self._warn(f"No token of the page counts: {error.message}")
        return self._known

    @contextmanager
    def _changing(self) -> Iterator[tuple[list[PageToken], Callable[[list[PageToken]], None]]]:
        def write(tokens: list[PageToken]) -> None:
            content = msgspec.json.encode(_Kept(tokens=tokens))
            self._file.write(msgspec.json.format(content, indent=2) + b"\n")

        try:
            self._file.make_folder()
            lock = self._file.try_lock()
            if lock is None:
                raise BadSetting(
                    f"{self._file.place}: another process changes it.", "Try again in a moment."
                )
            with lock:
                yield list(self.all()), write
        except OSError as error:
            raise BadSetting(f"{self._file.place}: can't be written: {error.strerror}.") from error


def digest(text: str) -> str:
    """What is kept of a token, or of a session's name."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _signature(path: Path) -> _Signature:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    # The time of the last change of the inode moves with its mode, too.
    return found.st_ctime_ns, found.st_ino, found.st_size
