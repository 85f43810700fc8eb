"""How fast a portal is asked, as far as a person has a say in it. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class PortalPlan(StrEnum):
    """What kind of portal it is, as far as its limits go."""

    STANDARD = "standard"
    """Bitrix24 in the cloud, any plan but Enterprise."""
    ENTERPRISE = "enterprise"
    """Bitrix24 in the cloud, Enterprise."""
    SELF_HOSTED = "self-hosted"
    """Bitrix24 on a server of one's own."""


class Profile(StrEnum):
    """How much of the portal's limits is used, in a word."""

    FULL = "full"
    """All that there is."""
    GENTLE = "gentle"
    """Half of each limit."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast, when, and when to give up.

    Attributes:
        concurrency: Requests in flight at once, 1 to 64.
        batch_size: The most pages in one request, 1 to 50.
        operating_limit: Seconds of operating time in ten minutes; None to go by the portal's plan.
        operating_share: The share of it that is used, above 0, up to 1.
        intensity_share: The share of the portal's limit of requests that is used, above 0, up to 1.
        fail_fast: Stop at the first page that fails.
        max_failures: Stop at so many failed pages, 1 or more; None never to.
        between: The hours in which it may send, as `bulk_publisher.jobs.hours` reads them; None for all.
        timezone: Of these hours and of ``stop_at``, by its IANA name; None for that of the machine.
        stop_at: The moment at which it ends, as `bulk_publisher.jobs.moments` reads it: a time such as
            ``06:00`` is the next one when the run begins. None for never.
        max_duration: The most seconds that a process of it takes; None for any.
    """

    concurrency: int = 4
    batch_size: int = 50
    operating_limit: float | None = None
    operating_share: float = 0.98
    intensity_share: float = 1.0
    fail_fast: bool = False
    max_failures: int | None = None
    between: str | None = None
    timezone: str | None = None
    stop_at: str | None = None
    max_duration: float | None = None

    @classmethod
    def gentle(cls, **others: Any) -> "Pace":
        """Half of each limit, and *others*, by their names here."""
        return cls(**spelled_out({"profile": Profile.GENTLE, **others}))


_SHARES: Mapping[Profile, Mapping[str, float]] = {
    Profile.FULL: {
        "operating_share": Pace().operating_share,
        "intensity_share": Pace().intensity_share,
    },
    Profile.GENTLE: {"operating_share": 0.5, "intensity_share": 0.5},
}


def spelled_out(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is *said* of a pace, a ``profile`` as the shares that it stands for and that are not said."""
    rest = {key: value for key, value in said.items() if key != "profile"}
    profile = said.get("profile")
    return rest if profile is None else {**_SHARES[Profile(profile)], **rest}
