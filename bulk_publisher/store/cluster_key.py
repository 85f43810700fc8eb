"""The key that the hosts of a database share, and the database does not have: a file, or an entry of the keyring.

What it encrypts is none of its business. Its ID tells keys apart and gives nothing of them away: they are
256 bits of chance.
"""

import base64
import binascii
import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bulk_publisher.errors import BadSetting
from bulk_publisher.store.files import is_there
from bulk_publisher.store.secret_file import SecretFile
from bulk_publisher.store.system_keyring import is_in_keyring, read_from_keyring, write_to_keyring
from bulk_publisher.store.user_folder import config_folder
from bulk_publisher.text.shown import as_text

VARIABLE = "BULK_PUBLISHER_CLUSTER_KEY_FILE"
"""Names the file where it is not beside the settings."""
ENTRY = "cluster-key"
"""What it is called in the system's keyring."""

_BYTES = 32
_MARK = "bulk-publisher-cluster-key:"


@dataclass(frozen=True, slots=True)
class ClusterKey:
    """A key.

    Attributes:
        id: Tells it from others.
        place: Where this host has it, in words.
    """

    secret: bytes = field(repr=False)
    id: str
    place: str


def key_file(environment: Mapping[str, str]) -> Path:
    """Where the file is, or would be.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    named = environment.get(VARIABLE)
    return Path(named) if named else config_folder(environment) / "cluster.key"


def read_key(environment: Mapping[str, str]) -> ClusterKey:
    """The key of this host.

    Raises:
        BadSetting: If there is none, it can't be read, or others may read it.
    """
    file = SecretFile(key_file(environment), holds="key")
    if environment.get(VARIABLE) or is_there(file.path):
        return _decoded(file.read(), file.place)
    if _has_entry():
        return _decoded(read_from_keyring(ENTRY).encode(), f"the system keyring, {ENTRY}")
    raise BadSetting(
        f"{file.place}: this host has no key for the tokens in the database.",
        "Copy the file from a host that has it. The first host makes it with: bulk-publisher store key new",
    )


def make_key(environment: Mapping[str, str], *, in_keyring: bool) -> ClusterKey:
    """Make a new key, and keep it.

    Raises:
        BadSetting: If this host has one, or it can't be kept.
    """
    file = SecretFile(key_file(environment), holds="key")
    if is_there(file.path) or (in_keyring and is_in_keyring(ENTRY)):
        where = f"the system keyring, {ENTRY}" if in_keyring else file.place
        raise BadSetting(
            f"{where}: there is a key already, and tokens may be encrypted with it.",
            "To start anew, move it away, make a new one, and log in again.",
        )
    secret = os.urandom(_BYTES)
    text = f"{_MARK}{base64.urlsafe_b64encode(secret).decode()}\n"
    if in_keyring:
        write_to_keyring(ENTRY, text.strip())
        return ClusterKey(secret, _id_of(secret), f"the system keyring, {ENTRY}")
    try:
        file.make_folder()
        file.write(text.encode())
    except OSError as error:
        raise BadSetting(
            f"{file.place}: the key can't be kept there: {error.strerror or error}.",
            f"Make the folder writable, or name another file with {VARIABLE}.",
        ) from error
    return ClusterKey(secret, _id_of(secret), file.place)


def _has_entry() -> bool:
    try:
        return is_in_keyring(ENTRY)
    except BadSetting:
        # Who has no keyring has no key in it.
        return False


def _decoded(content: bytes, place: str) -> ClusterKey:
    try:
        text = content.decode("ascii").strip()
        secret = base64.urlsafe_b64decode(text.removeprefix(_MARK))
    except (UnicodeDecodeError, binascii.Error):
        secret = b""
    if len(secret) != _BYTES or not content.startswith(_MARK.encode()):
        raise BadSetting(
            f"{place}: that is no key for the tokens in the database.",
            "Copy the file as it is from a host that has it, for example with: scp -p "
            f"HOST:{shlex.quote(as_text(place))} .",
        )
    return ClusterKey(secret, _id_of(secret), place)


def _id_of(secret: bytes) -> str:
    return hashlib.sha256(b"id of a cluster key" + secret).hexdigest()[:8]
