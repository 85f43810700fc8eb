"""A spreadsheet is read as a CSV is: as it was meant, or refused before anything is sent."""

import asyncio
import csv
import datetime
import os
import sys
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import xlsxwriter

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Page, Scope, SiteId
from bulk_publisher.sources import sheet_process, xlsx_file
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx
from tests.workbooks import compound_file, edited, open_document, workbook

CELL = "<table:table-cell {}><text:p>{}</text:p></table:table-cell>"
ROW = "<table:table-row>{}</table:table-row>"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(path: Path | str = "pages.xlsx", **asked) -> CheckedTable:
    settings = {"sheet": None, "column": None, "scope": None, "skip_bad_rows": False}
    return check_xlsx(str(path), **{**settings, **asked})


def refusal(path: Path | str = "pages.xlsx", **asked) -> BadSource:
    with pytest.raises(BadSource) as caught:
        check(path, **asked)
    return caught.value


def pages_of(checked: CheckedTable) -> list[Page]:
    async def read() -> list[Page]:
        return [page async for page in checked]

    return asyncio.run(read())


def ids_of(checked: CheckedTable) -> list[int]:
    return [page.id for page in pages_of(checked)]


def column(*cells: object) -> Path:
    return workbook("pages.xlsx", [["id", "note"], *([cell, "x"] for cell in cells)])


def test_scope_site_and_title_are_taken_and_the_row_is_named():
    workbook(
        "pages.xlsx",
        [["lid", "Title", "SITE", "scope", "old id"], [351, "Hello", 7, "group", 1], [352]],
    )

    first, second = pages_of(check(scope=Scope.KNOWLEDGE))

    assert (first.id, first.title, first.site, first.scope) == (
        351,
        "Hello",
        SiteId(7),
        Scope.GROUP,
    )
    assert first.source == "pages.xlsx:Sheet1:2"
    assert (second.id, second.title, second.site, second.scope) == (
        352,
        None,
        None,
        Scope.KNOWLEDGE,
    )


