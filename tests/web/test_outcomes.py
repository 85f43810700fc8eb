"""What is found among outcomes, and how what a portal says is shown."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Outcome, Status
from bulk_publisher.text.escaping import printable
from bulk_publisher.web.views.outcomes import OutcomesAsked, part_of, search
from bulk_publisher.web.views.wording import shortened, web_address
from tests.outcomes import outcome

_LINES = st.lists(
    st.builds(
        outcome,
        st.integers(1, 10**6),
        status=st.sampled_from(Status),
        error=st.none() | st.sampled_from(["ACCESS_DENIED", "TIMEOUT"]),
        title=st.none() | st.text(max_size=20),
    ),
    max_size=130,
)


@given(lines=_LINES, status=st.sampled_from(["", "bad", *Status]), code=st.sampled_from(["", "TIMEOUT"]))  # fmt: skip
def test_all_parts_together_are_the_lines_that_fit(lines: list[Outcome], status: str, code: str) -> None:  # fmt: skip
    fitting = [
        one
        for one in lines
        if (not status or one.status == status or (status == "bad" and not one.status.is_good))
        and (not code or (one.error or one.status.value) == code)
    ]

    found = []
    for number in range(1, -(-len(fitting) // 25) + 1):
        asked = OutcomesAsked(status=status, code=code, number=number, size=25)
        found.extend(search(lines, asked).excerpt.rows)

    assert [row.page for row in found] == [one.page for one in fitting]


@given(lines=_LINES, number=st.integers(-1, 99))
def test_without_a_question_a_part_is_the_same_as_by_looking_through_all(
    lines: list[Outcome], number: int
) -> None:
    asked = OutcomesAsked(number=number, size=25)

    part = part_of(iter(lines), asked, count=len(lines))

    assert part.excerpt == search(lines, asked).excerpt


def test_no_line_behind_the_part_is_read() -> None:
    def lines():
        yield from (outcome(page) for page in range(1, 51))
        raise AssertionError("read on")

    part = part_of(lines(), OutcomesAsked(number=2, size=25), count=10**6)

    assert [row.page for row in part.excerpt.rows] == [*range(26, 51)]
    assert part.excerpt.last == 10**6 / 25


@pytest.mark.parametrize("words", ["4711", "HANDBOOK secret", "denied", "pages.csv:9", "hr-7"])
def test_pages_are_found_by_id_title_code_source_and_what_they_carry(words: str) -> None:
    wanted = outcome(4711, title="The Secret Handbook", status=Status.FAILED, error="ACCESS_DENIED", source="pages.csv:9", row={"space": "HR-7"})  # fmt: skip

    found = search([outcome(1), wanted, outcome(2)], OutcomesAsked(words=words))

    assert [row.page for row in found.excerpt.rows] == [4711]


@given(text=st.text(), longest=st.integers(1, 50))
def test_a_text_of_others_is_printable_and_not_too_long(text: str, longest: int) -> None:
    told = shortened(text, longest)

    assert told == printable(told)
    assert len(told) <= longest


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example/x", "https://", "http://[", "ftp://a/b",
        "https://a/\u202egnp", "https://a/\x00", "https://a/" + "x" * 400, "\tjavascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_none(url: str) -> None:
    assert web_address(outcome(1, url=url)) == ""


def test_a_path_is_one_on_the_portal() -> None:
    assert (
        web_address(outcome(1, url="/knowledge/7/")) == "https://example.bitrix24.com/knowledge/7/"
    )


def test_a_title_of_ten_thousand_signs_is_cut() -> None:
    line = msgspec.structs.replace(outcome(1), title="\u202e<script>" + "x" * 10_000)

    row = search([line], OutcomesAsked()).excerpt.rows[0]

    assert len(row.title) <= 300
    assert "\u202e" not in row.title
