"""What the Tab key offers where it is not plain from the option: runs, scopes, scenarios, files."""

import click
from click.shell_completion import CompletionItem

_PATH = "/"


def runs_there(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The runs that begin so, the newest first, and ``latest``; a folder where one is named."""
    from bulk_publisher.errors import BulkPublisherError
    from bulk_publisher.store import open_store

    if _PATH in begun or begun.startswith((".", "~")):
        return [CompletionItem(begun, type="dir")]
    try:
        known = [run.name for run in open_store(context.params.get("runs") or "runs").runs()]
    except (OSError, BulkPublisherError):
        known = []
    names = [*known, *(["latest"] if known else [])]
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def portals_there(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The named portals that begin so; none where their file has mistakes."""
    import os

    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import portals_path, read_portals

    named_in = context.params.get("portals") or context.params.get("named_in")
    try:
        known = read_portals(portals_path(named_in, os.environ)).by_name
    except BadSetting:
        return []
    return [CompletionItem(name) for name in known if name.startswith(begun)]


def scopes(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The scopes that begin so, in whatever case."""
    from bulk_publisher.model import Scope

    return [CompletionItem(scope) for scope in Scope if scope.startswith(begun.upper())]


def scenarios(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The scenarios that ship and begin so; files where none does."""
    from bulk_publisher.sandbox import scenario_names

    names = [name for name in scenario_names() if name.startswith(begun)]
    return [CompletionItem(name) for name in names] or files(_context, _parameter, begun)


def files(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Files, as the shell finds them."""
    return [CompletionItem(begun, type="file")]
