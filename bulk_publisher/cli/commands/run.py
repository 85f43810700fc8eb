"""``bulk-publisher run``: a job file."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from bulk_publisher.cli.commands.parameters.job_options import (
    asked_portal,
    runs_option,
    watching_options,
)
from bulk_publisher.cli.commands.parameters.run_options import (
    changer,
    hours_changes,
    portal_of_job,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path))
@runs_option
@watching_options
@portal_of_job
@hours_changes
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@click.pass_obj
@says_errors
def run(output: Output, /, *, job: Path, runs: Path, dry_run: bool, **options: Any) -> None:
    """Run the job file JOB.

    The whole file is checked first; options win over it. Paths in it are relative to its own folder. A job that is
    already running is not started again: exit status 5.
    """
    import msgspec

    from bulk_publisher.cli.commands.doing import do_job
    from bulk_publisher.jobs import read_job
    from bulk_publisher.store import machine_state

    what = changer(options)(read_job(job))
    what = msgspec.structs.replace(what, portal=asked_portal(what.portal))
    with nullcontext() if dry_run else machine_state(os.environ).alone(job):
        do_job(what, output, runs=runs, is_dry_run=dry_run)
