"""Folders of a site: which there are, and what lies below one.

Source: docs/bitrix24-dossier.md §2.2 (``landing.site.getFolders``) [doc, source].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulk_publisher.client.listed_rows import number_in, rows_of
from bulk_publisher.client.lister import Calls, list_error
from bulk_publisher.client.sites import sites_of_kind
from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Fault, FolderId, Scope, SiteId
from bulk_publisher.portal.wire import scope_param

Folders = Mapping[FolderId, "Folder"]
"""The folders of one site by their IDs."""

_DEEPEST = 100
"""Folders in each other: more are a circle."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a site."""

    id: FolderId
    parent: FolderId | None
    title: str
    is_online: bool


async def folders_of(calls: Calls, scope: Scope | None, site: SiteId) -> Folders:
    """The folders of *site*, but those in the trash.

    Raises:
        BulkPublisherError: If they can't be listed.
    """
    answer = await calls.call("landing.site.getfolders", {"siteId": site, **scope_param(scope)})
    if isinstance(answer, Fault):
        raise list_error(answer)
    rows = (row for row in rows_of(answer.result).good if row.get("DELETED") != "Y")
    return {folder.id: folder for folder in map(_folder, rows)}


async def find_folders(
    calls: Calls, scope: Scope | None, wanted: Sequence[int], sites: Sequence[int]
) -> dict[FolderId, tuple[SiteId, Folders]]:
    """Where the *wanted* folders are: the site of each, with all of its folders.

    Args:
        sites: Where to look; none for all sites of *scope*.

    Raises:
        BadSetting: If one is not found.
        BulkPublisherError: If they can't be listed.
    """
    places = [SiteId(site) for site in sites] or await sites_of_kind(calls, scope)
    missing, found = dict.fromkeys(map(FolderId, wanted)), {}
    for site in places:
        folders = await folders_of(calls, scope, site)
        for folder in [folder for folder in missing if folder in folders]:
            del missing[folder]
            found[folder] = (site, folders)
        if not missing:
            break
    if missing:
        kind = "plain sites and stores" if scope is None else f"{scope} sites"
        where = f"site {', '.join(map(str, sites))}" if sites else kind
        raise BadSetting(
            f"The portal shows no folder {', '.join(map(str, missing))} on {where} to this credential.",
            "Are --scope and --site right? To see folder IDs: bulk-publisher pages … --format csv",
        )
    return {folder: found[folder] for folder in map(FolderId, wanted)}


def in_tree_order(folders: Folders, tops: Sequence[FolderId] = ()) -> Iterator[FolderId]:
    """Each folder after its parent, and the ones below it before the next.

    Args:
        tops: Only these, and what lies below them; none for all.
    """
    below: dict[FolderId | None, list[FolderId]] = {}
    for folder in sorted(folders):
        parent = folders[folder].parent
        below.setdefault(parent if parent in folders else None, []).append(folder)
    waiting, seen = [*reversed(tops or below.get(None, []))], set[FolderId]()
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        yield folder
        waiting.extend(reversed(below.get(folder, [])))


def path_of(folder: FolderId | None, folders: Folders) -> str:
    """The titles from the site's root down to *folder*, slashes between; of an unknown one its ID."""
    parts: list[str] = []
    while folder is not None and len(parts) < _DEEPEST:
        known = folders.get(folder)
        parts.append(str(folder) if known is None else known.title or str(folder))
        folder = None if known is None else known.parent
    return "/".join(reversed(parts))


def _folder(row: Mapping[str, Any]) -> Folder:
    parent = number_in(row.get("PARENT_ID"))
    return Folder(
        FolderId(number_in(row["ID"]) or 0),
        None if parent is None else FolderId(parent),
        str(row.get("TITLE") or ""),
        row.get("ACTIVE") == "Y",
    )
