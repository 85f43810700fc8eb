"""Lines of a journal, made up."""

import msgspec

from bulk_publisher.model import Action, Outcome, PageId, Status

RUN = "20260301T030000Z-1f2e"


def outcome(page: int, **changes: object) -> Outcome:
    """The line of a page that was published, with *changes*."""
    made = Outcome(
        time=f"2026-03-01T03:00:{page % 60:02d}.000Z",
        run=RUN,
        portal="example.bitrix24.com",
        scope=None,
        page=PageId(page),
        action=Action.PUBLISH,
        status=Status.PUBLISHED,
        error=None,
        error_description=None,
        hint=None,
        attempts=1,
        duration=0.5,
        operating=0.5,
        site=None,
        folder=None,
        title="Über uns",
        url=None,
        was_active=False,
        source="pages.csv:2",
    )
    return msgspec.structs.replace(made, **changes)
