"""A message: plain words, whatever the portal wrote, and never too many of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.jobs import Occasion
from bulk_publisher.model import PageId
from bulk_publisher.notices.message import Failing, Message, RunTold, harmless

URL = "https://example.bitrix24.com/rest/1/5ecretC0de77/"
MARKS = set("@<>[]*`~|#\\&\n\r\x1b\u202e")

_texts = st.text(max_size=300)
_failing = st.builds(Failing, code=_texts, pages=st.integers(1, 9), page=st.just(PageId(7)), title=_texts)  # fmt: skip
_runs = st.builds(
    RunTold,
    portal=_texts,
    run=st.just("20260301T030000Z-1f2e"),
    status=st.integers(0, 5),
    failing=st.lists(_failing, max_size=9),
    healed=st.lists(st.just(PageId(3)), max_size=40),
    why=_texts,
)


def message(*runs: RunTold, job: str = "nightly") -> Message:
    return Message(id="1", at="2026-03-01T03:00:00Z", occasion=Occasion.FAILED, job=job, runs=runs)


def told(title: str) -> str:
    failing = Failing("LANDING_NOT_EXIST", 2, PageId(5), title)
    return message(RunTold(portal="shop.example", run="r", status=1, failing=[failing])).text


@pytest.mark.parametrize(
    "title",
    [
        "@everyone",
        "<!channel>",
        "<b>bold</b>",
        "[click](https://evil.example)",
        "[URL=https://evil.example]x[/URL]",
        "[USER=1]boss[/USER]",
        "**bold** `code` ~~x~~",
        "&lt;script&gt;",
        "a\n# heading\n> quote",
        "\x1b[31mred",
    ],
)
def test_a_title_is_plain_text(title: str) -> None:
    said = told(title)

    assert not MARKS & set(said.replace("\n", "", said.count("\n")))
    assert "://" not in said
    assert said.count("\n") == told("x").count("\n")


def test_a_code_keeps_its_underscores_and_a_title_does_not_emphasise() -> None:
    said = told("_loud_ LANDING_X")

    assert "LANDING_NOT_EXIST: 2 pages, for example 5 ＿loud＿ LANDING_X" in said


def test_a_webhook_in_a_title_is_hidden() -> None:
    assert "5ecret" not in told(f"see {URL}")


@given(_texts)
def test_what_others_wrote_has_no_signs_that_mean_something(text: str) -> None:
    said = harmless(text)

    assert len(said) <= 200
    assert not MARKS & set(said)
    assert "://" not in said


@given(st.lists(_runs, max_size=60), _texts)
def test_a_message_is_bounded_and_json(runs: list[RunTold], job: str) -> None:
    made = message(*runs, job=job)

    assert len(made.title) < 200
    assert len(made.text) <= 1800
    assert len(json.dumps(made.data)) < 60_000
    assert not MARKS & set(made.title)


def test_what_went_wrong_stands_before_what_went_well() -> None:
    well = [RunTold(portal=f"p{n}", run="r", status=0) for n in range(30)]

    first, *_ = message(*well, RunTold(portal="bad", run="r", status=3)).text.split("\n")

    assert first.startswith("Run r on bad: status 3")
