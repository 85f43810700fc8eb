"""The options that several commands share, and the job that they describe."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.completing import files, scopes
from bulk_publisher.cli.commands.parameters.settings import decorated, given, option_name, settings
from bulk_publisher.jobs.options import PACE, PORTAL

if TYPE_CHECKING:
    from bulk_publisher.jobs import Job, Portal
    from bulk_publisher.model import Scope

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _ScopeName(click.ParamType[Any]):
    """The name of a scope; a kind of site that needs none gives None."""

    name = "KNOWLEDGE|GROUP|MAINPAGE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "Scope | None":
        from bulk_publisher.sources.cells import Wrong, parse_scope

        scope = parse_scope(str(value))
        if isinstance(scope, Wrong):
            self.fail(scope.why, param, ctx)
        return scope


def _scope(text: str) -> Callable[[_Command], _Command]:
    return click.option("--scope", type=_ScopeName(), shell_complete=scopes, help=text)


def selection_settings(*, is_again: bool = False) -> list[Callable[[Any], Any]]:
    """The options that say which pages.

    Args:
        is_again: Beside a job that says it: what is not given stays as it is there.
    """
    return [
        click.option(
            "--csv",
            metavar="FILE|-",
            shell_complete=files,
            help="List of pages; - reads standard input.",
        ),
        click.option(
            "--xlsx",
            metavar="FILE",
            shell_complete=files,
            help="Spreadsheet of pages: .xlsx, .xls, .xlsb or .ods.",
        ),
        click.option(
            "--sheet", metavar="NAME", help="Sheet of the spreadsheet, if it has several."
        ),
        click.option("--column", metavar="NAME", help="Column with the page IDs or addresses."),
        click.option(
            "--skip-bad-rows/--no-skip-bad-rows" if is_again else "--skip-bad-rows",
            is_flag=True,
            default=None if is_again else False,
            help="Skip rows that can't be read, and addresses that lead to no page.",
        ),
        click.option(
            "--carry",
            multiple=True,
            metavar="NAME",
            help="Column to copy into the journal; repeatable, '' for none.  [default: all others]",
        ),
        click.option(
            "--site", type=int, multiple=True, metavar="ID", help="All pages of a site; repeatable."
        ),
        click.option(
            "--folder",
            type=int,
            multiple=True,
            metavar="ID",
            help="All pages of a folder and its subfolders; repeatable. --site says where it is.",
        ),
        click.option(
            "--page", multiple=True, metavar="ID", help="A page, or a range 400-420; repeatable."
        ),
        click.option(
            "--url",
            multiple=True,
            metavar="ADDRESS",
            help="A page by its public or editor address; repeatable.",
        ),
        click.option(
            "--urls",
            metavar="FILE|-",
            shell_complete=files,
            help="List of addresses, one a line; - reads standard input.",
        ),
        _scope("Kind of site; plain sites and stores need none. Alone: all sites of that kind."),
        click.option(
            "--only",
            type=click.Choice(["all", "unpublished", "changed"]),
            default=None if is_again else "all",
            show_default=not is_again,
            help="By state on the portal: unpublished takes pages that are not online, changed also pages edited since. A change of settings alone may not count as an edit.",
        ),
        click.option(
            "--where",
            multiple=True,
            metavar="CONDITION",
            help="Only pages that match, such as title~handbook or active=no; repeatable: all must match. Operators: = != ~ < >. Fields: id, title, site, folder, active, changed, address, modified.",
        ),
        click.option(
            "--exclude",
            metavar="FILE",
            shell_complete=files,
            help="Leave out the pages of this list: a CSV or a spreadsheet.",
        ),
        click.option(
            "--order",
            type=click.Choice(["list", "tree"]),
            default=None if is_again else "list",
            show_default=not is_again,
            help="Order of pages that the portal lists: by ID, or folder by folder, parents first.",
        ),
        click.option(
            "--limit", type=click.IntRange(1), metavar="N", help="Only the first N pages."
        ),
        click.option(
            "--lookup/--no-lookup" if is_again else "--no-lookup",
            is_flag=True,
            default=None if is_again else False,
            help="Don't look up the state of pages that are named one by one.",
        ),
    ]


_SELECTION = selection_settings()
scope_option = _scope("Only this kind of site.  [default: every kind]")


def _tells(name: str) -> Callable[..., None]:
    """A callback that hands an option on to the ``Output``, which all commands have."""

    def tell(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        context.obj = replace(context.obj, **{name: value})

    return tell


def metrics_options(port: str, file: str) -> Callable[[_Command], _Command]:
    """Where Prometheus reads the numbers.

    Args:
        port: What the option of the port does; so *file*.
    """
    at_port = click.option(
        "--metrics-port",
        type=click.IntRange(1, 65_535),
        metavar="PORT",
        expose_value=False,
        callback=_tells("metrics_port"),
        help=port,
    )
    in_file = click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        expose_value=False,
        callback=_tells("metrics_file"),
        help=file,
    )
    return lambda command: at_port(in_file(command))


def watching_options(command: _Command) -> _Command:
    """How a run is watched: what is shown, where its numbers can be read, and what is left of it."""
    progress = click.option(
        "--progress",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=_tells("progress"),
        help="auto suits the output, json is a line a second, none is silent.",
    )
    metrics = metrics_options(
        "Serve Prometheus metrics on this port during the run.",
        "Write Prometheus metrics to this file at the end, for the node exporter.",
    )
    report = click.option(
        "--report/--no-report",
        default=True,
        show_default=True,
        envvar="BULK_PUBLISHER_REPORT",
        expose_value=False,
        callback=_tells("leaves_report"),
        help="Write report.html into the run's folder (also: BULK_PUBLISHER_REPORT=0).",
    )
    return progress(metrics(report(command)))


def job_options(command: _Command) -> _Command:
    """The options that describe a job: selection, portal and pace."""
    return decorated(command, [*_SELECTION, *settings(PORTAL), *settings(PACE)])


def selection_options(command: _Command) -> _Command:
    """The options that say which pages."""
    return decorated(command, _SELECTION)


def portal_options(command: _Command) -> _Command:
    """The options that say which portal."""
    return decorated(command, settings(PORTAL))


def portal_job(name: str, options: dict[str, Any]) -> "Job":
    """A job that says no more than which portal, as *options* of ``portal_options`` do."""
    from bulk_publisher import jobs

    return jobs.Job(name=name, portal=asked_portal(jobs.Portal(**given(PORTAL, options))))


def asked_portal(portal: "Portal") -> "Portal":
    """*portal*, or the one that the environment names where nothing else says which.

    Raises:
        BadSetting: If it can't be.
    """
    import msgspec

    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import WAYS_IN, is_portal_name
    from bulk_publisher.text.shown import shown

    named = os.environ.get("BULK_PUBLISHER_PORTAL")
    if named and all(getattr(portal, way) is None for way in WAYS_IN):
        if not is_portal_name(named):
            raise BadSetting(f"BULK_PUBLISHER_PORTAL: {shown(named)} can't be a portal's name.")
        portal = msgspec.structs.replace(portal, name=named)
    if portal.named_in is not None and not any((portal.name, portal.portals, portal.portals_file)):
        raise BadSetting("--portals needs --portal NAME: it is the file that the name stands in.")
    return portal


def _said_of_pace(options: dict[str, Any]) -> dict[str, Any]:
    """What somebody has said of the pace: a share by default is none that is preferred to a profile's."""
    from bulk_publisher.client.pace import spelled_out

    source = click.get_current_context().get_parameter_source
    by_default = click.core.ParameterSource.DEFAULT
    said = given(PACE, options).items()
    return spelled_out({key: value for key, value in said if source(key) is not by_default})


