"""What programs may look at: the views that pages are made of."""

import asyncio

import msgspec
from aiohttp import web

from bulk_publisher.web.api.endpoint import Endpoint, query_as
from bulk_publisher.web.deeds.helm import helm_of
from bulk_publisher.web.deeds.on_plans import begun_of, find
from bulk_publisher.web.guard.roles import Role
from bulk_publisher.web.surroundings import around
from bulk_publisher.web.viewing import views_of
from bulk_publisher.web.views.course_of_jobs import JobCourse, Repeats
from bulk_publisher.web.views.deeds_done import Deeds, DeedsAsked, deeds_of
from bulk_publisher.web.views.job_rows import JobRow
from bulk_publisher.web.views.night import Night
from bulk_publisher.web.views.now import NowAsked, PortalRow, Upcoming
from bulk_publisher.web.views.one_run import OneRun
from bulk_publisher.web.views.outcomes_after import OutcomesAfter, OutcomesPart, outcomes_after
from bulk_publisher.web.views.proposals import OnePlan, Proposals, one_plan, proposals_of
from bulk_publisher.web.views.run_list import RunsAsked
from bulk_publisher.web.views.run_row import RunRow
from bulk_publisher.web.views.undisturbed import in_thread

_READERS = 4
"""Programs that are answered from journals at a time."""
_BUSY = "2"
"""Seconds after which one more may ask."""


class RunsFound(msgspec.Struct, frozen=True, kw_only=True):
    """Runs.

    Attributes:
        at: How they stood then, in UTC seconds.
        total: Of all that there are.
        count: Of those that fit, in all parts together.
        number: Of this part, from 1.
        size: Runs in a part at most.
        runs: Those of this part.
    """

    at: float
    total: int
    count: int
    number: int
    size: int
    runs: tuple[RunRow, ...]


class PortalsFound(msgspec.Struct, frozen=True, kw_only=True):
    """How portals stand.

    Attributes:
        at: When that was, in UTC seconds.
        is_served: Whether a daemon of this store is at work.
        why: The daemon's plan can't be read; empty where it can.
        total: Of all portals.
        at_work: Of all, those on which a run is at work.
        in_trouble: Of all, those at which somebody should look.
        next: What is planned first of all.
        count: Of those that fit, in all parts together.
        number: Of this part, from 1.
        size: Portals in a part at most.
        portals: Those of this part.
    """

    at: float
    is_served: bool
    why: str
    total: int
    at_work: int
    in_trouble: int
    next: Upcoming | None
    count: int
    number: int
    size: int
    portals: tuple[PortalRow, ...]


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs, the next due first."""

    jobs: tuple[JobRow, ...]


class HistoryAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose history.

    Attributes:
        job: Its name; empty for all jobs.
    """

    job: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """How jobs have gone.

    Attributes:
        repeats: What fails again and again; None where no job was named.
    """

    jobs: tuple[JobCourse, ...]
    repeats: Repeats | None


class Readers:
    """How many programs are being answered from journals."""

    def __init__(self) -> None:
        """None."""
        self._places = asyncio.Semaphore(_READERS)

    def place(self) -> asyncio.Semaphore:
        """One, for a block.

        Raises:
            HTTPTooManyRequests: If none is free.
        """
        if self._places.locked():
            raise web.HTTPTooManyRequests(
                text="Too many programs read journals now. Ask again in a moment.",
                headers={"Retry-After": _BUSY},
            )
        return self._places


READERS: web.AppKey[Readers] = web.AppKey("readers", Readers)


async def now(request: web.Request) -> PortalsFound:
    """How it stands."""
    told = await views_of(request).now(query_as(request, NowAsked))
    part = told.excerpt
    return PortalsFound(
        at=told.at,
        is_served=told.is_served,
        why=told.why,
        total=told.portals,
        at_work=told.at_work,
        in_trouble=told.in_trouble,
        next=told.next,
        count=part.count,
        number=part.number,
        size=part.size,
        portals=part.rows,
    )


async def runs(request: web.Request) -> RunsFound:
    """The runs."""
    told = await views_of(request).runs(query_as(request, RunsAsked))
    part = told.excerpt
    return RunsFound(
        at=told.at, total=told.runs, count=part.count, number=part.number, size=part.size, runs=part.rows
    )  # fmt: skip


async def run(request: web.Request) -> OneRun:
    """A run."""
    return await views_of(request).run(request.match_info["run"])


async def outcomes(request: web.Request) -> OutcomesPart:
    """How pages of a run ended."""
    asked = query_as(request, OutcomesAfter)
    kept = await views_of(request).kept(request.match_info["run"])
    async with request.app[READERS].place():
        return await in_thread(
            lambda: outcomes_after(kept.outcomes() if kept.has_journal else (), asked)
        )


async def jobs(request: web.Request) -> JobList:
    """The jobs."""
    return JobList(jobs=tuple(await views_of(request).jobs()))


async def history(request: web.Request) -> History:
    """How jobs have gone."""
    asked, views = query_as(request, HistoryAsked), views_of(request)
    courses = tuple(await views.courses(asked.job))
    if not asked.job:
        return History(jobs=courses, repeats=None)
    async with request.app[READERS].place():
        return History(jobs=courses, repeats=await views.repeats(asked.job))


async def calendar(request: web.Request) -> Night:
    """What will be done in the next 24 hours."""
    return await views_of(request).night()


async def plans(request: web.Request) -> Proposals:
    """Plans that were handed in."""
    surroundings = around(request)
    proposals = await in_thread(surroundings.store.approvals.proposals)
    begun = await begun_of(helm_of(request), proposals)
    return proposals_of(proposals, begun=begun, at=surroundings.clock.epoch())


async def plan(request: web.Request) -> OnePlan:
    """A plan."""
    found = await find(helm_of(request), request.match_info["plan"])
    begun = await begun_of(helm_of(request), [found.proposal])
    return one_plan(found, begun=begun, at=around(request).clock.epoch())


async def audit(request: web.Request) -> Deeds:
    """Who has done what here."""
    asked, kept = query_as(request, DeedsAsked), around(request).audit
    return await in_thread(lambda: deeds_of(kept.read(), asked))


ENDPOINTS = (
    Endpoint("GET", "/api/now", "How each portal stands", now, PortalsFound, query=NowAsked),
    Endpoint("GET", "/api/runs", "Runs, the newest first", runs, RunsFound, query=RunsAsked),
    Endpoint("GET", "/api/runs/{run}", "A run", run, OneRun, refusals=(404,)),
    Endpoint("GET", "/api/runs/{run}/outcomes", "How pages of a run ended, in the order of its journal",
             outcomes, OutcomesPart, query=OutcomesAfter, refusals=(404, 429)),
    Endpoint("GET", "/api/jobs", "Jobs, the next due first", jobs, JobList),
    Endpoint("GET", "/api/history", "How jobs have gone, and of one job what fails again and again",
             history, History, query=HistoryAsked, refusals=(429,)),
    Endpoint("GET", "/api/calendar", "What will be done in the next 24 hours", calendar, Night),
    Endpoint("GET", "/api/plans", "Plans that were proposed, the newest first", plans, Proposals),
    Endpoint("GET", "/api/plans/{plan}", "A plan", plan, OnePlan, refusals=(404, 409)),
    Endpoint("GET", "/api/audit", "Who has done what, the newest first", audit, Deeds, Role.STEER, query=DeedsAsked),
)  # fmt: skip
