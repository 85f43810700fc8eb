"""Rows that are in order are told at once, and never otherwise than one by one."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSource
from bulk_publisher.model import PageId
from bulk_publisher.sources.cells import Wrong
from bulk_publisher.sources.columns import Columns
from bulk_publisher.sources.csv_rows import CsvRow, parse_row, without_rivals
from bulk_publisher.sources.plain_rows import plain_pages
from bulk_publisher.sources.sheet_blocks import Block, decode_block, encode_rows

WITH_ALL = Columns(
    has_header=True,
    header=("id", "scope", "site", "title"),
    id_at=0,
    scope_at=1,
    site_at=2,
    title_at=3,
)
LAST = Columns(has_header=True, header=("scope", "", "page id"), unnamed=(1,), id_at=2, scope_at=0)
ALONE = Columns(has_header=True, header=("id",))
WITHOUT_HEADER = Columns(has_header=False)

ids = st.one_of(
    st.integers(1, 400),
    st.sampled_from([0, -1, 999_999_999_999_999]),
    st.sampled_from(["351", "0351", " 351", "351.0", "", " ", "x", "９", "٣", "1e3", "0", "000"]),
    st.sampled_from(["1" * 18, "9" * 19, "0" * 20 + "7", "0" * 21 + "7", "9223372036854775807"]),
)
cells = st.one_of(
    st.sampled_from(["", " ", "\x1c", "KNOWLEDGE", "group", "page id", "id", "knowlege", "x" * 50]),
    st.integers(-1, 9),
    st.just("5"),
)
plain_rows_of = st.lists(
    st.tuples(
        st.integers(1, 400), st.sampled_from(["", "GROUP"]), st.integers(1, 3), st.text("abc")
    ),
    min_size=1,
)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    width = draw(st.integers(0, 5))
    count = draw(st.integers(1, 6))
    columns = [
        draw(st.lists(draw(st.sampled_from([ids, cells])), min_size=count, max_size=count))
        for _ in range(width)
    ]
    return Block(count, columns)


def one_by_one(block: Block, columns: Columns) -> list[CsvRow | Wrong | None]:
    """What the slow way says of each row; a doubt about all of them is no row at all."""

    def rows() -> Iterator[tuple[int, list[str] | Wrong]]:
        for number, row in enumerate(block.rows(), 1):
            yield number, row + [""] * (len(columns.header) - len(row))

    try:
        return [
            parse_row(row, columns, None)
            for _, row in without_rivals(rows(), columns, name="a sheet")
            if isinstance(row, list)
        ]
    except BadSource:
        return [None]


@given(blocks(), st.sampled_from([WITH_ALL, LAST, ALONE, WITHOUT_HEADER]))
@example(Block(2, [[351, 0], ["", ""]]), ALONE)
@example(Block(1, [[351], ["x"]]), ALONE)
@example(Block(1, [[351], [352]]), WITHOUT_HEADER)
@example(Block(1, [["GROUP"], [" "], [351]]), LAST)
@example(Block(1, [["GROUP"], [5], [351]]), LAST)
def test_what_is_told_at_once_is_what_is_told_one_by_one(block: Block, columns: Columns):
    pages = plain_pages(block, columns)

    if pages is not None:
        rows = one_by_one(block, columns)
        assert all(isinstance(row, CsvRow) for row in rows)
        assert [row.page for row in rows if isinstance(row, CsvRow)] == pages


@given(plain_rows_of)
def test_what_is_in_order_is_told_at_once(rows: list[tuple[int, str, int, str]]):
    block = Block(len(rows), [list(column) for column in zip(*rows, strict=True)])

    assert plain_pages(block, WITH_ALL) == [row[0] for row in rows]


@pytest.mark.parametrize("ids", [["00351", "352"], ["351", 352]])
def test_texts_of_digits_are_told_at_once(ids: list[int | str]):
    assert plain_pages(Block(2, [ids]), WITHOUT_HEADER) == [PageId(351), PageId(352)]


def test_a_row_that_might_be_refused_for_its_length_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    def refuse_the_long(row: list[str], *asked: object) -> CsvRow | Wrong:
        is_long = len(row[3].encode()) > 10
        return Wrong("too long") if is_long else CsvRow(PageId(int(row[0])), None, None, None)

    monkeypatch.setattr("bulk_publisher.sources.plain_rows.parse_row", refuse_the_long)

    assert plain_pages(Block(2, [[1, 2], ["", ""], [1, 1], ["a", "b" * 11]]), WITH_ALL) is None
    assert plain_pages(Block(2, [[1, 2], ["", ""], [1, 1], ["a", "b" * 10]]), WITH_ALL) == [1, 2]


values = st.one_of(
    st.text("ab' \u00a05", max_size=4),
    st.floats(),
    st.integers(-9, 9).map(float),
    st.booleans(),
    st.just(""),
)


@given(st.lists(st.lists(values, min_size=3, max_size=3), max_size=9))
def test_a_block_holds_its_rows_as_they_are(rows: list[list[object]]):
    alone = [next(encode_rows([row])) for row in rows]
    together = list(encode_rows(rows))

    read = [row for line in together for row in decode_block(line).rows()]
    assert read == [row for line in alone for row in decode_block(line).rows()]
    assert sum(decode_block(line).count for line in together) == len(rows)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (351.0, "351"),
        (-0.0, "0"),
        (351.5, "351.5"),
        (1e15, "1E+15"),
        (float("nan"), "NaN"),
        (True, "TRUE"),
        ("'351", "351"),
        ("'x", "'x"),
        (0.0, "0"),
        ("", ""),
    ],
)
def test_a_cell_is_written_as_it_is_meant(value: object, cell: str):
    (line,) = encode_rows([[value, "x"]])

    assert next(decode_block(line).rows()) == [cell, "x"]


def test_a_block_is_small_however_long_its_cells_are():
    lines = list(encode_rows([["x" * 32_000] * 40] * 8))

    assert [decode_block(line).count for line in lines] == [1] * 8