@pytest.mark.parametrize(
    "cell", [351, " 351 ", "\u00a0351", "00351", "351.0", "351,0", "'351", "' 351"]
)
def test_a_number_is_taken_for_what_it_is(cell: object):
    column(cell)

    assert ids_of(check()) == [351]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1.23E+05", "'1.23E+05' is no page id any more"),
        (1.23456789012345678e17, "'1.234567890123457E+17' is no page id any more"),
        (1e15, "'1E+15' is no page id any more"),
        (351.5, "'351.5' is not a page id"),
        (-351, "'-351' is not a page id"),
        (0, "'0' is not a page id"),
        ("1,234", "'1,234' is not a page id"),
        ("351.000", "'351.000' may be 351 or 351000"),
        ("351 352", "'351 352' is not a page id"),
        (True, "'TRUE' is not a page id"),
        (datetime.date(2026, 3, 1), "'2026-03-01' is not a page id"),
        (None, "there is no page id"),
        (" ", "there is no page id"),
        ("=A1+1", "'=A1+1' is not a page id"),
        ("https://example.bitrix24.com/rest/1/secret/", "a webhook's URL is not a page id"),
    ],
)
def test_what_is_no_id_is_refused_with_its_row(cell: object, why: str):
    book = xlsxwriter.Workbook("pages.xlsx", {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("List")
    sheet.write_row(0, 0, ["id", "note"])
    sheet.write_row(1, 0, [351, "x"])
    if isinstance(cell, str) and cell.startswith("="):
        sheet.write_formula(2, 0, cell, None, "")
    elif isinstance(cell, str):
        sheet.write_string(2, 0, cell)
    elif isinstance(cell, datetime.date):
        sheet.write_datetime(2, 0, cell)
    elif cell is not None:
        sheet.write(2, 0, cell)
    sheet.write(2, 1, "x")
    book.close()

    error = refusal()

    assert error.message == "pages.xlsx:List has a bad row"
    (problem,) = error.problems
    assert problem.startswith("pages.xlsx:List:3: ")
    assert why in problem
    assert "secret" not in problem


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#DIV/0!"])
def test_a_row_with_nothing_but_an_error_does_not_vanish(error: str):
    workbook("pages.xlsx", [["id"], [351], [7777], [352]])
    sheet = "xl/worksheets/sheet1.xml"
    edited(Path("pages.xlsx"), sheet, '<c r="A3"><v>7777</v>', f'<c s="0" r="A3" t="e"><f>X</f><v>{error}</v>')  # fmt: skip

    assert refusal().problems == (
        f"pages.xlsx:Sheet1:3: '{error}' is not a page id, which is a whole number from 1",
    )


@pytest.mark.parametrize("at", [[["id"], ["=A1"], [351]], [["id"], [351], ["=A1"]]])  # fmt: skip
def test_a_formula_that_nobody_has_computed_does_not_vanish(at: Sequence[Sequence[object]]):
    workbook("pages.xlsx", at)

    assert "'=A1'" in refusal().problems[0]


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_formulas_are_told_apart_by_their_values(prefix: str):
    xml = (
        '<row><c r="A1"><f>A2</f><v>1</v></c><c r="B1" t="str"><f>A2</f><v></v></c><c r="AA1"><f>A2</f></c>'
        '<c r="D1" t="e"><v>#N/A</v></c><c r="E1" t="e"/><c><f>A2</f></c><c r="F1"><f t="shared"/><v/></c></row>'
    )
    if prefix:
        xml = (
            xml.replace("</", "</x:")
            .replace("<c", "<x:c")
            .replace("<f", "<x:f")
            .replace("<v", "<x:v")
        )

    marks = sorted(sheet_process._marks_in(xml.encode()))

    assert marks == [(1, 3, "#N/A"), (1, 4, "#ERROR"), (1, 5, "="), (1, 26, "=A2")]


def test_rows_and_columns_that_are_empty_at_the_beginning_are_left_aside():
    workbook("pages.xlsx", [[], [], [None, None, "id", "title"], [None, None, 351, "Hello"]])

    (page,) = pages_of(check())

    assert (page.id, page.title, page.source) == (351, "Hello", "pages.xlsx:Sheet1:4")


def test_merged_cells_have_what_stands_in_the_first():
    book = xlsxwriter.Workbook("pages.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["id", "title"])
    sheet.write(1, 0, 351)
    sheet.write(2, 0, 352)
    sheet.merge_range(1, 1, 2, 1, "Both")
    book.close()

    assert [(page.id, page.title) for page in pages_of(check())] == [(351, "Both"), (352, None)]


def test_a_sheet_without_a_header_has_its_ids_in_the_first_column():
    workbook("pages.xlsx", [[351], [352], [351]])

    checked = check()

    assert (ids_of(checked), checked.duplicates) == ([351, 352], 1)


def test_a_row_that_is_short_is_no_matter_in_a_sheet():
    workbook("pages.xlsx", [["nr", "lid", "title", "x"], [1, 351], [2, 352, "Hello"]])

    assert ids_of(check()) == [351, 352]


@pytest.mark.parametrize(
    "case", ["01-r-short-header", "02-thousands-unquoted", "02c-ids-in-a-row", "32-two-id-columns"]
)
def test_what_is_doubtful_in_a_csv_is_in_a_sheet(case: str):
    rows = {
        "01-r-short-header": [["lid", "title"], [1, 351, "Welcome"], [2, 352, "Rules"]],
        "02-thousands-unquoted": [["lid"], [1, 234], [1, 235]],
        "02c-ids-in-a-row": [["lid"], [351, 352, 353]],
        "32-two-id-columns": [["id", "page_id", "title"], [1, 351, "Welcome"]],
    }
    workbook("pages.xlsx", rows[case])

    error = refusal()

    assert error.message.startswith("pages.xlsx:Sheet1 has ")
    assert error.hint


def test_names_of_columns_are_compared_as_they_look():
    workbook("pages.xlsx", [["ID\u00a0страницы", "Наи\u0306ди"], [351, 1]])

    assert ids_of(check(column="id страницы")) == [351]
    assert ids_of(check(column="найди")) == [1]


def test_the_only_sheet_that_can_be_seen_and_has_anything_is_taken_and_named():
    workbook("pages.xlsx", {"Notes": [], "List": [[351]], "Old": [[1]]}, hidden=["Old"])

    checked = check()

    assert ids_of(checked) == [351]
    assert checked.notes == (
        "pages.xlsx: the sheet 'List' was taken: of 3, only it can be seen and has anything in it",
    )


def test_of_several_sheets_one_has_to_be_named():
    workbook("pages.xlsx", {"List": [[351]], "Old list": [[1]], "Empty": []})

    error = refusal()

    assert error.message == "pages.xlsx has 2 sheets with something in them: 'List', 'Old list'"
    assert (
        error.hint == "Say with --sheet which of them lists the pages, for example: --sheet 'List'."
    )
    assert ids_of(check(sheet="old  LIST")) == [1]
    assert check(sheet="List").notes == ()


def test_a_hidden_sheet_is_taken_if_it_is_named():
    workbook("pages.xlsx", {"List": [[351]], "Old": [[1]]}, hidden=["Old"])

    checked = check(sheet="Old")

    assert ids_of(checked) == [1]
    assert checked.notes == ("pages.xlsx: the sheet 'Old' is hidden, and was taken as you said",)


def test_a_sheet_that_is_not_there_is_told_with_those_that_are():
    workbook("pages.xlsx", {"List": [[351]], "Old": [[1]]})

    error = refusal(sheet="Lst")

    assert error.message == "pages.xlsx has no sheet 'Lst': did you mean List?"
    assert error.hint == "Its sheets are 'List', 'Old'."


def test_an_empty_sheet_has_no_page():
    workbook("pages.xlsx", [])

    assert refusal().message == "pages.xlsx:Sheet1 is empty"


def test_an_open_document_is_read():
    number = CELL.format('office:value-type="float" office:value="351"', "351")
    text = CELL.format('office:value-type="string"', "id")
    open_document(Path("pages.ods"), ROW.format(text) + ROW.format(number))

    (page,) = pages_of(check("pages.ods"))

    assert (page.id, page.source) == (351, "pages.ods:Tabelle1:2")


def test_a_password_is_named():
    compound_file(Path("pages.xlsx"), "EncryptionInfo", "EncryptedPackage")
    open_document(Path("pages.ods"), "", manifest="<manifest:encryption-data/>")

    assert refusal("pages.xlsx").message == "pages.xlsx has a password"
    assert refusal("pages.ods").message == "pages.ods has a password"


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")


def _cut(path: Path) -> None:
    path.write_bytes(workbook(path, [[351]]).read_bytes()[:3000])


def _broken_sheet(path: Path) -> None:
    edited(workbook(path, [[351]]), "xl/worksheets/sheet1.xml", "</v></c></row>", "</v></x>")


@pytest.mark.parametrize("make", [_archive, _cut, _broken_sheet, lambda path: compound_file(path, "X")])  # fmt: skip
def test_what_is_damaged_is_one_line(make):
    make(Path("pages.xlsx"))

    error = refusal()

    assert error.message.startswith("pages.xlsx is damaged, or no spreadsheet: ")
    assert "\n" not in error.message
    assert "--csv" in error.hint


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "pages.csv", "empty.xlsx"])
def test_what_is_no_spreadsheet_at_all_is_one_line(name: str):
    Path("pages.csv").write_text("id\n351\n")
    Path("empty.xlsx").touch()

    assert refusal(name).message == f"{name} is no spreadsheet: neither .xlsx, .xls, .xlsb nor .ods"


def test_a_folder_and_a_file_that_is_not_there_are_named():
    Path("folder.xlsx").mkdir()

    assert refusal("folder.xlsx").message == "folder.xlsx is a folder, not a spreadsheet"
    assert refusal("none.xlsx").message == "none.xlsx can't be read: there is no such file"


def test_a_pipe_is_copied_first():
    content = workbook("pages.xlsx", [[351], [352]]).read_bytes()
    os.mkfifo("pipe")
    writing = threading.Thread(target=Path("pipe").write_bytes, args=(content,))
    writing.start()

    checked = check("pipe")
    writing.join()

    assert ids_of(checked) == [351, 352]


def test_a_cell_at_the_end_of_the_sheet_costs_no_more_memory_than_there_is():
    book = xlsxwriter.Workbook("pages.xlsx")
    sheet = book.add_worksheet()
    sheet.write(0, 0, 351)
    sheet.write_string(1_048_575, 16_383, " ")
    book.close()

    error = refusal()

    assert error.message == "pages.xlsx can't be read: it takes over 1 GB of memory"
    assert "new workbook" in error.hint


def test_a_row_far_below_keeps_its_number():
    book = xlsxwriter.Workbook("pages.xlsx")
    sheet = book.add_worksheet()
    sheet.write(0, 0, 351)
    sheet.write(99_999, 0, 352)
    book.close()

    assert [page.source for page in pages_of(check())] == [
        "pages.xlsx:Sheet1:1",
        "pages.xlsx:Sheet1:100000",
    ]


def test_a_cell_that_is_too_long_is_named_with_its_row():
    text = CELL.format('office:value-type="string"', "x" * 200_000)
    number = CELL.format('office:value-type="float" office:value="351"', "351")
    open_document(Path("pages.ods"), ROW.format(number) + ROW.format(number + text))

    assert refusal("pages.ods").message == (
        f"pages.ods:Tabelle1:2: a cell in this row has over {csv.field_size_limit():,} characters"
    )


def test_what_becomes_of_the_workbook_after_it_was_checked_does_not_matter():
    workbook("pages.xlsx", [[351], [352]])
    checked = check()

    Path("pages.xlsx").write_bytes(b"")

    assert ids_of(checked) == [351, 352]
    assert ids_of(checked) == [351, 352]


def test_words_of_a_sheet_s_name_are_shown_without_harm():
    workbook("pages.xlsx", {"Bad": [["id", "x"], ["a", "x"]]})
    edited(Path("pages.xlsx"), "xl/workbook.xml", 'name="Bad"', 'name="B&#x202e;d"')

    assert refusal().message == "pages.xlsx:B d has a bad row"


def test_without_the_library_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(xlsx_file, "find_spec", lambda name: None)
    workbook("pages.xlsx", [[351]])

    error = refusal()

    assert error.message == "pages.xlsx can't be read: spreadsheets need python-calamine."
    assert error.hint == "Install it with: pip install 'bulk-publisher[xlsx]'"


def test_a_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch):
    workbook("pages.xlsx", [[351]])
    monkeypatch.setattr(sys, "path", [])

    assert refusal().message == "pages.xlsx can't be read: the process that reads it has failed"


