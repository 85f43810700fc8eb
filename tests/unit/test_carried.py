"""Columns of a list are carried through to the outcomes, and back out of a journal."""

import asyncio
import csv
import io
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from bulk_publisher.errors import BadJobFile, BadJournal, BadSource
from bulk_publisher.jobs import Job, Selection, decode_job, encode_job, read_job
from bulk_publisher.model import Page, PageId
from bulk_publisher.operations.named_pages import PageStream
from bulk_publisher.report.export import write_csv
from bulk_publisher.report.html_page import html_report
from bulk_publisher.report.story import read_story
from bulk_publisher.report.text import row_in_words
from bulk_publisher.report.workbook import write_xlsx
from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.store.folder import sent
from bulk_publisher.store.folder.folder_run import FolderRun
from bulk_publisher.store.record import decode_mark, decode_outcome, encode_outcomes, json_schema
from bulk_publisher.store.verdicts import judge
from bulk_publisher.text.column_names import told_apart
from tests.folders import describe, files_of
from tests.outcomes import RUN, outcome

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
URL = "https://example.bitrix24.com/rest/1/abcdef0123456789/"


@pytest.fixture
def check(tmp_path: Path):
    """Checks a CSV of a text."""

    def check(
        text: str, *, carry: tuple[str, ...] | None = None, skip: bool = False
    ) -> CheckedTable:
        path = tmp_path / "pages.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return check_csv(str(path), column=None, scope=None, skip_bad_rows=skip, carry=carry)

    return check


@pytest.fixture
def run_of(tmp_path: Path):
    """A run whose journal has these lines."""

    def run_of(*lines, name: str = RUN) -> FolderRun:
        run = FolderRun(tmp_path / name)
        files_of(run).path.mkdir()
        files_of(run).journal.write_bytes(encode_outcomes(lines))
        describe(run, run=name, portal="example.bitrix24.com", job={"name": "t"})
        return run

    return run_of


def rows_of(checked: CheckedTable) -> list[dict[str, str] | None]:
    async def collect() -> list[dict[str, str] | None]:
        return [page.row async for page in checked]

    return asyncio.run(collect())


def table_of(*runs: FolderRun) -> list[list[str]]:
    out = io.StringIO()
    write_csv(list(runs), out)
    return list(csv.reader(io.StringIO(out.getvalue(), newline="")))


async def pages_of(*pages: Page) -> list[Page]:
    return [page async for page in PageStream(pages, None)]


def test_every_column_that_is_not_used_otherwise_is_carried(check) -> None:
    text = "confluence_id,lid,scope,site,title,Space\n98304,351,KNOWLEDGE,7,Rules, HR \n"

    assert rows_of(check(text)) == [{"confluence_id": "98304", "Space": " HR "}]


def test_the_columns_that_are_named_are_carried_in_their_order(check) -> None:
    text = "lid,Title,a,b\n351,Rules,1x,2x\n"

    assert rows_of(check(text, carry=("B", "title"))) == [{"Title": "Rules", "b": "2x"}]


def test_none_is_carried_where_none_is_wanted(check) -> None:
    assert rows_of(check("lid,a\n351,x\n", carry=())) == [None]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_cells_of_a_csv_are_carried_as_they_are(cells: list[list[str]]) -> None:
    table = [["a", "lid", "b", "c"]]
    table += [[first, str(page), *rest] for page, (first, *rest) in enumerate(cells, 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(table)
        checked = check_csv(str(path), column=None, scope=None, skip_bad_rows=False)

        assert rows_of(checked) == [
            {name: cell for name, cell in zip("abc", row, strict=True) if cell.strip()} or None
            for row in cells
        ]


def test_a_list_without_a_header_carries_nothing(check) -> None:
    assert rows_of(check("351,Rules\n")) == [None]


def test_blank_cells_and_those_beyond_the_end_of_a_row_are_left_out(check) -> None:
    text = "a,lid,b,c\nx,351,  ,y\nx,352\n , 353, ,\n"

    assert rows_of(check(text)) == [{"a": "x", "c": "y"}, {"a": "x"}, None]


def test_a_column_without_a_name_is_an_index_and_not_carried(check) -> None:
    assert rows_of(check(",lid,a\n0,351,x\n1,352,y\n")) == [{"a": "x"}, {"a": "y"}]


def test_a_name_is_as_it_is_given_in_one_form_for_each_letter(check) -> None:
    assert rows_of(check("lid, U\u0308ber Uns \n351,x\n")) == [{"\u00dcber Uns": "x"}]


def test_columns_of_one_name_are_told_apart(check) -> None:
    text = "lid,note,Note,note,note (2),title,title\n351,a,b,c,d,e,f\n"

    assert rows_of(check(text)) == [
        {"note": "a", "Note": "b", "note (3)": "c", "note (2)": "d", "title (2)": "f"}
    ]


def test_of_columns_that_differ_in_form_alone_the_exact_one_is_meant(check) -> None:
    assert rows_of(check("lid,note,Note\n351,a,b\n", carry=("Note",))) == [{"Note": "b"}]
    assert rows_of(check("lid,note,Note\n351,a,b\n", carry=("NOTE",))) == [{"note": "a", "Note": "b"}]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("lid,space\n351,x\n", "no column 'spce': did you mean space?", "'lid', 'space'"),
        ("351\n", "no column 'spce': it has no header", "Leave --carry out"),
    ],
)
def test_a_column_that_is_not_there_is_refused(check, text: str, why: str, hint: str) -> None:
    with pytest.raises(BadSource) as caught:
        check(text, carry=("spce",))

    assert why in caught.value.message
    assert hint in caught.value.hint


