"""``bulk-publisher publish`` and ``unpublish``."""

from pathlib import Path
from typing import Any

import click

from bulk_publisher.cli.options import (
    job_of_options,
    job_options,
    option_name,
    runs_option,
    watching_options,
)
from bulk_publisher.cli.output import Output, says_errors

_dry_run = click.option(
    "--dry-run", is_flag=True, help="Say what would be done; look, but change nothing."
)


_plan = click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Do exactly what a plan says; it stands for selection, portal and pace.",
)


@click.command("publish")
@_plan
@job_options
@runs_option
@_dry_run
@watching_options
@click.pass_obj
@says_errors
def publish(
    output: Output, /, *, runs: Path, dry_run: bool, plan: Path | None, **options: Any
) -> None:
    """Publish pages of a CSV, of sites, of a whole scope, or by their IDs.

    The portal's webhook is read from BITRIX24_WEBHOOK or --webhook-file. Publishing a page also
    puts its folder, all parent folders and its site online.

    \b
    bulk-publisher publish --csv pages.csv --scope KNOWLEDGE --dry-run
    bulk-publisher publish --csv pages.csv --scope KNOWLEDGE
    bulk-publisher publish --site 12 --only changed
    """  # noqa: D301 - click's own mark
    if plan is None:
        _do("publish", output, runs, dry_run=dry_run, options=options)
        return
    from bulk_publisher.cli.doing import do_job
    from bulk_publisher.cli.plan import planned_job

    _refuse_others(options)
    do_job(planned_job(plan, output, runs=runs), output, runs=runs, is_dry_run=dry_run)


@click.command("unpublish")
@job_options
@runs_option
@_dry_run
@watching_options
@click.pass_obj
@says_errors
def unpublish(output: Output, /, *, runs: Path, dry_run: bool, **options: Any) -> None:
    """Take pages of a CSV, of sites, of a whole scope, or by their IDs down.

    Folders and sites stay as they are.
    """
    _do("unpublish", output, runs, dry_run=dry_run, options=options)


def _refuse_others(options: dict[str, Any]) -> None:
    """A plan says it all: another selection beside it would be passed over in silence."""
    from bulk_publisher.errors import BadSetting

    context = click.get_current_context()
    given = [
        option_name(name)
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise BadSetting(
            f"--plan can't go together with {', '.join(given)}.",
            "Make another plan with: bulk-publisher plan …",
        )


def _do(action: str, output: Output, runs: Path, *, dry_run: bool, options: dict[str, Any]) -> None:
    from bulk_publisher.cli.doing import do_job

    do_job(job_of_options(action, options), output, runs=runs, is_dry_run=dry_run)
