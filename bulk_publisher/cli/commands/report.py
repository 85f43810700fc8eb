"""``bulk-publisher report``: what runs have done."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.completing import runs_there
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import say_error, says_errors
from bulk_publisher.cli.output.naming import name_for_commands
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulk_publisher.errors import BadJournal
    from bulk_publisher.report.story import Story
    from bulk_publisher.store.protocol import KeptRun


@click.command("report")
@click.argument("names", metavar="[RUN…]", nargs=-1, shell_complete=runs_there)
@runs_option
@click.option("--job", metavar="NAME", help="Instead of RUN: all runs of this job, or of those such as 'client-*'.")  # fmt: skip
@click.option("--portal", metavar="NAME", help="Instead of RUN: all runs on this portal.")
@click.option("--since", metavar="AGE", help="Instead of RUN: all runs that began within this time, such as 24h.")  # fmt: skip
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
    runs: Runs,
    job: str | None,
    portal: str | None,
    since: str | None,
    is_json: bool,
    is_csv: bool,
    html: Path | None,
    kind: str | None,
    to: Path | None,
    excel: bool,
) -> None:
    """Show what each RUN has done. RUN is a run's folder, its ID or the start of it, or "latest".

    Instead of RUN, --job, --portal and --since choose among all runs; those of many portals are summed up
    by portal.

    \b
    bulk-publisher report latest
    bulk-publisher report --job nightly --since 24h
    bulk-publisher report latest --html report.html
    bulk-publisher report latest --csv > pages.csv
    bulk-publisher report latest --format xlsx -o pages.xlsx
    """  # noqa: D301 - click's own mark
    from bulk_publisher.errors import BadSetting

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
    folders = _chosen(runs, names, job, portal, since)
    bad: list[BadJournal] = []
    match kind:
        case "html" | "xlsx" if to is not None and to != Path("-"):
            _write_file(kind, folders, to, bad)
            output.say(f"Written: {to}")
        case "html":
            from bulk_publisher.report.html_page import html_report

            output.put_data(html_report(_stories(folders, bad), of=len(folders)))
        case "csv":
            _put_csv(folders, to, output, bad, excel=excel)
        case "json":
            from bulk_publisher.report.export import story_as_dict

            told = [story_as_dict(story) for story in _stories(folders, bad)]
            output.put_json(told[0] if len(names) == 1 else told)
        case _:
            _tell(folders, output, bad)
    for error in bad:
        say_error(output, error)
    if bad:
        sys.exit(bad[0].exit_status)


def _chosen(
    runs: Runs,
    names: "Sequence[str]",
    job: str | None,
    portal: str | None,
    since: str | None,
) -> "list[KeptRun]":
    """The runs that are asked for: by their names in that order, else the oldest first.

    Raises:
        BadSetting: If nothing is asked for, or there is none.
        BadJournal: If there is none of a name.
    """
    from bulk_publisher.cli.commands.parameters.moments import parse_age
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.report.past import past_runs
    from bulk_publisher.store import find_run, open_store

    is_chosen = (job, portal, since) != (None, None, None)
    if names and is_chosen:
        raise BadSetting("--job, --portal and --since choose runs.", "Leave out RUN, or these.")
    if names:
        return [find_run(runs, name) for name in names]
    if not is_chosen:
        raise BadSetting(
            "Which run?", "Name one, such as latest, or choose with --job, --portal or --since."
        )
    store = open_store(runs)
    began = None if since is None else parse_age(since, "--since")
    found = [past.kept for past in past_runs(store, job=job, portal=portal, since=began)]
    if not found:
        raise BadSetting(
            f"No run in {store.place} is like that.", "bulk-publisher status lists all runs."
        )
    return found[::-1]


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


def _write_file(kind: str, folders: "Sequence[KeptRun]", to: Path, bad: "list[BadJournal]") -> None:
    from bulk_publisher.report.workbook import check_xlsxwriter, write_xlsx
    from bulk_publisher.report.writing import write_html

    if kind == "html":
        write_html(_stories(folders, bad), to, of=len(folders))
        return
    check_xlsxwriter()
    good, carried = _readable(folders, bad)
    write_xlsx(good, to, carried=carried)


def _put_csv(
    folders: "Sequence[KeptRun]",
    to: Path | None,
    output: Output,
    bad: "list[BadJournal]",
    *,
    excel: bool,
) -> None:
    from bulk_publisher.report.export import write_csv
    from bulk_publisher.report.writing import text_file

    decimal = _decimal_sign() if excel else None
    good, carried = _readable(folders, bad)
    if to is None or to == Path("-"):
        with output.data_file() as file:
            write_csv(good, file, decimal=decimal, carried=carried)
    else:
        with text_file(to) as file:
            write_csv(good, file, decimal=decimal, carried=carried)
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


def _tell(folders: "Sequence[KeptRun]", output: Output, bad: "list[BadJournal]") -> None:
    from bulk_publisher.report.portal_sums import PortalSums
    from bulk_publisher.report.telling import story_lines

    sums = PortalSums()
    for story in _stories(folders, bad):
        if sums.runs:
            output.put()
        for line in story_lines(story, name_for_commands(story.kept)):
            output.put(line)
        sums.add(story)
    if sums.runs > 1:
        output.put()
        for line in sums.lines():
            output.put(line)


def _stories(folders: "Sequence[KeptRun]", bad: "list[BadJournal]") -> "Iterator[Story]":
    """The stories of *folders*, each read when it is its turn.

    Args:
        bad: Takes why one of several can't be read: it spoils no other.

    Raises:
        BadJournal: If none can.
    """
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.report.story import read_story

    for folder in folders:
        try:
            story = read_story(folder)
        except BadJournal as error:
            bad.append(error)
        else:
            yield story
    _check_some(folders, bad)


def _readable(
    folders: "Sequence[KeptRun]", bad: "list[BadJournal]"
) -> "tuple[Sequence[KeptRun], Mapping[str, str]]":
    """Those of *folders* whose journals can be read to their ends, and the columns that their pages carry.

    A table has to know its columns before its first row: each journal is read once for them, and once more.

    Raises:
        BadJournal: If none can.
    """
    from bulk_publisher.errors import BadJournal
    from bulk_publisher.report.export import carried_names

    if len(folders) == 1:
        # What is wrong with it is said where it is written.
        return folders, carried_names(folders)
    unreadable: set[str] = set()

    def note(folder: "KeptRun", error: BadJournal) -> None:
        unreadable.add(folder.address)
        bad.append(error)

    carried = carried_names(folders, note)
    _check_some(folders, bad)
    good = [one for one in folders if one.address not in unreadable and one.has_journal]
    return good, carried


def _check_some(folders: "Sequence[KeptRun]", bad: "list[BadJournal]") -> None:
    if bad and len(bad) == len(folders):
        raise bad[0]
