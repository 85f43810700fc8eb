"""``bulk-publisher publish`` and ``unpublish``."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.after_options import after_options, with_after
from bulk_publisher.cli.commands.parameters.job_options import (
    job_of_options,
    job_options,
    watching_options,
)
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import changer, yes_option
from bulk_publisher.cli.commands.parameters.settings import option_name
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs.options import HOURS, PROFILE

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job

_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")


_plan = click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Do exactly what a plan says; replaces selection, portal and pace, but not hours.",
)


_approved = click.option(
    "--approved",
    metavar="PLAN",
    help="Publish a plan that a person has approved, by its ID; replaces selection, portal and pace, but not hours.",
)


@click.command("publish")
@_plan
@_approved
@job_options
@after_options
@runs_option
@_dry_run
@watching_options
@click.pass_obj
@says_errors
def publish(
    output: Output,
    /,
    *,
    runs: Runs,
    dry_run: bool,
    plan: Path | None,
    approved: str | None,
    verify: bool,
    retry: int | None,
    expected: str | None,
    **options: Any,
) -> None:
    """Publish pages from a list, of sites, of a whole scope, or by ID.

    The portal's webhook is read from BITRIX24_WEBHOOK or --webhook-file, or is a named portal's:
    --portal NAME. Publishing a page also puts its folder, all parent folders and its site online.

    \b
    bulk-publisher publish --csv pages.csv --scope KNOWLEDGE --dry-run
    bulk-publisher publish --csv pages.csv --scope KNOWLEDGE
    bulk-publisher publish --site 12 --only changed
    """  # noqa: D301 - click's own mark
    after = partial(with_after, verify=verify, retry=retry, expected=expected)
    if approved is not None:
        from bulk_publisher.cli.commands.approved_job import do_approved

        hours = _hours_alone(options, "--approved", {"--plan": plan, "--dry-run": dry_run})
        do_approved(approved, output, runs=runs, change=lambda job: after(hours(job)))
        return
    if plan is None:
        job = job_of_options("publish", options)
    else:
        from msgspec.structs import replace

        from bulk_publisher.cli.commands.planned_jobs import planned_job

        hours = _hours_alone(options, "--plan", {})
        # Whom a plan's job would tell is for a job file to say: a plan is a file that others send.
        job = replace(hours(planned_job(plan, output, runs=runs)), notify=None)
    from bulk_publisher.cli.commands.doing import do_job

    do_job(after(job), output, runs=runs, is_dry_run=dry_run)


@click.command("unpublish")
@job_options
@runs_option
@_dry_run
@watching_options
@yes_option
@click.pass_obj
@says_errors
def unpublish(
    output: Output, /, *, runs: Runs, dry_run: bool, is_yes: bool, **options: Any
) -> None:
    """Take down pages from a list, of sites, of a whole scope, or by ID.

    It asks first, naming the number of pages and their sites; without a terminal it needs --yes.
    Folders and sites stay as they are.
    """
    from bulk_publisher.cli.commands.doing import check_sense, do_job, run_job
    from bulk_publisher.cli.commands.taking_down import may_take_down
    from bulk_publisher.operations.selecting import check_selection
    from bulk_publisher.store import shared_state

    job = job_of_options("unpublish", options)
    if dry_run:
        do_job(job, output, runs=runs, is_dry_run=True)
        return
    check_sense(job)
    selected = check_selection(job.select)
    state = shared_state(runs, os.environ)
    if not is_yes and not may_take_down(job, selected, output, state):
        sys.exit(2)
    sys.exit(run_job(job, output, runs=runs, selected=selected))


def _hours_alone(
    options: dict[str, Any], of: str, others: dict[str, object]
) -> "Callable[[Job], Job]":
    """What *options* change in the job of a plan: its hours. It says all else itself.

    Args:
        of: The option that names it.
        others: Options that can't stand beside that, with their values.

    Raises:
        BadSetting: If anything else is given, which would be passed over in silence.
    """
    from bulk_publisher.errors import BadSetting

    hours = {row.argument: options.pop(row.argument) for row in (*HOURS, *PROFILE)}
    context = click.get_current_context()
    given = [name for name, value in others.items() if value]
    given += [
        option_name(name)
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise BadSetting(
            f"{of} can't be combined with {', '.join(given)}.",
            "Make a new plan with: bulk-publisher plan …",
        )
    return changer(hours)
