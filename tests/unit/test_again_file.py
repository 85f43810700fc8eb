"""Pages that are to be done again are listed with what they carry, so that it is carried again."""

import asyncio
import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Scope
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.sources.carried import carried_row
from bulk_publisher.sources.csv_file import check_csv
from bulk_publisher.store.folder.again_file import write_list
from bulk_publisher.store.folder.verdict_file import add_verdict, fresh
from bulk_publisher.store.verdicts import judge
from tests.outcomes import outcome

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from(",;\"'\r\n\t")
)
NAMES = st.text(st.sampled_from("ab;,\"'\r\n (2)L"), min_size=1) | st.sampled_from(
    ["id", "page_id", "LID", "lid", "Scope", "title", "site", "page", "sep=;"]
)
ROWS = st.dictionaries(NAMES.filter(str.strip), TEXTS, max_size=4)


def listed(folder: Path, rows: Mapping[int, Mapping[str, str] | None]) -> Path:
    """The list of pages with these rows."""
    with fresh(folder / "verify.jsonl") as file:
        for page, row in rows.items():
            line = outcome(page, scope=Scope.KNOWLEDGE, row=row)
            add_verdict(file, judge(line, None, time="2026-03-01T04:00:00.000Z"))
    write_list(folder / "again.csv", {Scope.KNOWLEDGE: PageSet(rows)}, folder / "verify.jsonl")
    return folder / "again.csv"


def read_back(path: Path) -> dict[int, dict[str, str] | None]:
    async def collect() -> dict[int, dict[str, str] | None]:
        checked = check_csv(str(path), column=None, scope=None, skip_bad_rows=False)
        return {page.id: page.row async for page in checked}

    return asyncio.run(collect())


@given(st.dictionaries(st.integers(1, 10**9), ROWS, min_size=1, max_size=5))
def test_what_was_carried_is_carried_again(given: dict[int, dict[str, str]]) -> None:
    # As a list or a program would have it.
    rows = {page: carried_row(row) for page, row in given.items()}
    with tempfile.TemporaryDirectory() as folder:
        again = read_back(listed(Path(folder), rows))

    assert list(again) == (list(rows) if any(rows.values()) else sorted(rows))
    cells = {page: sorted((row or {}).values()) for page, row in again.items()}
    assert cells == {page: sorted((row or {}).values()) for page, row in rows.items()}


def test_columns_keep_their_names_but_for_those_that_mean_something_else(tmp_path: Path) -> None:
    row = {"page_id": "5", "Title": "a", "site": "b", "LID": "c", "key": "d"}

    path = listed(tmp_path, {7: row})

    assert read_back(path) == {
        7: {"page_id": "5", "Title (2)": "a", "site (2)": "b", "LID (2)": "c", "key": "d"}
    }


def test_pages_that_carry_nothing_are_listed_as_before(tmp_path: Path) -> None:
    path = listed(tmp_path, {7: None, 3: None})

    assert path.read_bytes() == b"id,scope\n3,KNOWLEDGE\n7,KNOWLEDGE\n"


def test_only_what_is_to_be_done_again_is_listed(tmp_path: Path) -> None:
    listed(tmp_path, {7: {"key": "a"}, 8: {"other": "b"}, 9: {"key": "c"}})

    pages = {Scope.KNOWLEDGE: PageSet([9, 7]), None: PageSet([5])}
    write_list(tmp_path / "again.csv", pages, tmp_path / "verify.jsonl")

    rows = list(csv.reader((tmp_path / "again.csv").read_text().splitlines()))
    assert rows == [["lid", "scope", "key"], ["7", "KNOWLEDGE", "a"], ["9", "KNOWLEDGE", "c"], ["5", "", ""]]  # fmt: skip
