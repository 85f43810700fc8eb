"""Makes the world that a scenario describes. Pure: the dice are handed in."""

from array import array
from random import Random

from bulk_publisher.sandbox.scenario import Scenario, ScenarioError, Site
from bulk_publisher.sandbox.truth import Truth
from bulk_publisher.sandbox.world import (
    ACTIVE,
    DELETED,
    GONE,
    PUBLIC,
    TROUBLES,
    FolderRow,
    SiteRow,
    World,
)

_DAY = 86_400
_AGE = 90 * _DAY


def build_world(scenario: Scenario, rng: Random, *, now: float) -> World:
    """The world at the start, as old as ninety days before *now*.

    Raises:
        ScenarioError: The scenario names pages or sites that cannot be.
    """
    world = World()
    world.logs = scenario.log
    born = max(1, int(now) - _AGE)
    for spec, pages in _shared_out(scenario):
        _add_site(world, scenario, spec, pages, born)
    world.truth = Truth(world.ids, world.place)  # sized for the pages there are
    _make_active(world, scenario, rng)
    _make_trouble(world, scenario, rng)
    return world


def _shared_out(scenario: Scenario) -> list[tuple[Site, int]]:
    sites = scenario.sites or [Site(folders=min(12, scenario.pages // 20), depth=3)]
    open_ended = [site for site in sites if site.pages is None]
    counts: list[tuple[Site, int]] = []
    rest = scenario.pages
    for site in sites:
        pages = site.pages
        if pages is None:
            left = len(open_ended) - sum(1 for done, _ in counts if done.pages is None)
            pages = -(-rest // left)
            rest -= pages
        counts.append((site, pages))
    return counts


def _add_site(world: World, scenario: Scenario, spec: Site, pages: int, born: int) -> None:
    site_id = spec.id if spec.id is not None else max(world.sites, default=0) + 1
    if site_id < 1 or site_id in world.sites:
        raise ScenarioError(f"sites: id {site_id} is used twice or below 1")
    kind = spec.type or scenario.scope or "PAGE"
    row = SiteRow(
        id=site_id,
        type=kind,
        title=spec.title or f"{kind.capitalize()} {site_id}",
        code=spec.code or f"site{site_id}",
        active=spec.active,
        deleted=spec.deleted,
        has_public_right=spec.has_public_right,
        has_read_right=spec.has_read_right,
        html_disallowed=spec.html_disallowed,
        free_domain=spec.free_domain,
        special=spec.special,
        created=born,
        modified=born,
        first_place=len(world),
        end_place=len(world) + pages,
    )
    world.sites[site_id] = row
    folders = _add_folders(world, spec, site_id, born)
    _add_pages(world, scenario, row, [0, *folders], pages)


def _add_folders(world: World, spec: Site, site_id: int, born: int) -> list[int]:
    made: list[int] = []
    for number in range(spec.folders):
        folder_id = len(world.folders) + 1
        # Each folder lies in the one before, until the chain is as deep as asked.
        parent = made[-1] if number % spec.depth else None
        world.folders[folder_id] = FolderRow(
            id=folder_id,
            site=site_id,
            parent=parent,
            title=f"Folder {folder_id}",
            code=f"folder{folder_id}",
            active=False,
            deleted=number >= spec.folders - spec.deleted_folders,
            created=born,
        )
        made.append(folder_id)
    return made


def _add_pages(
    world: World, scenario: Scenario, row: SiteRow, folders: list[int], pages: int
) -> None:
    if not pages:
        return
    step = scenario.page_id_step
    first = world.ids[-1] + step if world.ids else scenario.first_page_id
    world.ids.extend(array("q", range(first, first + pages * step, step)))
    world.site_of.extend(array("I", [row.id]) * pages)
    cycle = array("I", folders) * (pages // len(folders) + 1)
    world.folder_of.extend(cycle[:pages])
    world.flags.extend(bytes([PUBLIC]) * pages)
    world.trouble.extend(bytes(pages))
    world.modified.extend(array("I", [row.created + _DAY]) * pages)
    world.published.extend(array("I", [0]) * pages)
    world.modified_by.extend(array("H", [1]) * pages)


def _make_active(world: World, scenario: Scenario, rng: Random) -> None:
    if not scenario.active_share:
        return
    total = len(world)
    for place in rng.sample(range(total), round(total * scenario.active_share)):
        changed = scenario.changed_share and rng.random() < scenario.changed_share
        world.flags[place] = ACTIVE if changed else ACTIVE | PUBLIC
        world.published[place] = world.modified[place] + (-_DAY // 2 if changed else 60)
        world.active_pages += 1
        for folder in world.chain(world.folder_of[place]):
            folder.active = True
        world.sites[world.site_of[place]].active = True


def _make_trouble(world: World, scenario: Scenario, rng: Random) -> None:
    named = {
        "missing": scenario.missing_pages,
        "trashed": scenario.trashed_pages,
        "denied": scenario.denied_pages,
        "unpaid": scenario.unpaid_pages,
        "unpaid_block": scenario.unpaid_block_pages,
        "vetoed": scenario.vetoed_pages,
        "event": scenario.event_pages,
        "html": scenario.html_pages,
        "fatal": scenario.fatal_pages,
        "late_fatal": scenario.late_fatal_pages,
    }
    taken: set[int] = set()
    for trouble, page_ids in named.items():
        for page_id in page_ids:
            place = world.place(page_id)
            if place is None:
                raise ScenarioError(f"{trouble}_pages: there is no page {page_id}")
            taken.add(place)
            _afflict(world, place, trouble)
    for code, page_ids in scenario.page_errors.items():
        for page_id in page_ids:
            place = world.place(page_id)
            if place is None:
                raise ScenarioError(f"page_errors: there is no page {page_id}")
            taken.add(place)
            world.errors[place] = code
    for page_id in scenario.unlisted_pages:
        place = world.place(page_id)
        if place is None:
            raise ScenarioError(f"unlisted_pages: there is no page {page_id}")
        world.unlisted.add(place)
    _afflict_shares(world, scenario, rng, taken)


def _afflict_shares(world: World, scenario: Scenario, rng: Random, taken: set[int]) -> None:
    total = len(world)
    missing = round(total * scenario.missing_share)
    wanted = {
        "missing": missing - missing // 2,
        "trashed": missing // 2,
        "denied": round(total * scenario.denied_share),
        "unpaid": round(total * scenario.unpaid_share),
        "unpaid_block": round(total * scenario.unpaid_block_share),
        "vetoed": round(total * scenario.vetoed_share),
    }
    count = sum(wanted.values())
    if not count:
        return
    drawn = rng.sample(range(total), min(total, count + len(taken)))
    free = iter([place for place in drawn if place not in taken])
    for trouble, pages in wanted.items():
        for _, place in zip(range(pages), free, strict=False):
            _afflict(world, place, trouble)


def _afflict(world: World, place: int, trouble: str) -> None:
    if trouble in {"missing", "trashed"}:
        if world.flags[place] & ACTIVE:
            world.active_pages -= 1
        world.flags[place] = GONE if trouble == "missing" else DELETED
        return
    world.trouble[place] = TROUBLES.index(trouble)
    site = world.sites[world.site_of[place]]
    if trouble == "html" and site.html_page is None:
        site.html_page = world.ids[place]
