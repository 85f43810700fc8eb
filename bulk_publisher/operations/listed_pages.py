"""The pages that the portal lists: of sites, of folders with what lies below, of a whole scope.

How it works: a selection is cut in parts, each a site or some folders of one. In the list's order each part
is listed by key, a few hundred pages at a time, so that a run goes on from a place in it. In the order of
the tree the IDs of a part are listed first, with their folders, some thousands at a time and eight bytes
each; then the pages are looked up folder by folder, so that a million of them fit, and a hundred thousand
folders cost no request each. There what is settled already is left out before it is looked up.
"""

from array import array
from collections.abc import AsyncIterator, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import msgspec

from bulk_publisher.client.conditions import first_unmet, parse_condition
from bulk_publisher.client.folders import (
    Folders,
    find_folders,
    folders_of,
    in_tree_order,
)
from bulk_publisher.client.lister import LIST_LENGTH, Calls, Lister, is_up_to_date
from bulk_publisher.client.notice import Warn
from bulk_publisher.client.sites import foreign_sites, sites_of_kind
from bulk_publisher.errors import ListIncomplete
from bulk_publisher.jobs import Selection
from bulk_publisher.model import FolderId, Order, Page, PageId, SiteId
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.store.standing import Place


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a selection.

    Attributes:
        site: Whose pages; None for all sites of the scope.
        source: How its pages name it.
        after: The last ID that is not wanted.
        folders: In which the pages are; empty for the whole site.
    """

    site: SiteId | None
    source: str
    after: int = 0
    folders: frozenset[FolderId] = frozenset()


def listed(
    select: Selection,
    calls: Calls,
    place: Place | None,
    *,
    without: Container[PageId],
    is_dated: bool,
    warn: Warn,
) -> AsyncIterator[Page]:
    """The pages of *select*, each once.

    Args:
        place: Where the list goes on; None for its beginning.
        without: Pages to leave out.
        is_dated: The portal is asked when they were modified, too.

    Raises:
        BulkPublisherError: If they can't be listed.
    """
    lists = _by_key if select.order is Order.LIST else _by_folder
    return lists(select, calls, place, without, warn, is_dated=is_dated)


async def listed_ids(
    select: Selection, calls: Calls, place: Place | None
) -> AsyncIterator[list[PageId]]:
    """The IDs of the same pages, some thousands at a time, as far as the portal alone tells them.

    Raises:
        BulkPublisherError: If they can't be listed.
    """
    lister = await _lister(select, calls)
    seen = PageSet()
    for part in await _parts(select, calls, place):
        async for places in lister.ids_by_key(
            part.site, select.only, after=part.after, folders=part.folders
        ):
            yield [page for page, _ in places if seen.add(page)]


async def _by_key(
    select: Selection,
    calls: Calls,
    place: Place | None,
    without: Container[PageId],
    warn: Warn,
    *,
    is_dated: bool,
) -> AsyncIterator[Page]:
    lister = await _lister(select, calls, is_dated=is_dated)
    parts = await _parts(select, calls, place)
    # A page that is moved meanwhile is listed by both sites; a folder may lie below another.
    seen = PageSet()
    for part in parts:
        async for page in lister.by_key(
            part.site,
            select.only,
            source=part.source,
            after=part.after,
            folders=part.folders,
            warn=warn,
        ):
            if page.id not in without and (len(parts) == 1 or seen.add(page.id)):
                yield page


async def _by_folder(
    select: Selection,
    calls: Calls,
    _place: Place | None,
    without: Container[PageId],
    warn: Warn,
    *,
    is_dated: bool,
) -> AsyncIterator[Page]:
    lister = await _lister(select, calls, is_dated=is_dated)
    where = tuple(map(parse_condition, select.where))
    seen = PageSet()
    shortfall: ListIncomplete | None = None
    for part, folders in await _sites_with_folders(select, calls):
        ids: dict[FolderId | None, array[int]] = {}
        try:
            async for places in lister.ids_by_key(
                part.site, select.only, after=0, folders=part.folders, warn=warn
            ):
                for one, folder in places:
                    if one not in without and seen.add(one):
                        ids.setdefault(folder, array("Q")).append(one)
        except ListIncomplete as error:
            # What it does name is done all the same.
            shortfall = shortfall or error
        order = _in_order(ids, folders)
        while group := list(islice(order, LIST_LENGTH)):
            found = await lister.by_id(group)
            lister.warn_once(select.only, warn)
            for page in (found[number] for number in group if number in found):
                # What has changed meanwhile is as it is now.
                if (
                    page.site == part.site
                    and not is_up_to_date(page, select.only)
                    and first_unmet(page, where) is None
                ):
                    yield msgspec.structs.replace(page, source=part.source)
    if shortfall is not None:
        raise shortfall


def _in_order(ids: dict[FolderId | None, "array[int]"], folders: Folders) -> Iterator[PageId]:
    """First the pages of the site's root, last those of folders that the portal does not show."""
    order = dict.fromkeys(chain((None,), in_tree_order(folders), sorted(filter(None, ids))))
    return (PageId(page) for folder in order for page in ids.get(folder, ()))


async def _lister(select: Selection, calls: Calls, *, is_dated: bool = False) -> Lister:
    # Whose pages those of a site are, their rows tell.
    is_of_sites = bool(select.site or select.folder) or select.order is Order.TREE
    return Lister(
        calls,
        select.scope,
        foreign=frozenset() if is_of_sites else await foreign_sites(calls, select.scope),
        where=tuple(map(parse_condition, select.where)),
        is_dated=is_dated,
    )


async def _sites_with_folders(select: Selection, calls: Calls) -> list[tuple[Part, Folders]]:
    """The parts of *select*, each of one site, with the folders of that site."""
    scope = select.scope
    if select.folder:
        found = await find_folders(calls, scope, select.folder, select.site)
        return [
            (Part(site, f"--folder {folder}", folders=below), {one: folders[one] for one in below})
            for folder, (site, folders) in found.items()
            for below in (frozenset(in_tree_order(folders, [folder])),)
        ]
    sites: Sequence[int] = select.site or await sites_of_kind(calls, scope)
    source = "--site {}" if select.site else f"--scope {scope}"
    return [
        (Part(SiteId(site), source.format(site)), await folders_of(calls, scope, SiteId(site)))
        for site in dict.fromkeys(sites)
    ]


async def _parts(select: Selection, calls: Calls, place: Place | None) -> list[Part]:
    """What is to be listed, from *place* on."""
    if select.folder or select.order is Order.TREE:
        parts = [part for part, _ in await _sites_with_folders(select, calls)]
    elif select.site:
        parts = [Part(SiteId(site), f"--site {site}") for site in dict.fromkeys(select.site)]
    else:
        parts = [Part(None, f"--scope {select.scope}")]
    sources = [part.source for part in parts]
    if place is None or place.source not in sources or select.order is Order.TREE:
        return parts
    first, *rest = parts[sources.index(place.source) :]
    return [replace(first, after=place.after), *rest]
