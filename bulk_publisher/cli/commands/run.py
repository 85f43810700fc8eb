"""``bulk-publisher run``: job files."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from bulk_publisher.cli.commands.parameters.job_changes import (
    job_changes,
    job_with_options,
    parallel_option,
)
from bulk_publisher.cli.commands.parameters.job_options import watching_options
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("run")
@click.argument("files", metavar="JOB...", nargs=-1, required=True, type=click.Path(path_type=Path))
@runs_option
@parallel_option
@watching_options
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@job_changes
@click.pass_obj
@says_errors
def run(
    output: Output,
    /,
    *,
    files: tuple[Path, ...],
    runs: Runs,
    parallel: int,
    dry_run: bool,
    **options: Any,
) -> None:
    """Run the job file JOB, or several.

    All files are checked first. Paths in them are relative to their own folder; options win over
    them. A job that is already running is not started again: exit status 5. On many portals each
    has a run of its own, and the exit status is the worst of all: 70, 4, 3, 5, 2, 1, 0.

    \b
    bulk-publisher run nightly.toml
    bulk-publisher run nightly.toml --portal shop --only changed --limit 10
    """  # noqa: D301 - click's own mark
    import sys

    from bulk_publisher.cli.commands.doing import do_job
    from bulk_publisher.cli.commands.many import AskedJob, run_many
    from bulk_publisher.cli.commands.plan_many import show_plans
    from bulk_publisher.cli.commands.planned_jobs import as_planned
    from bulk_publisher.store import shared_state

    asked = [AskedJob(path, job_with_options(path, options)) for path in dict.fromkeys(files)]
    (path, job), *others = ((one.path, one.job) for one in asked)
    if others or job.names_many:
        if dry_run:
            sys.exit(show_plans(asked, output, runs=runs, parallel=parallel, is_dry_run=True))
        sys.exit(run_many(asked, output, runs=runs, parallel=parallel))
    with nullcontext() if dry_run else shared_state(runs, os.environ).alone(path):
        do_job(as_planned(job, output, runs=runs), output, runs=runs, is_dry_run=dry_run)
