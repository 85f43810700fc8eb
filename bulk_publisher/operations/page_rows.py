"""What is a selection? Its pages one by one, as the portal lists them; nothing is changed."""

import random
from collections.abc import AsyncIterator

import msgspec

from bulk_publisher.client.folders import Folders, folders_of, path_of
from bulk_publisher.client.listed_rows import DatedPage
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.client.session import Session
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.jobs import Job
from bulk_publisher.model import FolderId, Page, PageId, Scope, SiteId
from bulk_publisher.operations.access import Entry, session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.selecting import Selected


class PageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a selection.

    Attributes:
        folder_id: Of the folder that it is in; None in the site's root.
        folder: The titles from the site's root to its folder, slashes between; empty in the root.
        address: Its public one, as the portal writes it.
        active: Whether it is online; None where that is not known, as in all that follows.
        changed: Whether it was edited since it was last published.
        modified: When, in the portal's own regional format.
    """

    id: PageId
    scope: Scope | None
    site: SiteId | None
    folder_id: FolderId | None
    folder: str
    title: str | None
    address: str | None
    active: bool | None
    changed: bool | None
    modified: str | None


async def page_rows(
    job: Job, selected: Selected, entry: Entry, *, warn: Warn = say_nothing
) -> AsyncIterator[PageRow]:
    """The pages of *selected*, in its order; those that are not wanted or not there are left out.

    Args:
        warn: Told what a person should know: also how many pages the portal does not list.

    Raises:
        BulkPublisherError: If they can't be read or listed, or the portal lists none that are named.
    """
    asked = missing = 0
    async with session_of(job, entry, random.Random(), warn=warn) as session:
        if session.warning:
            warn(session.warning)
        selected = await find_selected(selected, session, warn=warn)
        paths = _Paths(session)
        pages = selected.pages(session.calls, is_proved=True, is_dated=True, warn=warn)
        async for page in pages:
            asked += page.is_missing is not None
            missing += page.is_missing is True
            if not page.is_missing and page.skip is None:
                yield await _row(page, paths)
        selected.check_listed(asked=asked, listed=asked - missing)
    if missing:
        are = "page is" if missing == 1 else "pages are"
        warn(f"{missing:,} {are} not listed by the portal and left out.")


class _Paths:
    """Where folders are; a site's are asked for once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sites: dict[tuple[Scope | None, SiteId], Folders] = {}
        self._known: dict[FolderId, str] = {}

    async def of(self, page: Page) -> str:
        if page.folder is None:
            return ""
        if page.folder not in self._known:
            self._known[page.folder] = path_of(page.folder, await self._folders(page))
        return self._known[page.folder]

    async def _folders(self, page: Page) -> Folders:
        if page.site is None:
            return {}
        place = (page.scope, page.site)
        if place not in self._sites:
            try:
                self._sites[place] = await folders_of(self._session.calls, *place)
            except BulkPublisherError:
                # Their titles are a help; without them there is their ID.
                self._sites[place] = {}
        return self._sites[place]


async def _row(page: Page, paths: _Paths) -> PageRow:
    return PageRow(
        id=page.id,
        scope=page.scope,
        site=page.site,
        folder_id=page.folder,
        folder=await paths.of(page),
        title=page.title,
        address=page.url,
        active=page.was_active,
        changed=page.is_changed,
        modified=page.modified if isinstance(page, DatedPage) else None,
    )
