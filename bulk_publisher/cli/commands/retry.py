"""``bulk-publisher retry``: the failed and unknown pages of a run, in a new one."""

import sys
from functools import partial
from typing import Any

import click

from bulk_publisher.cli.commands.parameters.job_options import watching_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import (
    changer,
    pace_changes,
    portal_changes,
    run_argument,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output


@click.command("retry")
@run_argument
@click.option("--status", multiple=True, type=click.Choice(["failed", "unknown"]), help="Only these.  [default: both]")  # fmt: skip
@click.option(
    "--error", multiple=True, metavar="CODE", help="Only pages with this code; repeatable."
)
@runs_option
@watching_options
@portal_changes
@pace_changes
@click.pass_obj
@says_errors
def retry(
    output: Output,
    /,
    *,
    name: str,
    status: tuple[str, ...],
    error: tuple[str, ...],
    runs: Runs,
    **options: Any,
) -> None:
    """Retry the failed and unknown pages of RUN in a new run.

    Pages that verify has found to be done are left out.

    \b
    bulk-publisher retry latest --error LANDING_PAYMENT_FAILED
    """  # noqa: D301 - click's own mark
    from bulk_publisher.cli.commands.doing import run_task
    from bulk_publisher.operations.following import follow, retry_of
    from bulk_publisher.report.text import pages_in_words
    from bulk_publisher.store import find_run, open_store

    folder = find_run(runs, name)
    following = retry_of(folder, statuses=status, errors=error)
    follower = follow(folder, following, changer(options))
    if not follower.pages:
        output.say(f"Run {folder.run_id} has no such pages: nothing to retry.")
    else:
        output.say(f"Retrying {pages_in_words(follower.pages)} of run {folder.run_id}.")
    description = folder.read_description()
    if not description.is_whole and description.is_for_resume:
        output.say(
            f"That run has not finished; the pages it did not reach are not retried. "
            f"Continue with: bulk-publisher resume {name_for_commands(folder)}"
        )
    if not follower.pages:
        return
    sys.exit(
        run_task(follower.job, partial(follower.begin, store=open_store(runs)), output, runs=runs)
    )
