"""Totals in words."""

from bulk_publisher.model import Action, Outcome, PageId, Status
from bulk_publisher.report.text import failures_lines
from bulk_publisher.store.totals import Totals


def _failed(page: int, code: str) -> Outcome:
    return Outcome(
        "2026-11-24T21:19:00.978Z", "r", "h", None, PageId(page), Action.PUBLISH, Status.FAILED, code,
        "why", "a hint", 1, None, None, None, None, None, None, None, "",
    )  # fmt: skip


def test_a_portal_with_a_code_for_each_page_makes_no_summary_of_hundreds_of_lines() -> None:
    totals = Totals()
    for page in range(1, 201):
        totals.add(_failed(page, f"CODE_{page}"))
    totals.add(_failed(201, "CODE_7"))

    lines = list(failures_lines(totals))

    assert lines[0] == "  CODE_7: 2 pages, for example page 7"
    assert (
        lines[-1]
        == "  180 other errors: 180 pages; 'report --csv' and 'report --json' list them all"
    )
    assert len(lines) < 50
