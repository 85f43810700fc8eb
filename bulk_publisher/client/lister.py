"""What the portal lists: pages by key and by ID, and how many there are.

``landing.landing.getList`` does not page: without a limit it gives everything. So it is asked by
key: the next so many above the last ID, until it lists none. A short list is no end: a portal may
give fewer rows than it was asked for. In the same way it is asked for pages by their IDs, until it
brings none of those that are missing.

Source: docs/bitrix24.md §4, docs/bitrix24-dossier.md §2.1 [doc, source].
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Protocol

from bulk_publisher.client.conditions import Condition, Field, first_unmet, wanted_by
from bulk_publisher.client.listed_rows import (
    SELECT_INSTEAD,
    Ascent,
    Row,
    Rows,
    folder_of,
    id_of,
    number_in,
    page_of,
    refused_rows,
    rows_of,
)
from bulk_publisher.client.notice import Warn, say_nothing
from bulk_publisher.errors import (
    BadSetting,
    BulkPublisherError,
    ListIncomplete,
    PortalUnusable,
    StoppedByPortal,
)
from bulk_publisher.model import Fault, FaultClass, FolderId, Only, Page, PageId, Scope, SiteId
from bulk_publisher.portal.faults import base_code
from bulk_publisher.portal.wire import Answer, scope_param
from bulk_publisher.text.shown import shown

PAGES_METHOD = "landing.landing.getlist"
LIST_LENGTH = 500
"""Pages in one list: half a second of the portal's time, and half a megabyte."""
COUNT_LENGTH = 5_000
"""Pages in one list that is only counted: it has their IDs and sites, and nothing to look up."""

_FIELDS = ("ID", "TITLE", "SITE_ID", "FOLDER_ID", "ACTIVE")
_COUNTED_FIELDS = ("ID", "SITE_ID", "FOLDER_ID")
_CHANGED_FIELD = "PUBLIC"
_MODIFIED_FIELD = "DATE_MODIFY"
_DOUBTFUL = {Field.MODIFIED, Field.CHANGED}
"""What a portal may know nothing of, or write otherwise."""
_MOST_FOLDERS = 500
"""In one filter; pages of more are picked out of the site's."""
_NONE: frozenset[SiteId] = frozenset()
_NOT_TO_THE_END = "The pages can't be listed to the end"


class Calls(Protocol):
    """A portal that is asked within its limits."""

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault: ...


