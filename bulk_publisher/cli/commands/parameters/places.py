"""Where runs are: ``--runs`` names a folder, ``--store`` a folder or a database."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from bulk_publisher.store import SharedState

_Command = TypeVar("_Command", bound=Callable[..., Any])

Runs = Path | str
"""A folder, or the URL of a database."""

_FOLDER = click.Path(file_okay=False, path_type=Path)
_STORE = "bulk_publisher.store"


class _RunsPlace(click.ParamType[Any]):
    """A folder; or the URL of a database, which is never repeated as it was given."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Runs:
        from bulk_publisher.store.database_address import is_database, parse_address

        if isinstance(value, Path):
            return value
        if not is_database(value):
            return Path(str(_FOLDER.convert(value, param, ctx)))
        try:
            address = parse_address(value)
        except ValueError as error:
            self.fail(f"the database's URL can't be read: {error}.", param, ctx)
        if address.run:
            self.fail("a run is named by itself, not with the database.", param, ctx)
        return str(value)


def _note_store(context: click.Context, parameter: click.Parameter, value: Runs | None) -> None:
    """Keep it for ``--runs``, whose place it takes."""
    context.meta[_STORE] = (value, _is_typed(context, parameter))
    _warn_of_secrets(context, parameter, value)


def _warn_of_secrets(
    context: click.Context, parameter: click.Parameter, value: Runs | None
) -> None:
    if _is_typed(context, parameter) and context.obj and _holds_secrets(value):
        context.obj.warn(
            "--store: there is a password in this URL, and others on this machine see it in the list of processes. "
            "Put it into ~/.pgpass, PGPASSWORD or BULK_PUBLISHER_STORE instead."
        )


def _holds_secrets(value: Runs | None) -> bool:
    from bulk_publisher.store.database_address import parse_address

    return isinstance(value, str) and bool(parse_address(value).secrets)


def _choose(context: click.Context, parameter: click.Parameter, value: Path) -> Runs:
    store, is_store_typed = context.meta.get(_STORE, (None, False))
    if store is None:
        return value
    if _is_typed(context, parameter):
        if is_store_typed:
            raise click.UsageError(
                "--runs and --store name the same thing: leave out one.", context
            )
        return value
    return store  # type: ignore[no-any-return]  # kept above


def _is_typed(context: click.Context, parameter: click.Parameter) -> bool:
    source = context.get_parameter_source(parameter.name or "")
    return source is ParameterSource.COMMANDLINE


def runs_option(command: _Command) -> _Command:
    """Where runs are kept; the command is told it as ``runs``."""
    runs = click.option(
        "--runs",
        type=_FolderPlace(),
        envvar="BULK_PUBLISHER_RUNS",
        default="runs",
        show_default=True,
        callback=_choose,
        help="Folder that holds the runs (also: BULK_PUBLISHER_RUNS).",
    )
    return runs(store_option(command))


def store_option(command: _Command) -> _Command:
    """The same, or a database; for ``runs_option``."""
    option = click.option(
        "--store",
        type=_RunsPlace(),
        metavar="DIR|URL",
        envvar="BULK_PUBLISHER_STORE",
        expose_value=False,
        is_eager=True,
        callback=_note_store,
        help="The same, or postgresql://HOST/NAME (also: BULK_PUBLISHER_STORE).",
    )
    return option(command)


def _check_place(
    context: click.Context, parameter: click.Parameter, value: Runs | None
) -> Runs | None:
    _warn_of_secrets(context, parameter, value)
    return value


def sharing_option(command: _Command) -> _Command:
    """Whose limits are shared, for a command that keeps no run; the command is told it as ``store``."""
    option = click.option(
        "--store",
        type=_RunsPlace(),
        metavar="DIR|URL",
        envvar="BULK_PUBLISHER_STORE",
        callback=_check_place,
        help="Share limits, and tokens, with the runs in postgresql://HOST/NAME (also: BULK_PUBLISHER_STORE).",
    )
    return option(command)


def sharing(store: Runs | None) -> "SharedState":
    """What ``sharing_option`` names: what all hosts of a database share, or the runs of this machine.

    Raises:
        BadSetting: If it is a database that can't be used.
    """
    from bulk_publisher.store import shared_state

    return shared_state(store or "", os.environ)


class _FolderPlace(click.ParamType[Any]):
    """A folder, and no database."""

    name = "directory"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from bulk_publisher.store.database_address import is_database

        if not isinstance(value, Path) and is_database(value):
            self.fail("a database is named by --store, or by BULK_PUBLISHER_STORE.", param, ctx)
        return value if isinstance(value, Path) else Path(str(_FOLDER.convert(value, param, ctx)))
