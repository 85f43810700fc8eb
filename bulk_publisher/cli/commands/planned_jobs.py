"""Jobs that do what a plan says: what has changed since it was made is said."""

import asyncio
import os
from functools import partial
from pathlib import Path

import msgspec

from bulk_publisher.cli.commands.doing import open_credential
from bulk_publisher.cli.commands.parameters.places import Runs
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs import Job, Selection, decode_job
from bulk_publisher.operations.plan_file import read_plan
from bulk_publisher.operations.planned import checked_job
from bulk_publisher.store import open_store, shared_state


def planned_job(path: Path, output: Output, *, runs: Runs) -> Job:
    """The job that does exactly what the plan in *path* says, on the portal and at the pace that it says.

    Raises:
        BulkPublisherError: If there is no plan, or its portal or its list is another now.
    """
    job = decode_job(read_plan(path).job)
    whole = msgspec.structs.replace(job, select=Selection(plan=str(path)))
    return as_planned(whole, output, runs=runs)


def as_planned(job: Job, output: Output, *, runs: Runs) -> Job:
    """*job* with the pages of its plan; as it is where it names none.

    Raises:
        BulkPublisherError: As ``planned_job`` does.
    """
    if job.select.plan is None:
        return job
    output.open_log()

    async def look() -> Job:
        async with open_credential(job, output, shared_state(runs, os.environ)) as reached:
            found, _ = await checked_job(
                job,
                reached,
                store=open_store(runs),
                tell=partial(say_changes, output),
                warn=partial(output.explain, colour="yellow"),
            )
            return found

    return asyncio.run(look())


def say_changes(output: Output, changes: list[str]) -> None:
    """Say what is otherwise than a plan says."""
    for line in changes or ["Nothing has changed since the plan was made."]:
        output.say(line, colour="yellow" if changes else None)