def test_no_process_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    workbook("pages.xlsx", [["name"], ["x"]])
    before = children()

    refusal()

    assert children() <= before


def children() -> set[str]:
    """The processes that this one has begun, ended or not, as long as nobody has asked how they ended."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for path in tasks for pid in path.read_text().split()}


def test_a_column_of_addresses_stands_for_the_ids():
    workbook(
        "pages.xlsx", [["old id", "URL"], [1, "/x/1/"], [2, "https://a.example/2/"], [3, "/x/1/"]]
    )

    checked = check()

    assert [(where, str(one)) for where, one in checked.named_addresses()] == [
        ("pages.xlsx:Sheet1:2", "'/x/1/'"),
        ("pages.xlsx:Sheet1:3", "'a.example/2/'"),
        ("pages.xlsx:Sheet1:4", "'/x/1/'"),
    ]
    assert checked.pages == 2


def test_what_the_cell_of_a_hyperlink_shows_is_the_address():
    with xlsxwriter.Workbook("pages.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "url")
        sheet.write_url(1, 0, "https://a.example/elsewhere/", string="https://a.example/1/")
        sheet.write_url(2, 0, "https://a.example/2/", string="Second page")

    error = refusal()

    assert error.problems == (
        "pages.xlsx:Sheet1:3: an address can't contain spaces or invisible characters",
    )
    assert [str(one) for _, one in check(skip_bad_rows=True).addresses] == ["'a.example/1/'"]
