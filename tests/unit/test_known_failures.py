"""A list of pages that are known to fail: read through, and every bad row told with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSource
from bulk_publisher.model import PageId
from bulk_publisher.sources.known_failures import KnownFailures, check_known_failures


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.csv"


def test_without_a_file_nothing_is_known() -> None:
    assert check_known_failures(None) == KnownFailures()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_each_page_has_its_codes(path: Path, delimiter: str) -> None:
    rows = ["Code,note,ID", "not_published,x,5", "", "LANDING_NOT_EXIST,,5", "PUBLIC_HTML_DISALLOWED[L6],,6"]  # fmt: skip
    path.write_text("\ufeff" + "\n".join(rows).replace(",", delimiter))

    known = check_known_failures(str(path))

    assert known.has(PageId(5), "NOT_PUBLISHED")
    assert known.has(PageId(5), "landing_not_exist")
    assert known.has(PageId(6), "PUBLIC_HTML_DISALLOWED[S7]")
    assert not known.has(PageId(6), "NOT_PUBLISHED")
    assert not known.has(PageId(7), "NOT_PUBLISHED")


@pytest.mark.parametrize(
    ("text", "message", "problem"),
    [
        ("id\n5\n", "known.csv:1: there is no column code", ""),
        ("code\nA\n", "known.csv:1: there is no column id", ""),
        ("", "known.csv:1: there is no column id", ""),
        ("id,code\n5,A\nx,B\n", "known.csv has a bad row", "known.csv:3: 'x' is not a page id"),
        ("id,code\n5\n", "known.csv has a bad row", "known.csv:2: a cell is missing"),
        ("id,code\n5, \n6,\n", "known.csv has 2 bad rows", "known.csv:2: there is no code"),
        ('id,code\n5,"A\n', "known.csv:2: this is no CSV", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str, problem: str
) -> None:
    monkeypatch.chdir(path.parent)
    path.write_text(text)

    with pytest.raises(BadSource) as raised:
        check_known_failures("known.csv")

    assert raised.value.message.startswith(message)
    assert not problem or raised.value.problems[0].startswith(problem)


def test_a_file_that_is_not_there_or_no_text_is_told(path: Path) -> None:
    with pytest.raises(BadSource, match="there is no such file"):
        check_known_failures(str(path))
    path.write_bytes(b"id,code\n5,\xff\n")
    with pytest.raises(BadSource, match=":2: it is not UTF-8"):
        check_known_failures(str(path))


@given(st.dictionaries(st.integers(1, 10**9), st.sampled_from(["A_B", "C", "D_E_F"]), max_size=20))
def test_what_was_written_is_known_and_nothing_else(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.getbasetemp() / "known.csv"
    path.write_text("id,code\n" + "".join(f"{page},{code}\n" for page, code in rows.items()))

    known = check_known_failures(str(path))

    assert dict(known.codes) == {page: frozenset({code}) for page, code in rows.items()}
