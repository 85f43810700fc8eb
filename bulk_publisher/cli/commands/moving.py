"""``store migrate``, ``store export`` and ``store import``: a database is prepared, and runs move in and out."""

from pathlib import Path

import click

from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.commands.parameters.run_options import run_argument
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("migrate")
@runs_option
@click.pass_obj
@says_errors
def migrate(output: Output, /, *, runs: Runs) -> None:
    """Prepare a PostgreSQL database for runs, or upgrade it. Does nothing where it is up to date.

    Run it as the owner of the database; hosts then need fewer rights. docs/cluster.md lists them.

    \b
    bulk-publisher store migrate --store postgresql://owner@db.example.com/bulk
    """  # noqa: D301 - click's own mark
    from bulk_publisher.store import migrate_store

    before, after = migrate_store(runs)
    if before == after:
        output.put(f"The schema is up to date: version {after}.")
    elif before:
        output.put(f"Upgraded the schema from version {before} to {after}.")
    else:
        output.put(f"Prepared: the schema is version {after}.")


@click.command("export")
@run_argument
@runs_option
@click.option(
    "--to",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for runs; RUN gets a folder of its own in it.",
)
@click.pass_obj
@says_errors
def export_run(output: Output, /, *, name: str, runs: Runs, to: Path) -> None:
    """Write RUN as a run's folder, with the files that a run without a database has.

    \b
    bulk-publisher store export latest --store postgresql://db.example.com/bulk --to runs
    """  # noqa: D301 - click's own mark
    from bulk_publisher.operations.moving import move_run
    from bulk_publisher.store import find_run, open_store

    moved = move_run(find_run(runs, name), open_store(to))
    output.put(f"Exported: {moved.place}")


@click.command("import")
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
@runs_option
@click.pass_obj
@says_errors
def import_run(output: Output, /, *, folder: Path, runs: Runs) -> None:
    """Take the run in FOLDER into a store. FOLDER stays as it is.

    \b
    bulk-publisher store import runs/20260301T030000Z-1f2e --store postgresql://db.example.com/bulk
    """  # noqa: D301 - click's own mark
    from bulk_publisher.operations.moving import move_run
    from bulk_publisher.store import open_store, run_in

    moved = move_run(run_in(folder), open_store(runs))
    output.put(f"Imported: {moved.place}")
