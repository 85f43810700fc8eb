"""Looks the pages of another source up before they are published.

So it is known which of them are online already, and their titles, sites and folders stand in the
outcomes; pages that the portal does not list are marked, so that they spoil no batch. It streams:
500 pages are looked up at a time, ahead of those that are being published.
"""

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from bulk_publisher.client.conditions import Condition, first_unmet
from bulk_publisher.client.listed_rows import DatedPage, dated
from bulk_publisher.client.lister import LIST_LENGTH, Calls, Listers, is_up_to_date
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.model import Only, Page

_SEVERAL = 5
"""Pages of which none is listed that make one ask whether the scope is the right one."""


async def look_up(
    pages: AsyncIterator[Page],
    calls: Calls,
    *,
    only: Only,
    where: Sequence[Condition] = (),
    is_dated: bool = False,
    is_proved: bool = False,
    warn: Warn = say_nothing,
) -> AsyncIterator[Page]:
    """*pages* in their order, with what the portal says of them.

    A page that is not wanted by *only* or *where* comes with the reason to skip it; one that comes with
    such a reason is not asked for.

    Args:
        is_dated: The portal is asked when they were modified, too.
        is_proved: The portal has such pages: where none is listed, it is not the scope that is wrong.
        warn: Told what a person should know: that the portal does not tell which pages changed.

    Raises:
        BulkPublisherError: If the portal cannot be asked.
    """
    listers = Listers(calls, is_dated=is_dated)
    group: list[Page] = []
    async for page in pages:
        if group and (group[-1].scope != page.scope or len(group) >= LIST_LENGTH):
            for found in await _look_up_group(
                group, listers, only, where, warn, is_proved=is_proved
            ):
                yield found
            group = []
        group.append(page)
    if group:
        for found in await _look_up_group(group, listers, only, where, warn, is_proved=is_proved):
            yield found


async def _look_up_group(
    group: list[Page],
    listers: Listers,
    only: Only,
    where: Sequence[Condition],
    warn: Warn,
    *,
    is_proved: bool,
) -> list[Page]:
    lister = listers.of(group[0].scope)
    asked = [page.id for page in group if page.skip is None]
    listed = await lister.by_id(asked)
    lister.warn_once(only, warn)
    is_doubtful = not listed and not lister.has_listed and not is_proved
    if is_doubtful and len(asked) >= _SEVERAL:
        # The scope is wrong, or the owner sees none of them: batches are not spoiled by a few then.
        warn(f"The portal lists none of the first {len(asked):,} pages: is --scope the right one?")
        return group
    return [
        page if page.skip is not None else _joined(page, listed.get(page.id), only, where)
        for page in group
    ]


def _joined(page: Page, listed: Page | None, only: Only, where: Sequence[Condition]) -> Page:
    if listed is None:
        return replace(page, is_missing=True)
    if isinstance(listed, DatedPage):
        page = dated(page, listed.modified)
    return replace(
        page,
        site=listed.site or page.site,
        folder=listed.folder,
        title=listed.title or page.title,
        url=listed.url or page.url,
        was_active=listed.was_active,
        is_changed=listed.is_changed,
        is_missing=False,
        skip=_reason(listed, only, where),
    )


def _reason(listed: Page, only: Only, where: Sequence[Condition]) -> str | None:
    """Why *listed* is not wanted; None where it is."""
    unmet = first_unmet(listed, where)
    if unmet is not None:
        return f"It does not match the condition {unmet.text}."
    if not is_up_to_date(listed, only):
        return None
    if only is Only.UNPUBLISHED:
        return "It is online already."
    if listed.is_changed is None:
        return "It is online, and the portal does not tell whether it was edited since."
    return "It is online, and was not edited since it was published."
