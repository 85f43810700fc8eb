"""How long will a job take the next time? By what its last run tells, without asking the portal."""

from dataclasses import dataclass

import msgspec

from bulk_publisher.client.pace import Pace
from bulk_publisher.client.session import bounds_of
from bulk_publisher.client.usage import meters_alone, meters_together
from bulk_publisher.limits.forecast import Billing, Estimate, Expected, forecast
from bulk_publisher.limits.handover import Handover
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.plans import PlanLimits
from bulk_publisher.store.description import Description, KeptLimits

_MOST_PAGES = 10_000
"""Beyond them a forecast takes a second."""
_WAY = 0.2
"""Seconds of a request beside the portal's work, as portals are usually reached."""
_LIST_LENGTH = 500
_NOTHING_LEFT = Handover(requests=0.0, operating_limit=None, meters={})


@dataclass(frozen=True, slots=True)
class LastTime:
    """What the last run of a job on a portal tells of the next one.

    Attributes:
        pages: That there are to be done; None where nobody knows.
        cost: Seconds of the portal's time a page; None where it gave no account.
        seconds: That it took; None where it has not come to its end.
    """

    pages: int | None
    cost: float | None
    seconds: float | None


def last_time(description: Description) -> LastTime:
    """What *description* tells."""
    final = description.final
    total = description.selected.total
    if total is None and (description.is_whole or final.left is not None):
        total = final.pages + (final.left or 0)
    seconds = final.seconds if description.is_whole and description.ended is not None else None
    return LastTime(total, final.cost, seconds)


def forecast_of(description: Description, pace: Pace) -> Estimate | None:
    """What ``plan`` would forecast for as many pages at the same cost; None where too little is known.

    Nothing else is assumed to use the portal's limits when it begins.

    Args:
        pace: Of the job.
    """
    last = last_time(description)
    if not last.pages or not last.cost or last.pages > _MOST_PAGES:
        return None
    method = ACTIONS[description.job.action].method
    has_meter = description.limits.operating is not None
    expected = Expected(
        together=last.pages,
        unlisted=0,
        look_ups=-(-last.pages // _LIST_LENGTH),
        look_up_seconds=_WAY,
        way=_WAY,
        billing=Billing.COMMANDS if has_meter else Billing.NOBODY,
        cost=last.cost,
        cost_from=f"as measured in run {description.run}",
    )
    return forecast(
        expected,
        bounds_of(pace, _plan_of(description.limits)),
        _NOTHING_LEFT,
        together=meters_together(method),
        alone=meters_alone(method),
    )


def estimate_of(seconds: float) -> Estimate:
    """What a run of *seconds* takes, of which nothing else is known."""
    return Estimate(seconds=seconds, requests=0, operating=0.0, cost=0.0, cost_from="", stages=())


def _plan_of(limits: KeptLimits) -> PlanLimits:
    infinite = float("inf")
    return PlanLimits(
        name="",
        capacity=infinite if limits.capacity is None else limits.capacity,
        drain=1.0 if limits.drain is None else limits.drain,
        operating_limit=infinite if limits.operating is None else limits.operating,
    )


def pace_of(data: object) -> Pace:
    """The pace in a job as it was written down; the usual one where it can't be read."""
    told = data.get("pace") if isinstance(data, dict) else None
    try:
        return msgspec.convert(told, Pace)
    except (ValueError, TypeError):
        return Pace()
