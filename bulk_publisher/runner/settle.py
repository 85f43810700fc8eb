"""What becomes of a page after one request: the five results, and nothing that is done about them.

Rules: a page on its way and what the portal said in, a verdict out. No limits, no queue, no time.

How it works: the results are AMQP's own. *Accepted* and *rejected* are ``Settled``; *released* puts
the page back without using an attempt; *modified* puts it back with one used (``Again``), in
smaller and smaller company, so that a page which takes a whole batch down is found without the
others paying for it: a batch, half, a few, alone.

Source: docs/bitrix24.md §7.
"""

from dataclasses import dataclass

from bulk_publisher.model import Action, Fault, FaultClass, SiteId, Status
from bulk_publisher.portal import faults
from bulk_publisher.portal.wire import Answer
from bulk_publisher.runner.work import Work

ATTEMPTS = 5
"""Requests that a page may be part of before it is given up."""
ATTEMPTS_ALONE = 3
"""Those of them that may end with a fault which only a request of its own may cure."""
_COMPANY = (50, 25, 6, 1, 1)
"""Pages in the request after so many attempts."""


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

_DONE = {Action.PUBLISH: Status.PUBLISHED, Action.UNPUBLISH: Status.UNPUBLISHED}


def settle(work: Work, reply: Answer | Fault, action: Action) -> Verdict:
    """The verdict on *work* after *reply*."""
    if isinstance(reply, Answer):
        if reply.result is True:
            return Settled(_DONE[action])
        return Settled(
            Status.FAILED,
            faults.own_fault(
                faults.NOT_PUBLISHED,
                "The portal answered without an error and without true.",
                sent=False,
            ),
        )
    match reply.kind:
        case FaultClass.RATE | FaultClass.OPERATING | FaultClass.BATCH:
            return Released()
        case FaultClass.TRANSIENT:
            return _again_or_settled(work, reply)
        case FaultClass.PAGE:
            return Settled(Status.FAILED, reply)
        case FaultClass.SITE:
            site = work.page.site
            return Settled(Status.FAILED, reply) if site is None else StopSite(site, reply)
        case FaultClass.PORTAL | FaultClass.CREDENTIAL | FaultClass.TOKEN:
            return StopRun(reply)


def _again_or_settled(work: Work, fault: Fault) -> Verdict:
    if fault.code == faults.UNREACHABLE:
        return Released()
    attempts = work.attempts + 1
    attempts_alone = work.attempts_alone + fault.is_alone
    may_be_done = work.may_be_done or fault.may_be_done
    if attempts >= ATTEMPTS or attempts_alone >= ATTEMPTS_ALONE:
        return Settled(Status.UNKNOWN if may_be_done else Status.FAILED, fault)
    company = 1 if fault.is_alone else min(work.company, _COMPANY[attempts])
    return Again(Work(work.page, attempts, company, may_be_done, attempts_alone))
