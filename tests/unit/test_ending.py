"""What is said at the end of a run that had nothing to do."""

import pytest

from bulk_publisher.cli.progress.ending import no_page_line
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only, Scope


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (Selection(where=("id<9",)), "No pages selected: --where left none."),
        (Selection(exclude="a.csv"), "No pages selected: --exclude left none."),
        (Selection(where=("id<9",), exclude="a"), "No pages selected: --where and --exclude left none."),
        (Selection(where=("id<9",), only=Only.CHANGED), ""),
    ],
)  # fmt: skip
def test_what_left_no_page_is_named(select: Selection, said: str) -> None:
    assert no_page_line(select) == said


def test_a_site_without_pages_is_a_question() -> None:
    assert "Does the site have pages" in no_page_line(Selection(scope=Scope.KNOWLEDGE))
