"""What jobs would do on many portals: a table, and the totals of all."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from bulk_publisher.cli.commands.doing import open_credential
from bulk_publisher.cli.commands.many import AskedJob, portal_jobs, use_all_descriptors
from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.crowd import names_of
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.operations import crash
from bulk_publisher.operations.many import PortalJob, worst
from bulk_publisher.operations.plan_file import Plan, State
from bulk_publisher.operations.planned import checked_job
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.report.text import in_words, pages_in_words, printable, table_lines
from bulk_publisher.store import open_store, shared_state


@dataclass(frozen=True, slots=True)
class _Planned:
    """What would be done on a portal, or why that can't be told."""

    of: PortalJob
    name: str
    plan: Plan | None = None
    error: BulkPublisherError | None = None

    @property
    def status(self) -> int:
        return 0 if self.error is None else self.error.exit_status


def show_plans(
    asked: Sequence[AskedJob],
    output: Output,
    *,
    runs: Runs,
    parallel: int,
    cost: float | None = None,
    is_json: bool = False,
    is_dry_run: bool = False,
) -> int:
    """Show what the jobs would do on each of their portals; gives the exit status.

    Args:
        cost: Seconds a page; None to go by earlier runs.

    Raises:
        UsageError: If one of them can't be done as asked.
    """
    jobs = [job for one in asked for job in portal_jobs(one)]
    use_all_descriptors()
    output.open_log()
    planned = asyncio.run(_all(jobs, output, runs, parallel, cost))
    if is_json:
        output.put_json([_fields(one) for one in planned])
    else:
        for line in _lines(planned):
            output.put(line)
        for one in planned:
            if one.error is not None:
                output.explain(f"{one.name}: {one.error.message} {one.error.hint}".rstrip(), colour="red")  # fmt: skip
        output.say("Dry run: nothing was changed." if is_dry_run else "Nothing was changed.")
    return worst(one.status for one in planned)


async def _all(
    jobs: Sequence[PortalJob], output: Output, runs: Runs, parallel: int, cost: float | None
) -> list[_Planned]:
    store, state = open_store(runs), shared_state(runs, os.environ)
    places, names = asyncio.Semaphore(parallel), names_of(jobs)

    async def look(one: PortalJob) -> _Planned:
        name = names[one]
        warn = partial(_warn, output, name)
        try:
            async with places, open_credential(one.job, output, state) as entry:
                job, selected = await checked_job(one.job, entry, store=store, warn=warn)
                plan = await make_plan(job, selected, entry, store=store, cost=cost, warn=warn)
        except Exception as error:
            # A group of tasks may have wrapped it.
            inner = crash.innermost(error)
            if not isinstance(inner, BulkPublisherError):
                raise
            return _Planned(one, name, error=inner)
        return _Planned(one, name, plan)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look(one)) for one in jobs]
    return [task.result() for task in tasks]


def _warn(output: Output, name: str, text: str) -> None:
    output.warn(f"{name}: {text}")


def _lines(planned: Sequence[_Planned]) -> Iterator[str]:
    table: list[tuple[str, ...]] = [("portal", "pages", "not online", "edited", "online", "unknown", "skipped", "time", "")]  # fmt: skip
    table += [_cells(one) for one in planned]
    yield from table_lines(table, right=frozenset(range(1, 8)))
    plans = [one.plan for one in planned if one.plan is not None]
    if not plans:
        return
    pages = sum(plan.sent for plan in plans)
    longest = max((plan.estimate.seconds for plan in plans), default=0.0)
    portals = "1 portal" if len(plans) == 1 else f"{len(plans):,} portals"
    yield (
        f"Would publish {pages_in_words(pages)} on {portals}, the last in about {in_words(longest)}"
        " where all work at once."
    )


def _cells(one: _Planned) -> tuple[str, ...]:
    if one.plan is None:
        return (one.name, *("-" for _ in range(7)), "can't be told")
    counts = one.plan.counts
    states = (
        counts.get(State.OFFLINE, 0),
        counts.get(State.EDITED, 0),
        counts.get(State.ONLINE, 0),
        counts.get(State.MISSING, 0) + counts.get(State.UNKNOWN, 0),
        counts.get(State.SKIPPED, 0),
    )
    numbers = (f"{number:,}" for number in (one.plan.sent, *states))
    denied = f"{one.plan.denied:,} not permitted" if one.plan.denied else ""
    return (one.name, *numbers, in_words(one.plan.estimate.seconds), printable(denied))


def _fields(one: _Planned) -> dict[str, Any]:
    error = one.error
    return {
        "job": one.of.job.name,
        "name": one.of.portal or one.of.job.portal.name,
        "status": one.status,
        "plan": None if one.plan is None else msgspec.to_builtins(one.plan),
        "error": None if error is None else error.message,
        "hint": None if error is None else error.hint or None,
    }
