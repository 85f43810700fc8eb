"""Sites of a portal with their pages and whether one may publish on them.

It asks within the limits and changes nothing.

Source: docs/bitrix24.md §4 (lists) and §9 (``landing.site.getRights``) [doc, source].
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from bulk_publisher.client.listed_rows import flag_in, number_in, rows_of
from bulk_publisher.client.lister import Calls, Lister, list_error
from bulk_publisher.client.session import Session
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import (
    WITHOUT_SCOPE,
    Fault,
    FaultClass,
    Only,
    Page,
    Scope,
    SiteId,
)
from bulk_publisher.portal.wire import BATCH_LENGTH, Answer, encode_command, scope_param

EVERY_SCOPE: tuple[Scope | None, ...] = (None, *Scope)
"""All kinds of site; None stands for plain sites and stores."""

_SCOPE_OF: Mapping[str, Scope | None] = {
    **dict.fromkeys(WITHOUT_SCOPE),
    **{scope.value: scope for scope in Scope},
}
"""The scope of each type of site. Source: docs/bitrix24.md §3, §4 [doc]."""

_OF_ALL = {FaultClass.CREDENTIAL, FaultClass.TOKEN, FaultClass.TRANSIENT, FaultClass.RATE}
"""Faults after which nothing else is answered either."""

_NO_RIGHTS_MODEL = "FEATURE_NOT_AVAIL"


class Site(msgspec.Struct, kw_only=True):
    """A site, and the pages of it that were counted.

    Attributes:
        is_online: None where the portal does not say.
        may_publish: Whether the credential may publish on it; None where the portal does not say.
        changed: Of the published ones, those that were edited since.
    """

    id: SiteId
    scope: Scope | None
    title: str
    is_online: bool | None
    may_publish: bool | None = None
    published: int = 0
    unpublished: int = 0
    changed: int = 0

    @property
    def pages(self) -> int:
        """Pages that were counted."""
        return self.published + self.unpublished

    def count(self, page: Page) -> None:
        """One more page of it."""
        if page.was_active:
            self.published += 1
            self.changed += page.is_changed is True
        else:
            self.unpublished += 1


@dataclass(frozen=True, slots=True)
class FoundSites:
    """Sites, and whether every page of them was counted."""

    sites: list[Site]
    is_counted: bool


async def find_sites(
    session: Session, scopes: Sequence[Scope | None], *, most_pages: int | None
) -> FoundSites:
    """The sites of *scopes* that the credential sees, with their pages counted.

    Args:
        most_pages: Pages to count at most; None to count them all.

    Raises:
        BulkPublisherError: If the pages can't be listed.
    """
    sites: list[Site] = []
    counted = 0
    is_counted = True
    for scope in scopes:
        here = await list_sites(session, scope)
        sites.extend(here)
        by_id = {site.id: site for site in here}
        if not here:
            continue
        async for page in Lister(session.calls, scope).by_key(None, Only.ALL, source=""):
            if counted == most_pages:
                is_counted = False
                break
            counted += 1
            if page.site in by_id:
                by_id[page.site].count(page)
    return FoundSites(sites, is_counted)


async def list_sites(session: Session, scope: Scope | None) -> list[Site]:
    """The sites of one kind with the right to publish on each; empty where they can't be listed."""
    params: dict[str, Any] = {"params": {"select": ["ID", "TITLE", "ACTIVE"]}, **scope_param(scope)}
    answer = await session.calls.call("landing.site.getlist", params)
    rows = _rows(answer)
    sites = [
        Site(
            id=SiteId(number_in(row["ID"]) or 0),
            scope=scope,
            title=str(row.get("TITLE") or ""),
            is_online=flag_in(row.get("ACTIVE")),
        )
        for row in rows
    ]
    for first in range(0, len(sites), BATCH_LENGTH):
        await _ask_rights(session, sites[first : first + BATCH_LENGTH], scope)
    return sites


async def list_sites_of(
    session: Session, places: Collection[tuple[Scope | None, SiteId | None]]
) -> list[Site]:
    """The sites at *places*, as ``list_sites`` gives them."""
    scopes = dict.fromkeys(scope for scope, _ in places)
    sites = [site for scope in scopes for site in await list_sites(session, scope)]
    return [site for site in sites if (site.scope, site.id) in places]