def test_a_row_of_over_4_kib_is_a_bad_row_with_its_line(check) -> None:
    fits, does_not = "ü" * 2040, "ü" * 2050
    text = f"lid,text\n351,{fits}\n352,{does_not}\n"

    with pytest.raises(BadSource) as caught:
        check(text)

    assert len(rows_of(check(text, skip=True))) == 1
    assert caught.value.problems[-1].endswith(
        "pages.csv:3: its columns are 4,111 bytes, and at most 4,096 can be carried"
    )
    assert "--carry NAME" in caught.value.hint
    assert rows_of(check(text, carry=())) == [None, None]


def test_the_url_of_a_webhook_is_hidden_in_names_and_cells(check) -> None:
    (row,) = rows_of(check(f"lid,{URL},a\n351,x,see {URL}\n"))

    assert row == {"***": "x", "a": "see ***"}


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b"])), st.sets(st.sampled_from(["a", "b"])))  # fmt: skip
def test_names_that_are_told_apart_are_all_different(names: list[str], taken: set[str]) -> None:
    apart = told_apart(names, taken=taken)

    assert len({*apart} | taken) == len(names) + len(taken)
    assert [new for new, name in zip(apart, names, strict=True) if names.count(name) == 1 and name not in taken] == [
        name for name in names if names.count(name) == 1 and name not in taken
    ]  # fmt: skip


def test_thousands_of_columns_of_one_name_are_told_apart_at_once() -> None:
    assert told_apart(["x"] * 16_000)[-1] == "x (16000)"


def test_a_page_of_a_program_carries_its_row() -> None:
    (page,) = asyncio.run(pages_of(Page(PageId(1), row={"confluence_id": "5", "hook": URL})))

    assert page.row == {"confluence_id": "5", "hook": "***"}


def test_a_row_of_a_program_is_kept_as_one_of_a_list_is() -> None:
    (page, blank) = asyncio.run(
        pages_of(
            Page(PageId(1), row={" a ": " x ", "b": " ", "a": "y"}), Page(PageId(2), row={"": ""})
        )
    )

    assert (page.row, blank.row) == ({"a": " x ", "a (2)": "y"}, None)


@pytest.mark.parametrize(
    "row",
    [
        {"a": 1},
        {1: "a"},
        ["a"],
        {"a": "\ud800"},
        {"a": "x" * 5000},
        {" ": "a column without a name"},
    ],
)
def test_a_row_of_a_program_that_can_t_be_kept_is_refused(row: object) -> None:
    with pytest.raises(BadSource, match=r"Page 7: .*its (row|columns)"):
        asyncio.run(pages_of(Page(PageId(7), row=row)))


def test_pages_and_outcomes_with_a_row_can_be_put_into_a_set() -> None:
    line = outcome(1, row={"a": "b"})

    assert len({line, outcome(1, row={"a": "b"}), outcome(2)}) == 2
    assert len({Page(PageId(1), row={"a": "b"}), Page(PageId(1), row={"a": "c"})}) == 2


def test_a_line_ends_with_its_row_and_a_resume_need_not_read_it() -> None:
    line = encode_outcomes([outcome(1, row={"a": "\u202e\x07ü"})])

    assert line.endswith(b',"row":{"a":"\xe2\x80\xae\\u0007\xc3\xbc"}}\n')
    assert decode_outcome(line) == outcome(1, row={"a": "\u202e\x07ü"})
    assert decode_mark(line).page == 1


def test_a_line_of_version_1_0_has_no_row() -> None:
    (old,) = encode_outcomes([outcome(1)]).splitlines()

    assert decode_outcome(old.replace(b',"row":null', b"")) == outcome(1)


def test_the_schema_describes_an_object_of_texts_or_null() -> None:
    schema = json_schema()

    assert schema["$id"].endswith("outcome-1.1.json")
    assert schema["properties"]["row"] == {
        "anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "null"}]
    }
    assert schema["required"][-1] == "row"


