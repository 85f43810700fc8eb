"""``bulk-publisher report``: what runs have done."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.completing import runs_there
from bulk_publisher.cli.commands.parameters.job_options import runs_option
from bulk_publisher.cli.output.complaints import say_error, says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.store.protocol import KeptRun


@click.command("report")
@click.argument("names", metavar="RUN…", nargs=-1, required=True, shell_complete=runs_there)
@runs_option
@click.option("--json", "is_json", is_flag=True, help="For programs; one object, or a list of them.")  # fmt: skip
@click.option("--csv", "is_csv", is_flag=True, help="Every page, for a spreadsheet.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    help="One file with pictures and a table of failures; needs no network.",
)
@click.pass_obj
@says_errors
def report(
    output: Output,
    /,
    *,
    names: tuple[str, ...],
    runs: Path,
    is_json: bool,
    is_csv: bool,
    html: Path | None,
) -> None:
    """Say what each RUN has done. RUN is a run's folder, its ID or the beginning of it, or "latest".

    \b
    bulk-publisher report latest
    bulk-publisher report latest --html report.html
    bulk-publisher report latest --csv > pages.csv
    """  # noqa: D301 - click's own mark
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.report.export import story_as_dict, write_csv
    from bulk_publisher.report.html_page import html_report
    from bulk_publisher.report.story import read_story
    from bulk_publisher.report.writing import write_html
    from bulk_publisher.store import open_store

    if is_json + is_csv + (html is not None) > 1:
        raise BadSetting("--json, --csv and --html exclude each other.", "Ask once for each.")
    if "-" in names and (is_json or is_csv):
        raise BadSetting(
            f"--{'json' if is_json else 'csv'} takes no file: it is written to standard output.",
            "Leave the - out.",
        )
    found = [open_store(runs).find(name) for name in names]
    folders, bad = _readable(found)
    if html == Path("-"):
        output.put_data(html_report([read_story(folder) for folder in folders]))
    elif html is not None:
        write_html(folders, html)
        output.say(f"Written: {html}")
    elif is_csv:
        with output.data_file() as file:
            write_csv(folders, file)
    elif is_json:
        told = [story_as_dict(read_story(folder)) for folder in folders]
        output.put_json(told[0] if len(names) == 1 else told)
    else:
        _tell(folders, output)
    for error in bad:
        say_error(output, error)
    if bad:
        sys.exit(bad[0].exit_status)


def _tell(folders: "list[KeptRun]", output: Output) -> None:
    from bulk_publisher.report.story import read_story
    from bulk_publisher.report.telling import story_lines

    for number, folder in enumerate(folders):
        if number:
            output.put()
        for line in story_lines(read_story(folder), name_for_commands(folder)):
            output.put(line)


def _readable(folders: "list[KeptRun]") -> "tuple[list[KeptRun], list[BadJournal]]":
    """Those of *folders* that can be read, and why the others can't: they spoil nothing.

    Raises:
        BadJournal: If none can.
    """
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.report.story import check_readable

    if len(folders) == 1:
        # What is wrong with it is said where it is read.
        return folders, []
    good, bad = [], []
    for folder in folders:
        try:
            check_readable(folder)
            good.append(folder)
        except BadJournal as error:
            bad.append(error)
    if not good:
        raise bad[0]
    return good, bad