async def check_sites(session: Session, scope: Scope | None, sites: Sequence[int]) -> None:
    """See that *sites* of *scope* are there.

    Raises:
        BadSetting: If the portal lists neither one of them nor a page of it.
    """
    if not sites:
        return
    params = {"params": {"select": ["ID", "TYPE"], "filter": {"ID": list(sites)}}}
    answer = await session.calls.call("landing.site.getlist", params | scope_param(scope))
    if isinstance(answer, Fault):
        # Whether pages can be listed is another question, and the answer to that one counts.
        return
    listed = {number_in(row["ID"]): row for row in _rows(answer)}
    for site in sites:
        is_listed = site in listed and not is_of_other_kind(listed[site], scope)
        if not is_listed and (site in listed or not await _has_page(session, scope, SiteId(site))):
            kind = "no site" if scope is None else f"no {scope} site"
            raise BadSetting(
                f"The portal shows {kind} {site} to this credential.",
                "Is --scope right? To see what there is: bulk-publisher doctor",
            )


def is_of_other_kind(site: Mapping[str, Any], scope: Scope | None) -> bool:
    """Whether the portal says of *site*, as it lists it, that it is of another kind than *scope*."""
    kind = str(site.get("TYPE")).upper()
    return _SCOPE_OF.get(kind, scope) is not scope


async def foreign_sites(calls: Calls, scope: Scope | None) -> frozenset[SiteId]:
    """Sites that the portal lists for *scope* although they are of another kind: none, if it keeps to it."""
    rows = _rows(await _kinds(calls, scope))
    return frozenset(_site_in(row) for row in rows if is_of_other_kind(row, scope))


async def sites_of_kind(calls: Calls, scope: Scope | None) -> list[SiteId]:
    """The sites of *scope*, as the portal lists them.

    Raises:
        BulkPublisherError: If they can't be listed.
    """
    answer = await _kinds(calls, scope)
    if isinstance(answer, Fault):
        raise list_error(answer)
    rows = rows_of(answer.result).good
    return [_site_in(row) for row in rows if not is_of_other_kind(row, scope)]


async def _kinds(calls: Calls, scope: Scope | None) -> Answer | Fault:
    params = {"params": {"select": ["ID", "TYPE"]}, **scope_param(scope)}
    return await calls.call("landing.site.getlist", params)


def _site_in(row: Mapping[str, Any]) -> SiteId:
    return SiteId(number_in(row["ID"]) or 0)


class SitePlace(NamedTuple):
    """Where the pages of a site are.

    Attributes:
        url: Its public address; empty where the portal does not tell.
    """

    site: SiteId
    scope: Scope | None
    url: str


async def list_places(calls: Calls) -> list[SitePlace]:
    """Where the sites of every kind are, as far as the credential sees them.

    Raises:
        BulkPublisherError: If the portal can't be asked at all.
    """
    return [place for scope in EVERY_SCOPE for place in await _places_of(calls, scope)]


async def _places_of(calls: Calls, scope: Scope | None) -> list[SitePlace]:
    params = {"params": {"select": ["ID", "TYPE", "PUBLIC_URL"]}, **scope_param(scope)}
    answer = await calls.call("landing.site.getlist", params)
    if isinstance(answer, Fault):
        if answer.kind in _OF_ALL:
            raise list_error(answer)
        return []
    rows = [row for row in _rows(answer) if not is_of_other_kind(row, scope)]
    urls = {number_in(row["ID"]): row.get("PUBLIC_URL") for row in rows}
    if urls and not any(urls.values()):
        # Not a field of the table: a portal may leave it out.
        asked = {"id": list(urls), **scope_param(scope)}
        told = await calls.call("landing.site.getpublicurl", asked)
        if isinstance(told, Answer) and isinstance(told.result, dict):
            urls = {number_in(site): url for site, url in told.result.items()}
    return [
        SitePlace(SiteId(site), scope, url if isinstance(url, str) else "")
        for site, url in urls.items()
        if site is not None
    ]


async def _has_page(session: Session, scope: Scope | None, site: SiteId) -> bool:
    async for _ in Lister(session.calls, scope).by_key(site, Only.ALL, source=""):
        return True
    return False


async def _ask_rights(session: Session, sites: Sequence[Site], scope: Scope | None) -> None:
    commands = {
        f"s{site.id}": encode_command(
            "landing.site.getrights", {"id": site.id, **scope_param(scope)}
        )
        for site in sites
    }
    answer = await session.calls.batch(commands)
    if isinstance(answer, Fault):
        return
    for site in sites:
        site.may_publish = _may_publish(answer.commands[f"s{site.id}"])


def _may_publish(answer: Answer | Fault) -> bool | None:
    if isinstance(answer, Fault):
        # Without a model of rights every user of the portal may publish [source].
        return True if answer.code == _NO_RIGHTS_MODEL else None
    return "public" in answer.result if isinstance(answer.result, list) else None


def _rows(answer: Answer | Fault) -> list[dict[str, Any]]:
    if isinstance(answer, Fault):
        return []
    rows = list(answer.result.values()) if isinstance(answer.result, dict) else answer.result
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and number_in(row.get("ID")) is not None]
