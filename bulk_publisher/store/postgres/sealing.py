"""Encrypts what the database keeps and must not know: AES-256-GCM, bound to the name it is kept under."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
"""Bytes, by chance each time: of one key, 2**32 are safe (NIST SP 800-38D §8.3), and a renewal an hour takes two."""
_ABOUT = b"bulk-publisher credential "


class Tampered(Exception):
    """It is damaged, stands under another name, or was encrypted with another key."""


def sealed(key: bytes, name: str, content: bytes) -> bytes:
    """*content* encrypted, to be kept under *name*."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, _ABOUT + name.encode())


def unsealed(key: bytes, name: str, data: bytes) -> bytes:
    """What ``sealed`` was given.

    Raises:
        Tampered: If it can't be told.
    """
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], _ABOUT + name.encode())
    except (InvalidTag, ValueError):
        raise Tampered from None
