"""How a job has ended, from how its runs have: its status, and what is told of it."""

from collections.abc import Sequence

from bulk_publisher.notices.notifying import JobEnded
from bulk_publisher.notices.runs_told import left_of_run, told_of_run
from bulk_publisher.operations.many import worst
from bulk_publisher.serve.happenings import RunEnds
from bulk_publisher.store import Store


def job_ended(ends: Sequence[RunEnds], store: Store) -> JobEnded:
    """What is told of a job whose runs have ended so."""
    ids = [one.run for one in ends if one.run]
    return JobEnded(
        status=worst(one.status for one in ends),
        runs=[
            told_of_run(
                one.portal,
                one.run,
                one.status,
                finished=one.finished,
                aftermath=one.aftermath,
                why=one.why,
                hint=one.hint,
            )
            for one in ends
        ],
        left=[entry for one in ends for entry in left_of_run(one.portal, one.aftermath)],
        kept=store.find(ids[0]) if len(ids) == 1 else None,
    )
