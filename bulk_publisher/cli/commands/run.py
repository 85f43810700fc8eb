"""``bulk-publisher run``: a job file."""

import os
from contextlib import nullcontext
from pathlib import Path

import click

from bulk_publisher.cli.commands.parameters.job_options import runs_option, watching_options
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("run")
@click.argument("job", type=click.Path(path_type=Path))
@runs_option
@watching_options
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@click.pass_obj
@says_errors
def run(output: Output, /, *, job: Path, runs: Path, dry_run: bool) -> None:
    """Run the job file JOB.

    The whole file is checked first. Paths in it are relative to its own folder. A job that is
    already running is not started again: exit status 5.
    """
    from bulk_publisher.cli.commands.doing import do_job
    from bulk_publisher.jobs import read_job
    from bulk_publisher.store import machine_state

    what = read_job(job)
    with nullcontext() if dry_run else machine_state(os.environ).alone(job):
        do_job(what, output, runs=runs, is_dry_run=dry_run)
