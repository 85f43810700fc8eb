"""A CSV is read as it was meant, or refused before anything is sent."""

import asyncio
import csv
import gzip
import io
import os
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bulk_publisher.errors import BadSource
from bulk_publisher.model import Page, PageId, Scope, SiteId
from bulk_publisher.sources import csv_file, file_bytes, opening
from bulk_publisher.sources.csv_dialect import find_bad_byte
from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.sources.table import CheckedTable
from bulk_publisher.text.shown import as_text


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(
    content: str | bytes,
    *,
    name: str = "pages.csv",
    column: str | None = None,
    scope: Scope | None = None,
    skip_bad_rows: bool = False,
) -> CheckedTable:
    """Write *content* to a file and check that."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return check_csv(name, column=column, scope=scope, skip_bad_rows=skip_bad_rows)


def write(name: str, content: bytes) -> None:
    """Write a file from within a coroutine."""
    Path(name).write_bytes(content)


def refusal(
    content: str | bytes, *, name: str = "pages.csv", column: str | None = None
) -> BadSource:
    """What is said of *content*."""
    with pytest.raises(BadSource) as caught:
        check(content, name=name, column=column)
    return caught.value


def pages_of(checked: CheckedTable) -> list[Page]:
    """All pages of a CSV."""

    async def collect() -> list[Page]:
        return [page async for page in checked]

    return asyncio.run(collect())


def ids_of(checked: CheckedTable) -> list[int]:
    """The ids of all pages of a CSV."""
    return [page.id for page in pages_of(checked)]


def lines_of(checked: CheckedTable) -> list[int]:
    """The lines that the pages of a CSV stand in."""
    return [int(page.source.rpartition(":")[2]) for page in pages_of(checked)]


@dataclass(frozen=True)
class Style:
    """A way to write a CSV."""

    delimiter: str
    encoding: str
    line_ending: str
    quoting: int
    has_header: bool
    is_packed: bool
    ends_in_newline: bool


TITLES = ["", "Welcome", "Привет, мир", "a;b\tc,d", 'say "hi"', "two\nlines", "three\r\nlines\r\n!"]

styles = st.builds(
    Style,
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"],
    ),
    line_ending=st.sampled_from(["\n", "\r\n", "\r"]),
    # Not QUOTE_MINIMAL: with lone CRs Python's writer would leave an LF in a title bare.
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    has_header=st.booleans(),
    is_packed=st.booleans(),
    ends_in_newline=st.booleans(),
)
rows = st.tuples(
    st.integers(1, 50) | st.integers(1, 2**63 - 1),
    st.sampled_from(TITLES),
    st.integers(0, 2),
)


def written(style: Style, table: list[tuple[int, str, int]]) -> tuple[bytes, list[int]]:
    """*table* in *style*, and the line in which each of its rows begins."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=style.delimiter, quoting=style.quoting, lineterminator=style.line_ending
    )
    if style.has_header:
        writer.writerow(["Title", "ID"][:: -1 if style.delimiter == "," else 1])
    lines = []
    is_id_first = not style.has_header or style.delimiter == ","
    for page, title, blank_lines in table:
        text.write(style.line_ending * blank_lines)
        lines.append(len(io.StringIO(text.getvalue(), newline=None).readlines()) + 1)
        writer.writerow([page, title] if is_id_first else [title, page])
    content = text.getvalue()
    content = content if style.ends_in_newline else content.removesuffix(style.line_ending)
    encoded = content.encode(style.encoding)
    return (gzip.compress(encoded) if style.is_packed else encoded), lines


@given(styles, st.lists(rows, min_size=1))
def test_however_it_is_written_the_same_ids_and_lines_come_out(
    style: Style, table: list[tuple[int, str, int]]
) -> None:
    content, lines = written(style, table)
    first_lines = dict(reversed([(row[0], line) for row, line in zip(table, lines, strict=True)]))

    with tempfile.TemporaryDirectory() as folder:
        checked = check(content, name=f"{folder}/pages")
        ids, found_lines = ids_of(checked), lines_of(checked)

    assert ids == list(dict.fromkeys(row[0] for row in table))
    assert found_lines == [first_lines[page] for page in ids]
    assert checked.pages == len(ids)
    assert checked.duplicates == len(table) - len(ids)
    assert checked.bad_rows == 0


def test_a_page_carries_everything_that_its_row_says() -> None:
    checked = check("Title;LID;Scope;Site\nПривет;351;knowledge;27\n;352;;\n", scope=Scope.GROUP)

    assert pages_of(checked) == [
        Page(
            PageId(351),
            scope=Scope.KNOWLEDGE,
            source="pages.csv:2",
            site=SiteId(27),
            title="Привет",
        ),
        Page(PageId(352), scope=Scope.GROUP, source="pages.csv:3"),
    ]


