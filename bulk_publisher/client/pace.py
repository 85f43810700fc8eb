"""How fast a portal is asked, as far as a person has a say in it. Pure."""

from enum import StrEnum

import msgspec


class PortalPlan(StrEnum):
    """What kind of portal it is, as far as its limits go."""

    STANDARD = "standard"
    """Bitrix24 in the cloud, any plan but Enterprise."""
    ENTERPRISE = "enterprise"
    """Bitrix24 in the cloud, Enterprise."""
    SELF_HOSTED = "self-hosted"
    """Bitrix24 on a server of one's own."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast, and when to give up.

    Attributes:
        concurrency: Requests in flight at once, 1 to 64.
        batch_size: The most pages in one request, 1 to 50.
        operating_limit: Seconds of operating time in ten minutes; None to go by the portal's plan.
        operating_share: The share of it that is used, above 0, up to 1.
        intensity_share: The share of the portal's limit of requests that is used, above 0, up to 1.
        fail_fast: Stop at the first page that fails.
        max_failures: Stop at so many failed pages, 1 or more; None never to.
    """

    concurrency: int = 4
    batch_size: int = 50
    operating_limit: float | None = None
    operating_share: float = 0.98
    intensity_share: float = 1.0
    fail_fast: bool = False
    max_failures: int | None = None
