"""What one run tells the next of the limits that both share: levels, and when they fall. Pure.

Moments are told as seconds from then on, since each process has a clock of its own.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

Spent = Annotated[float, Meta(ge=0, le=1e7)]
"""Seconds of operating time: more than any portal grants in its ten minutes."""
Soon = Annotated[float, Meta(ge=-3600, le=3600)]
"""Seconds from then on: a basket lives for some ten minutes."""


class BasketLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that are still in a meter's sum.

    Attributes:
        leaves_in: Seconds until they have left; ``may_leave_in`` until they may have.
    """

    spent: Spent
    leaves_in: Soon
    may_leave_in: Soon


class MeterLeft(msgspec.Struct, frozen=True, kw_only=True):
    """How full a meter is; *told* is None where no answer has shown it."""

    told: Spent | None
    baskets: tuple[BasketLeft, ...]


class LimitLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of operating time that a refusal has shown, so many seconds *ago*."""

    limit: Annotated[float, Meta(gt=0, le=1e6)]
    ago: Annotated[float, Meta(ge=0, le=1e9)]


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a portal and credential, as the last run left them.

    Attributes:
        requests: In the portal's bucket.
        operating_limit: None where no refusal has shown it: what a run was told is its own.
        meters: By name.
        busy_for: Seconds until the portal has ended what was left in flight, as expected.
    """

    requests: Annotated[float, Meta(ge=0, le=1e6)]
    operating_limit: LimitLeft | None
    meters: dict[str, MeterLeft]
    busy_for: Annotated[float, Meta(ge=0)] = 0.0


_OLDEST = 3600.0
"""Seconds after which nothing that was left says anything of the limits."""


def aged(left: Handover, seconds: float) -> Handover:
    """*left* as it would have been told so many *seconds* later, with nothing sent meanwhile.

    The bucket of requests stays as it was: how fast it drains is not known here.
    """
    limit = left.operating_limit
    later = None if limit is None else LimitLeft(limit=limit.limit, ago=limit.ago + seconds)
    meters = {} if seconds > _OLDEST else left.meters
    return Handover(
        requests=left.requests,
        operating_limit=later,
        meters={name: _meter_aged(meter, seconds) for name, meter in meters.items()},
        busy_for=max(0.0, left.busy_for - seconds),
    )


def _meter_aged(meter: MeterLeft, seconds: float) -> MeterLeft:
    baskets = (
        BasketLeft(
            spent=basket.spent,
            leaves_in=max(-_OLDEST, basket.leaves_in - seconds),
            may_leave_in=max(-_OLDEST, basket.may_leave_in - seconds),
        )
        for basket in meter.baskets
    )
    return MeterLeft(told=meter.told, baskets=tuple(baskets))