def test_it_can_be_streamed_more_than_once() -> None:
    checked = check("1\n2\n")

    assert ids_of(checked) == ids_of(checked) == [1, 2]


@pytest.mark.parametrize("word", ["PAGE", "store", "Smn"])
def test_a_type_of_site_without_a_scope_means_none(word: str) -> None:
    checked = check(f"id,scope\n1,{word}\n", scope=Scope.GROUP)

    assert pages_of(checked)[0].scope is None


@pytest.mark.parametrize(
    ("content", "column", "ids"),
    [
        ("351\n352\n", None, [351, 352]),
        ("351,Title\n352,Title\n", None, [351, 352]),
        ("351;a, b, c\n352;d\n", None, [351, 352]),
        ("351\t1,5\n", None, [351]),
        ("Page_ID\n351\n", None, [351]),
        ("id,lid\n1,351\n", None, [351]),
        ("title,Page\nx,351\n", None, [351]),
        ("id,Old page\n1,351\n", "old PAGE", [351]),
        ("1,2\n351,352\n", "2", [352]),
        ("sep=;\n351;a,b\n", None, [351]),
        ("SEP=|\r\nid|title\r\n351|x\r\n", None, [351]),
        ("sep=\t\nid\ttitle\n351\tx\n", None, [351]),
        ("\n\n;;\nid;title\n;;\n351;x\n", None, [351]),
        ('"351","x"\n"352","y"\n', None, [351, 352]),
        (" 351 ,x\n\u00a0352\u00a0,y\n", None, [351, 352]),
        ("351\n352\n\n\n", None, [351, 352]),
        ("id,site\n351.0,27.0\n352.00,\n", None, [351, 352]),
        ("351.0\n352.0\n", None, [351, 352]),
        ("351,,\n352,Title\n353,the 1984\n", None, [351, 352, 353]),
        ("351,0\n352,0\n", None, [351, 352]),
        ("lid\n351,0\n352,00\n", None, [351, 352]),
        ("lid;title\n351,0;x\n", None, [351]),
        ("lid,title\n00351,x\n0352.000000,y\n", None, [351, 352]),
        ("id,page_id,lid\n1,2,351\n", None, [351]),
        ("ID,lid\n1,351\n", None, [351]),
        ("id,page_id\n1,351\n", "page_id", [351]),
        ("id,ID\n1,351\n", "ID", [351]),
        ("ID,TITLE,SITE_ID,FolderID,page title,ID сайта\n351,x,1,2,3,4\n", None, [351]),
        ("page_id,row id\n351,1\n", None, [351]),
        ("id,views\n351,10\n352,20\n", None, [351, 352]),
        ("id,site\n1,7\n2,8\n", None, [1, 2]),
        ("id,version\n1,7\n2,7\n", None, [1, 2]),
        ("id,title\n1,2024\n2,x\n", None, [1, 2]),
        ("id;Страница\n351;Привет\n", None, [351]),
        ("\u00a0PAGE_id\u2009\n351\n", None, [351]),
        (",lid,title\n0,351,x\n", None, [351]),
        ('"","lid","title"\n"1",351,"x"\n', None, [351]),
        ("lid,title\n351,x,,\n352,y,\n", None, [351, 352]),
        ("lid,title,,\n351,x,,\n", None, [351]),
        ("lid\n351,,\n352,\n", None, [351, 352]),
        ("title,lid,notes\nx,351\n", None, [351]),
        ("\ufeff\ufefflid\n351\n", None, [351]),
        ("9223372036854775807", None, [2**63 - 1]),
    ],
    ids=repr,
)
def test_ids_are_found_where_they_stand(content: str, column: str | None, ids: list[int]) -> None:
    assert ids_of(check(content, column=column)) == ids


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("sep=;\nid;x\n351;\n", 3),
        ('id,title\n"352","a\nb\nc"\n\n351,x\n', 6),
        ('"id","a\nb"\n351,x\n', 3),
        ("id\r\r351\r", 3),
    ],
    ids=["after sep", "after a quoted newline", "after a header in two lines", "after lone CRs"],
)
def test_lines_are_those_that_an_editor_shows(content: str, line: int) -> None:
    pages = pages_of(check(content))

    assert (pages[-1].id, pages[-1].source) == (351, f"pages.csv:{line}")


