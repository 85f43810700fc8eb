"""A run's folder, told: in words, as JSON, as a CSV, as a page of HTML."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from python_calamine import CalamineWorkbook

from bulk_publisher.cli import main
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import FolderId, Outcome, SiteId, Status
from bulk_publisher.report import html_page
from bulk_publisher.report import workbook as report_workbook
from bulk_publisher.report.export import story_as_dict, write_csv
from bulk_publisher.report.html_page import html_report
from bulk_publisher.report.story import read_story
from bulk_publisher.report.telling import story_lines
from bulk_publisher.report.text import printable
from bulk_publisher.report.workbook import sheets_at, write_xlsx
from bulk_publisher.report.writing import leave_report
from bulk_publisher.store import KeptRun
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.record import encode_outcomes
from tests.folders import describe, files_of
from tests.outcomes import RUN, outcome

MakeRun = Callable[..., KeptRun]


def _outcome(page: int, **changes: object) -> Outcome:
    told = {
        "duration": 0.3, "operating": 0.3, "site": SiteId(7), "folder": FolderId(2),
        "title": f"Page {page}", "url": f"/handbook/{page}/", "source": f"pages.csv:{page + 1}",
    }  # fmt: skip
    return outcome(page, **{**told, **changes})


def _failed(page: int, **changes: object) -> Outcome:
    return _outcome(page, status=Status.FAILED, error="LANDING_NOT_EXIST", hint="No such page.", **changes)  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(*outcomes: Outcome, **description: object) -> KeptRun:
        folder = FolderRun(tmp_path / RUN)
        files_of(folder).path.mkdir()
        files_of(folder).journal.write_bytes(encode_outcomes(outcomes))
        describe(
            folder,
            **{
                "run": RUN,
                "portal": "example.bitrix24.com",
                "started": "2026-03-01T03:00:00.000Z",
                "ended": "2026-03-01T03:01:00.000Z",
                "limits": {"capacity": 50, "drain": 2, "operating": 480},
                "job": {"name": "t", "action": "publish"},
                "totals": {"seconds": 60, "waited": {"operating": 30}, "is_whole": True},
                **description,
            },
        )
        return folder

    return make


def test_a_run_is_told_in_words(make_run):
    folder = make_run(_outcome(1), _failed(2))

    text = "\n".join(story_lines(read_story(folder), RUN))

    assert "2 pages settled in 1 min" in text
    assert "LANDING_NOT_EXIST: 1 page, for example page 2" in text
    assert f"bulk-publisher retry {RUN}" in text
    assert "30 s for operating" in text


def test_a_run_that_has_not_ended_names_status(make_run):
    folder = make_run(_outcome(1), ended=None, totals=None)

    assert f"bulk-publisher status {RUN}" in "\n".join(story_lines(read_story(folder), RUN))


def test_a_run_that_stopped_early_names_resume(make_run):
    folder = make_run(_outcome(1), totals={"is_whole": False})

    assert f"bulk-publisher resume {RUN}" in "\n".join(story_lines(read_story(folder), RUN))


@pytest.mark.parametrize("kept", [(), (1,), (1, 2)], ids=["none", "one of three", "two of three"])
def test_lines_that_somebody_removed_are_said_to_be_missing(make_run, kept):
    counts = {"published": 3}
    folder = make_run(
        *map(_outcome, kept),
        totals={"is_whole": True, "counts": counts},
        selected={"total": 3, "duplicates": 0, "bad_rows": 0, "sha256": None},
    )

    story = read_story(folder)
    text = "\n".join(story_lines(story, RUN))

    lost = {0: "3 pages had", 1: "2 pages had", 2: "1 page had"}[len(kept)]
    assert f"The journal has lost lines: {lost}" in text
    assert f"bulk-publisher resume {RUN}" in text
    assert "Nothing to publish" not in text
    assert not story_as_dict(story)["is_whole"]


@pytest.mark.parametrize(("is_whole", "name"), [(True, "retry"), (False, "resume")])
def test_a_page_of_html_names_the_run_so_that_it_is_found_from_any_folder(make_run, is_whole, name):
    folder = make_run(_failed(1), totals={"is_whole": is_whole})

    text = html_report([read_story(folder)])

    assert f"bulk-publisher {name} {folder.place}<" in text


def test_time_between_two_processes_is_no_time_at_work(make_run):
    again = {"at": "2026-03-01T03:10:00.000Z", "seed": 2, "seconds": 8, "ended": None}
    lines = [_outcome(1), _outcome(2, time="2026-03-01T03:10:12.000Z")]
    folder = make_run(*lines, ended=None, totals=None, resumed=[again])

    assert read_story(folder).seconds == 20


def test_what_a_killed_process_has_waited_is_not_passed_over_in_silence(make_run):
    again = {"at": "2026-03-01T03:10:00.000Z", "seed": 2, "seconds": 8, "ended": None}

    text = "\n".join(story_lines(read_story(make_run(_outcome(1), resumed=[again])), RUN))

    assert "Waited 30 s for operating time, not counting killed processes." in text


def test_how_a_process_ended_is_not_said_of_a_run_that_goes_on_from_there(make_run):
    totals = {"seconds": 60, "is_whole": False, "stopped_by": {"message": "Full.", "hint": ""}}
    again = {"at": "2026-03-01T03:10:00.000Z", "seconds": 60, "ended": "2026-03-01T03:01:00.000Z"}
    folder = make_run(_outcome(1), ended=None, totals=totals, resumed=[again])

    assert "Stopped" not in "\n".join(story_lines(read_story(folder), RUN))
    assert story_as_dict(read_story(folder))["stopped_by"] is None


def test_json_has_the_counts_and_an_example_of_each_failure(make_run):
    told = json.loads(json.dumps(story_as_dict(read_story(make_run(_outcome(1), _failed(2))))))

    assert told["counts"] == {"published": 1, "failed": 1}
    assert told["failures"]["LANDING_NOT_EXIST"]["example"]["page"] == 2


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_begins_like_a_formula(make_run, begin):
    folder = make_run(_outcome(1, title=f"{begin}HYPERLINK(1)"))
    out = io.StringIO()

    write_csv([folder], out)

    row = next(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert row["title"] == f"'{printable(begin)}HYPERLINK(1)"


def test_the_csv_has_a_column_for_each_field_and_leaves_unknown_ones_empty(make_run):
    out = io.StringIO()

    write_csv([make_run(_outcome(1, site=None))], out)

    row = next(csv.DictReader(io.StringIO(out.getvalue())))
    assert (*row, "row") == Outcome.__struct_fields__
    assert row["site"] == ""
    assert row["was_active"] == "false"


@pytest.mark.parametrize(
    "source", ["lists/a, b.csv:3", 'say "so".csv:3', "лист;1.csv:3", "nach\tbar.csv:3"]
)
def test_a_source_is_one_cell_of_the_csv_whatever_its_name(make_run, source):
    out = io.StringIO()

    write_csv([make_run(_outcome(1, source=source))], out)

    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["source"] == printable(source)


def test_durations_are_told_to_the_millisecond(make_run):
    folder = make_run(_failed(1, duration=0.1 + 0.2, operating=0.28 + 1e-13))
    out = io.StringIO()

    write_csv([folder], out)

    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["duration"], row["operating"]) == ("0.3", "0.28")
    example = story_as_dict(read_story(folder))["failures"]["LANDING_NOT_EXIST"]["example"]
    assert (example["duration"], example["operating"]) == (0.3, 0.28)


def test_the_page_of_html_needs_no_network(make_run):
    text = html_report([read_story(make_run(_outcome(1), _failed(2)))])

    assert "<link" not in text
    assert "src=" not in text.replace("default-src", "").replace("-src '", "")
    assert "default-src 'none'" in text


def test_what_the_portal_says_does_nothing_in_the_page_of_html(make_run):
    evil = "</script><img src=x onerror=alert(1)>"
    folder = make_run(_failed(1, title=evil, error_description=evil, source=evil))

    text = html_report([read_story(folder)])

    assert "<img" not in text
    assert text.count("</script>") == 2


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "http://["])  # fmt: skip
def test_only_addresses_of_the_web_become_links(make_run, url):
    text = html_report([read_story(make_run(_failed(1, url=url)))])

    assert "<a href" not in text


def test_a_relative_address_is_one_of_the_portal(make_run):
    text = html_report([read_story(make_run(_failed(1)))])

    assert '<a href="https://example.bitrix24.com/handbook/1/"' in text


def test_a_title_with_dollars_is_drawn_as_it_is(make_run):
    text = html_report([read_story(make_run(_outcome(1), portal="$x^2$ {"))])

    assert "$x^2$" in text


def test_the_pictures_take_their_colours_from_the_page(make_run):
    text = html_report([read_story(make_run(_outcome(1), _failed(2)))])

    assert "var(--good)" in text
    assert "#0a0b" not in text


def test_a_run_without_a_single_line_has_a_report_too(make_run):
    assert "<h1>" in html_report([read_story(make_run())])


def test_a_portal_without_meters_has_no_picture_of_them(make_run):
    story = read_story(make_run(_outcome(1, operating=None, duration=None)))

    text = html_report([story])

    assert "Operating time" not in text
    assert "What a page costs" not in text


def test_several_runs_stand_on_one_page(make_run, tmp_path):
    story = read_story(make_run(_failed(1)))

    text = html_report([story, story])

    assert 'id="failures-0"' in text
    assert 'id="failures-1"' in text


def test_no_report_is_left_where_it_cannot_be_drawn(make_run, monkeypatch):
    monkeypatch.setattr(html_page, "find_spec", lambda _name: None)

    assert leave_report(make_run(_outcome(1))) is None


def test_a_report_that_cannot_be_drawn_says_what_to_install(make_run, monkeypatch):
    monkeypatch.setattr(html_page, "find_spec", lambda _name: None)

    with pytest.raises(BadSetting, match="matplotlib") as caught:
        html_report([read_story(make_run(_outcome(1)))])

    assert "bulk-publisher[report]" in caught.value.hint


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x07", "\r", "\n", "\x9b1m", "\u202e"])
def test_nothing_that_moves_a_cursor_reaches_a_terminal(sign):
    assert printable(f"a{sign}b").isprintable()


def test_the_page_of_html_goes_to_standard_output_for_a_dash(make_run, monkeypatch):
    folder = make_run(_outcome(1))
    monkeypatch.chdir(folder.place)

    done = CliRunner().invoke(main, ["report", folder.place, "--html", "-"])

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("<!doctype html>")
    assert done.stderr == ""
    assert not Path("-").exists()


@pytest.mark.parametrize("option", ["--csv", "--json"])
def test_a_dash_is_no_run_beside_what_goes_to_standard_output_anyway(make_run, option):
    folder = make_run(_outcome(1))

    done = CliRunner().invoke(main, ["report", folder.place, option, "-"])

    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {option} takes no file")


def test_a_csv_for_excel_is_parted_as_the_locale_has_it(make_run):
    run = make_run(_outcome(1, duration=0.25, title="a;b"))
    out = io.StringIO()

    write_csv([run], out, decimal=",")

    assert out.getvalue().startswith("\ufefftime;run;")
    (row,) = csv.DictReader(io.StringIO(out.getvalue().removeprefix("\ufeff")), delimiter=";")
    assert (row["page"], row["duration"], row["title"]) == ("1", "0,25", "a;b")


def test_a_csv_for_excel_keeps_every_digit_of_an_id_and_no_cell_that_would_run_over(make_run):
    run = make_run(_outcome(2**63 - 1, title="😀" * 20_000, site=SiteId(10**15 - 1)))
    out = io.StringIO()

    write_csv([run], out, decimal=".")

    (row,) = csv.DictReader(io.StringIO(out.getvalue().removeprefix("\ufeff")))
    assert (row["page"], row["site"]) == ("'9223372036854775807", "999999999999999")
    assert row["title"] == "😀" * 16_383


def test_a_csv_for_programs_has_all_as_it_is(make_run):
    run = make_run(_outcome(2**63 - 1, title="x" * 40_000))
    out = io.StringIO()

    write_csv([run], out)

    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["page"], row["title"]) == ("9223372036854775807", "x" * 40_000)


@pytest.mark.parametrize(
    ("title", "kept"),
    [("x" * 40_000, "x" * 32_767), ("😀" * 20_000, "😀" * 16_383), ("x" + "😀" * 16_383, None)],
    ids=["letters", "signs of two units", "just short enough"],
)
def test_a_text_is_cut_where_a_cell_of_a_workbook_ends(make_run, tmp_path, title, kept):
    write_xlsx([make_run(_outcome(1, title=title))], tmp_path / "pages.xlsx")

    sheet = CalamineWorkbook.from_path(tmp_path / "pages.xlsx").get_sheet_by_name("Pages")
    names, row = sheet.to_python()
    assert row[names.index("title")] == (kept or title)


def test_a_workbook_has_ids_as_numbers_and_all_else_as_text(make_run, tmp_path):
    run = make_run(
        _outcome(351, title="=HYPERLINK(1)", duration=0.25), _outcome(10**15, title="1e5\x1b[1m", site=None)
    )  # fmt: skip

    write_xlsx([run], tmp_path / "pages.xlsx")

    sheet = CalamineWorkbook.from_path(tmp_path / "pages.xlsx").get_sheet_by_name("Pages")
    names, *rows = sheet.to_python()
    first, second = (dict(zip(names, row, strict=True)) for row in rows)
    assert (*names, "row") == Outcome.__struct_fields__
    assert (first["page"], first["title"], first["duration"]) == (351, "=HYPERLINK(1)", 0.25)
    assert (first["was_active"], first["time"]) == (False, "2026-03-01T03:00:51.000Z")
    assert (second["page"], second["title"], second["site"]) == (str(10**15), "1e5 [1m", "")


def test_what_looks_like_a_formula_stays_text_when_its_cell_is_edited(make_run, tmp_path):
    write_xlsx([make_run(_outcome(1, title="=1+1"))], tmp_path / "pages.xlsx")

    with zipfile.ZipFile(tmp_path / "pages.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert 'quotePrefix="1"' in styles


def test_more_pages_than_a_sheet_has_rows_go_to_the_next(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(report_workbook, "MOST_ROWS", 3)
    run = make_run(*map(_outcome, range(1, 6)))

    write_xlsx([run], tmp_path / "pages.xlsx")

    book = CalamineWorkbook.from_path(tmp_path / "pages.xlsx")
    assert [book.get_sheet_by_name(name).height for name in book.sheet_names] == [3, 3, 2]
    assert book.sheet_names == ["Pages", "Pages 2", "Pages 3"]


def test_a_workbook_that_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def break_off():
        with sheets_at(tmp_path / "pages.xlsx", ["lid"]) as sheets:
            sheets.add([1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()

    assert not [*tmp_path.iterdir()]


def test_without_its_library_no_workbook_is_written(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(report_workbook, "find_spec", lambda name: None)

    with pytest.raises(BadSetting) as caught:
        write_xlsx([make_run(_outcome(1))], tmp_path / "pages.xlsx")

    assert caught.value.hint == "Install it with: pip install 'bulk-publisher[xlsx]'"
    assert not (tmp_path / "pages.xlsx").exists()


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (["--format", "xlsx", "-o", "out"], b"PK\x03\x04"),
        (["--format", "csv", "-o", "out"], b"time,run,"),
        (["--csv", "--excel", "-o", "out"], b"\xef\xbb\xbftime,run,"),
        (["--format", "html", "-o", "out"], b"<!doctype html>"),
        (["--html", "out"], b"<!doctype html>"),
    ],
)
def test_a_report_is_written_where_it_is_asked_for(make_run, monkeypatch, words, begins):
    run = make_run(_outcome(1))
    monkeypatch.chdir(run.place)
    monkeypatch.setenv("LC_ALL", "C")

    done = CliRunner().invoke(main, ["report", run.place, *words])

    assert done.exit_code == 0, done.output
    assert (done.stdout, done.stderr) == ("", "Written: out\n")
    assert Path("out").read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "xlsx"], "--format xlsx needs a file."),
        (["--format", "xlsx", "-o", "-"], "--format xlsx needs a file."),
        (["--format", "xlsx", "--csv"], "--json, --csv, --html and --format can't be combined."),
        (["--excel"], "--excel needs --csv."),
        (["--json", "-o", "out"], "-o needs --format xlsx, csv or html."),
        (
            ["--format", "xlsx", "-o", "no/such/folder"],
            "no/such/folder can't be written",
        ),
    ],
)
def test_what_a_report_can_t_be_is_one_line(make_run, monkeypatch, words, said):
    run = make_run(_outcome(1))
    monkeypatch.chdir(run.place)

    done = CliRunner().invoke(main, ["report", run.place, *words])

    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {said}")
