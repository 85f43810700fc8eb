"""How a portal is reached and how fast: each setting once, for job files, for commands, for what a run may change. Pure.

How it works: of a row come the rule of its key in a job file (``rules``), and the option of a command
(``cli``), for a run that begins and for one that goes on or is followed, where what is not given stays as
it was. The default is that of ``Portal`` and ``Pace``.
"""

from dataclasses import dataclass
from enum import StrEnum

from bulk_publisher.client.pace import PortalPlan, Profile


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number; *most* is None for no upper bound."""

    least: int
    most: int | None = None


class Kind(StrEnum):
    """What else a setting may be."""

    SECONDS = "seconds"
    """Above 0."""
    SHARE = "share"
    """Above 0 and up to 1."""
    FLAG = "flag"
    HOURS = "hours"
    """Such as ``22:00-06:00``; see ``jobs.hours``."""
    ZONE = "zone"
    """The name of a time zone."""
    MOMENT = "moment"
    """Such as ``06:00``; see ``jobs.moments``."""
    DURATION = "duration"
    """Such as ``3h``, or seconds."""
    FILE = "file"
    PORTAL = "portal"
    """The name of one."""
    SECRET_FILE = "secret file"  # noqa: S105 - that is no secret
    """A command names a file that holds it; a job file may name a variable or the keyring, too."""
    SECRET_ENTRY = "secret entry"  # noqa: S105 - that is no secret
    """A command names an entry of the keyring; in a job file the same as ``SECRET_FILE``."""
    SECRET_ROW = "secret row"  # noqa: S105 - that is no secret
    """A command names what the database keeps; in a job file the same as ``SECRET_FILE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting.

    Attributes:
        key: In its table of a job file.
        kind: What may be said; an enumeration for one of its words.
        help: For a command that begins a run.
        help_again: For a run that goes on or is followed; empty for the same.
        name: Of the option; empty where it is the key's.
        group: Options of one group are given one at a time; empty for none.
    """

    key: str
    kind: Whole | Kind | type[StrEnum]
    help: str
    help_again: str = ""
    name: str = ""
    group: str = ""

    @property
    def argument(self) -> str:
        """How a command calls it, with underscores."""
        return self.name or self.key


_WAY_IN = "way in"

PORTAL = (
    Option(
        key="name",
        name="portal",
        kind=Kind.PORTAL,
        group=_WAY_IN,
        help="A named portal; see 'portals'.  [default: BULK_PUBLISHER_PORTAL in the environment, if set]",
        help_again="A named portal.  [default: as in the run or the job]",
    ),
    Option(
        key="named_in",
        name="portals",
        kind=Kind.FILE,
        help="File that names portals (also: BULK_PUBLISHER_PORTALS).  [default: bulk-publisher/portals.toml in ~/.config]",
        help_again="File that names portals (also: BULK_PUBLISHER_PORTALS).",
    ),
    Option(
        key="webhook",
        name="webhook_file",
        kind=Kind.SECRET_FILE,
        group=_WAY_IN,
        help="File with the webhook URL.  [default: BITRIX24_WEBHOOK in the environment]",
        help_again="File with the webhook URL.  [default: as in the run]",
    ),
    Option(
        key="webhook",
        name="webhook_keyring",
        kind=Kind.SECRET_ENTRY,
        group=_WAY_IN,
        help="Name of the webhook URL in the system keyring.",
    ),
    Option(
        key="oauth",
        name="oauth_file",
        kind=Kind.SECRET_FILE,
        group=_WAY_IN,
        help="File with an application's tokens, as 'login' keeps them.",
    ),
    Option(
        key="oauth",
        name="oauth_keyring",
        kind=Kind.SECRET_ENTRY,
        group=_WAY_IN,
        help="Name of an application's tokens in the system keyring.",
    ),
    Option(
        key="oauth",
        name="oauth_store",
        kind=Kind.SECRET_ROW,
        group=_WAY_IN,
        help="Name of an application's tokens in the database of --store.",
    ),
    Option(
        key="plan",
        name="portal_plan",
        kind=PortalPlan,
        help="Plan whose limits apply.  [default: ask the portal]",
        help_again="Plan whose limits apply.  [default: as in the run]",
    ),
    Option(key="ca_file", kind=Kind.FILE, help="Certificate authorities to trust."),
)
"""Of ``Portal``, as far as a command may say it."""

HOURS = (
    Option(
        key="between",
        kind=Kind.HOURS,
        help='Hours to send in, such as 22:00-06:00 or "Sat-Sun, Mon-Fri 22:00-06:00".  [default: always]',
        help_again="Hours to send in; always lifts those of the run.",
    ),
    Option(
        key="timezone",
        kind=Kind.ZONE,
        help="Time zone of these times, such as Europe/Berlin.  [default: this machine's]",
        help_again="Time zone of these times.",
    ),
    Option(
        key="stop_at",
        kind=Kind.MOMENT,
        help='Stop at this time: 06:00, "2026-11-27 06:00" or +2h.',
    ),
    Option(key="max_duration", kind=Kind.DURATION, help="Stop after this time, such as 3h or 90m."),
)
"""Of ``Pace``, when a run may send."""
PROFILE = (
    Option(
        key="profile",
        kind=Profile,
        help="gentle uses half of each limit, unless a share is given.",
    ),
)
"""Shares of a ``Pace`` in a word."""

PACE = (
    Option(key="concurrency", kind=Whole(1, 64), help="Most requests in flight."),
    Option(key="batch_size", kind=Whole(1, 50), help="Most pages in a request."),
    Option(
        key="operating_limit",
        kind=Kind.SECONDS,
        help="Seconds of operating time per ten minutes.  [default: by plan]",
        help_again="Seconds of operating time per ten minutes.",
    ),
    Option(key="operating_share", kind=Kind.SHARE, help="Share of it that this run may use."),
    Option(
        key="intensity_share",
        kind=Kind.SHARE,
        help="Share of the request limit that this run may use.",
    ),
    Option(
        key="fail_fast",
        kind=Kind.FLAG,
        help="Stop at the first failed page; pages in flight finish.",
        help_again="Stop at the first failed page.",
    ),
    Option(
        key="max_failures",
        kind=Whole(1),
        help="Stop after N failed pages.",
        help_again="Stop after N more failed pages.",
    ),
    *HOURS,
    *PROFILE,
)
"""All of ``Pace``, and what stands for some of it."""
