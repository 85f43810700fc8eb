"""``bulk-publisher pages``: what a selection is, page by page."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.job_options import (
    job_of_options,
    portal_options,
    selection_options,
)
from bulk_publisher.cli.commands.parameters.places import Runs, sharing, sharing_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.cli.output.page_table import Table
    from bulk_publisher.jobs import Job
    from bulk_publisher.operations.selecting import Selected
    from bulk_publisher.store import SharedState


@click.command("pages")
@selection_options
@portal_options
@sharing_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "xlsx"]),
    default="table",
    show_default=True,
    help="csv and xlsx are lists for publish; xlsx needs -o.",
)
@click.option(
    "-o",
    "--output",
    "to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write.  [default: standard output]",
)
@click.pass_obj
@says_errors
def pages(
    output: Output, /, *, store: Runs | None, form: str, to: Path | None, **options: Any
) -> None:
    """List the pages of a selection: ID, site, folder, title, address and state. Changes nothing.

    \b
    bulk-publisher pages --scope KNOWLEDGE
    bulk-publisher pages --site 12 --where title~handbook --format csv -o pages.csv
    bulk-publisher publish --csv pages.csv
    """  # noqa: D301 - click's own mark
    from bulk_publisher.operations.selecting import check_selection
    from bulk_publisher.report.text import pages_in_words

    job = job_of_options("publish", options)
    if to == Path("-"):
        to = None
    _check(form, to)
    output.open_log()
    selected = check_selection(job.select)
    for problem in selected.problems:
        output.explain(problem, indent=2)
    listed = asyncio.run(_list(job, selected, output, sharing(store), form, to))
    output.say(pages_in_words(listed) + ("" if to is None else f" written: {to}"))


def _check(form: str, to: Path | None) -> None:
    """Refuse a workbook that can't be written.

    Raises:
        BadSetting: If it can't.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.report.workbook import check_xlsxwriter

    if form != "xlsx":
        return
    if to is None:
        raise BadSetting("--format xlsx needs a file.", "Name one with -o FILE.")
    check_xlsxwriter()


async def _list(
    job: "Job",
    selected: "Selected",
    output: Output,
    state: "SharedState",
    form: str,
    to: Path | None,
) -> int:
    """Write the pages down, and say how many there are."""
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.operations.page_rows import page_rows

    listed = 0
    async with open_credential(job, output, state) as credential:
        with _table(output, form, to) as table:
            async for row in page_rows(job, selected, credential, warn=output.warn):
                table.add(row)
                listed += 1
    return listed


@contextmanager
def _table(output: Output, form: str, to: Path | None) -> "Iterator[Table]":
    """What takes the rows; a file is there when all of them are.

    Raises:
        BadSetting: If it can't be written.
    """
    from bulk_publisher.cli.output.page_table import table_for_people, text_table, workbook_at
    from bulk_publisher.report.writing import text_file

    match to, form:
        case None, "table":
            yield table_for_people(output.put)
        case None, _:
            with output.data_file() as file, text_table(file, form) as table:
                yield table
        case Path(), "xlsx":
            with workbook_at(to) as table:
                yield table
        case Path(), _:
            with text_file(to) as file, text_table(file, form) as table:
                yield table
