"""``bulk-publisher report``: what runs have done."""

from pathlib import Path

import click

from bulk_publisher.cli.options import runs_option
from bulk_publisher.cli.output import Output, name_for_commands, says_errors


@click.command("report")
@click.argument("names", metavar="RUN…", nargs=-1, required=True)
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
    """Say what each RUN has done. RUN is a run's folder, its id, or "latest".

    \b
    bulk-publisher report latest
    bulk-publisher report latest --html report.html
    bulk-publisher report latest --csv > pages.csv
    """  # noqa: D301 - click's own mark
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.journal.folder import find_folder
    from bulk_publisher.report.export import story_as_dict, write_csv
    from bulk_publisher.report.html_page import html_report
    from bulk_publisher.report.story import read_story
    from bulk_publisher.report.telling import story_lines
    from bulk_publisher.report.writing import write_html

    if is_json + is_csv + (html is not None) > 1:
        raise BadSetting("--json, --csv and --html exclude each other.", "Ask once for each.")
    if "-" in names and (is_json or is_csv):
        raise BadSetting(
            f"--{'json' if is_json else 'csv'} takes no file: it is written to standard output.",
            "Leave the - out.",
        )
    folders = [find_folder(name, runs) for name in names]
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
        output.put_json(told[0] if len(told) == 1 else told)
    else:
        for number, folder in enumerate(folders):
            if number:
                output.put()
            for line in story_lines(read_story(folder), name_for_commands(folder.path)):
                output.put(line)
