"""The portal's contents: sites, folders, pages, and what is really published.

Rules. Pure: told the time, draws nothing at random, knows no HTTP. A million pages must stay far
under 400 MB.

How it works. A page is one place in parallel arrays, not an object: its id, site, folder, flags,
trouble and dates. Ids are ascending, so a page is found by bisection, and a list by key starts
where it should. Titles and codes are made up from the id unless somebody set them.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bulk_publisher.sandbox.truth import Truth

ACTIVE = 1
PUBLIC = 2
DELETED = 4
GONE = 8  # an id that a client may ask for, but that has no page

PUBLICATION_PATHS = {
    "KNOWLEDGE": "/knowledge/",
    "GROUP": "/knowledge/group/",
    "MAINPAGE": "/vibe/",
}
_MADE_UP = re.compile(r"page-([1-9][0-9]{0,17})")

Trouble = Literal[
    "", "denied", "unpaid", "unpaid_block", "vetoed", "event", "html", "fatal", "late_fatal"
]
TROUBLES: tuple[Trouble, ...] = (
    "", "denied", "unpaid", "unpaid_block", "vetoed", "event", "html", "fatal", "late_fatal",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class SiteRow:
    """One site, as it is now."""

    id: int
    type: str
    title: str
    code: str
    active: bool
    deleted: bool
    has_public_right: bool
    has_read_right: bool
    html_disallowed: bool
    free_domain: bool
    special: bool
    created: int
    modified: int
    first_place: int = 0
    end_place: int = 0
    html_page: int | None = None

    def root(self, *, is_cloud: bool) -> str:
        """Where its pages are: a path of the portal's, or a host of its own.

        Source: docs/bitrix24.md §4 "Addresses" [source].
        """
        if self.type in PUBLICATION_PATHS:
            return f"{PUBLICATION_PATHS[self.type]}{self.code}/"
        return f"https://{self.code}.bitrix24.example/" if is_cloud else f"/pub/site/{self.id}/"


@dataclass(slots=True, kw_only=True)
class FolderRow:
    """One folder, as it is now; ``parent`` is None in the site's root."""

    id: int
    site: int
    parent: int | None
    title: str
    code: str
    active: bool
    deleted: bool
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """One page as it is now; a copy."""

    id: int
    site: int
    folder: int | None
    title: str
    code: str
    active: bool
    public: bool
    deleted: bool
    exists: bool
    trouble: Trouble
    modified_at: int
    published_at: int | None


