"""A job as it was written down, by a run or a plan, and read back by the rules of all jobs. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from bulk_publisher.errors import BadJournal
from bulk_publisher.jobs.job import Job
from bulk_publisher.jobs.portal_labels import portals_conflicts
from bulk_publisher.jobs.rules import (
    after_problems,
    notify_problems,
    pace_problems,
    portal_problems,
    schedule_problems,
    selection_problems,
)
from bulk_publisher.store.description import decode_error_in_words
from bulk_publisher.text.shown import as_text


def encode_job(job: Job) -> dict[str, object]:
    """*job* as plain data that JSON can hold, names of files as `as_text` writes them."""
    encoded: dict[str, object] = _written(msgspec.to_builtins(job))
    return encoded


def _written(value: Any) -> Any:
    match value:
        case str():
            return as_text(value)
        case dict():
            return {key: _written(one) for key, one in value.items()}
        case list() | tuple():
            return [_written(one) for one in value]
        case _:
            return value


def decode_job(data: object, *, selects: bool = True) -> Job:
    """The job that `encode_job` made *data* of; what a later version added is left aside.

    It may say what a job file or a command line may say, and no more.

    Args:
        selects: It says itself which pages; not where they are those of another run.

    Raises:
        BadJournal: If it does not describe a job, or not one that may be.
    """
    try:
        job = msgspec.convert(data, Job)
    except (ValueError, RecursionError) as error:
        raise BadJournal(
            f"the description of the job is damaged: {decode_error_in_words(error)}"
        ) from error
    job = _as_written(job, data)
    problems = [
        *portal_problems(job.portal, naming=_in("portal")),
        *(why for one in job.portals for why in portal_problems(one, naming=_in("portals"))),
        *(why for _, why in portals_conflicts(job)),
        *selection_problems(job.select, naming=_in("select"), is_whole=selects),
        *pace_problems(job.pace, naming=_in("pace")),
        *schedule_problems(job.schedule, naming=_in("schedule")),
        *after_problems(job.after, job.portal, naming=_in("after")),
        *notify_problems(job.notify, job.portal, naming=_in("notify")),
    ]
    if problems:
        raise BadJournal(f"the job can't be: {'; '.join(problems)}")
    return job


def _as_written(job: Job, data: Any) -> Job:
    """*job*, which carries no column where versions without that wrote it: it goes on as it began."""
    if job.select.file is None or "carry" in data["select"]:
        return job
    return msgspec.structs.replace(job, select=msgspec.structs.replace(job.select, carry=()))


def _in(table: str) -> Callable[[str], str]:
    return lambda key: f"{table}.{key}"
