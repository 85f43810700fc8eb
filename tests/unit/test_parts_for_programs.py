"""What programs read part by part: each thing once, in its order, however large the parts are."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Action, Outcome, PageId, Scope, Status
from bulk_publisher.store.audit import Deed
from bulk_publisher.web.views.deeds_done import MOST, DeedsAsked, deeds_of
from bulk_publisher.web.views.outcomes_after import OutcomesAfter, outcomes_after


def line(page: int, *, is_bad: bool) -> Outcome:
    return Outcome(
        time="2026-03-01T03:00:00.000Z", run="20260301T030000Z-aaaa", portal="shop.bitrix24.com",
        scope=Scope.KNOWLEDGE, page=PageId(page), action=Action.PUBLISH,
        status=Status.FAILED if is_bad else Status.PUBLISHED, error="DENIED" if is_bad else None,
        error_description=None, hint=None, attempts=1, duration=0.1, operating=0.1, site=None, folder=None,
        title=f"Page {page}", url=None, was_active=False, source="pages.csv:1",
    )  # fmt: skip


def deed(number: int) -> Deed:
    return Deed(
        at="2026-03-01T03:00:00.000Z", who="anna", proof="session", role="steer", address="127.0.0.1",
        what=f"POST /{number}", target="", outcome="done", status=200,
    )  # fmt: skip


@given(bad=st.lists(st.booleans(), max_size=60), limit=st.integers(-1, 70), wants_bad=st.booleans())
def test_each_outcome_that_is_asked_for_is_read_once(
    bad: list[bool], limit: int, wants_bad: bool
) -> None:
    lines = [line(number, is_bad=one) for number, one in enumerate(bad, 1)]
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        asked = OutcomesAfter(after=after, limit=limit, status="bad" if wants_bad else "")
        part = outcomes_after(iter(lines), asked)
        assert len(part.outcomes) <= max(1, limit)
        found.extend(one.page for one in part.outcomes)
        after = part.next

    assert found == [one.page for one in lines if not (wants_bad and one.status.is_good)]


@given(count=st.integers(0, 30), limit=st.integers(-1, 40))
def test_each_deed_is_read_once_the_newest_first(count: int, limit: int) -> None:
    deeds = [deed(number) for number in range(count)]
    found: list[int] = []
    before: int | None = None
    while True:
        part = deeds_of(iter(deeds), DeedsAsked(before=before, limit=limit))
        found.extend(one.number for one in part.deeds)
        if (before := part.next) is None:
            break

    assert found == [*reversed(range(count))]


def test_a_part_of_deeds_is_bounded() -> None:
    assert len(deeds_of(map(deed, range(500)), DeedsAsked(limit=10_000)).deeds) == MOST


def test_what_a_client_calls_itself_is_text_of_one_line() -> None:
    told = deeds_of([Deed(at="", who="a\nb\u202e", proof="", role="", address="", what="", target="", outcome="", status=403)], DeedsAsked())  # fmt: skip

    assert "\n" not in told.deeds[0].who
    assert "\u202e" not in told.deeds[0].who
