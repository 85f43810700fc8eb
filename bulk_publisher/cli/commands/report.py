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
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs: one object, or a list of them.")  # fmt: skip
@click.option("--csv", "is_csv", is_flag=True, help="Every page, for a spreadsheet.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE|-",
    help="One file with charts and a table of failures; needs no network.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json", "csv", "html", "xlsx"]),
    help="The same, by name; xlsx is a workbook of all pages.",
)
@click.option(
    "-o",
    "--output",
    "to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write, for xlsx, csv and html.",
)
@click.option(
    "--excel",
    is_flag=True,
    help="With --csv: write what Excel opens in this locale.",
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
    kind: str | None,
    to: Path | None,
    excel: bool,
) -> None:
    """Show what each RUN has done. RUN is a run's folder, its ID or the start of it, or "latest".

    \b
    bulk-publisher report latest
    bulk-publisher report latest --html report.html
    bulk-publisher report latest --csv > pages.csv
    bulk-publisher report latest --format xlsx -o pages.xlsx
    """  # noqa: D301 - click's own mark
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.store import open_store

    asked = [
        ("json", is_json),
        ("csv", is_csv),
        ("html", html is not None),
        (kind, kind is not None),
    ]
    if sum(is_asked for _, is_asked in asked) > 1:
        raise BadSetting(
            "--json, --csv, --html and --format can't be combined.", "Run report once for each."
        )
    kind = next((one for one, is_asked in asked if is_asked), None)
    if "-" in names and kind in ("json", "csv"):
        raise BadSetting(
            f"--{kind} takes no file: it writes to standard output.", "Leave out the -."
        )
    to = html or to
    _check(kind, to, excel=excel)
    found = [open_store(runs).find(name) for name in names]
    folders, bad = _readable(found)
    match kind:
        case "html" | "xlsx" if to is not None and to != Path("-"):
            _write_file(kind, folders, to)
            output.say(f"Written: {to}")
        case "html":
            from bulk_publisher.report.html_page import html_report
            from bulk_publisher.report.story import read_story

            output.put_data(html_report([read_story(folder) for folder in folders]))
        case "csv":
            _put_csv(folders, to, output, excel=excel)
        case "json":
            from bulk_publisher.report.export import story_as_dict
            from bulk_publisher.report.story import read_story

            told = [story_as_dict(read_story(folder)) for folder in folders]
            output.put_json(told[0] if len(names) == 1 else told)
        case _:
            _tell(folders, output)
    for error in bad:
        say_error(output, error)
    if bad:
        sys.exit(bad[0].exit_status)


def _check(kind: str | None, to: Path | None, *, excel: bool) -> None:
    """Refuse what can't be combined.

    Raises:
        BadSetting: If something can't.
    """
    from bulk_publisher.errors import BadSetting

    if excel and kind != "csv":
        raise BadSetting("--excel needs --csv.", "For a workbook, use --format xlsx -o FILE.")
    if kind == "xlsx" and (to is None or to == Path("-")):
        raise BadSetting("--format xlsx needs a file.", "Name one with -o FILE.")
    if to is not None and kind not in ("csv", "html", "xlsx"):
        raise BadSetting(
            "-o needs --format xlsx, csv or html.", "Everything else goes to standard output."
        )


def _write_file(kind: str, folders: "list[KeptRun]", to: Path) -> None:
    from bulk_publisher.report.workbook import write_xlsx
    from bulk_publisher.report.writing import write_html

    (write_xlsx if kind == "xlsx" else write_html)(folders, to)


def _put_csv(folders: "list[KeptRun]", to: Path | None, output: Output, *, excel: bool) -> None:
    from bulk_publisher.report.export import write_csv
    from bulk_publisher.report.writing import text_file

    decimal = _decimal_sign() if excel else None
    if to is None or to == Path("-"):
        with output.data_file() as file:
            write_csv(folders, file, decimal=decimal)
    else:
        with text_file(to) as file:
            write_csv(folders, file, decimal=decimal)
        output.say(f"Written: {to}")


def _decimal_sign() -> str:
    """What parts decimals by the environment's locale; a point where that is not there."""
    import locale

    try:
        locale.setlocale(locale.LC_NUMERIC, "")
    except locale.Error:
        return "."
    sign = str(locale.localeconv()["decimal_point"])
    locale.setlocale(locale.LC_NUMERIC, "C")
    return sign


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
