"""Could a run work here, and how fast? The checks of ``doctor``: it looks, and changes nothing.

How it works: one question after another, from the wire up to the sites. The first one that nothing
can work without, and that goes wrong, ends the examination; what comes after it is not asked.
"""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from bulk_publisher.client.collections import collection_names
from bulk_publisher.client.lister import PAGES_METHOD
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.session import Session, bounds_of, told_if_silent
from bulk_publisher.client.sites import Site, find_sites
from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job, PortalPlan
from bulk_publisher.model import Fault, FaultClass, Mono, Scope
from bulk_publisher.operations.access import Reached, as_reached, credential_of, session_of
from bulk_publisher.operations.secrets import kind_of
from bulk_publisher.portal import faults
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.portal.plans import PLANS, UNKNOWN, plan_of_licence
from bulk_publisher.portal.wire import Answer, Timing

NEEDED = ("landing.landing.publication", "landing.landing.unpublic", PAGES_METHOD)
"""Methods that a run asks for, as the portal spells them."""

_HELPFUL = ("landing.site.getlist", "landing.site.getrights", "landing.site.getfolders")
_MOST_NAMED = 5
"""Collections that are named."""
_FAR = 0.5
"""Seconds of an answer's way from which a portal is far away."""
_CLOCK_OFF = 60.0
"""Seconds by which clocks differ that a person may want to put right."""


class CheckVerdict(StrEnum):
    """How a check came out."""

    GOOD = "good"
    """As it must be."""
    NOTE = "note"
    """Worth knowing; a run can work."""
    BAD = "bad"
    """A run cannot work."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer.

    Attributes:
        found: What there is, in words.
        advice: What to do about it; empty where there is nothing to do.
    """

    name: str
    verdict: CheckVerdict
    found: str
    advice: str = ""