class Lister:
    """Lists pages of one scope."""

    def __init__(
        self,
        calls: Calls,
        scope: Scope | None,
        *,
        foreign: Collection[SiteId] = _NONE,
        where: Sequence[Condition] = (),
        is_dated: bool = False,
    ) -> None:
        """Nothing is listed yet.

        Args:
            foreign: Sites that are of another kind than *scope*.
            where: What the pages of a list must be like; look-ups go without it.
            is_dated: The portal is asked when pages were modified, too.
        """
        self._calls = calls
        self._scope = scope
        self._foreign = foreign
        self._where = where
        self._moments = [one for one in where if one.field is Field.MODIFIED]
        self._fields = (*_FIELDS, _MODIFIED_FIELD) if is_dated else _FIELDS
        self.knows_changes = True
        """Whether the portal says which pages were edited since they were last published."""
        self.has_listed = False
        """Whether the portal has listed any page."""
        self._has_warned = False
        self._has_told_of_foreign = False

    async def by_key(
        self,
        site: SiteId | None,
        only: Only,
        *,
        source: str,
        after: int = 0,
        folders: Collection[FolderId] = (),
        warn: Warn = say_nothing,
    ) -> AsyncIterator[Page]:
        """The pages of *site*, or of the whole scope, in the order of their IDs.

        Args:
            folders: Only those in one of these; none for all.
            after: The last ID that is not wanted.
            warn: Told if the portal does not tell which pages changed, or lists what it was not
                asked for.

        Raises:
            BadSetting: If the portal can't tell which pages meet a condition.
            ListIncomplete: When all that can be told from what the portal lists is listed.
            BulkPublisherError: If the portal cannot be asked.
        """
        untold = None
        wanted = _wanted(site, folders)
        async for rows in self._answers(wanted, only, after, warn, length=LIST_LENGTH):
            self.warn_once(only, warn)
            for row in rows:
                if self._is_foreign(row, site):
                    if number_in(row.get("SITE_ID")) is None:
                        untold = untold or id_of(row)
                    else:
                        self._tell_of_foreign(row, site, warn)
                    continue
                page = page_of(row, scope=self._scope, source=source)
                is_there = not folders or page.folder in folders
                if is_there and not is_up_to_date(page, only) and self._is_met(page):
                    yield page
        if untold is not None:
            why = f"the portal does not say which site page {untold} belongs to."
            raise ListIncomplete(f"{_NOT_TO_THE_END}: {why}", SELECT_INSTEAD)

    async def ids_by_key(
        self,
        site: SiteId | None,
        only: Only,
        *,
        after: int,
        folders: Collection[FolderId] = (),
        warn: Warn = say_nothing,
    ) -> AsyncIterator[list[tuple[PageId, FolderId | None]]]:
        """The IDs and folders of the same pages, some thousands at a time, as the portal alone filters.

        Raises:
            BulkPublisherError: If that can't be done.
        """
        wanted = _wanted(site, folders)
        async for rows in self._answers(wanted, only, after, warn, length=COUNT_LENGTH):
            places = [
                (id_of(row), folder_of(row)) for row in rows if not self._is_foreign(row, site)
            ]
            yield [place for place in places if not folders or place[1] in folders]

    async def _answers(
        self, wanted: Mapping[str, Any], only: Only, after: int, warn: Warn, *, length: int
    ) -> AsyncIterator[list[Row]]:
        """The new rows of one answer after another, until the portal lists none."""
        ascent, counted, refused = Ascent(after), None, ""
        wanted = {**wanted, **wanted_by(self._where)}
        while True:
            rows = await self._rows({">ID": ascent.last, **wanted}, only, length=length)
            counted = rows.total if counted is None else counted
            if rows.refused and not refused:
                refused = rows.refused
                warn(f"{_capital(refused_rows(refused))}: they are left out.")
            new = ascent.new_of(rows.good)
            await self._check_moments(new)
            if not new:
                break
            yield new
        if rows.good:
            why = f"the portal lists none after {ascent.last}, but no end either."
            raise ListIncomplete(f"{_NOT_TO_THE_END}: {why}", SELECT_INSTEAD)
        if refused:
            hint = f"All others are listed. {SELECT_INSTEAD}"
            raise ListIncomplete(f"{_NOT_TO_THE_END}: {refused_rows(refused)}.", hint)
        if counted is not None and ascent.pages < counted:
            await self._check_count(ascent.pages, {">ID": after, **wanted}, only)

    async def _check_count(self, listed: int, wanted: Mapping[str, Any], only: Only) -> None:
        """Ask the portal again how many there are: fewer, if some are gone meanwhile.

        Raises:
            ListIncomplete: If there are more than it has listed.
        """
        rows = await self._rows(wanted, only, length=1)
        if rows.total is not None and rows.total > listed:
            raise incomplete(listed, rows.total)

    def _is_met(self, page: Page) -> bool:
        return not self._where or first_unmet(page, self._where) is None

    async def _check_moments(self, rows: Sequence[Row]) -> None:
        """Hold an answer to a moment against that to its opposite, once.

        Raises:
            BadSetting: If the portal does not evaluate it.
        """
        for moment in self._moments:
            ids = [id_of(row) for row in rows]
            if ids:
                # Asked for both again: a page may have been modified between two questions.
                both = await self._ids_at(moment.opposite, ids)
                is_evaluated = not both or not await self._ids_at(moment.filter, both) & {*both}
            else:
                # None for it and none for its opposite, although there are pages, is no answer either.
                is_evaluated = bool(await self._ids_at(moment.opposite)) or not await self._ids_at()
            if not is_evaluated:
                raise BadSetting(
                    f"The portal does not evaluate {moment.text}: it answers the same to its opposite.",
                    "Leave that condition out.",
                )
        self._moments = []

    async def _ids_at(
        self, moment: Mapping[str, Any] | None = None, ids: Collection[PageId] = ()
    ) -> set[PageId]:
        """Those of *ids* that the portal lists for *moment*; any page where there are none."""
        wanted: dict[str, Any] = {"1": {"LOGIC": "AND", "0": moment}} if moment else {}
        wanted |= {"ID": sorted(ids)} if ids else {}
        rows = await self._rows(wanted, Only.ALL, length=len(ids) or 1)
        return {page for page in map(id_of, rows.good) if not ids or page in ids}

    def _is_foreign(self, row: Row, site: SiteId | None) -> bool:
        of = number_in(row.get("SITE_ID"))
        return of in self._foreign if site is None else of != site

    def _tell_of_foreign(self, row: Row, site: SiteId | None, warn: Warn) -> None:
        if self._has_told_of_foreign:
            return
        self._has_told_of_foreign = True
        wanted = "of other sites than" if site is not None else "of another kind of site than"
        warn(
            f"The portal lists pages {wanted} it was asked for: they are left out."
            f" The first is page {id_of(row)}, of site {number_in(row.get('SITE_ID'))}."
        )

    def warn_once(self, only: Only, warn: Warn) -> None:
        """Say, once, if *only* asks for changed pages and the portal does not tell which are."""
        if only is Only.CHANGED and not self.knows_changes and not self._has_warned:
            self._has_warned = True
            warn(
                "The portal does not say which pages were edited since they were published: "
                "only pages that are not online are taken. --only all takes every page."
            )

    async def by_id(self, ids: Sequence[PageId]) -> dict[PageId, Page]:
        """Those of *ids*, at most 500, that the portal lists.

        What is missing from an answer is asked for again, until one brings nothing of it: so what
        is missing in the end is not listed, however few rows the portal gives at a time.

        Raises:
            BulkPublisherError: If the portal cannot be asked.
        """
        missing = dict.fromkeys(page for page in ids if number_in(page) is not None)
        found: dict[PageId, Page] = {}
        while missing:
            rows = await self._rows({"ID": list(missing)}, Only.ALL, length=LIST_LENGTH)
            if rows.refused and not rows.good:
                words = f"The pages can't be looked up: {refused_rows(rows.refused)}."
                raise StoppedByPortal(words, _hint(""))
            pages = (page_of(row, scope=self._scope, source="") for row in rows.good)
            brought = {page.id: page for page in pages if page.id in missing}
            if not brought:
                break
            found |= brought
            missing = {page: None for page in missing if page not in brought}
        return found

    async def _rows(self, wanted: Mapping[str, Any], only: Only, *, length: int) -> Rows:
        answer = await self._ask(wanted, only, length)
        if isinstance(answer, Fault) and answer.code == "SYSTEM_ERROR" and self.knows_changes:
            # PUBLIC is a column, but not one of the documented fields: a portal may not know it.
            self.knows_changes = False
            answer = await self._ask(wanted, only, length)
        if isinstance(answer, Fault):
            if answer.code == "SYSTEM_ERROR" and any(one.field in _DOUBTFUL for one in self._where):
                raise await self._refused_condition(answer)
            raise list_error(answer)
        rows = rows_of(answer.result, answer.total)
        self.has_listed = self.has_listed or bool(rows.good)
        if length == LIST_LENGTH and rows.good and _CHANGED_FIELD not in rows.good[0]:
            self.knows_changes = False
        return rows

    async def _refused_condition(self, fault: Fault) -> BadSetting:
        """That the portal does not take a condition, and how it writes a moment."""
        named = [one for one in self._where if one.field in _DOUBTFUL]
        hint = "Leave that condition out."
        if any(one.field is Field.MODIFIED for one in named):
            params = {"select": ["ID", _MODIFIED_FIELD], "order": {"ID": "ASC"}, "limit": 1}
            asked = {"params": params, **scope_param(self._scope)}
            answer = await self._calls.call(PAGES_METHOD, asked)
            rows = [] if isinstance(answer, Fault) else rows_of(answer.result).good
            example = f", such as {shown(str(rows[0].get(_MODIFIED_FIELD)))}" if rows else ""
            hint = f"Write the date and time as this portal does{example}."
        texts = ", ".join(one.text for one in named)
        return BadSetting(f"The portal does not take {texts}: {fault.words}", hint)

    async def _ask(self, wanted: Mapping[str, Any], only: Only, length: int) -> Answer | Fault:
        if length == LIST_LENGTH:
            fields = [*self._fields, _CHANGED_FIELD] if self.knows_changes else list(self._fields)
        else:
            fields = list(_COUNTED_FIELDS)
        params = {
            "select": fields,
            "filter": {**wanted, **self._state_filter(only)},
            "order": {"ID": "ASC"},
            "limit": length,
            **({"get_urls": 1} if length == LIST_LENGTH else {}),
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

    def __init__(self, calls: Calls, *, is_dated: bool = False) -> None:
        self._calls = calls
        self._is_dated = is_dated
        self._by_scope: dict[Scope | None, Lister] = {}

    def of(self, scope: Scope | None) -> Lister:
        """The lister of *scope*."""
        lister = Lister(self._calls, scope, is_dated=self._is_dated)
        return self._by_scope.setdefault(scope, lister)


def is_up_to_date(page: Page, only: Only) -> bool:
    """Whether *page* is as *only* wants no longer: online, and for ``changed`` without edits."""
    match only:
        case Only.ALL:
            return False
        case Only.UNPUBLISHED:
            return page.was_active is True
        case Only.CHANGED:
            return page.was_active is True and page.is_changed is not True


def incomplete(listed: int, counted: int) -> ListIncomplete:
    """The error of a list that has fewer pages than the portal counts."""
    return ListIncomplete(
        f"{_NOT_TO_THE_END}: the portal counts {counted:,} and lists {listed:,}.",
        f"Resume the run to list the others. {SELECT_INSTEAD}",
    )


def _wanted(site: SiteId | None, folders: Collection[FolderId]) -> dict[str, Any]:
    """The filter for pages of *site*, in *folders* where there are any."""
    # Exactly this key also leaves out pages in deleted folders, and one site at a time does so
    # for each [source].
    of_site = {} if site is None else {"SITE_ID": site}
    is_short = 0 < len(folders) <= _MOST_FOLDERS
    return of_site | ({"=FOLDER_ID": sorted(folders)} if is_short else {})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def list_error(fault: Fault, what: str = "The pages can't be listed") -> BulkPublisherError:
    """What ends a run whose question was answered with *fault*.

    Args:
        what: It could not do.
    """
    message = f"{what}: {fault.words}"
    if fault.kind in {FaultClass.CREDENTIAL, FaultClass.TOKEN}:
        return PortalUnusable(message, fault.hint)
    # What is advised for a page or a site of one's own says nothing of a list.
    is_of_page = fault.is_alone or fault.kind in {FaultClass.PAGE, FaultClass.SITE}
    return StoppedByPortal(message, _hint(fault.code) if is_of_page else fault.hint)


def _hint(code: str) -> str:
    if base_code(code) == "ACCESS_DENIED":
        return "The webhook's owner has no access to Sites, or not to sites of this kind; grant it in Sites > Access rights."
    return "Select the pages with a CSV or --page, and add --no-lookup."
