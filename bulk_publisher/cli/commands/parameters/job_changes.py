"""The options of ``publish`` beside a job file: what they say wins over it, and the rest stays as it is there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.completing import files
from bulk_publisher.cli.commands.parameters.job_options import asked_portal, selection_settings
from bulk_publisher.cli.commands.parameters.run_options import changes_of
from bulk_publisher.cli.commands.parameters.settings import decorated, option_name, settings
from bulk_publisher.jobs.options import PACE, PORTAL

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job, Selection

_Command = TypeVar("_Command", bound=Callable[..., Any])

_LISTS = ("site", "folder", "page", "url", "where", "carry")
"""Options that may be given more than once."""
_KEYS = (
    *_LISTS, "csv", "xlsx", "sheet", "column", "skip_bad_rows", "urls", "scope", "only", "exclude",
    "order", "limit", "lookup", "plan",
)  # fmt: skip
"""Of a selection, as options are called."""

parallel_option = click.option(
    "--parallel",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Most portals at once.",
)
_plan_option = click.option(
    "--plan",
    metavar="FILE",
    shell_complete=files,
    help="Do exactly what a plan says; replaces the job's selection.",
)


def job_changes(command: _Command) -> _Command:
    """The options of ``publish``; what is not given stays as the job says."""
    options = [*settings(PORTAL, is_again=True), *settings(PACE, is_again=True)]
    return decorated(command, [_plan_option, *selection_settings(is_again=True), *options])


def as_if_alone(options: dict[str, Any]) -> dict[str, Any]:
    """*options* of ``job_changes`` as those of ``job_options`` are, where there is no job beside them.

    Raises:
        BadSetting: If they name a plan.
    """
    from bulk_publisher.errors import BadSetting

    if options["plan"] is not None:
        raise BadSetting("--plan needs a JOB here.", "To publish a plan: bulk-publisher publish --plan FILE")  # fmt: skip
    usual = {"only": "all", "order": "list", "skip_bad_rows": False}
    told = {
        key: options[key] if options[key] is not None else value for key, value in usual.items()
    }
    return {**options, **told, "no_lookup": options["lookup"] is False}


def job_with_options(path: Path, options: dict[str, Any]) -> "Job":
    """The job in the file at *path*, with what *options* of ``job_changes`` say otherwise.

    Raises:
        UsageError: If either can't be.
    """
    import msgspec

    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import read_job, selection_problems
    from bulk_publisher.operations.resuming import with_changes

    job = with_changes(read_job(path), changes_of(options))
    select = _changed(job.select, options)
    if select is not job.select:
        problems = selection_problems(select, naming=option_name)
        if job.names_many and select.plan is not None:
            problems.append("--plan is for one portal, and this job is for many: add --portal NAME")
        if problems:
            raise BadSetting("\n".join(problems))
    # Portals that are listed one by one say all that there is to be said.
    portal = job.portal if job.portals else asked_portal(job.portal)
    return msgspec.structs.replace(job, select=select, portal=portal)


def _changed(select: "Selection", options: dict[str, Any]) -> "Selection":
    """*select* as *options* say; another way of naming pages replaces all that belongs to the old one."""
    import msgspec

    from bulk_publisher.jobs import Selection
    from bulk_publisher.jobs.rules import PARTS, WAYS

    given = {key: options[key] for key in _KEYS if options.get(key) not in (None, ())}
    for key in ("site", "folder"):
        if key in given:
            given[key] = tuple(dict.fromkeys(given[key]))
    if "carry" in given:
        given["carry"] = tuple(filter(None, given["carry"]))
    if not given:
        return select
    usual = msgspec.structs.asdict(Selection())
    said = msgspec.structs.asdict(select)
    if "plan" in given or (select.plan is not None and any(way in given for way in WAYS)):
        said = usual
    elif any(way in given for way in WAYS):
        said |= {key: usual[key] for key in (*WAYS, *PARTS)}
    return msgspec.convert({**said, **given}, Selection)
