"""What the portal lists: pages by key and by ID, and what its rows say.

``landing.landing.getList`` does not page: without a limit it gives everything. So it is asked by
key: the next so many above the last ID, until a short list.

Source: docs/bitrix24.md §4, docs/bitrix24-dossier.md §2.1 [doc, source].
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

from bulk_publisher.errors import BulkPublisherError, PortalUnusable, StoppedByPortal
from bulk_publisher.model import Fault, FaultClass, FolderId, Only, Page, PageId, Scope, SiteId
from bulk_publisher.portal.faults import base_code
from bulk_publisher.portal.wire import Answer, scope_param

PAGES_METHOD = "landing.landing.getlist"
LIST_LENGTH = 500
"""Pages in one list: half a second of the portal's time, and half a megabyte."""

_FIELDS = ("ID", "TITLE", "SITE_ID", "FOLDER_ID", "ACTIVE")
_CHANGED_FIELD = "PUBLIC"


Warn = Callable[[str], None]
"""Is told something that a person should know now."""


def say_nothing(_text: str) -> None:
    """Where nobody is there to be told."""


class Calls(Protocol):
    """A portal that is asked within its limits."""

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault: ...


class Lister:
    """Lists pages of one scope."""

    def __init__(self, calls: Calls, scope: Scope | None) -> None:
        self._calls = calls
        self._scope = scope
        self.knows_changes = True
        """Whether the portal says which pages were edited since they were last published."""
        self.has_listed = False
        """Whether the portal has listed any page."""
        self._has_warned = False

    async def by_key(
        self,
        site: SiteId | None,
        only: Only,
        *,
        source: str,
        after: int = 0,
        warn: Warn = say_nothing,
    ) -> AsyncIterator[Page]:
        """The pages of *site*, or of the whole scope, in the order of their IDs.

        Args:
            after: The last ID that is not wanted.
            warn: Told if the portal does not tell which pages changed.

        Raises:
            BulkPublisherError: If the portal cannot be asked.
        """
        last = after
        while True:
            rows = await self._rows({">ID": last, **_site_filter(site)}, only)
            self.warn_once(only, warn)
            listed = [row for row in rows if int(row["ID"]) > last]
            for row in listed:
                if _is_wanted(row, only):
                    yield _page(row, scope=self._scope, source=source)
            if len(rows) < LIST_LENGTH:
                return
            if not listed:
                raise StoppedByPortal(
                    f"The pages can't be listed: the portal gives none after {last}, and no end.",
                    "Select them with a CSV or --page instead.",
                )
            last = max(int(row["ID"]) for row in listed)

    def warn_once(self, only: Only, warn: Warn) -> None:
        """Say, once, if *only* asks for changed pages and the portal does not tell which are."""
        if only is Only.CHANGED and not self.knows_changes and not self._has_warned:
            self._has_warned = True
            warn(
                "The portal does not tell which pages were edited since they were published: "
                "only those that are not online are taken. --only all takes every page."
            )

    async def by_id(self, ids: Sequence[PageId]) -> dict[PageId, Page]:
        """Those of *ids*, at most 500, that the portal lists.

        Raises:
            BulkPublisherError: If the portal cannot be asked.
        """
        rows = await self._rows({"ID": list(ids)}, Only.ALL)
        pages = (_page(row, scope=self._scope, source="") for row in rows)
        return {page.id: page for page in pages}

    async def _rows(self, wanted: Mapping[str, Any], only: Only) -> list[dict[str, Any]]:
        answer = await self._ask(wanted, only)
        if isinstance(answer, Fault) and answer.code == "SYSTEM_ERROR" and self.knows_changes:
            # PUBLIC is a column, but not one of the documented fields: a portal may not know it.
            self.knows_changes = False
            answer = await self._ask(wanted, only)
        if isinstance(answer, Fault):
            raise _error(answer)
        # An empty list is an answer; what is no list would be taken for one by mistake.
        rows = list(answer.result.values()) if isinstance(answer.result, dict) else answer.result
        if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
            raise StoppedByPortal(
                "The pages can't be listed: the portal answered with something else than a list of pages.",
                "Try again, or select the pages with a CSV or --page and without a look-up.",
            )
        self.has_listed = self.has_listed or bool(rows)
        if rows and _CHANGED_FIELD not in rows[0]:
            self.knows_changes = False
        return rows

    async def _ask(self, wanted: Mapping[str, Any], only: Only) -> Answer | Fault:
        fields = [*_FIELDS, _CHANGED_FIELD] if self.knows_changes else list(_FIELDS)
        params = {
            "select": fields,
            "filter": {**wanted, **self._state_filter(only)},
            "order": {"ID": "ASC"},
            "limit": LIST_LENGTH,
            "get_urls": 1,
        }
        return await self._calls.call(PAGES_METHOD, {"params": params, **scope_param(self._scope)})

    def _state_filter(self, only: Only) -> dict[str, Any]:
        match only:
            case Only.ALL:
                return {}
            case Only.CHANGED if self.knows_changes:
                return {"0": {"LOGIC": "OR", "0": {"=ACTIVE": "N"}, "1": {"=PUBLIC": "N"}}}
            case _:
                return {"=ACTIVE": "N"}