def job_of_options(action: str, options: dict[str, Any]) -> "Job":
    """The job that *options* of ``job_options`` describe.

    Raises:
        BadSetting: If they describe none.
    """
    from bulk_publisher import jobs
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.model import Action, Only, Order

    select = jobs.Selection(
        csv=options["csv"],
        xlsx=options["xlsx"],
        sheet=options["sheet"],
        column=options["column"],
        skip_bad_rows=options["skip_bad_rows"],
        carry=tuple(filter(None, options["carry"])) if options["carry"] else None,
        site=tuple(dict.fromkeys(options["site"])),
        folder=tuple(dict.fromkeys(options["folder"])),
        page=options["page"],
        url=options["url"],
        urls=options["urls"],
        scope=options["scope"],
        only=Only(options["only"]),
        where=options["where"],
        exclude=options["exclude"],
        order=Order(options["order"]),
        limit=options["limit"],
        lookup=not options["no_lookup"],
    )
    pace = jobs.Pace(**_said_of_pace(options))
    portal = asked_portal(jobs.Portal(**given(PORTAL, options)))
    if not select.is_named:
        raise BadSetting(
            "No pages selected.",
            "Select them with --csv FILE, --xlsx FILE, --site ID, --folder ID, --page ID, --url ADDRESS, --urls FILE, or a"
            " whole --scope KNOWLEDGE, GROUP or MAINPAGE; plain sites and stores need --site.",
        )
    problems = [
        *jobs.selection_problems(select, naming=option_name),
        *jobs.pace_problems(pace, naming=option_name),
    ]
    if problems:
        raise BadSetting("\n".join(problems))
    return jobs.Job(name=action, action=Action(action), portal=portal, select=select, pace=pace)
