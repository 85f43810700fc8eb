"""``bulk-publisher demo``: all of it on a simulated portal, in a minute."""

import sys
from pathlib import Path

import click

from bulk_publisher.cli.commands.parameters.job_options import runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("demo")
@runs_option
@click.pass_obj
@says_errors
def demo(output: Output, *, runs: Path) -> None:
    """Publish a knowledge base of 300 pages on a simulated portal.

    A few of its pages fail in different ways; the summary says how.
    """
    from bulk_publisher.cli.commands.doing import run_job
    from bulk_publisher.jobs import Job, Portal, Selection
    from bulk_publisher.model import Scope

    job = Job(
        name="demo",
        portal=Portal(sandbox="demo"),
        select=Selection(page=("1-300",), scope=Scope.KNOWLEDGE),
    )
    status = run_job(job, output, runs=runs)
    # That some pages fail is what the demo shows.
    sys.exit(0 if status == 1 else status)