class World:
    """Everything on the portal.

    Its arrays always have the same length, and ``ids`` ascends.
    """

    def __init__(self) -> None:
        self.sites: dict[int, SiteRow] = {}
        self.folders: dict[int, FolderRow] = {}
        self.ids = array("q")
        self.site_of = array("I")
        self.folder_of = array("I")
        self.flags = bytearray()
        self.trouble = bytearray()
        self.modified = array("I")
        self.published = array("I")
        self.modified_by = array("H")
        self.titles: dict[int, str] = {}
        self.codes: dict[int, str] = {}
        self.errors: dict[int, str] = {}
        self.unlisted: set[int] = set()
        self.active_pages = 0
        self.truth = Truth(self.ids, self.place)
        self.logs = False

    def __len__(self) -> int:
        return len(self.ids)

    # -- finding ---------------------------------------------------------------------------

    def place(self, page_id: int) -> int | None:
        """Where in the arrays a page is; None if its id was never used."""
        ids = self.ids
        if not ids:
            return None
        guess = page_id - ids[0]
        if 0 <= guess < len(ids) and ids[guess] == page_id:
            return guess
        found = bisect_left(ids, page_id)
        return found if found < len(ids) and ids[found] == page_id else None

    def page(self, page_id: int) -> PageView:
        """The page as it is now.

        Raises:
            KeyError: The id was never used.
        """
        place = self.place(page_id)
        if place is None:
            raise KeyError(page_id)
        flags = self.flags[place]
        return PageView(
            id=page_id,
            site=self.site_of[place],
            folder=self.folder_of[place] or None,
            title=self.title(place),
            code=self.code(place),
            active=bool(flags & ACTIVE),
            public=bool(flags & PUBLIC),
            deleted=bool(flags & DELETED),
            exists=not flags & GONE,
            trouble=TROUBLES[self.trouble[place]],
            modified_at=self.modified[place],
            published_at=self.published[place] or None,
        )

    def title(self, place: int) -> str:
        """The page's title."""
        return self.titles.get(place) or f"Page {self.ids[place]}"

    def code(self, place: int) -> str:
        """The page's code, the last part of its address."""
        return self.codes.get(place) or f"page-{self.ids[place]}"

    def url(self, place: int, *, is_cloud: bool) -> str:
        """The page's address: below the portal's, or whole where its site has a host of its own."""
        parts = [self.code(place)]
        parts += [folder.code for folder in self.chain(self.folder_of[place])]
        root = self.sites[self.site_of[place]].root(is_cloud=is_cloud)
        return root + "/".join(reversed(parts)) + "/"

    def coded(self, site: int, folder: int, code: str) -> int | None:
        """Where the page of this code is, in any case of its letters; *folder* is 0 for none."""
        wanted = code.lower()
        places = [place for place, own in self.codes.items() if own.lower() == wanted]
        made_up = _MADE_UP.fullmatch(wanted)
        place = None if made_up is None else self.place(int(made_up[1]))
        if place is not None and place not in self.codes:
            places.append(place)
        here = (p for p in places if self.site_of[p] == site and self.folder_of[p] == folder)
        return min((p for p in here if not self.flags[p] & (DELETED | GONE)), default=None)

    def chain(self, folder_id: int) -> Iterator[FolderRow]:
        """The folder and all its parents, upwards."""
        folder = self.folders.get(folder_id)
        while folder is not None:
            yield folder
            folder = None if folder.parent is None else self.folders.get(folder.parent)

    def is_there(self, place: int) -> bool:
        """Whether the page, its site and its folders are neither missing nor in the trash."""
        if self.flags[place] & (DELETED | GONE) or self.sites[self.site_of[place]].deleted:
            return False
        folder = self.folder_of[place]
        return not folder or not any(row.deleted for row in self.chain(folder))

    # -- for tests -------------------------------------------------------------------------

    def page_ids(self) -> list[int]:
        """Every id that has a page, in the trash or not."""
        return [page for page, flags in zip(self.ids, self.flags, strict=True) if not flags & GONE]

    def missing_ids(self) -> list[int]:
        """Ids that answer LANDING_NOT_EXIST: never there, in the trash, or in a deleted folder."""
        return [self.ids[place] for place in range(len(self)) if not self.is_there(place)]

    def denied_ids(self) -> list[int]:
        """Pages that answer with a silent null, by their site's right or on their own."""
        closed = {site.id for site in self.sites.values() if not site.has_public_right}
        denied = TROUBLES.index("denied")
        return [
            self.ids[place]
            for place in range(len(self))
            if (self.trouble[place] == denied or self.site_of[place] in closed)
            and self.is_there(place)
        ]

    def unpaid_ids(self) -> list[int]:
        """Pages that answer LANDING_PAYMENT_FAILED."""
        return self.trouble_ids("unpaid")

    def trouble_ids(self, trouble: Trouble) -> list[int]:
        """Pages with this trouble of their own."""
        code = TROUBLES.index(trouble)
        return [
            self.ids[place]
            for place, found in enumerate(self.trouble)
            if found == code and self.is_there(place)
        ]

    def healthy_ids(self) -> list[int]:
        """Pages that nothing of their own or of their site keeps from being published."""
        good = {
            site.id
            for site in self.sites.values()
            if site.has_public_right and not site.html_disallowed and site.html_page is None
        }
        return [
            self.ids[place]
            for place, found in enumerate(self.trouble)
            if not found
            and place not in self.errors
            and self.site_of[place] in good
            and self.is_there(place)
        ]

    def active_ids(self) -> list[int]:
        """Pages that are published now."""
        return [page for page, flags in zip(self.ids, self.flags, strict=True) if flags & ACTIVE]

    # -- changing --------------------------------------------------------------------------

    def publish(self, place: int, now: float, *, user: int) -> None:
        """The page's row after a publication: ACTIVE, PUBLIC, DATE_PUBLIC; DATE_MODIFY stays."""
        if not self.flags[place] & ACTIVE:
            self.active_pages += 1
        self.flags[place] |= ACTIVE | PUBLIC
        self.published[place] = int(now)
        self.modified_by[place] = user
        truth = self.truth
        truth.publications.add(place)
        if truth.first_publication_at is None:
            truth.first_publication_at = now
        truth.last_publication_at = now
        if self.logs:
            truth.log.append((now, self.ids[place], "publish"))

    def unpublish(self, place: int, now: float, *, user: int) -> None:
        """The page's row after it is taken down."""
        self._deactivate(place)
        self.flags[place] &= ~PUBLIC & 0xFF
        self.modified[place] = int(now)
        self.modified_by[place] = user
        self.truth.unpublications.add(place)
        if self.logs:
            self.truth.log.append((now, self.ids[place], "unpublish"))

    def edit(self, page_id: int, now: float = 0.0, *, title: str | None = None) -> None:
        """Somebody changes a block of the page: PUBLIC becomes N until it is published again."""
        place = self._known(page_id)
        self.flags[place] &= ~PUBLIC & 0xFF
        self.modified[place] = int(now) or self.modified[place] + 1
        if title is not None:
            self.titles[place] = title

    def trash(self, page_id: int) -> None:
        """Somebody moves the page to the trash, which takes it down."""
        place = self._known(page_id)
        self._deactivate(place)
        self.flags[place] |= DELETED

    def restore(self, page_id: int) -> None:
        """Somebody takes the page out of the trash; it stays down."""
        self.flags[self._known(page_id)] &= ~DELETED & 0xFF

    def add(self, now: float, *, site: int, folder: int, title: str, code: str, user: int) -> int:
        """A new page: not active, and PUBLIC by default.

        Returns:
            Its id.
        """
        page_id = self.ids[-1] + 1 if self.ids else 1
        place = len(self.ids)
        self.append(page_id, site=site, folder=folder, flags=PUBLIC, now=int(now), user=user)
        if title:
            self.titles[place] = title
        if code:
            self.codes[place] = code
        row = self.sites[site]
        row.first_place = min(row.first_place, place) if row.end_place else place
        row.end_place = place + 1
        return page_id

    def append(
        self, page_id: int, *, site: int, folder: int, flags: int, now: int, user: int = 1
    ) -> None:
        """One more place in every array."""
        self.ids.append(page_id)
        self.site_of.append(site)
        self.folder_of.append(folder)
        self.flags.append(flags)
        self.trouble.append(0)
        self.modified.append(now)
        self.published.append(0)
        self.modified_by.append(user)

    def switch(self, folder_id: int, *, active: bool) -> None:
        """Turns a folder and all its parents on or off."""
        for folder in self.chain(folder_id):
            folder.active = active

    def active_sites(self) -> int:
        """How many sites are on."""
        return sum(1 for site in self.sites.values() if site.active and not site.deleted)

    def _deactivate(self, place: int) -> None:
        if self.flags[place] & ACTIVE:
            self.active_pages -= 1
        self.flags[place] &= ~ACTIVE & 0xFF

    def _known(self, page_id: int) -> int:
        place = self.place(page_id)
        if place is None or self.flags[place] & GONE:
            raise KeyError(page_id)
        return place