class Listers:
    """A lister for each scope, which remembers what the portal tells of that one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._by_scope: dict[Scope | None, Lister] = {}

    def of(self, scope: Scope | None) -> Lister:
        """The lister of *scope*."""
        return self._by_scope.setdefault(scope, Lister(self._calls, scope))


def is_up_to_date(page: Page, only: Only) -> bool:
    """Whether *page* is as *only* wants no longer: online, and for ``changed`` without edits."""
    match only:
        case Only.ALL:
            return False
        case Only.UNPUBLISHED:
            return page.was_active is True
        case Only.CHANGED:
            return page.was_active is True and page.is_changed is not True


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and _number(row.get("ID")) is not None


def _is_wanted(row: Mapping[str, Any], only: Only) -> bool:
    return not is_up_to_date(_page(row, scope=None, source=""), only)


def _site_filter(site: SiteId | None) -> dict[str, Any]:
    # Exactly this key also leaves out pages in deleted folders, and one site at a time does so
    # for each [source].
    return {} if site is None else {"SITE_ID": site}


def _page(row: Mapping[str, Any], *, scope: Scope | None, source: str) -> Page:
    site, folder = _number(row.get("SITE_ID")), _number(row.get("FOLDER_ID"))
    active, public = row.get("ACTIVE"), row.get(_CHANGED_FIELD)
    return Page(
        id=PageId(int(row["ID"])),
        scope=scope,
        source=source,
        site=None if site is None else SiteId(site),
        folder=None if folder is None else FolderId(folder),
        title=_text(row.get("TITLE")),
        url=_text(row.get("PUBLIC_URL")),
        was_active=None if active is None else active == "Y",
        is_changed=None if public is None else public != "Y",
        is_missing=False,
    )


def _number(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdecimal() and int(text) > 0 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _error(fault: Fault) -> BulkPublisherError:
    message = f"The pages can't be listed: {fault.words}"
    if fault.kind in {FaultClass.CREDENTIAL, FaultClass.TOKEN}:
        return PortalUnusable(message, fault.hint)
    # What is advised for a page or a site of one's own says nothing of a list.
    is_of_page = fault.is_alone or fault.kind in {FaultClass.PAGE, FaultClass.SITE}
    return StoppedByPortal(message, _hint(fault.code) if is_of_page else fault.hint)


def _hint(code: str) -> str:
    if base_code(code) == "ACCESS_DENIED":
        return "The webhook's owner has no access to Sites, or not to sites of this kind; give it to them in Sites > Access rights."
    return "Select the pages with a CSV or --page, and leave the look-up out with --no-lookup."
