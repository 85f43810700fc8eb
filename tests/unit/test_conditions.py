"""Conditions: what is written is what is asked of the portal and what is held against its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.client.conditions import Field, first_unmet, parse_condition, wanted_by
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import FolderId, Page, PageId, SiteId
from bulk_publisher.sandbox import listing

ids = st.integers(1, 2**63 - 1)
blank = st.sampled_from(["", " "])
titles = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
pages = st.builds(
    Page,
    id=ids.map(PageId),
    site=st.none() | ids.map(SiteId),
    folder=st.none() | ids.map(FolderId),
    title=st.none() | titles,
    url=st.none() | titles,
    was_active=st.booleans(),
    is_changed=st.booleans(),
)
written = st.one_of(
    st.tuples(
        st.sampled_from(["id", "site", "folder"]), st.sampled_from(["=", "!="]), ids.map(str)
    ),
    st.tuples(st.just("id"), st.sampled_from(["<", ">"]), ids.map(str)),
    st.tuples(
        st.sampled_from(["title", "address", "url"]),
        st.sampled_from(["=", "!=", "~"]),
        titles.filter(str.strip),
    ),
    st.tuples(
        st.sampled_from(["active", "changed"]),
        st.sampled_from(["=", "!="]),
        st.sampled_from(["yes", "no", "Y", "n", "true", "0"]),
    ),
)


def _refusal(text):
    """Why *text* is no condition; empty where it is one."""
    try:
        parse_condition(text)
    except BadSetting as error:
        return error.message
    return ""


@given(words=written, before=blank, after=blank)
def test_what_is_written_is_read(words, before, after):
    name, operator, value = words
    condition = parse_condition(f"{before}{name.upper()}{after}{operator}{before}{value}{after}")

    assert condition.field == ("address" if name == "url" else name)
    assert condition.operator == operator
    assert isinstance(condition.value, bool) or str(condition.value) == value.strip()


@given(text=st.text(max_size=40))
def test_whatever_is_no_condition_is_refused_in_one_line(text):
    assert "\n" not in _refusal(text)


@given(page=pages, words=written)
def test_the_opposite_holds_where_it_does_not(page, words):
    name, operator, value = words
    opposite = {"=": "!=", "!=": "="}.get(operator)
    if opposite is None:
        return

    meets = parse_condition(f"{name}{operator}{value}").is_met(page)

    assert parse_condition(f"{name}{opposite}{value}").is_met(page) is not meets


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("title~Handbook", {"%TITLE": "Handbook"}),
        ("title=Handbook", {"=TITLE": "Handbook"}),
        ("title!=Handbook", {}),
        ("id>400", {">ID": 400}),
        ("site=7", {"=SITE_ID": 7}),
        ("folder!=3", {}),
        ("active=no", {"=ACTIVE": "N"}),
        ("active!=no", {"=ACTIVE": "Y"}),
        ("changed=yes", {"=PUBLIC": "N"}),
        ("changed!=yes", {"=PUBLIC": "Y"}),
        ("url~/faq/", {}),
        ("modified>01.11.2026", {">DATE_MODIFY": "01.11.2026"}),
    ],
)
def test_the_portal_is_asked_for_what_it_can_tell(text, asked):
    assert parse_condition(text).filter == asked


def test_conditions_stand_in_a_group_of_their_own():
    where = [parse_condition(text) for text in ("id>5", "url~x", "site=7")]

    assert wanted_by(where) == {"1": {"LOGIC": "AND", "0": {">ID": 5}, "1": {"=SITE_ID": 7}}}
    assert wanted_by(where[1:2]) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("handbook", "is not a condition"),
        ("", "is not a condition"),
        ("title~", "the value is missing"),
        ("titel~x", "'titel' is not a field: did you mean title?"),
        ("site~7", "site takes =, !="),
        ("modified=1.1.2026", "modified takes <, >"),
        ("id=seven", "id takes a whole number from 1"),
        ("id>=7", "id takes a whole number from 1"),
        ("active=maybe", "active takes yes or no"),
        (f"title={'x' * 1_000}", "is not a condition"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    assert said in _refusal(text)


@pytest.mark.parametrize("text", ["title~HANDBUCH", "title!=x", "active=no", "id<6", "url~FAQ"])
def test_a_page_is_held_against_it_without_regard_to_capitals(text):
    page = Page(PageId(5), title="Das Handbuch", url="/faq/", was_active=False)

    assert first_unmet(page, [parse_condition(text)]) is None


def test_the_first_that_is_not_met_is_named():
    where = [parse_condition(text) for text in ("modified>1", "id=5", "title=x", "folder=3")]

    unmet = first_unmet(Page(PageId(5)), where)

    assert unmet is not None
    assert unmet.text == "title=x"


def test_what_the_portal_does_not_tell_is_not_guessed():
    with pytest.raises(BadSetting, match="does not say which pages were edited"):
        first_unmet(Page(PageId(5), was_active=True), [parse_condition("changed=no")])


def test_every_key_is_a_column_of_the_portal():
    texts = {Field.ACTIVE: "yes", Field.CHANGED: "no", Field.TITLE: "x", Field.MODIFIED: "x"}
    operators = {Field.MODIFIED: ">"}
    keys = [
        key
        for field in Field
        for key in parse_condition(
            f"{field}{operators.get(field, '=')}{texts.get(field, '1')}"
        ).filter
    ]

    assert {key.lstrip("=%<>") for key in keys} <= set(listing.FIELDS)
    assert len(keys) == len(Field) - 1
