"""``landing.landing.resolveIdByPublicUrl``: the page that the portal would show at an address.

Pure. Source: docs/bitrix24.md §4 "Addresses" [source].

How it works. The public component is run on what is left of the path when as many characters are cut
off as the kind of site has in front of its own, whichever these are: so a path that is given
otherwise leads to another page, or to the site's first.
"""

from bulk_publisher.sandbox.calls import Call, Steps
from bulk_publisher.sandbox.world import (
    ACTIVE,
    DELETED,
    GONE,
    PUBLICATION_PATHS,
    FolderRow,
    SiteRow,
    World,
)

_OF_SITES = "/pub/site/"


def resolve_url(call: Call) -> Steps:
    """The method."""
    url, site_id = call.text("landingUrl"), call.integer("siteId")
    # It runs the public component: dear, whatever it finds.
    yield call.scenario.list_cost * 2
    site = call.world.sites.get(site_id)
    # The right to see the site is not looked at.
    if site is None or site.deleted or site.type not in call.memory.types:
        return None
    place = _detect(call.world, site, _parts(site, url, is_cloud=call.is_cloud))
    return None if place is None else call.world.ids[place]


def _parts(site: SiteRow, url: str, *, is_cloud: bool) -> list[str]:
    """What the component takes for folders and page."""
    before = PUBLICATION_PATHS.get(site.type, _OF_SITES)
    if is_cloud and site.type not in {"KNOWLEDGE", "GROUP"}:
        url = f"{before}{site.id}/{url.lstrip('/')}"
    path = url[len(before) :].partition("#")[0].partition("?")[0].strip("/")
    _, _, below = path.partition("/")
    first, slash, rest = below.partition("/")
    rest = rest.replace("/index.php", "").replace("index.php", "")
    first = "" if first == "index.php" else first
    return [part for part in f"{first}{slash}{rest}".lower().split("/") if part]


def _detect(world: World, site: SiteRow, parts: list[str]) -> int | None:
    if not parts:
        return _first(world, site, needs=ACTIVE)
    folder, left = _folder(world, site, parts)
    if folder and len(left) <= 1:
        found = (
            world.coded(site.id, folder, left[0]) if left else _first(world, site, folder=folder)
        )
        if found is not None:
            return found
    return world.coded(site.id, 0, parts[0]) if len(parts) == 1 else None


def _folder(world: World, site: SiteRow, parts: list[str]) -> tuple[int, list[str]]:
    """The innermost folder that the path names, 0 for none, and what is left of the path."""
    folders = [row for row in world.folders.values() if row.site == site.id and not row.deleted]
    at: FolderRow | None = None
    left = list(parts)
    while left:
        parent = None if at is None else at.id
        inside = (row for row in folders if row.parent == parent and row.code.lower() == left[0])
        found = next(inside, None)
        if found is None:
            break
        at = found
        left.pop(0)
    return (0 if at is None else at.id), left


def _first(world: World, site: SiteRow, *, folder: int | None = None, needs: int = 0) -> int | None:
    """The page of the lowest id, in a folder or wherever."""
    for place in range(site.first_place, site.end_place):
        flags = world.flags[place]
        is_here = world.site_of[place] == site.id and not flags & (DELETED | GONE)
        is_wanted = folder is None or world.folder_of[place] == folder
        if is_here and is_wanted and flags & needs == needs:
            return place
    return None
