"""What may be shown of a text of others: in a terminal, in JSON, in a spreadsheet."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.text.escaping import cell, clean_json, json_text, legible, printable

HIDDEN = "\x00\x07\x1b\x7f\x85\x9b\u061c\u200b\u200e\u200f\u2028\u202a\u202e\u2060\u2066\u2069\ufeff\U000e0041"


@pytest.mark.parametrize("sign", HIDDEN, ids=lambda sign: f"U+{ord(sign):04X}")
def test_no_hidden_sign_is_shown(sign: str) -> None:
    assert printable(f"a{sign}b") == "a b"
    assert sign not in json_text({"title": f"a{sign}b", f"k{sign}": [1]})
    assert sign not in cell(f"a{sign}b")


def test_lines_stay_lines_where_they_may() -> None:
    assert legible("a\x1b[31m\nb\tc") == "a [31m\nb c"


@given(st.recursive(st.none() | st.text() | st.integers(), lambda more: st.lists(more) | st.dictionaries(st.text(), more), max_leaves=5))  # fmt: skip
def test_clean_json_means_the_same(data: object) -> None:
    for indent in (None, 2):
        text = json_text(data, indent=indent)

        assert json.loads(text) == data
        assert not set(text) & set(HIDDEN)
    assert json.loads(clean_json(json.dumps(data, ensure_ascii=False))) == data


def test_json_is_text_and_numbers_that_there_are() -> None:
    told = json_text(
        {"name": "\udcd1\udcf2.csv", "half": "\ud800", "at": float("inf"), "n": [float("nan")]}
    )

    assert json.loads(told.encode()) == {
        "name": "\\xd1\\xf2.csv",
        "half": "\ufffd",
        "at": None,
        "n": [None],
    }


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(1)", " =HYPERLINK(1)", "\xa0=1", "\u3000=1", "\ufeff=1", "\u202e=1", "\x00=1", "\x0b=1",
        "＝1", "＋1", "－1", "＠x", " ＝1", "﹦1", "﹢1", "﹣1", "﹫x", "⁼1", "⁺1", "₌1", "\t1", "\r1", "\n1", "\t=1", "\r\n=1",
    ],
)  # fmt: skip
def test_no_cell_begins_with_a_formula(text: str) -> None:
    assert cell(text).startswith("'")


@pytest.mark.parametrize(
    ("text", "safe"),
    [("x;=1+1", "x;'=1+1"), ("a; ＝b;c", "a;' ＝b;c"), ("a=b", "a=b"), ("", ""), ("Хорошо - да", "Хорошо - да")],
)  # fmt: skip
def test_nor_does_a_part_where_semicolons_part_cells(text: str, safe: str) -> None:
    assert cell(text) == safe