def test_the_csv_has_what_is_carried_in_columns_after_its_own(run_of) -> None:
    first = run_of(outcome(1, row={"confluence_id": "5"}), outcome(2), name="a")
    second = run_of(outcome(3, row={"space": "HR", "confluence_id": "6"}), name="b")

    header, *rows = table_of(first, second)

    assert header[-3:] == ["source", "confluence_id", "space"]
    assert [row[-2:] for row in rows] == [["5", ""], ["", ""], ["6", "HR"]]


def test_a_carried_column_named_as_one_of_ours_is_told_apart(run_of) -> None:
    header, row = table_of(run_of(outcome(1, row={"status": "draft", "Title": "Rules"})))

    assert header[-2:] == ["status (2)", "Title (2)"]
    assert (row[header.index("status")], row[-2]) == ("published", "draft")


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "\t=1", "a\x07b\u202ec", "x;@y"])
def test_no_carried_name_or_cell_does_harm_in_a_spreadsheet(run_of, text: str) -> None:
    shown = {"=HYPERLINK(1)": "'=HYPERLINK(1)", "\t=1": "' =1", "a\x07b\u202ec": "a b c", "x;@y": "x;'@y"}[text]  # fmt: skip

    header, row = table_of(run_of(outcome(1, row={text: text})))

    assert (header[-1], row[-1]) == (shown, shown)


def test_a_workbook_has_what_is_carried_as_text_after_its_own(run_of, tmp_path: Path) -> None:
    run = run_of(
        outcome(1, row={"confluence_id": "0098304", "status": "=1+1\x07"}),
        outcome(2, row={"space": "HR"}),
    )

    write_xlsx([run], tmp_path / "pages.xlsx")

    book = CalamineWorkbook.from_path(tmp_path / "pages.xlsx")
    names, *rows = book.get_sheet_by_name("Pages").to_python()
    assert names[-4:] == ["source", "confluence_id", "status (2)", "space"]
    assert [row[-3:] for row in rows] == [["0098304", "=1+1 ", ""], ["", "", "HR"]]


def test_a_damaged_line_is_told_where_it_stands(run_of) -> None:
    run = run_of(outcome(1, row={"a": "b"}))
    with files_of(run).journal.open("ab") as file:
        file.write(b"{}\n")

    with pytest.raises(BadJournal, match=":2: the line is damaged"):
        table_of(run)


def test_a_failure_is_found_in_the_page_by_what_it_carries(run_of) -> None:
    told = read_story(run_of(outcome(1, status="failed", row={"space": "<b>\u202eHR"})))

    text = html_report([told])

    assert '"space \\u003cb> HR"' in text
    assert "<th>named in<th>with</thead>" in text


def test_a_verdict_has_the_row_of_its_line() -> None:
    verdict = judge(outcome(1, row={"a": "b"}), None, time="2026-03-01T04:00:00.000Z")

    assert verdict.row == {"a": "b"}
    assert msgspec.json.encode(verdict).endswith(b'"row":{"a":"b"}}')


def test_a_row_in_words_is_one_line_and_not_long() -> None:
    assert row_in_words({"a": "1\n2", "b": " ", "c": "3"}) == "a 1 2, c 3"
    assert row_in_words(None) == ""
    assert len(row_in_words({"a": "x" * 500})) == 101


def test_notes_of_long_rows_are_not_written_anew_each_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sent, "_GROWN", 10_000)
    renewed = []
    make = sent.make_beside
    monkeypatch.setattr(sent, "make_beside", lambda path: renewed.append(path) or make(path))
    notes = sent.SentPages(tmp_path / "sent.jsonl")

    with notes:
        for page in range(1, 101):
            notes.add([Page(PageId(page), row={"a": "x" * 4000})], None)

    assert len(renewed) < 10
    assert len(sent.read_sent(tmp_path / "sent.jsonl")[0]) == 100


def test_a_job_file_names_the_columns_to_carry(tmp_path: Path) -> None:
    def carried(words: str) -> tuple[str, ...] | None:
        (tmp_path / "job.toml").write_text(f"[select]\ncsv = 'pages.csv'\n{words}\n")
        return read_job(tmp_path / "job.toml").select.carry

    assert carried("") is None
    assert carried("carry = []") == ()
    assert carried("carry = 'space'") == ("space",)
    assert carried("carry = ['space', 'key']") == ("space", "key")
    with pytest.raises(BadJobFile, match=r"job\.toml:3: carry: must be a text"):
        carried("carry = [1]")


def test_carry_means_nothing_without_a_list(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text("[select]\npage = 1\ncarry = 'a'\n")

    with pytest.raises(BadJobFile, match=":3: carry needs csv or xlsx"):
        read_job(tmp_path / "job.toml")


def test_a_run_of_an_older_version_goes_on_without_columns() -> None:
    data = encode_job(Job(name="t", select=Selection(csv="pages.csv")))
    older = {**data, "select": {key: value for key, value in data["select"].items() if key != "carry"}}  # fmt: skip

    assert decode_job(data).select.carry is None
    assert decode_job(older).select.carry == ()
