"""What was sent and can't be: it is told in words that say what may be sent, and repeats no sentence."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.text.misfits import misfit_in_words


class Show(StrEnum):
    ALL = "all"
    WORK = "work"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=1000)]
    show: Show = Show.ALL
    kind: Literal["a", "b"] | None = None
    number: int = 1
    limit: Annotated[int, msgspec.Meta(ge=1, le=2000)] | None = None
    is_reversed: bool = False
    ids: tuple[Annotated[int, msgspec.Meta(ge=1)], ...] = ()


def words(body: bytes) -> str:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)) as caught:
        msgspec.json.decode(body, type=Wanted)
    return misfit_in_words(caught.value, Wanted)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name": "x", "show": "bogus"}', "show must be one of all, work"),
        (b'{"name": "x", "kind": "c"}', "kind must be one of a, b"),
        (b'{"name": "x", "number": "many"}', "number must be a whole number"),
        (b'{"name": "x", "limit": 0}', "limit must be a whole number from 1 to 2,000"),
        (b'{"name": "x", "is_reversed": 3}', "is_reversed must be true or false"),
        (b'{"name": "x", "ids": [0]}', "ids must be a list, each of them a whole number from 1"),
        (b'{"name": 5}', "name must be text of up to 1,000 characters"),
        (b"{}", "name is missing"),
        (b'{"wher": 1}', "wher is not known: use name, show, kind, number, limit, is_reversed, ids"),
        (b'{"do this now": 1}', "a name is not known: use name, show, kind, number, limit, is_reversed, ids"),
        (b"[]", "it must be a JSON object"),
        (b'{"name":', "it is no JSON"),
        (b"\xff", "it is no JSON"),
    ],
)  # fmt: skip
def test_it_is_said_what_may_be_sent(body: bytes, said: str) -> None:
    assert words(body) == said


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(told=st.dictionaries(st.sampled_from(Wanted.__struct_fields__) | st.text(), _ANY) | _ANY)
def test_whatever_was_sent_no_sentence_of_it_is_repeated(told: Any) -> None:
    try:
        msgspec.convert(told, Wanted)
    except msgspec.ValidationError as error:
        said = misfit_in_words(error, Wanted)
        assert "`" not in said
        assert "$" not in said
        assert said.isprintable()