def test_the_same_page_with_another_scope_is_a_duplicate_and_the_first_counts() -> None:
    checked = check("id,scope\n1,GROUP\n1,KNOWLEDGE\n")

    assert (checked.pages, checked.duplicates) == (1, 1)
    assert [page.scope for page in pages_of(checked)] == [Scope.GROUP]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("351abc,,,", "'351abc' is not a page id, which is a whole number from 1"),
        ("0,,,", "'0' is not a page id"),
        ("000,,,", "'000' is not a page id"),
        ("351.000,,,", "'351.000' may be 351 or 351000: write it without a separator"),
        ('"351,000",,,', "'351,000' may be 351 or 351000"),
        ('"1,234",,,', "'1,234' is not a page id"),
        ("1.234,,,", "'1.234' is not a page id"),
        ("1 234,,,", "'1 234' is not a page id"),
        ("1\u00a0234,,,", "'1\\xa0234' is not a page id"),
        ("1'234,,,", '"1\'234" is not a page id'),
        ("3.51E+02,,,", "'3.51E+02' is no page id any more"),
        ("#351,,,", "'#351' is not a page id"),
        ("id,scope,site,title", "the header stands here again"),
        ("351,,,x,y", "'y' stands under no column's name: 5 cells in this row and 4 in the header"),
        ("-1,,,", "'-1' is not a page id"),
        ("1.5,,,", "'1.5' is not a page id"),
        ("1.,,,", "'1.' is not a page id"),
        ("0.0,,,", "'0.0' is not a page id"),
        ("1.0.0,,,", "'1.0.0' is not a page id"),
        ("1e5,,,", "'1e5' is no page id any more"),
        ("٣٥١,,,", "'٣٥١' is not a page id"),
        ("9223372036854775808.0,,,", "'9223372036854775808.0' is too large for a page id"),
        ("9223372036854775808,,,", "'9223372036854775808' is too large for a page id"),
        (f"{'1' * 5000},,,", f"'{'1' * 40}…' is too large for a page id"),
        (",,,x", "there is no page id"),
        ("5,KNOWLEGDE,,", "'KNOWLEGDE' is not a scope: did you mean KNOWLEDGE?"),
        ("5,stores,,", "'stores' is not a scope: did you mean STORE?"),
        ("5,x,,", "'x' is not a scope: there is KNOWLEDGE, GROUP, MAINPAGE, PAGE, STORE, SMN"),
        ("5,,27b,", "'27b' is not a site id"),
        ("5,,0,", "'0' is not a site id"),
        ('"5"x,,,', "something stands between a closing quote and the next delimiter"),
    ],
    ids=lambda value: value[:30],
)
def test_a_bad_row_is_told_with_its_line(row: str, why: str) -> None:
    error = refusal(f"id,scope,site,title\n1,,,\n{row}\n2,,,\n")

    assert error.exit_status == 2
    assert len(error.problems) == 1
    assert error.problems[0].startswith(f"pages.csv:3: {why}")


def test_a_row_that_ends_before_its_id_is_bad() -> None:
    error = refusal("title,id\nx,1\ny\n")

    assert error.problems == ("pages.csv:3: there is no page id",)


def test_a_first_row_that_begins_with_a_digit_is_a_row_and_no_header() -> None:
    error = refusal("351abc\n352\n")

    assert error.problems[0].startswith("pages.csv:1: '351abc' is not a page id")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("1,2,3\n4,5,6\n", 1),
        ("1\n\n2;3\n", 3),
        ("1,2,\n", 1),
        ("sep=;\n1;2\n", 2),
        ("1\n" * 90_000 + "2,3\n", 90_001),
        ("1,2\n4x,6\n", 1),
        ('"1",351,"Welcome"\n', 1),
        ("351,Welcome\n1,352,Rules\n", 2),
        ("351,Welcome\n1,Rules,352\n", 2),
        ("1,000\n", 1),
        ("351,0\n352,1\n", 2),
        ("351,Welcome\n352,1984\n", 2),
    ],
    ids=[
        "a line",
        "a later line",
        "a blank end",
        "after sep",
        "far below",
        "with a bad row",
        "numbered by R",
        "numbered below",
        "apart",
        "a thousand",
        "a flag",
        "a title that is one",
    ],
)
def test_several_ids_in_a_row_without_a_header_are_refused(content: str, line: int) -> None:
    error = refusal(content)

    assert error.message.startswith(f"pages.csv:{line}: there are several numbers")
    assert "one page id a line" in error.hint


def test_several_numbers_in_a_row_are_taken_by_their_header() -> None:
    assert ids_of(check("id,site,views\n1,2,3\n")) == [1]


def test_a_broken_header_costs_no_row_below_it() -> None:
    checked = check('id,"title"x\n351,a\n352,b\n', skip_bad_rows=True)

    assert ids_of(checked) == [351, 352]
    assert checked.bad_rows == 1


