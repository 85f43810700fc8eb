"""Whatever the portal has written: in an answer it is short, legible and in one place."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.mcp_server.portal_data import MOST_ROWS, MOST_TEXT, bounded, portal_data, rows
from bulk_publisher.text.escaping import printable

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=80) | st.dictionaries(st.text(), inner, max_size=80),
    max_leaves=100,
)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def _longest(value: object) -> int:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return max([len(value), *map(_longest, inner)])
    return 0


@given(value=_JSON)
def test_every_text_is_legible_and_cut_and_every_table_is_short(value: object) -> None:
    told = portal_data(value=value)["portal_data"]

    assert told["untrusted"] is True
    assert all(text == printable(text) and len(text) <= MOST_TEXT + 1 for text in _texts(told))
    assert _longest(told) <= MOST_ROWS


def test_a_text_is_cut_where_it_is_too_long_and_only_there() -> None:
    assert bounded("x" * MOST_TEXT) == "x" * MOST_TEXT
    assert bounded("x" * (MOST_TEXT + 1)) == "x" * MOST_TEXT + "…"


def test_what_is_left_out_is_counted() -> None:
    assert rows(range(3), most=2) == {"rows": [0, 1], "left_out": 1}
    assert rows([]) == {"rows": [], "left_out": 0}
