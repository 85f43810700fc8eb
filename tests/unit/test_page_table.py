"""Tables of pages: lists that can be read again, and that no spreadsheet carries out."""

import csv
import io
import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from bulk_publisher.cli.output.page_table import table_for_people, text_table, workbook_at
from bulk_publisher.model import FolderId, PageId, Scope, SiteId
from bulk_publisher.operations.page_rows import PageRow
from bulk_publisher.sources.list_file import check_list
from bulk_publisher.text.escaping import is_formula

ids = st.integers(1, 2**63 - 1)
words = st.text(max_size=12) | st.sampled_from(
    ["=1+1", "@a", "+1", "-1;=2", "\x1b[31m", "\0", "a\nb"]
)
rows = st.builds(
    PageRow,
    id=ids.map(PageId),
    scope=st.none() | st.sampled_from(Scope),
    site=st.none() | ids.map(SiteId),
    folder_id=st.none() | ids.map(FolderId),
    folder=words,
    title=st.none() | words,
    address=st.none() | words,
    active=st.none() | st.booleans(),
    changed=st.none() | st.booleans(),
    modified=st.none() | words,
)
lists = st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: row.id)


def _has_control(text):
    return any(unicodedata.category(one) == "Cc" for one in text)


def _text(listed, form):
    file = io.StringIO()
    with text_table(file, form) as table:
        for row in listed:
            table.add(row)
    return file.getvalue()


@given(listed=lists)
def test_a_csv_is_a_list_of_its_pages_and_harmless(listed):
    text = _text(listed, "csv")

    with TemporaryDirectory() as folder:
        path = Path(folder, "pages.csv")
        path.write_text(text, encoding="utf-8", newline="")
        assert check_list(str(path), scope=None).pages == len(listed)
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not any(is_formula(cell) for cell in cells)
    assert not any(map(_has_control, cells))


@given(listed=lists)
def test_json_gives_each_field_as_it_is(listed):
    read = json.loads(_text(listed, "json"))

    assert [(row["id"], row["title"], row["active"]) for row in read] == [
        (row.id, row.title, row.active) for row in listed
    ]


@given(listed=lists)
def test_people_see_one_line_a_page(listed):
    lines: list[str] = []
    table = table_for_people(lines.append)
    for row in listed:
        table.add(row)

    assert len(lines) == len(listed) + 1
    assert not any(map(_has_control, lines))
    assert [int(line.split()[0]) for line in lines[1:]] == [row.id for row in listed]


def test_a_workbook_has_numbers_texts_and_no_formula(tmp_path):
    about = {
        "scope": Scope.GROUP,
        "site": SiteId(7),
        "folder_id": None,
        "folder": "",
        "address": None,
    }
    row = PageRow(
        id=PageId(3), title="=1+1", active=True, changed=None, modified="01.02.2026", **about
    )

    with workbook_at(tmp_path / "pages.xlsx") as table:
        table.add(row)

    sheet = CalamineWorkbook.from_path(tmp_path / "pages.xlsx").get_sheet_by_index(0)
    assert sheet.to_python()[1] == [3, "GROUP", 7, "", "", "=1+1", "", True, "", "01.02.2026"]
    assert check_list(str(tmp_path / "pages.xlsx"), scope=None).pages == 1