def test_twenty_bad_rows_are_listed_and_the_others_counted() -> None:
    error = refusal("id\n1\n" + "x\n" * 25)

    assert len(error.problems) == 20
    assert error.message == "pages.csv has 25 bad rows: the first 20, and 5 more"
    assert "--skip-bad-rows" in error.hint


def test_bad_rows_can_be_skipped_and_are_still_counted() -> None:
    checked = check("id\n1\nx\n2\n", skip_bad_rows=True)

    assert ids_of(checked) == [1, 2]
    assert checked.bad_rows == 1
    assert checked.problems[0].startswith("pages.csv:3: 'x'")


@pytest.mark.parametrize(
    "rest", ["2\n3\n", "x" * 200_000], ids=["to the end", "for longer than a field may be"]
)
def test_a_quote_that_is_never_closed_is_refused_even_if_bad_rows_are_skipped(rest: str) -> None:
    with pytest.raises(BadSource, match=r"pages.csv:2: ") as caught:
        check(f'1\n"2\n{rest}', skip_bad_rows=True)

    assert "a quote is opened in" in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("content", "column", "message", "hint"),
    [
        ("name,url\nx,y\n", None, "no column named lid, id, page or page_id", "--column"),
        ("name,url\nx,y\n", None, "its columns are 'name', 'url'", "--column"),
        ("name,url\nx,y\n", "nam", "has no column 'nam': did you mean name?", "'name', 'url'"),
        ("name,url\nx,y\n", "zzz", "has no column 'zzz'", "Its columns are 'name', 'url'."),
        ("351,x\n", "lid", "has no header, its first row is a page's", "Leave out --column"),
        ("id,ID\n1,2\n", None, "more than one column named 'id'", ""),
        ("lid,LID\n1,2\n", None, "more than one column named 'lid'", ""),
        ("lid,scope,Scope\n1,,GROUP\n", None, "more than one column named 'scope'", ""),
        (",lid\n1,2\n", "\u200b", "has no column", "Its columns are 'lid'."),
        ("x,y,y\n1,2,3\n", "y", "more than one column named 'y'", ""),
        (
            "id,page_id\n1,2\n",
            None,
            "2 columns that may hold the page ids: 'id', 'page_id'",
            "--column page_id",
        ),
        ("page,id\n1,2\n", None, "2 columns that may hold the page ids: 'page', 'id'", "--column"),
        ("page,b24_id\n1,351\n", None, "page ids: 'page', 'b24_id'", "--column b24_id"),
        ("id,wiki page\n17,351\n", None, "page ids: 'id', 'wiki page'", "--column 'wiki page'"),
        ("id;Код страницы\n17;351\n", None, "page ids: 'id', 'Код страницы'", "--column"),
        ("id,docid\n1,351\n2,352\n", None, "page ids: 'id', 'docid'", "--column docid"),
        ("page,target\n0,351\n1,352\n", None, "page ids: 'page', 'target'", "--column target"),
        ("id;Landing ID\n1;2\n", None, "'id', 'Landing ID'", "--column 'Landing ID'"),
        ("id;PageId\n1;2\n", None, "'id', 'PageId'", "--column PageId"),
        ("id;ID страницы\n1;2\n", None, "'id', 'ID страницы'", "--column 'ID страницы'"),
        ("id;landing\n1;2\n", None, "'id', 'landing'", "--column landing"),
        ("id;b24_id\n1;2\n", None, "'id', 'b24_id'", "--column b24_id"),
        ("id;old_lid\n1;2\n", None, "'id', 'old_lid'", "--column"),
        (
            "lid,title\n351,x\ntitle,lid\ny,352\n",
            None,
            "pages.csv:3: a second header",
            "Split the file",
        ),
        ("", None, "is empty", ""),
        ("\n\r\n;;\n", None, "is empty", ""),
        ("sep=;\n", None, "is empty", ""),
        ("id\n", None, "has no pages", ""),
    ],
    ids=repr,
)
def test_a_file_without_ids_is_refused(
    content: str, column: str | None, message: str, hint: str
) -> None:
    error = refusal(content, column=column)

    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("header", ["", "lid\n", "sep=;\n"], ids=["alone", "header", "sep"])
def test_a_cell_longer_than_any_is_told_as_one_and_where(header: str) -> None:
    error = refusal(f"{header}{'x' * 200_000}\n")

    line = header.count("\n") + 1
    assert error.message == f"pages.csv:{line}: a cell in this row has over 131,072 characters"
    assert "quote" in error.hint


def test_of_very_many_columns_a_few_are_named() -> None:
    error = refusal("x," * 10_000 + "y\n")

    assert "its columns are 'x', 'x'" in error.message
    assert error.message.endswith("'x' and 9,981 more")