@dataclass(slots=True)
class Examination:
    """What ``doctor`` has found.

    Attributes:
        kind: What the credential is, in a word.
        is_counted: Every page was counted; False where counting stopped at its bound.
    """

    host: str
    user: int | None
    kind: str = "webhook"
    checks: list[Check] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    is_counted: bool = True

    @property
    def is_usable(self) -> bool:
        """Whether a run could work."""
        return all(check.verdict is not CheckVerdict.BAD for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        return {
            "portal": self.host,
            "user": self.user,
            "is_usable": self.is_usable,
            "checks": msgspec.to_builtins(self.checks),
            "sites": msgspec.to_builtins(self.sites),
            "is_counted": self.is_counted,
        }


async def examine(
    job: Job,
    entry: Credential | Reached,
    *,
    scopes: tuple[Scope | None, ...],
    most_pages: int | None,
    warn: Warn = say_nothing,
) -> Examination:
    """Look at the portal that *job* names.

    Args:
        scopes: The kinds of site to look at.
        most_pages: Pages to count at most, over all sites; None to count them all.
        warn: Told when the portal does not answer for a while.
    """
    job, credential = as_reached(job, entry), credential_of(entry)
    examination = Examination(credential.host, credential.user, kind_of(credential))
    # Asked under the strictest plan until the portal has told its own.
    cautious = msgspec.structs.replace(
        job, portal=msgspec.structs.replace(job.portal, plan=PortalPlan.STANDARD)
    )
    async with session_of(cautious, entry, random.Random(), warn=warn) as session:
        async for check in _checks(job, credential, session, warn):
            examination.checks.append(check)
        if session.doubt:
            examination.checks.append(
                Check(
                    name="limits",
                    verdict=CheckVerdict.NOTE,
                    found=session.doubt,
                    advice=session.advice,
                )
            )
        if examination.is_usable:
            await _look_at_sites(examination, session, scopes, most_pages)
    return examination


async def _checks(
    job: Job, credential: Credential, session: Session, warn: Warn
) -> AsyncIterator[Check]:
    began_at = session.clock.now()
    with told_if_silent(warn):
        first = await session.calls.call("scope", {}, attempts=1)
    seconds = session.clock.now() - began_at
    for check in _wire_checks(first, credential, seconds):
        yield check
    if isinstance(first, Fault):
        return
    yield await _distance(session)
    yield _rest_scope(first)
    if isinstance(first.result, list) and "note" in first.result:
        for check in await _collections(session):
            yield check
    yield await _methods(session, job)
    yield await _who(session)
    yield await _plan(session, job)
    listed = await session.calls.call(PAGES_METHOD, _SHORT_LIST)
    yield _meters(session, listed)
    timing = listed.timing if isinstance(listed, Answer) else None
    yield _clock_offset(session, first.timing or timing, seconds)


_SHORT_LIST = {"params": {"select": ["ID"], "order": {"ID": "ASC"}, "limit": 1}}


def _wire_checks(first: Answer | Fault, credential: Credential, seconds: float) -> list[Check]:
    tls = (
        Check(name="tls", verdict=CheckVerdict.NOTE, found="None: the portal runs on this machine.")
        if credential.is_loopback
        else Check(name="tls", verdict=CheckVerdict.GOOD, found="The certificate is trusted.")
    )  # fmt: skip
    if isinstance(first, Answer):
        reached = Check(
            name="reachable",
            verdict=CheckVerdict.GOOD,
            found=f"Connected and answered in {seconds * 1000:.0f} ms.",
        )
        valid = Check(
            name="credential",
            verdict=CheckVerdict.GOOD,
            found=f"The portal accepts the {kind_of(credential)}.",
        )
        return [reached, tls, valid]
    if first.code in {faults.BAD_CERTIFICATE, faults.NO_TLS}:
        return [_good_reach(credential), _bad("tls", first)]
    if first.kind is FaultClass.TRANSIENT or first.code in {
        faults.NO_SUCH_ADDRESS,
        faults.MOVED,
        faults.SURROUNDED,
        faults.PROXY_REFUSED,
        faults.PROXY_WANTS_LOGIN,
    }:
        return [_bad("reachable", first)]
    return [_good_reach(credential), tls, _bad("credential", first)]


def _good_reach(credential: Credential) -> Check:
    return Check(name="reachable", verdict=CheckVerdict.GOOD, found=f"{credential.host} answers.")


def _bad(name: str, fault: Fault) -> Check:
    found = (
        f"{fault.code}: {fault.description.rstrip('. ')}."
        if fault.description
        else f"{fault.code}."
    )
    # No page was asked about: what the table advises for one says nothing here.
    is_of_page = fault.kind in {FaultClass.PAGE, FaultClass.SITE}
    advice = "This error is not known here: check the webhook URL." if is_of_page else fault.hint
    return Check(name=name, verdict=CheckVerdict.BAD, found=found, advice=advice)


async def _distance(session: Session) -> Check:
    """How long an answer takes beside the portal's own work, over a connection that is open."""
    least = float("inf")
    for _ in range(3):
        began_at = session.clock.now()
        answer = await session.calls.call("server.time", {})
        if isinstance(answer, Answer):
            worked = 0.0 if answer.timing is None else answer.timing.least_duration
            least = min(least, max(0.0, session.clock.now() - began_at - worked))
    if least == float("inf"):
        return Check(name="distance", verdict=CheckVerdict.NOTE, found="The portal does not report its time.")  # fmt: skip
    return Check(
        name="distance",
        verdict=CheckVerdict.NOTE if least > _FAR else CheckVerdict.GOOD,
        found=f"{least * 1000:.0f} ms round trip.",
        advice="Far away: a higher --concurrency compensates." if least > _FAR else "",
    )


def _rest_scope(answer: Answer) -> Check:
    scopes = answer.result if isinstance(answer.result, list) else []
    if "landing" in scopes:
        return Check(
            name="permission", verdict=CheckVerdict.GOOD, found="Sites (landing) are permitted."
        )
    return Check(
        name="permission",
        verdict=CheckVerdict.BAD,
        found="The webhook has no access to sites: it lacks the “landing” permission.",
        advice="Tick Sites (landing) in the webhook's settings.",
    )


async def _collections(session: Session) -> list[Check]:
    """Collections of Knowledge base 2.0, which a person may take for what is to be published."""
    names = await collection_names(session)
    if not names:
        return []
    shown = ", ".join(f"“{name}”" for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    found = (
        f"Knowledge base 2.0 has {shown}{more}: they need no publishing."
        " --scope KNOWLEDGE means classic knowledge bases."
    )
    return [Check(name="collections", verdict=CheckVerdict.GOOD, found=found)]


async def _methods(session: Session, job: Job) -> Check:
    missing = [name for name in NEEDED if not await _is_available(session, name)]
    lacking = [name for name in _HELPFUL if not await _is_available(session, name)]
    if missing:
        return Check(
            name="methods",
            verdict=CheckVerdict.BAD,
            found=f"Not available: {', '.join(missing)}.",
            advice="The Sites module is missing or too old, or the webhook lacks the permission for it.",
        )
    if lacking:
        return Check(
            name="methods",
            verdict=CheckVerdict.NOTE,
            found=f"Not available: {', '.join(lacking)}; sites can't be checked beforehand.",
        )
    count = len(NEEDED) + len(_HELPFUL)
    return Check(name="methods", verdict=CheckVerdict.GOOD, found=f"All {count} are available.")


async def _is_available(session: Session, method: str) -> bool:
    answer = await session.calls.call("method.get", {"name": method})
    if isinstance(answer, Fault) or not isinstance(answer.result, dict):
        # A portal that can't be asked for its methods says nothing against them.
        return True
    return answer.result.get("isExisting") is True and answer.result.get("isAvailable") is True


async def _who(session: Session) -> Check:
    answer = await session.calls.call("profile", {})
    profile = answer.result if isinstance(answer, Answer) else None
    if not isinstance(profile, dict):
        return Check(
            name="who",
            verdict=CheckVerdict.NOTE,
            found="The portal does not say whose webhook it is.",
            advice="An inactive owner publishes nothing: check Developer resources > Inbound webhook.",
        )
    name = " ".join(str(profile.get(key) or "") for key in ("NAME", "LAST_NAME")).strip()
    kind = "an administrator" if profile.get("ADMIN") is True else "not an administrator"
    return Check(
        name="who",
        verdict=CheckVerdict.GOOD,
        found=f"{name or 'User'} (user {profile.get('ID')}), {kind}.",
    )


async def _plan(session: Session, job: Job) -> Check:
    answer = await session.calls.call("app.info", {})
    told = plan_of_licence(answer.result) if isinstance(answer, Answer) else UNKNOWN
    plan = told if job.portal.plan is None else PLANS[job.portal.plan.value]
    session.client.door.set_pace(capacity=plan.capacity, drain=plan.drain)
    bounds = bounds_of(job.pace, plan)
    session.governor.set_bounds(bounds, now=session.clock.now())
    requests = (
        "any number of requests"
        if plan.capacity == float("inf")
        else f"{plan.capacity:.0f} requests at once, then {plan.drain:g} a second"
    )
    found = f"{plan.name}: {requests}; {bounds.operating_limit:.0f} s of operating time per ten minutes."
    if plan is UNKNOWN:
        return Check(
            name="plan",
            verdict=CheckVerdict.NOTE,
            found=f"The portal does not say; the strictest is assumed: {found.partition(': ')[2]}",
            advice="Set it with --portal-plan.",
        )
    return Check(name="plan", verdict=CheckVerdict.GOOD, found=f"{found[0].upper()}{found[1:]}")


def _meters(session: Session, listed: Answer | Fault) -> Check:
    if isinstance(listed, Fault):
        # An error has no account of its time, whatever the portal keeps of it.
        return Check(
            name="meters",
            verdict=CheckVerdict.NOTE,
            found=f"Unknown: the portal refused the list that would show it ({listed.code}).",
        )
    timing = listed.timing
    if timing is None:
        return Check(
            name="meters", verdict=CheckVerdict.NOTE, found="The portal does not report its time."
        )
    if timing.operating is None:
        return Check(
            name="meters",
            verdict=CheckVerdict.GOOD,
            found="The portal reports no operating time: most likely it has no such limit.",
        )
    gauge = session.governor.levels(now=session.clock.now()).operating
    limit = session.governor.operating_limit
    used = timing.operating if gauge is None else max(gauge.level, timing.operating)
    whose = "lists" if used == timing.operating else "the last run"
    return Check(
        name="meters",
        verdict=CheckVerdict.NOTE if used > limit / 2 else CheckVerdict.GOOD,
        found=f"{used:.1f} of {limit:.0f} s used, by {whose}. The meter of publishing shows with the first page.",
        advice="Another program uses this webhook too: a webhook of its own makes both faster." if used > limit / 2 else "",
    )  # fmt: skip


def _clock_offset(session: Session, timing: Timing | None, seconds: float) -> Check:
    offset = _offset(session.clock, session)
    if timing is None or offset is None:
        return Check(
            name="clock", verdict=CheckVerdict.NOTE, found="The portal does not report its time."
        )
    if abs(offset) <= max(seconds, 1.0):
        return Check(
            name="clock", verdict=CheckVerdict.GOOD, found="The portal's clock agrees with ours."
        )
    side = "ahead of" if offset > 0 else "behind"
    return Check(
        name="clock",
        verdict=CheckVerdict.NOTE if abs(offset) > _CLOCK_OFF else CheckVerdict.GOOD,
        found=f"The portal's clock is {abs(offset):.0f} s {side} ours; the run compensates.",
        advice="One of the two is wrong: check this machine's." if abs(offset) > _CLOCK_OFF else "",
    )  # fmt: skip


def _offset(clock: Clock, session: Session) -> float | None:
    return session.portal_clock.offset(basetime=clock.epoch() - Mono(clock.now()))


async def _look_at_sites(
    examination: Examination,
    session: Session,
    scopes: tuple[Scope | None, ...],
    most_pages: int | None,
) -> None:
    try:
        found = await find_sites(session, scopes, most_pages=most_pages)
    except BulkPublisherError as error:
        examination.checks.append(
            Check(name="sites", verdict=CheckVerdict.BAD, found=error.message, advice=error.hint)
        )
        return
    examination.sites = found.sites
    examination.is_counted = found.is_counted
    examination.checks.append(_sites_check(found.sites))


def _sites_check(sites: list[Site]) -> Check:
    denied = [site for site in sites if site.may_publish is False]
    if not sites:
        return Check(
            name="sites",
            verdict=CheckVerdict.BAD,
            found="The webhook's owner can see no site.",
            advice="Grant the right to see sites in Sites > Access rights, or try another --scope.",
        )
    if len(denied) == len(sites):
        return Check(
            name="sites",
            verdict=CheckVerdict.BAD,
            found=f"The owner may publish on none of the {len(sites)} sites.",
            advice="Grant the right in Sites > Access rights > Publish.",
        )
    names = f"{len(sites)} found" if len(sites) > 1 else "1 found"
    if denied:
        return Check(
            name="sites",
            verdict=CheckVerdict.NOTE,
            found=f"{names}; the owner may not publish on {len(denied)} of them.",
            advice="Grant the right in Sites > Access rights > Publish, or leave those sites out.",
        )
    return Check(
        name="sites",
        verdict=CheckVerdict.GOOD,
        found=f"{names}; the owner may publish on all of them.",
    )
