"""Secrets in the system's keyring: the desktop's, or whichever service the machine has for them.

It needs the extra ``[keyring]``, which is imported only where a secret is asked for. A keyring that
keeps what it is given in a plain file, or nowhere, is refused: a file of ours does that better.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bulk_publisher.errors import BadSetting
from bulk_publisher.text.shown import shown

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "bulk-publisher"
"""Under which all of ours stand there: ``keyring set bulk-publisher NAME`` writes one by hand."""

_INSTEAD = (
    "Keep the secret in a file of mode 0600 (--webhook-file FILE, in a job file { file = … }),"
    " or in a variable ({ env = … })."
)
_NO_KEYRINGS = ("keyrings.alt", "keyring.backends.fail", "keyring.backends.null")
"""Modules whose keyrings keep secrets in plain files, or not at all."""


def read_from_keyring(name: str) -> str:
    """The secret that stands under *name*.

    Raises:
        BadSetting: If there is none, or no keyring that can be used.
    """
    keyring = _system_keyring()
    try:
        secret = keyring.get_password(SERVICE, name)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise _failed("read", name, error) from None
    if not secret:
        raise BadSetting(
            f"The system keyring has no secret named {shown(name)}.",
            f"Add it with: keyring set {SERVICE} NAME - or see 'bulk-publisher portals add --help'.",
        )
    return secret


def write_to_keyring(name: str, secret: str) -> None:
    """Keep *secret* under *name*, in place of what stood there.

    Raises:
        BadSetting: If no keyring takes it.
    """
    keyring = _system_keyring()
    try:
        keyring.set_password(SERVICE, name, secret)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise _failed("written", name, error) from None


def is_in_keyring(name: str) -> bool:
    """Whether anything stands under *name*.

    Raises:
        BadSetting: If no keyring can be used.
    """
    keyring = _system_keyring()
    try:
        return keyring.get_password(SERVICE, name) is not None
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise _failed("read", name, error) from None


def remove_from_keyring(name: str) -> bool:
    """Forget what stands under *name*; whether anything did.

    Raises:
        BadSetting: If it can't be removed.
    """
    if not is_in_keyring(name):
        return False
    keyring = _system_keyring()
    try:
        keyring.delete_password(SERVICE, name)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise _failed("removed", name, error) from None
    return True


def _failed(what: str, name: str, error: Exception) -> BadSetting:
    """Its class alone is told: what a backend says may hold anything."""
    return BadSetting(
        f"The secret {shown(name)} can't be {what} in the system keyring ({type(error).__name__}).",
        f"Unlock the keyring and try again. {_INSTEAD}",
    )


def _system_keyring() -> "KeyringBackend":
    """The keyring in use.

    Raises:
        BadSetting: If there is none that keeps a secret.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise BadSetting(
            "A secret in the system keyring needs keyring, which is not installed.",
            f"Install it with: pip install 'bulk-publisher[keyring]'. {_INSTEAD}",
        ) from error
    try:
        chosen = keyring.get_keyring()
        found = next((one for one in _all_of(chosen) if _keeps_secrets(one)), None)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise BadSetting(
            f"The system keyring can't be opened ({type(error).__name__}).", _INSTEAD
        ) from None
    if found is None:
        raise BadSetting(
            "This machine has no system keyring that can be used here"
            f" ({type(chosen).__module__}.{type(chosen).__qualname__}): it needs one without plain text, such as a desktop's.",
            _INSTEAD,
        )
    return found


def _all_of(chosen: "KeyringBackend") -> Iterator["KeyringBackend"]:
    """The keyrings behind one that asks several, best first; otherwise itself."""
    from keyring.backends.chainer import ChainerBackend  # noqa: PLC0415 - an extra

    if isinstance(chosen, ChainerBackend):
        yield from chosen.backends
    else:
        yield chosen


def _keeps_secrets(keyring: "KeyringBackend") -> bool:
    if keyring.priority <= 0:
        return False
    kinds = type(keyring).__mro__
    is_refused = any(
        f"{kind.__module__}.".startswith(f"{no}.") for kind in kinds for no in _NO_KEYRINGS
    )
    return not is_refused and not any("plaintext" in kind.__qualname__.lower() for kind in kinds)