@pytest.mark.parametrize("cell", ["x", "1"])
def test_more_columns_than_any_spreadsheet_has_are_refused_as_that(cell: str) -> None:
    error = refusal(f"{cell}," * 16_384 + "y\n")

    assert error.message.startswith("pages.csv has 16,385 columns")


def test_the_columns_that_there_are_are_listed_once() -> None:
    error = refusal("имя,адрес\nx,y\n", column="id")

    assert f"{error.message} {error.hint}".count("адрес") == 1


def test_a_file_of_nothing_but_bad_rows_is_refused_even_if_they_are_skipped() -> None:
    with pytest.raises(BadSource, match="has no pages"):
        check("id\nx\n", skip_bad_rows=True)


PACKED = gzip.compress(b"1\n2\n3\n" * 1000, mtime=0)


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (PACKED[:-9], "a.csv.gz", "a.csv.gz is damaged: its gzip can't be unpacked to the end"),
        (PACKED[:-6] + b"xxxxxx", "a.csv", "a.csv is damaged"),
        (PACKED[:20] + b"\xff" * 20 + PACKED[40:], "a.csv.gz", "a.csv.gz is damaged"),
        (b"1\n2\n", "a.csv.gz", "a.csv.gz is not gzip, although its name says so"),
        (b"id\n1\n2\0\n", "a.csv", "a.csv:3: byte 6 is NUL, which no text has"),
        ("id\n1\n2\0\n".encode("utf-16"), "a.csv", "a.csv:3: byte 14 is NUL"),
        (b"\xef\xbb\xbfid\r\n1\r\n\xff\n", "a.csv", "a.csv:3: byte 10 is not UTF-8"),
        ("id,é\n1,".encode() + b"\xe9\n", "a.csv", "a.csv:2: byte 8 is not UTF-8"),
        (b"id,\xcf\xf0\n1,\x98\n", "a.csv", "a.csv:2: byte 8 is not cp1251"),
        ("id\n1\n".encode("utf-16") + b"\x00\xd8", "a.csv", "a.csv:3: byte 12 is not UTF-16"),
        ("id\n1\n".encode("utf-16") + b"\x31", "a.csv", "a.csv:3: byte 12 is not UTF-16"),
        (b"PK\x03\x04rest", "a.csv", "a.csv is an Excel workbook or another zip archive"),
    ],
    ids=[
        "gzip cut short",
        "gzip with a wrong checksum",
        "gzip with a hole",
        "gzip by name only",
        "NUL",
        "NUL in UTF-16",
        "UTF-8 by its mark only",
        "UTF-8 up to here",
        "cp1251 with a gap",
        "half a surrogate",
        "half a character",
        "a workbook",
    ],
)
def test_damaged_content_is_told_in_one_sentence(content: bytes, name: str, why: str) -> None:
    error = refusal(content, name=name)

    assert error.message.startswith(why)
    assert "\n" not in error.message


