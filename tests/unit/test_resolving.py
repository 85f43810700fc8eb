"""Which page is at an address: what is asked for, how often, and what an answer means."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest

from bulk_publisher.client.resolving import RESOLVE_METHOD, Resolver, places_of
from bulk_publisher.client.sites import SitePlace
from bulk_publisher.errors import PortalUnusable, StoppedByPortal
from bulk_publisher.model import Fault, FaultClass, PageId, PortalEpoch, Scope, SiteId
from bulk_publisher.portal.addresses import Address, FoundPage, Unusable, parse_address
from bulk_publisher.portal.wire import Answer, BatchAnswer, Timing

WIKI = SitePlace(SiteId(5), Scope.KNOWLEDGE, "https://portal.example/knowledge/wiki/")
DEEP = SitePlace(SiteId(6), Scope.GROUP, "https://portal.example/knowledge/group/wiki/")
SHOP = SitePlace(SiteId(8), None, "https://shop.example")
Reply = Callable[[dict[str, str]], Answer | Fault]


def asked(text: str) -> Address:
    found = parse_address(text)
    assert isinstance(found, Address)
    return found


class Portal:
    """A portal with three sites; what it says of an address is told."""

    def __init__(self, reply: Reply, *, cap: float = 400.0, seconds: float = 0.0) -> None:
        self.reply, self.cap, self.seconds = reply, cap, seconds
        self.batches: list[list[dict[str, str]]] = []
        self.pauses: list[float] = []
        self.singles = 0
        self.lists = True
        self.refuses: Fault | None = None

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer | Fault:
        if method == RESOLVE_METHOD:
            self.singles += 1
            return self.reply({key: str(value) for key, value in params.items()})
        if method == "landing.site.getpublicurl":
            return Answer({str(one.site): one.url for one in (WIKI, DEEP, SHOP)}, None)
        scope = params.get("scope")
        types = {5: "KNOWLEDGE", 6: "GROUP", 8: "STORE"}
        rows = [
            {"ID": str(one.site), "TYPE": types[one.site]}
            | ({"PUBLIC_URL": one.url} if self.lists else {})
            for one in (WIKI, DEEP, SHOP)
            if one.scope == scope
        ]
        return Answer(rows, None)

    async def batch_of(
        self, method: str, commands: Mapping[str, str], *, cost: float
    ) -> BatchAnswer | Fault:
        assert method == RESOLVE_METHOD
        assert cost > 0
        if self.refuses is not None:
            return self.refuses
        told = {
            key: {name: values[0] for name, values in parse_qs(text.partition("?")[2]).items()}
            for key, text in commands.items()
        }
        self.batches.append([*told.values()])
        timing = Timing(PortalEpoch(0.5), PortalEpoch(0.5), self.seconds * len(told))
        return BatchAnswer({key: self.reply(one) for key, one in told.items()}, timing)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def by_number(one: dict[str, str]) -> Answer:
    """Page 7 is at ``/…/7/``, as the portal writes it."""
    last = one["landingUrl"].rstrip("/").rpartition("/")[2]
    return Answer(int(last) if last.isdecimal() else None, None)


def fault(kind: FaultClass) -> Fault:
    return Fault(kind, "CODE", "words")


def find(portal: Portal, *texts: str) -> dict[Address, FoundPage | Unusable]:
    resolver = Resolver(portal, "portal.example")
    return asyncio.run(resolver.find(dict.fromkeys(map(asked, texts))))


def test_each_is_asked_for_whole_of_its_site_and_kind():
    portal = Portal(by_number)

    found = find(
        portal,
        "/knowledge/wiki/folder/7/",
        "/knowledge/group/wiki/8/",
        "https://www.shop.example/9/",
    )

    assert [*found.values()] == [
        FoundPage(PageId(7), SiteId(5), Scope.KNOWLEDGE),
        FoundPage(PageId(8), SiteId(6), Scope.GROUP),
        FoundPage(PageId(9), SiteId(8), None),
    ]
    assert portal.batches == [
        [{"landingUrl": "/knowledge/wiki/folder/7/", "siteId": "5", "scope": "KNOWLEDGE"}],
        [{"landingUrl": "/knowledge/group/wiki/8/", "siteId": "6", "scope": "GROUP"}],
        [{"landingUrl": "/9/", "siteId": "8"}],
    ]


def test_a_path_of_a_site_is_asked_for_once():
    portal = Portal(by_number)

    found = find(portal, "/knowledge/wiki/a/7/", "portal.example/Knowledge/WIKI/A/7")

    assert len(found) == 2
    assert sum(map(len, portal.batches)) == 1


def test_batches_are_full_and_never_longer():
    portal = Portal(by_number)

    find(portal, *(f"/knowledge/wiki/{page}/" for page in range(1, 201)))

    assert [len(batch) for batch in portal.batches] == [10, 50, 50, 50, 40]


def test_batches_get_shorter_where_an_address_takes_long():
    portal = Portal(by_number, seconds=2.0)

    find(portal, *(f"/knowledge/wiki/{page}/" for page in range(1, 41)))

    assert [len(batch) for batch in portal.batches] == [10, 10, 10, 10]


def test_a_batch_takes_no_more_than_a_part_of_what_is_granted():
    portal = Portal(by_number, cap=4.0, seconds=0.5)

    find(portal, *(f"/knowledge/wiki/{page}/" for page in range(1, 7)))

    assert {len(batch) for batch in portal.batches} == {2}


@pytest.mark.parametrize("result", [None, False, 0, "x", [], {}, -3, ""])
def test_what_is_no_id_is_no_page(result):
    found = find(Portal(lambda _: Answer(result, None)), "/knowledge/wiki/7/")

    assert [*found.values()] == [Unusable("'/knowledge/wiki/7/' leads to no page")]


def test_ids_are_taken_as_texts_too():
    found = find(Portal(lambda _: Answer("7", None)), "/knowledge/wiki/x/")

    assert [*found.values()] == [FoundPage(PageId(7), SiteId(5), Scope.KNOWLEDGE)]


def test_what_fails_by_itself_is_asked_three_times():
    portal = Portal(lambda _: fault(FaultClass.TRANSIENT))

    found = find(portal, "/knowledge/wiki/7/")

    assert len(portal.batches) == 3
    assert [*found.values()] == [Unusable("'/knowledge/wiki/7/' can't be looked up: CODE: words")]


def test_what_is_refused_is_asked_once():
    portal = Portal(lambda _: fault(FaultClass.SITE))

    find(portal, "/knowledge/wiki/7/")

    assert len(portal.batches) == 1


def test_used_up_operating_time_is_waited_for():
    answers = [*([fault(FaultClass.OPERATING)] * 5), Answer(7, None)]
    portal = Portal(lambda _: answers.pop(0))

    found = find(portal, "/knowledge/wiki/7/")

    assert portal.pauses == [60.0] * 5
    assert [*found.values()] == [FoundPage(PageId(7), SiteId(5), Scope.KNOWLEDGE)]


def test_it_is_not_waited_for_ever():
    with pytest.raises(StoppedByPortal, match="can't be looked up"):
        find(Portal(lambda _: fault(FaultClass.OPERATING)), "/knowledge/wiki/7/")


@pytest.mark.parametrize(
    ("kind", "error"),
    [(FaultClass.CREDENTIAL, PortalUnusable), (FaultClass.PORTAL, StoppedByPortal)],
)
def test_what_concerns_all_ends_it(kind, error):
    with pytest.raises(error):
        find(Portal(lambda _: fault(kind)), "/knowledge/wiki/7/")


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_portal_that_takes_no_batches_is_asked_one_by_one(is_whole):
    refusal = fault(FaultClass.BATCH)
    first = [refusal] if not is_whole else []
    portal = Portal(lambda one: first.pop() if first else by_number(one))
    portal.refuses = refusal if is_whole else None

    found = find(portal, "/knowledge/wiki/7/")

    assert portal.singles == 1
    assert [*found.values()] == [FoundPage(PageId(7), SiteId(5), Scope.KNOWLEDGE)]


def test_a_batch_that_is_not_answered_ends_it():
    portal = Portal(by_number)
    portal.refuses = fault(FaultClass.TRANSIENT)

    with pytest.raises(StoppedByPortal, match="can't be looked up"):
        find(portal, "/knowledge/wiki/7/")


def test_a_portal_that_lists_no_addresses_of_sites_is_asked_for_them():
    portal = Portal(by_number)
    portal.lists = False

    found = find(portal, "https://shop.example/9/")

    assert [*found.values()] == [FoundPage(PageId(9), SiteId(8), None)]


def test_the_longest_beginning_decides():
    places = places_of([WIKI, DEEP, SitePlace(SiteId(9), None, "https://portal.example")], "portal.example")  # fmt: skip

    assert places.site_of(asked("/knowledge/group/wiki/x/")) == DEEP
    assert places.site_of(asked("/knowledge/wiki/x/")) == WIKI
    assert places.site_of(asked("/other/")).site == 9


def test_a_knowledge_base_is_under_every_name_of_the_portal():
    places = places_of([WIKI], "old.example")

    assert places.site_of(asked("https://old.example/knowledge/wiki/x/")) == WIKI
    assert places.site_of(asked("https://portal.example/knowledge/wiki/x/")) == WIKI
    assert places.site_of(asked("https://portal.example/kb/wiki/5/view/7/")) == FoundPage(PageId(7), SiteId(5), Scope.KNOWLEDGE)  # fmt: skip


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x.example/"])
def test_a_site_without_an_address_has_no_pages_at_any(url):
    places = places_of([SitePlace(SiteId(5), Scope.KNOWLEDGE, url)], "portal.example")

    assert isinstance(places.site_of(asked("/knowledge/wiki/x/")), Unusable)


def test_a_site_whose_name_another_begins_with_is_not_that_one():
    places = places_of([WIKI], "portal.example")

    assert isinstance(places.site_of(asked("/knowledge/wiki2/x/")), Unusable)
