"""The user's folders: for settings, where named portals and their credentials are, and for state."""

from collections.abc import Mapping
from pathlib import Path

from bulk_publisher.errors import BadSetting


def config_folder(environment: Mapping[str, str]) -> Path:
    """``bulk-publisher`` in ``XDG_CONFIG_HOME``, by default in ``~/.config``; it need not be there.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    named = Path(environment.get("XDG_CONFIG_HOME", ""))
    if named.is_absolute():
        return named / "bulk-publisher"
    # A relative one is to be ignored (XDG Base Directory Specification).
    try:
        return Path.home() / ".config" / "bulk-publisher"
    except RuntimeError as error:
        raise BadSetting(
            "The home folder is unknown, and with it the folder for settings.",
            "Set XDG_CONFIG_HOME to a folder, or name the file with --portals FILE.",
        ) from error


def state_folder(environment: Mapping[str, str]) -> Path:
    """``bulk-publisher`` in ``XDG_STATE_HOME``, by default in ``~/.local/state``; it need not be there.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    named = Path(environment.get("XDG_STATE_HOME", ""))
    try:
        state = named if named.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise BadSetting(
            "The home folder is unknown, and with it the folder for state.",
            "Set XDG_STATE_HOME to a folder.",
        ) from error
    return state / "bulk-publisher"
