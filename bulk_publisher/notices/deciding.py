"""Is anybody to be told? Pure.

Rules:
    The same failure is told once a day, however often and between what it comes. That all is well again is
    told once for each time that somebody was told of a failure. What was told counts alike whether its
    occasion is one that anybody wants to hear of: so nobody hears of the end of what they never heard of
    twice.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bulk_publisher.jobs.job import Occasion
from bulk_publisher.model import Epoch, PageId
from bulk_publisher.store.agenda import Told

DAY = 20 * 3600.0
"""Seconds in which the same is told once: what fails each night, and ends a little earlier than the last
time, is told of each night."""

_LATE = "late"
_OCCASIONS: Mapping[int, Occasion] = {
    0: Occasion.FINISHED,
    1: Occasion.FAILED,
    2: Occasion.FAILED,
    3: Occasion.STOPPED,
    4: Occasion.FAILED,
    5: Occasion.STOPPED,
    70: Occasion.FAILED,
    75: Occasion.STOPPED,
    129: Occasion.STOPPED,
    130: Occasion.STOPPED,
    143: Occasion.STOPPED,
}
"""Of each exit status; any other is a failure."""


def occasion_of(status: int) -> Occasion:
    """What it is called where something ends with *status*."""
    return _OCCASIONS.get(status, Occasion.FAILED)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job has ended, as far as that decides.

    Attributes:
        sign: What tells this failure from others; empty where there is none.
        healed: What tells pages that are fine now from others; empty where there are none.
    """

    occasion: Occasion
    sign: str = ""
    healed: str = ""


def decide(
    told: Told, ended: Ended, *, wanted: Collection[Occasion], now: Epoch
) -> tuple[Told, Occasion | None]:
    """What was told after this, and what of it is told now; None for nothing.

    Args:
        told: So far.
        wanted: What anybody wants to hear of.
    """
    at = {sign: when for sign, when in told.at.items() if 0 <= now - when < DAY}
    if ended.occasion is not Occasion.FINISHED:
        if ended.sign in at:
            return Told(at=at, is_open=told.is_open), None
        after = Told(at={**at, ended.sign: now}, is_open=True)
        return after, ended.occasion if ended.occasion in wanted else None
    has_healed = told.is_open or bool(ended.healed and ended.healed not in at)
    if ended.healed:
        at.setdefault(ended.healed, now)
    occasion = Occasion.HEALED if has_healed and Occasion.HEALED in wanted else Occasion.FINISHED
    return Told(at=at), occasion if occasion in wanted else None


def late(*, due: Epoch, after: float, now: Epoch) -> Ended | None:
    """That a job is late which was *due*; None where it is not yet.

    Args:
        after: Seconds.
    """
    return Ended(Occasion.LATE, _LATE) if now >= due + after else None


def sign_of(status: int, why: str, pages: Iterable[tuple[str, PageId, str]]) -> str:
    """What tells one failure from others: its kind, what stopped it, and which pages with which codes.

    Args:
        pages: By portal, page and code.
    """
    # How long, how many and which run is another thing each time.
    why = re.sub(r"[0-9][0-9a-f:.,TZ-]*", "#", why)
    words = "\n".join(f"{portal} {page} {code}" for portal, page, code in sorted(pages))
    digest = hashlib.sha256(f"{why}\n{words}".encode("utf-8", "replace")).hexdigest()
    return f"{status}-{digest[:20]}"
