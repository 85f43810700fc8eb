"""Times that people give to commands, and who gives them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_publisher.model import Epoch


def now_and_who() -> "tuple[Epoch, str]":
    """What time it is, and the name of this user; empty where nobody knows it."""
    import getpass

    from bulk_publisher.clock import utc_now

    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = ""
    return utc_now(), who[:100]


def parse_age(text: str, option: str) -> "Epoch":
    """The moment that lies as far back as *option* says: ``24h``, ``90d``.

    Raises:
        BadSetting: If it says no duration.
    """
    from bulk_publisher.clock import utc_now
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs.moments import parse_duration
    from bulk_publisher.model import Epoch
    from bulk_publisher.sources.cells import Wrong

    seconds = parse_duration(text)
    if isinstance(seconds, Wrong):
        raise BadSetting(f"{option} {seconds.why}.")
    return Epoch(utc_now() - seconds)


def parse_time(text: str, option: str, now: "Epoch") -> "Epoch":
    """The moment that *option* names, in the time zone of this machine.

    Raises:
        BadSetting: If it is none, or past.
    """
    from bulk_publisher.clock import local_zone
    from bulk_publisher.jobs.moments import moment_to_come

    return moment_to_come(text, option, now=now, zone=local_zone())
