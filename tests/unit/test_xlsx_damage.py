"""Whatever a workbook has that a list of pages should not: the right pages, or one line that says why."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx
from tests.workbooks import edited, workbook

SHEET = "xl/worksheets/sheet1.xml"
SAMPLES = Path(__file__).parent.parent / "data" / "spreadsheets"
NO_ID = "is not a page id, which is a whole number from 1"
DIGITS_LOST = "is no page id any more: the spreadsheet has left its last digits out"


def check(path: Path, **asked: str | None) -> CheckedTable:
    wanted: dict[str, str | None] = {"sheet": None, "column": None, **asked}
    return check_xlsx(str(path), scope=None, skip_bad_rows=False, **wanted)  # type: ignore[arg-type]


def refusal(path: Path, **asked: str | None) -> BadSource:
    with pytest.raises(BadSource) as caught:
        check(path, **asked)
    return caught.value


def problems(path: Path, **asked: str | None) -> list[str]:
    """What is said of the rows, without the name of the file."""
    return [line.removeprefix(f"{path}:") for line in refusal(path, **asked).problems]


def with_cell(old: str, new: str) -> Callable[[Path], Path]:
    return lambda path: edited(workbook(path, [["id"], [351], [352]]), SHEET, old, new)


def test_ids_that_only_look_like_numbers_are_named_all_at_once(tmp_path: Path):
    cells = ["３５１", "351\u00a0", "\u2009352", "353\u200b", "'354'", 9007199254740993.0]
    cells += ["9223372036854775808", "1" * 5000]
    path = workbook(tmp_path / "a.xlsx", [["id"], *([cell] for cell in cells)])

    assert problems(path) == [
        f"Sheet1:2: '３５１' {NO_ID}",
        f"Sheet1:5: '353\\u200b' {NO_ID}",
        f"Sheet1:6: \"'354'\" {NO_ID}",
        f"Sheet1:7: '9.007199254740992E+15' {DIGITS_LOST}",
        "Sheet1:8: '9223372036854775808' is too large for a page id",
        f"Sheet1:9: '{'1' * 40}…' is too large for a page id",
    ]


def test_scopes_and_sites_that_are_none_are_named_with_their_rows(tmp_path: Path):
    rows = [["id", "scope", "site"], [351, "KNOWLEDGE", 7], [352, "Knowlege", 7], [353, "group", 7.5]]  # fmt: skip
    path = workbook(tmp_path / "a.xlsx", [*rows, [354], [355, "page", 0]])

    assert problems(path) == [
        "Sheet1:3: 'Knowlege' is not a scope: did you mean KNOWLEDGE?",
        "Sheet1:4: '7.5' is not a site id, which is a whole number from 1",
        "Sheet1:6: '0' is not a site id, which is a whole number from 1",
    ]


@pytest.mark.parametrize("far", [2, 1500], ids=["near", "in a later block"])
def test_a_row_that_is_wrong_is_found_wherever_it_stands(tmp_path: Path, far: int):
    rows: list[list[object]] = [[page, "Title"] for page in range(1, 3000)]
    rows[far] = ["35l", "Title"]
    path = workbook(tmp_path / "a.xlsx", [["id", "title"], *rows])

    assert problems(path) == [f"Sheet1:{far + 2}: '35l' {NO_ID}"]


def test_a_header_that_stands_again_far_below_with_other_columns_is_refused(tmp_path: Path):
    rows = [[page, "group"] for page in range(1, 1500)]
    path = workbook(tmp_path / "a.xlsx", [["id", "scope"], *rows, ["scope", "id"], ["group", 9]])

    assert refusal(path).message == (
        f"{path}:Sheet1:1501: a second header stands here, which names the columns differently from "
        "the first"
    )


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", [["id", "ID"], [351, 352]])

    assert refusal(path).message == f"{path}:Sheet1 has more than one column named 'id'"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (with_cell("<v>352</v>", "<v>abc</v>"), f"Sheet1:3: 'abc' {NO_ID}"),
        (
            with_cell('r="A3"', 'r="ZZZ3"'),
            "Sheet1:3: '352' stands under no column's name: 18,278 cells in this row and 1 in the header",
        ),
    ],
    ids=["a number that is none", "a column beyond the last"],
)
def test_a_broken_cell_is_a_bad_row(tmp_path: Path, make: Callable[[Path], Path], why: str):
    assert problems(make(tmp_path / "a.xlsx")) == [why]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (with_cell('<c r="A2">', '<c r="A2" t="b">'), "is damaged, or no spreadsheet: "),
        (with_cell('r="A3"', 'r="A0"'), "is damaged, or no spreadsheet: "),
        (with_cell('r="A3"', 'r="A99999999"'), "can't be read: it takes over 1 GB of memory"),
        (with_cell('<c r="A2">', '<c r="A2" t="s">'), "is damaged, or no spreadsheet: "),
    ],
    ids=["true is 351", "row 0", "row 99,999,999", "a text that is not there"],
)
def test_a_broken_sheet_is_refused(tmp_path: Path, make: Callable[[Path], Path], message: str):
    path = make(tmp_path / "a.xlsx")

    error = refusal(path)

    assert error.message.startswith(f"{path} {message}")
    assert "--csv" in error.hint


def test_the_size_that_a_sheet_gives_is_not_believed(tmp_path: Path):
    path = with_cell('"A1:A3"', '"A1:XFD1048576"')(tmp_path / "a.xlsx")

    assert check(path).pages == 2


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path):
    whole = workbook(tmp_path / "whole.xlsx", [["id"], [351]])
    path = tmp_path / "a.xlsx"
    with (
        zipfile.ZipFile(whole) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
        head, tail = old.read(SHEET).split(b"</sheetData>")
        with new.open(SHEET, "w") as sheet:
            sheet.write(head)
            for _ in range(1100):
                sheet.write(b" " * (1 << 20))
            sheet.write(b"</sheetData>" + tail)

    assert refusal(path).message == f"{path} can't be read: it takes over 1 GB of memory"


def test_rows_that_are_formatted_and_empty_are_left_aside(tmp_path: Path):
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
    sheet.write(0, 0, "id")
    for row in range(1, 5000):
        sheet.write_blank(row, 0, None, bold)
    sheet.write(4999, 0, 351)
    book.close()

    assert check(tmp_path / "a.xlsx").pages == 1


def test_where_no_sheet_can_be_seen_the_hidden_ones_are_named(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", {"A": [[351]], "B": [[1]]}, hidden=["B"])
    edited(path, "xl/workbook.xml", 'sheetId="1"', 'sheetId="1" state="veryHidden"')

    assert refusal(path).message == f"{path} has no sheet that can be seen: hidden are 'A', 'B'"


def test_sheets_of_charts_are_no_lists(tmp_path: Path):
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    book.add_worksheet().write(0, 0, 351)
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=Sheet1!$A$1"})
    book.add_chartsheet().set_chart(chart)
    book.close()

    checked = check(tmp_path / "a.xlsx")

    assert (checked.pages, checked.notes) == (1, ())


@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_what_an_office_program_has_written_is_read(kind: str):
    path = SAMPLES / f"good.{kind}"

    assert check(path, column="ID").pages == 4


@pytest.mark.parametrize(("kind", "name"), [("xls", "a.xlsx"), ("ods", "a.xls")])
def test_the_kind_of_a_file_is_told_by_what_is_in_it(tmp_path: Path, kind: str, name: str):
    (tmp_path / name).write_bytes((SAMPLES / f"good.{kind}").read_bytes())

    assert check(tmp_path / name, column="ID").pages == 4


def test_rows_of_an_old_workbook_are_refused_as_those_of_a_new_one(tmp_path: Path):
    path = SAMPLES / "bad.xls"

    assert problems(path, column="ID") == [
        f"Pages:6: '1.234567890123457E+17' {DIGITS_LOST}",
        f"Pages:8: '2026-03-01' {NO_ID}",
        f"Pages:9: '1.23E+05' {DIGITS_LOST}",
        f"Pages:10: 'TRUE' {NO_ID}",
        f"Pages:11: '351.5' {NO_ID}",
        "Pages:12: there is no page id",
    ]
