"""What each kind of portal allows. Pure: a table, and how a portal's licence is read.

Source: docs/bitrix24.md §6 (limits) and §9 (``app.info``) [doc].
"""

from typing import Any, NamedTuple


class PlanLimits(NamedTuple):
    """The limits of a kind of portal.

    Attributes:
        capacity: Requests that its bucket holds; infinite for no limit.
        drain: Requests a second that leave it.
        operating_limit: Seconds of operating time in ten minutes, where counters show.
    """

    name: str
    capacity: float
    drain: float
    operating_limit: float


STANDARD = PlanLimits("standard", 50.0, 2.0, 480.0)
ENTERPRISE = PlanLimits("enterprise", 250.0, 5.0, 480.0)
SELF_HOSTED = PlanLimits("self-hosted", float("inf"), 1.0, 420.0)
UNKNOWN = PlanLimits("unknown", 50.0, 2.0, 420.0)
"""The strictest of all, where neither the portal nor the user says which."""

PLANS = {plan.name: plan for plan in (STANDARD, ENTERPRISE, SELF_HOSTED)}


def plan_of_licence(app_info: Any) -> PlanLimits:
    """The plan that the answer of ``app.info`` names: ``ru_ent250``, ``de_std``, ``en_selfhosted``."""
    licence = app_info.get("LICENSE") if isinstance(app_info, dict) else None
    family = licence.partition("_")[2].lower() if isinstance(licence, str) else ""
    if not family:
        return UNKNOWN
    if family.startswith("selfhosted"):
        return SELF_HOSTED
    return ENTERPRISE if family.startswith("ent") else STANDARD
