"""What becomes of a page after one request: the five results, and nothing that is done about them.

Rules: a page on its way and what the portal said in, a verdict out. No limits, no queue, no time.

How it works: the results are AMQP's own. *Accepted* and *rejected* are ``Settled``; *released* puts
the page back without using an attempt; *modified* puts it back with one used (``Again``), in
smaller and smaller company, so that a page which takes a whole batch down is found without the
others paying for it: a batch, half, a few, alone.

Source: docs/bitrix24.md §7.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from bulk_publisher.engine.work import Work
from bulk_publisher.limits.backoff import ATTEMPTS_ALONE
from bulk_publisher.model import Fault, FaultClass, SiteId, Status
from bulk_publisher.portal import faults
from bulk_publisher.portal.actions import ActionSpec
from bulk_publisher.portal.wire import Answer

ATTEMPTS = 5
"""Requests that a page may be part of before it is given up."""
_MOST_ATTEMPTS = 20
"""And that many where the portal loses most of them, whatever is in them."""
_CHANCE = 1e-6
"""Of a page being given up although the portal lost its requests by chance."""
_MOST_LOST = 0.9
_MOST_SPARED = 25
"""Attempts that may be lost for other pages' sake before those that follow count as well."""
_FADING = 0.05
"""Weight of a new request in the share of those that are lost."""
_CALM = 9
"""Requests without a loss that a portal is credited with beforehand."""
_COMPANY = (50, 25, 6, 1)
"""Pages in the request after so many attempts; after more of them, the last."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The page has its outcome."""

    status: Status
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """Back into the queue; no attempt was used."""


@dataclass(frozen=True, slots=True)
class Again:
    """Back into the queue, with one attempt used."""

    work: Work


@dataclass(frozen=True, slots=True)
class StopSite:
    """No page of the site can be published; the page itself stays unsettled."""

    site: SiteId
    fault: Fault


@dataclass(frozen=True, slots=True)
class StopRun:
    """No page can be published any more; the page itself stays unsettled."""

    fault: Fault


Verdict = Settled | Released | Again | StopSite | StopRun


class Patience:
    """How often a page may be lost: more often where the portal loses requests whatever is in them.

    A page that was lost before may be why its request is lost again, so such requests tell nothing
    of the portal. Nor do losses tell after which no answer has come yet: that may be an outage.
    """

    def __init__(self) -> None:
        """No request has been sent."""
        self._share_lost = 0.0
        self._requests = 0
        self._unanswered = 0

    @property
    def attempts(self) -> int:
        """Losses after which it is the page's own doing."""
        if self._share_lost <= 0:
            return ATTEMPTS
        by_chance = math.log(_CHANCE) / math.log(min(self._share_lost, _MOST_LOST))
        return max(ATTEMPTS, min(_MOST_ATTEMPTS, math.ceil(by_chance)))

    def on_request(self, works: Iterable[Work], *, is_lost: bool) -> None:
        """A request of these pages was lost as a whole, or was not."""
        if any(work.counted for work in works):
            return
        if is_lost:
            self._unanswered += 1
            return
        for lost in (*[1.0] * self._unanswered, 0.0):
            self._requests += 1
            weight = max(_FADING, 1 / (self._requests + _CALM))
            self._share_lost += weight * (lost - self._share_lost)
        self._unanswered = 0


def settle(
    work: Work,
    reply: Answer | Fault,
    spec: ActionSpec,
    *,
    attempts: int = ATTEMPTS,
    was_alone: bool = False,
) -> Verdict:
    """The verdict on *work* after *reply*, where a page is given up after *attempts* losses.

    Args:
        was_alone: No other page was in the request.
    """
    if isinstance(reply, Answer):
        if reply.result is True:
            return Settled(spec.done)
        return Settled(
            Status.FAILED,
            faults.own_fault(
                faults.NOT_PUBLISHED,
                "The portal answered with neither an error nor true.",
                sent=False,
            ),
        )
    match reply.kind:
        case FaultClass.RATE | FaultClass.OPERATING | FaultClass.BATCH:
            return Released()
        # Nothing was sent, so nothing was tried: no attempt is used, however long that goes on.
        case FaultClass.TRANSIENT if reply.code in faults.NOT_CONNECTED:
            return Released()
        case FaultClass.TRANSIENT:
            unseen = untraced(work, reply)
            return strike(unseen, reply, attempts=attempts, was_alone=was_alone)
        case FaultClass.PAGE:
            return Settled(Status.FAILED, reply)
        case FaultClass.SITE:
            site = work.page.site
            return Settled(Status.FAILED, reply) if site is None else StopSite(site, reply)
        case FaultClass.PORTAL | FaultClass.CREDENTIAL | FaultClass.TOKEN:
            return StopRun(reply)


def strike(
    work: Work, fault: Fault, *, attempts: int = ATTEMPTS, was_alone: bool = False
) -> Again | Settled:
    """The verdict on *work* after a loss that may have been its doing.

    A page that was never alone is not given up: it may have been another's doing each time.

    Args:
        was_alone: No other page was in the request.
    """
    counted = work.counted + 1
    attempts_alone = work.attempts_alone + fault.is_alone
    may_be_done = work.may_be_done or fault.may_be_done
    is_last = counted >= attempts or attempts_alone >= ATTEMPTS_ALONE
    if is_last and (was_alone or work.company == 1):
        return Settled(Status.UNKNOWN if may_be_done else Status.FAILED, fault)
    # Where the portal loses requests whatever is in them, one more says little of the page.
    suspicion = counted * ATTEMPTS // attempts
    smaller = 1 if was_alone and suspicion else _COMPANY[min(suspicion, len(_COMPANY) - 1)]
    company = 1 if fault.is_alone else min(work.company, smaller)
    return Again(
        msgspec.structs.replace(
            work,
            attempts=work.attempts + 1,
            company=company,
            may_be_done=may_be_done,
            attempts_alone=attempts_alone,
        )
    )


def spare(work: Work, fault: Fault, *, attempts: int = ATTEMPTS) -> Again | Settled:
    """The verdict on *work* after a loss that was not its doing: the attempt does not count."""
    if work.spared >= _MOST_SPARED:
        return strike(work, fault, attempts=attempts)
    return Again(
        msgspec.structs.replace(
            work,
            attempts=work.attempts + 1,
            spared=work.spared + 1,
            may_be_done=work.may_be_done or fault.may_be_done,
        )
    )


def untraced(work: Work, fault: Fault) -> Work:
    """*work* after a loss of which no list was asked: what one shows later may be from then."""
    if not fault.may_be_done:
        return work
    return msgspec.structs.replace(work, leaves_trace=False)
