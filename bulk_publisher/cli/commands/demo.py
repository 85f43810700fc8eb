"""``bulk-publisher demo``: all of it on a simulated portal, in a minute."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.jobs import Selection

_PAGES = 300
_COLUMNS = ("lid", "title", "confluence_id", "space")
_SPACES = ("HR", "IT", "OPS")
_SHOWN = 5
"""Failures that are shown with their IDs of the old system."""


@click.command("demo")
@runs_option
@click.pass_obj
@says_errors
def demo(output: Output, *, runs: Runs) -> None:
    """Publish a knowledge base of 300 pages on a simulated portal, from a list of a migration.

    The list is a spreadsheet with the IDs that the pages had in the old system. A few pages fail in
    different ways; the summary says how, and the report names them by their old IDs.
    """
    from bulk_publisher.cli.commands.doing import run_job
    from bulk_publisher.jobs import Job, Portal

    job = Job(name="demo", portal=Portal(sandbox="demo"), select=_selection(runs, output))
    status = run_job(job, output, runs=runs)
    output.tell(_old_ids(runs))
    # That some pages fail is what the demo shows.
    sys.exit(0 if status == 1 else status)


def _selection(runs: Runs, output: Output) -> "Selection":
    """The pages of a list that is written for it: a workbook where those can be read, else a CSV."""
    from bulk_publisher.jobs import Selection
    from bulk_publisher.model import Scope
    from bulk_publisher.report.workbook import sheets_at
    from bulk_publisher.report.writing import text_file

    folder = runs if isinstance(runs, Path) else Path()
    folder.mkdir(parents=True, exist_ok=True)
    has_workbooks = all(find_spec(name) for name in ("xlsxwriter", "python_calamine"))
    path = folder / f"demo-pages.{'xlsx' if has_workbooks else 'csv'}"
    if has_workbooks:
        with sheets_at(path, _COLUMNS) as sheets:
            for row in _rows():
                sheets.add(row)
        select = Selection(xlsx=str(path), scope=Scope.KNOWLEDGE)
    else:
        with text_file(path) as file:
            lines = (_COLUMNS, *_rows())
            file.writelines(f"{','.join(map(str, line))}\n" for line in lines)
        select = Selection(csv=str(path), scope=Scope.KNOWLEDGE)
    output.say(f"List of pages: {path}, with the columns {', '.join(_COLUMNS)}.")
    return select


def _rows() -> Iterator[tuple[object, ...]]:
    for page in range(1, _PAGES + 1):
        yield page, f"Page {page}", 98_304 + 17 * page, _SPACES[page % len(_SPACES)]


def _old_ids(runs: Runs) -> Iterator[str]:
    """What failed, by the IDs of the old system."""
    from bulk_publisher.report.story import read_story
    from bulk_publisher.report.text import row_in_words
    from bulk_publisher.store import open_store

    failures = read_story(open_store(runs).find("latest")).failures
    if failures:
        yield "What failed, as the old system calls it:"
    for outcome in failures[:_SHOWN]:
        yield f"  {row_in_words(outcome.row)}: page {outcome.page}, {outcome.error}"
    if len(failures) > _SHOWN:
        yield f"  … and {len(failures) - _SHOWN} more: bulk-publisher report latest --csv"
