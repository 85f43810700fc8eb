"""An application of a sandbox, with its tokens kept in a file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulk_publisher.client.oauth import OAuth
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.tokens import TokenSet, decode_tokens
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.sandbox import Sandbox


def keep_tokens(sandbox: Sandbox, file: Path, **changes: Any) -> Path:
    """Write the tokens that *sandbox* has handed out last into *file*, as a login does."""
    write_private(file, {**sandbox.token_file(), **changes})
    return file


def write_private(file: Path, told: Mapping[str, Any]) -> None:
    """*told* as JSON, for its owner alone."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(told, out)


def tokens_in(file: Path) -> TokenSet:
    """What is kept in *file*."""
    return decode_tokens(file.read_bytes())


def application(sandbox: Sandbox, folder: Path, **changes: Any) -> OAuth:
    """The application of *sandbox*, its tokens kept in *folder*."""
    return OAuth.from_file(keep_tokens(sandbox, folder / "tokens.json", **changes))


def client_of(credential: OAuth, *, connections: int = 60) -> PortalClient:
    """A client that no limit holds."""
    door = Door(capacity=float("inf"), drain=1.0)
    return PortalClient(credential, door, ca_file=None, connections=connections)