@given(st.integers(1, 9), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_bad_byte_is_found_wherever_the_file_is_cut_into_chunks(size: int, encoding: str) -> None:
    good = "строка\r\nдругая\rтретья\n".encode(encoding)
    content = good + "ю".encode(encoding)[:-1]
    chunks = [content[at : at + size] for at in range(0, len(content), size)]

    bad = find_bad_byte(chunks, encoding)

    assert bad is not None
    assert bad.line == 4
    assert bad.at >= len(good)


def test_a_missing_file_is_told_in_one_sentence() -> None:
    with pytest.raises(BadSource, match=r"^gone.csv can't be read: there is no such file$"):
        check_csv("gone.csv", column=None, scope=None, skip_bad_rows=False)


def test_a_folder_is_told_in_one_sentence() -> None:
    with pytest.raises(BadSource, match=r"^\. is a folder, not a CSV$"):
        check_csv(".", column=None, scope=None, skip_bad_rows=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told_in_one_sentence() -> None:
    Path("secret.csv").touch(mode=0o000)

    with pytest.raises(BadSource, match=r"^secret.csv can't be read: no permission$"):
        check_csv("secret.csv", column=None, scope=None, skip_bad_rows=False)


class TypedIn:
    """Standard input with something in it."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_standard_input_is_checked_and_then_streamed(
    monkeypatch: pytest.MonkeyPatch, *, is_packed: bool
) -> None:
    content = gzip.compress(b"id\n1\n2\n") if is_packed else b"id\n1\n2\n"
    monkeypatch.setattr(sys, "stdin", TypedIn(content))

    checked = check_csv("-", column=None, scope=None, skip_bad_rows=False)

    assert checked.name == "<stdin>"
    assert [page.source for page in pages_of(checked)] == ["<stdin>:2", "<stdin>:3"]


def test_standard_input_that_is_closed_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(BadSource, match=r"^<stdin> can't be read: it is closed$"):
        check_csv("-", column=None, scope=None, skip_bad_rows=False)


@pytest.fixture
def pipe() -> Iterator[str]:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=("1\n2\n",))
    writer.start()
    yield "pipe"
    writer.join()


def test_a_pipe_is_checked_and_then_streamed(pipe: str) -> None:
    checked = check_csv(pipe, column=None, scope=None, skip_bad_rows=False)

    assert ids_of(checked) == [1, 2]


@pytest.mark.parametrize(
    "content",
    ["1\n2\n3\n", "1\n9\n", "1\n", "", '1\n"'],
    ids=["longer", "same", "less", "empty", "odd"],
)
def test_a_file_that_was_changed_since_it_was_checked_is_refused(content: str) -> None:
    checked = check("1\n2\n")
    Path("pages.csv").write_text(content)

    with pytest.raises(BadSource, match=r"pages.csv has changed since it was checked"):
        pages_of(checked)


@pytest.mark.parametrize(
    "content", [b'1\n"', b"\xff\xff", b"1\n2\n3\n"], ids=["a quote", "no text", "one more row"]
)
async def test_a_file_that_is_changed_while_it_is_streamed_is_refused(content: bytes) -> None:
    checked = check("1\n" + "\n" * 1_000_000 + "2\n")
    pages = aiter(checked)
    first = await anext(pages)
    write("pages.csv", b"\n" * 500_000 + content)

    with pytest.raises(BadSource, match=r"has changed since it was checked"):
        [page async for page in pages]

    assert first.id == 1


async def test_a_file_that_is_replaced_while_it_is_streamed_does_no_harm() -> None:
    checked = check("1\n2\n")
    pages = aiter(checked)
    first = await anext(pages)
    write("new.csv", b"8\n9\n")
    os.replace("new.csv", "pages.csv")  # noqa: PTH105 - pathlib is not for coroutines

    rest = [page async for page in pages]

    assert [page.id for page in [first, *rest]] == [1, 2]


def test_the_digest_is_that_of_the_bytes_as_given() -> None:
    checked = check(b"351\n")

    assert checked.sha256 == "81648ca9fc259570270d372dc503656aea57fb7494f293fa0c0a2fae9dcf4fd3"


def test_a_long_file_takes_little_memory() -> None:
    content = "id;title\r\n" + "".join(f"{page};Страница {page}\r\n" for page in range(1, 20_001))
    Path("pages.csv").write_text(content, encoding="utf-8-sig", newline="")

    tracemalloc.start()
    checked = check_csv("pages.csv", column=None, scope=None, skip_bad_rows=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert checked.pages == 20_000
    assert peak < 3_000_000


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_first_two_characters(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "pages.csv"
    path.write_bytes('1,"Привет"\n2,"Мир"\n'.encode(encoding))

    checked = check_csv(str(path), column=None, scope=None, skip_bad_rows=False)

    assert checked.pages == 2


RUSSIAN = "ID страницы"


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("ID\u00a0страницы", RUSSIAN),
        ("ID  страницы ", "id СТРАНИЦЫ"),
        ("ID\u200b страни\u00adцы", RUSSIAN),
        ("Страни\u0446ы и\u0306", "страницы \u0439"),
        ("\u0419", "\u0418\u0306"),
        (RUSSIAN, RUSSIAN.encode().decode("ascii", "surrogateescape")),
    ],
    ids=[
        "a no-break space",
        "blanks and case",
        "invisible",
        "two code points",
        "in the option",
        "bytes",
    ],
)
def test_a_column_is_found_by_what_its_name_looks_like(header: str, column: str) -> None:
    assert ids_of(check(f"{header};Название\n351;Привет\n", column=column)) == [351]


def test_a_column_named_in_cp1251_with_a_no_break_space_is_found() -> None:
    content = "ID\u00a0страницы;Название\r\n351;Привет\r\n".encode("cp1251")

    assert ids_of(check(content, column=RUSSIAN)) == [351]


@pytest.mark.parametrize(
    ("content", "stray"),
    [
        ('"lid","title"\n"1",351,"Welcome"\n', "'Welcome' stands under no column's name"),
        ('"lid","title"\n"1",351,""\n', "'351' may be the page id as well"),
        ("lid\n1,234\n", "'234' stands under no column's name"),
        ("lid\n351,352,353\n", "'352' stands under no column's name"),
        ("lid,title\n1,234,\n", "'234' may be the page id as well"),
        ("lid,\n1,234\n", "'234' stands under no column's name"),
        ("lid,,title\n1,234,x\n", "'234' stands under no column's name"),
        ("n,lid,views\n351,17\n", "'351' may be the page id as well"),
        ("lid\n100,000\n", "'000' stands under no column's name"),
    ],
    ids=[
        "R",
        "R with a blank end",
        "thousands",
        "several",
        "thousands and a blank",
        "a blank name",
        "a blank name between",
        "a cell too few",
        "a round thousand",
    ],
)
def test_a_row_that_does_not_fit_its_header_is_bad_even_if_it_begins_with_a_number(
    content: str, stray: str
) -> None:
    error = refusal(content)

    assert error.problems[0].startswith(f"pages.csv:2: {stray}")
    assert "a name above each column" in error.hint


def test_no_page_of_a_second_part_is_taken_for_one_even_if_bad_rows_are_skipped() -> None:
    with pytest.raises(BadSource, match=r"^pages.csv:3: a second header stands here"):
        check("lid,site\n351,7\nsite,lid\n7,352\n", skip_bad_rows=True)


@pytest.mark.parametrize(
    "content",
    ["sep=;,\r\nlid,title,\r\n351,Welcome,\r\n", "sep=;\n351,Welcome\n", '"sep=;",,\n351,x,\n'],
    ids=["padded", "without a header", "quoted"],
)
def test_a_sep_line_that_its_rows_contradict_is_not_believed_and_that_is_said(content: str) -> None:
    checked = check(content)

    assert ids_of(checked) == [351]
    assert len(checked.notes) == 1
    assert checked.notes[0].startswith("pages.csv:1: ")
    assert "commas do, and were believed" in checked.notes[0]


def test_a_sep_line_that_its_rows_bear_out_is_believed_in_silence() -> None:
    checked = check("sep=;,,\nlid;title\n351;a, b\n")

    assert (ids_of(checked), checked.notes) == ([351], ())


NAMES = ["lid", "id", "page_id", "title", "site", "", " LID", "views"]
CELLS = ["", "351", "27", "1", "0", "x", "1.0", "007", "1,234", "1.000", "12 000"]
tables = st.tuples(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=5), min_size=1, max_size=4),
    st.sampled_from([",", ";", "\t"]),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=300)
@given(tables)
def test_nothing_but_the_cells_of_the_one_column_is_taken_for_ids(
    table: tuple[list[str], list[list[str]], str, bool, bool],
) -> None:
    names, rows, delimiter, is_quoted, skips = table
    quote = '"' if is_quoted else ""
    lines = (delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in [names, *rows])
    written = "\n".join(lines)
    # Without quotes a number that is cut in two may fill two columns, and nobody could tell.
    assume(any(names) and (is_quoted or delimiter != "," or "1,234" not in written))
    with tempfile.TemporaryDirectory() as folder:
        try:
            taken = ids_of(check(written, name=f"{folder}/pages", skip_bad_rows=skips))
        except BadSource:
            return

    plain = [name.strip().lower() for name in names]
    column = [at for at, name in enumerate(plain) if name == "lid"] or [
        at for at, name in enumerate(plain) if name in {"id", "page_id"}
    ]
    assert len(column) == 1
    cells = [row[column[0]] if column[0] < len(row) else "" for row in rows]
    known = {"351": 351, "27": 27, "1": 1, "1.0": 1, "007": 7}
    assert set(taken) <= {known[cell] for cell in cells if cell in known}


@given(
    st.lists(st.lists(st.sampled_from(["", "x", "17"]), max_size=3), min_size=1, max_size=4),
    st.booleans(),
)
def test_numbers_of_rows_that_the_header_leaves_out_are_never_taken_for_ids(
    rows: list[list[str]], skips: bool
) -> None:
    width = max(map(len, rows))
    lines = [["lid", *(f"column {at}" for at in range(width))]]
    for at, row in enumerate(rows, 1):
        lines.append([str(at), str(351 + at), *row, *[""] * (width - len(row))])
    with tempfile.TemporaryDirectory() as folder:
        content = "\n".join(",".join(line) for line in lines)
        with pytest.raises(BadSource):
            check(content, name=f"{folder}/pages", skip_bad_rows=skips)


def test_where_nothing_can_be_copied_the_environments_tmpdir_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", TypedIn(b"1\n"))
    monkeypatch.setattr(tempfile, "tempdir", str(Path("gone").absolute()))

    with pytest.raises(
        BadSource, match=r"^<stdin> can't be copied: there is no writable"
    ) as caught:
        check_csv("-", column=None, scope=None, skip_bad_rows=False)

    assert "TMPDIR" in caught.value.hint


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero"])
def test_a_device_that_gives_bytes_for_ever_is_no_list(device: str) -> None:
    with pytest.raises(BadSource, match=rf"^{device}:1: byte 0 is NUL, which no text has$"):
        check_csv(device, column=None, scope=None, skip_bad_rows=False)


def test_a_list_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_bytes, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(sys, "stdin", TypedIn(b"1\n" * (1 << 20)))

    with pytest.raises(BadSource, match=r"^<stdin> is too large"):
        check_csv("-", column=None, scope=None, skip_bad_rows=False)


def test_a_gzip_that_unpacks_to_more_than_any_list_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_file, "MOST_BYTES", 1 << 20)

    error = refusal(gzip.compress(b"1\n" * (1 << 20)))

    assert error.message.startswith("pages.csv is too large")


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "LONGEST_LINE", 1 << 20)

    error = refusal("1\n" + "2," * (1 << 20))

    assert error.message == "pages.csv:2: this line has over 1,048,576 characters"


def test_a_pipe_that_nobody_writes_to_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WRITER_IS_AWAITED", 0.05)
    os.mkfifo("pipe")

    with pytest.raises(BadSource, match=r"^pipe can't be read: it is a pipe, and in 0.05 s nobody"):
        check_csv("pipe", column=None, scope=None, skip_bad_rows=False)


def test_a_header_longer_than_a_sample_is_read_to_its_end() -> None:
    header = ",".join(f"column {at}" for at in range(16_000))

    assert ids_of(check(f"{header},lid\n{',' * 16_000}351\n")) == [351]


ODD = os.fsdecode("Список-".encode("cp1251") + b".csv")


def test_a_file_whose_name_is_no_text_is_read_and_its_name_escaped() -> None:
    checked = check("351\n", name=ODD)

    assert checked.name == r"\xd1\xef\xe8\xf1\xee\xea-.csv"
    assert pages_of(checked)[0].source == rf"{checked.name}:1"


def test_a_file_is_found_again_by_its_escaped_name() -> None:
    name = check("351\n", name=ODD).name

    again = check_csv(name, column=None, scope=None, skip_bad_rows=False)

    assert ids_of(again) == [351]


def test_a_real_backslash_in_a_name_wins() -> None:
    check("351\n", name=ODD)
    check("352\n", name=r"\xd1\xef\xe8\xf1\xee\xea-.csv")

    again = check_csv(
        r"\xd1\xef\xe8\xf1\xee\xea-.csv", column=None, scope=None, skip_bad_rows=False
    )

    assert ids_of(again) == [352]


def test_a_name_in_utf_8_that_the_locale_could_not_read_is_shown_as_it_is() -> None:
    assert as_text("Список".encode().decode("ascii", "surrogateescape")) == "Список"


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("title;url\nA;/x/1/\nB;https://a.example/2/\n", None),
        ("title;URL\nA;/x/1/\nB;https://a.example/2/\n", None),
        ("title;link\nA;/x/1/\nB;https://a.example/2/\n", "link"),
        ("id;url\n7;/x/1/\n8;https://a.example/2/\n", "url"),
        ('url,title\n"/x/1/","A, or B"\nhttps://a.example/2/,\n', None),
    ],
    ids=repr,
)
def test_a_column_of_addresses_stands_for_the_ids(content: str, column: str | None) -> None:
    checked = check(content, column=column)

    assert [(line, str(one)) for line, one in checked.addresses] == [
        (2, "'/x/1/'"),
        (3, "'a.example/2/'"),
    ]
    assert checked.pages == 2


def test_ids_count_where_there_are_both() -> None:
    assert check("lid;url\n7;/x/1/\n").addresses == ()


def test_a_named_column_of_ids_that_is_called_url_holds_ids() -> None:
    assert check("url\n7\n", column="url").addresses == ()


def test_what_is_no_address_is_a_bad_row() -> None:
    error = refusal("url\n/x/1/\n351\nhttps://a.example/rest/1/abcdefabcdef1234/\n")

    assert [problem.partition(": ")[0] for problem in error.problems] == [
        "pages.csv:3",
        "pages.csv:4",
    ]
    assert "abcdefabcdef1234" not in "".join(error.problems)


def test_a_number_before_an_address_is_no_rival_of_it() -> None:
    assert check("confluence_id;url;note\n7;/x/1/\n8;/x/2/;x\n").pages == 2


def test_a_row_that_may_be_shifted_is_refused_where_another_cell_may_be_the_address() -> None:
    error = refusal("old;url;note\n/a/;/x/1/;x\n/a/;/x/2/\n")

    assert error.problems == (
        "pages.csv:3: '/a/' may be the address as well: 2 cells in this row and 3 in the header",
    )


def test_a_column_called_url_without_an_address_is_not_taken() -> None:
    assert "no column named lid" in refusal("url;title\nx;y\n").message
