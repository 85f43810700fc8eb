"""Pages of an earlier run, by what its journal says of them: to be tried again, or taken back.

How it works: the journal is read through once, and it is kept where the wanted lines are. The pages
are read from there while the run goes on, in either direction.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from bulk_publisher.model import Outcome, Page, PageId, Status
from bulk_publisher.store.protocol import KeptLines
from bulk_publisher.store.record import Mark


@dataclass(frozen=True, slots=True)
class EarlierPages:
    """Pages of a journal; iterate it for them, in the order of their settling or newest first.

    Attributes:
        lines: Theirs in the journal.
        without_line: Pages that have none, and come before those.
    """

    lines: KeptLines
    is_newest_first: bool
    without_line: tuple[Page, ...] = ()

    @property
    def pages(self) -> int:
        """How many there are."""
        return len(self.without_line) + len(self.lines)

    async def __aiter__(self) -> AsyncIterator[Page]:
        """The pages, as their lines name them; how they are now is not known.

        Raises:
            BadJournal: If the journal can't be read any more.
        """
        for page in self.without_line:
            yield page
        for outcome in reversed(self.lines) if self.is_newest_first else self.lines:
            yield _page(outcome)


def status_of(mark: Mark, verdicts: Mapping[PageId, Status]) -> Status:
    """How a page ended: as its line says, or as the portal said when it was asked afterwards."""
    if mark.status is not Status.UNKNOWN:
        return mark.status
    return verdicts.get(mark.page, mark.status)


def is_to_retry(
    mark: Mark,
    run: str,
    verdicts: Mapping[PageId, Status],
    *,
    statuses: Collection[Status],
    errors: Collection[str],
) -> bool:
    """Whether a page of *run* is to be tried again.

    Args:
        statuses: Wanted, by its line or by the verdict on it; empty for both bad ones.
        errors: Wanted codes, in capitals; empty for all.
    """
    verdict = status_of(mark, verdicts)
    if mark.run != run or verdict.is_good:
        return False
    if statuses and not {mark.status, verdict} & set(statuses):
        return False
    return not errors or (mark.error or "").upper().partition("[")[0] in errors


def is_to_take_back(
    mark: Mark, run: str, verdicts: Mapping[PageId, Status], *, includes_unknown: bool
) -> bool:
    """Whether *run* has put a page up that was not online before."""
    if mark.run != run or status_of(mark, verdicts) is not Status.PUBLISHED:
        return False
    return mark.was_active is False or (mark.was_active is None and includes_unknown)


def is_doubtful(mark: Mark, run: str, verdicts: Mapping[PageId, Status]) -> bool:
    """Whether it can't be told if *run* has put a page up that was not online before."""
    if mark.run != run or mark.was_active is True:
        return False
    status = status_of(mark, verdicts)
    return status is Status.UNKNOWN or (status is Status.PUBLISHED and mark.was_active is None)


def _page(outcome: Outcome) -> Page:
    return Page(
        outcome.page,
        scope=outcome.scope,
        source=outcome.source,
        site=outcome.site,
        folder=outcome.folder,
        title=outcome.title,
        url=outcome.url,
        row=outcome.row,
    )
