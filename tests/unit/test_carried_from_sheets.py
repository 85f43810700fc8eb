"""What a spreadsheet's rows say beside their pages' IDs, as text."""

import asyncio
import datetime
from pathlib import Path

import pytest
import xlsxwriter

from bulk_publisher.errors import BadSource
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.sources.xlsx_file import check_xlsx
from tests.workbooks import Rows, edited, workbook


@pytest.fixture
def check(tmp_path: Path):
    """Checks a workbook of rows."""

    def check(rows: Rows, *, carry: tuple[str, ...] | None = None) -> CheckedTable:
        path = workbook(tmp_path / "pages.xlsx", rows)
        return check_xlsx(
            str(path), sheet=None, column=None, scope=None, skip_bad_rows=False, carry=carry
        )

    return check


def rows_of(checked: CheckedTable) -> list[dict[str, str] | None]:
    async def collect() -> list[dict[str, str] | None]:
        return [page.row async for page in checked]

    return asyncio.run(collect())


def test_every_other_column_is_carried_with_its_name_as_it_is(check) -> None:
    rows = [["Confluence ID", "lid", "Title", " Space "], [98304, 351, "Rules", "HR"], [None, 352]]

    assert rows_of(check(rows)) == [{"Confluence ID": "98304", "Space": "HR"}, None]


def test_the_columns_that_are_named_are_carried(check) -> None:
    rows = [["lid", "a", "b"], [351, "x", "y"]]

    assert rows_of(check(rows, carry=("B",))) == [{"b": "y"}]
    assert rows_of(check(rows, carry=())) == [None]
    with pytest.raises(BadSource, match=r"pages\.xlsx:Sheet1 has no column 'c'"):
        check(rows, carry=("c",))


def test_columns_that_begin_late_and_rows_that_are_blank_keep_their_names(check) -> None:
    rows = [[], [None, "lid", None, "key"], [], [None, 351, None, "A-1"], [None, 352, None, "A-2"]]

    assert rows_of(check(rows)) == [{"key": "A-1"}, {"key": "A-2"}]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (98304, "98304"),
        (98304.0, "98304"),
        (-5, "-5"),
        (0, "0"),
        (2.5, "2.5"),
        (1e-7, "1e-07"),
        (1234567890123456, "1.234567890123456E+15"),
        (True, "TRUE"),
        ("0098304", "0098304"),
        ("98304.0", "98304.0"),
        ("=SUM(A1)", "=SUM(A1)"),
        ("https://example.com/x", "https://example.com/x"),
        ("https://example.bitrix24.com/rest/1/abcdef0123456789/", "***"),
    ],
)
def test_a_cell_is_the_text_that_the_sheet_means(check, cell: object, text: str) -> None:
    assert rows_of(check([["lid", "key"], [351, cell]])) == [{"key": text}]


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        ("0.30000000000000004", "0.3"),
        ("1.1000000000000001", "1.1"),
        ("350.99999999999994", "350.99999999999994"),
    ],
)
def test_a_sum_has_the_15_digits_that_a_spreadsheet_shows(
    tmp_path: Path, kept: str, text: str
) -> None:
    path = workbook(tmp_path / "pages.xlsx", [["lid", "sum"], [351, 7.5]])
    edited(path, "xl/worksheets/sheet1.xml", "<v>7.5</v>", f"<v>{kept}</v>")

    checked = check_xlsx(str(path), sheet=None, column=None, scope=None, skip_bad_rows=False)

    assert rows_of(checked) == [{"sum": text}]


@pytest.mark.parametrize(
    ("moment", "shown_as", "text"),
    [
        (datetime.date(2026, 3, 1), "yyyy-mm-dd", "2026-03-01"),
        (datetime.date(2026, 3, 1), "dd/mm/yy", "2026-03-01"),
        (datetime.datetime(2026, 3, 1, 12, 30), "dd.mm.yyyy hh:mm", "2026-03-01T12:30:00"),  # noqa: DTZ001 - a sheet has no zones
        (datetime.time(9, 5), "hh:mm", "09:05:00"),
        (datetime.timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
    ],
)
def test_a_date_is_in_its_iso_form_however_it_is_shown(
    tmp_path: Path, moment: datetime.date, shown_as: str, text: str
) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "pages.xlsx"))
    sheet = book.add_worksheet("List")
    sheet.write_row(0, 0, ["lid", "when"])
    sheet.write(1, 0, 351)
    sheet.write_datetime(1, 1, moment, book.add_format({"num_format": shown_as}))
    book.close()

    checked = check_xlsx(
        str(tmp_path / "pages.xlsx"), sheet=None, column=None, scope=None, skip_bad_rows=False
    )

    assert rows_of(checked) == [{"when": text}]


def test_a_row_of_over_4_kib_is_a_bad_row_with_its_number(check) -> None:
    with pytest.raises(BadSource) as caught:
        check([["lid", "text"], [351, "x"], [352, "ü" * 2050]])

    (problem,) = caught.value.problems
    assert problem.endswith("pages.xlsx:Sheet1:3: its columns are 4,111 bytes, and at most 4,096 can be carried")  # fmt: skip
    assert "--carry NAME" in caught.value.hint
