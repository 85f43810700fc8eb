"""Lists and look-ups, asked of a sandbox."""

import re
from contextlib import asynccontextmanager

import pytest

from bulk_publisher.client.lister import LIST_LENGTH, Lister
from bulk_publisher.errors import PortalUnusable, StoppedByPortal
from bulk_publisher.model import Fault, FaultClass, Only, Page, PageId, Scope, SiteId
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.portal.faults import classify
from bulk_publisher.portal.throttle import Door
from bulk_publisher.portal.transport import PortalClient
from bulk_publisher.portal.wire import Answer
from bulk_publisher.sandbox import Scenario, Site, User, serve
from bulk_publisher.sources.lookup import look_up


@asynccontextmanager
async def _portal(**scenario):
    """A sandbox, and a client of it."""
    async with serve(Scenario(**scenario)) as sandbox:
        webhook = Webhook(sandbox.webhook)
        door = Door(capacity=float("inf"), drain=1.0)
        async with PortalClient(webhook, door, ca_file=None, connections=2) as client:
            yield sandbox, client


async def _all(pages):
    return [page async for page in pages]


async def _list(calls, *, only=Only.ALL, site=None, scope=Scope.KNOWLEDGE):
    lister = Lister(calls, scope)
    named = None if site is None else SiteId(site)
    return lister, await _all(lister.by_key(named, only, source="here"))


async def _given(*pages):
    for page in pages:
        yield page


def _ids(pages):
    return [page.id for page in pages]


class Scripted:
    """A portal that gives these answers, one after another."""

    def __init__(self, *replies):
        self._replies = iter(replies)
        self.asked = []

    async def call(self, method, params):
        self.asked.append(params["params"])
        return next(self._replies)


def _rows(*numbers):
    return Answer([{"ID": str(number), "ACTIVE": "N", "PUBLIC": "N"} for number in numbers], None)


# lists by key


@pytest.mark.parametrize("count", [1, LIST_LENGTH - 1, LIST_LENGTH, LIST_LENGTH + 1, 1_203])
async def test_every_page_is_listed_once_and_in_order(count):
    async with _portal(pages=count, page_id_step=3) as (sandbox, client):
        _, pages = await _list(client)

    assert _ids(pages) == list(sandbox.world.page_ids())


async def test_a_scope_without_pages_is_an_empty_list():
    async with _portal(pages=5) as (_, client):
        _, pages = await _list(client, scope=Scope.GROUP)

    assert pages == []


async def test_lists_of_several_sites_have_their_own_pages():
    sites = [Site(id=3, pages=700), Site(id=9, pages=2)]
    async with _portal(sites=sites) as (_, client):
        _, of_first = await _list(client, site=3)
        _, of_second = await _list(client, site=9)

    assert (len(of_first), len(of_second)) == (700, 2)
    assert {page.site for page in of_first} == {3}
    assert {page.site for page in of_second} == {9}


async def test_a_listed_page_tells_what_the_portal_knows_of_it():
    async with _portal(sites=[Site(id=3, pages=1, folders=1)], active_share=1.0) as (_, client):
        _, [page] = await _list(client)

    assert (page.id, page.site, page.scope, page.source) == (1, 3, Scope.KNOWLEDGE, "here")
    assert (page.was_active, page.is_changed, page.is_missing) == (True, False, False)
    assert page.title
    assert page.url


async def test_pages_in_the_trash_are_not_listed():
    async with _portal(pages=5, trashed_pages=[2, 4]) as (_, client):
        _, pages = await _list(client)

    assert _ids(pages) == [1, 3, 5]


async def test_only_unpublished_lists_the_pages_that_are_not_online():
    async with _portal(pages=1_200, active_share=0.5) as (sandbox, client):
        _, pages = await _list(client, only=Only.UNPUBLISHED)

    assert set(_ids(pages)) == set(sandbox.world.page_ids()) - set(sandbox.world.active_ids())
    assert {page.was_active for page in pages} == {False}


async def test_only_changed_lists_those_and_the_ones_edited_since():
    async with _portal(pages=1_200, active_share=0.7, changed_share=0.3) as (_, client):
        lister, everything = await _list(client)
        _, pages = await _list(client, only=Only.CHANGED)

    wanted = [page for page in everything if not page.was_active or page.is_changed]
    assert _ids(pages) == _ids(wanted)
    assert 0 < len(pages) < 1_200
    assert lister.knows_changes


async def test_a_portal_that_cannot_tell_edits_lists_the_pages_that_are_not_online():
    async with _portal(pages=700, active_share=0.5, public_field=False) as (sandbox, client):
        lister, pages = await _list(client, only=Only.CHANGED)

    assert set(_ids(pages)) == set(sandbox.world.page_ids()) - set(sandbox.world.active_ids())
    assert {page.is_changed for page in pages} == {None}
    assert not lister.knows_changes


async def test_a_portal_that_leaves_out_what_it_was_asked_for_cannot_tell_edits():
    lister, pages = await _list(Scripted(Answer([{"ID": "7", "ACTIVE": "Y"}], None), _rows()))

    assert not lister.knows_changes
    assert (pages[0].was_active, pages[0].is_changed) == (True, None)


@pytest.mark.parametrize("value", [True, 1, "1", "y", "", [], {}], ids=repr)
async def test_a_state_that_is_neither_yes_nor_no_is_not_known(value: object):
    rows = [{"ID": "7", "ACTIVE": value, "PUBLIC": value}]

    _, pages = await _list(Scripted(Answer(rows, None), _rows()))

    assert (pages[0].was_active, pages[0].is_changed) == (None, None)


async def test_a_list_in_the_form_of_a_map_is_a_list():
    rows = {"0": {"ID": "7"}, "5": {"ID": 9}}

    _, pages = await _list(Scripted(Answer(rows, None), _rows()))

    assert _ids(pages) == [7, 9]
    assert pages[0].was_active is None


@pytest.mark.parametrize(
    "result",
    [None, True, "text", 7],
    ids=repr,
)
async def test_what_is_no_list_of_pages_is_not_taken_for_an_empty_one(result):
    with pytest.raises(StoppedByPortal, match="something other than a list"):
        await _list(Scripted(Answer(result, None)))


async def test_a_portal_that_gives_the_same_pages_again_is_not_asked_for_ever():
    same = _rows(*range(1, LIST_LENGTH + 1))

    with pytest.raises(StoppedByPortal, match="lists none after 500"):
        await _list(Scripted(same, same))


async def test_pages_that_are_given_twice_are_listed_once():
    first, second = range(1, LIST_LENGTH + 1), range(LIST_LENGTH, LIST_LENGTH + 3)

    _, pages = await _list(Scripted(_rows(*first), _rows(*second), _rows()))

    assert _ids(pages) == list(range(1, LIST_LENGTH + 3))


async def test_a_list_goes_on_after_its_last_page():
    calls = Scripted(_rows(*range(10, 10 + LIST_LENGTH)), _rows())

    await _list(calls)

    assert [asked["filter"][">ID"] for asked in calls.asked] == [0, 9 + LIST_LENGTH]
    assert {"ID", "SITE_ID"} <= set(calls.asked[0]["select"])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultClass.CREDENTIAL, PortalUnusable),
        (FaultClass.TOKEN, PortalUnusable),
        (FaultClass.PORTAL, StoppedByPortal),
        (FaultClass.TRANSIENT, StoppedByPortal),
    ],
)
async def test_a_portal_that_cannot_be_asked_ends_the_list(kind, error):
    with pytest.raises(error, match="CODE: why") as caught:
        await _list(Scripted(Fault(kind, "CODE", "why", "what now")))

    assert caught.value.hint == "what now"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ACCESS_DENIED", "has no access to Sites"),
        ("SYSTEM_ERROR", "--no-lookup"),
        ("SOMETHING_NEW", "--no-lookup"),
    ],
)
async def test_a_list_that_is_refused_is_not_said_to_be_a_page_or_a_site(code, advice):
    refused = classify(code, "Access denied.", status=400, in_command=False)

    with pytest.raises(StoppedByPortal) as caught:
        await _list(Scripted(refused, refused))

    assert caught.value.message.startswith(f"The pages can't be listed: {code}")
    assert advice in caught.value.hint
    assert not re.search("this (page|site)", caught.value.hint)


async def test_a_failure_that_is_not_about_a_field_ends_the_list_at_the_second_answer():
    failure = Fault(FaultClass.TRANSIENT, "SYSTEM_ERROR", "deadlock")

    with pytest.raises(StoppedByPortal, match="SYSTEM_ERROR: deadlock"):
        await _list(Scripted(failure, failure))


# look-ups


def _named(number, *, scope=Scope.KNOWLEDGE, **known):
    return Page(PageId(number), scope=scope, source=f"pages.csv:{number}", **known)


async def test_a_look_up_keeps_the_order_and_marks_what_is_missing():
    numbers = [5, 1, 99, 4, 2]
    async with _portal(pages=5, trashed_pages=[4]) as (_, client):
        pages = await _all(look_up(_given(*map(_named, numbers)), client, only=Only.ALL))

    assert _ids(pages) == numbers
    assert [page.is_missing for page in pages] == [False, False, True, True, False]
    assert [page.source for page in pages] == [f"pages.csv:{number}" for number in numbers]


async def test_a_look_up_of_many_pages_asks_once_for_each_500():
    async with _portal(pages=1_203) as (sandbox, client):
        pages = await _all(look_up(_given(*map(_named, range(1, 1_204))), client, only=Only.ALL))

    assert _ids(pages) == list(range(1, 1_204))
    assert not any(page.is_missing for page in pages)
    assert sandbox.truth.requests == 3


async def test_pages_of_several_scopes_are_each_looked_up_in_their_own():
    sites = [Site(id=1, type="KNOWLEDGE", pages=3), Site(id=2, type="PAGE", pages=3)]
    named = [_named(1), _named(2), _named(4, scope=None), _named(5, scope=Scope.GROUP), _named(3)]
    async with _portal(sites=sites) as (_, client):
        pages = await _all(look_up(_given(*named), client, only=Only.ALL))

    assert _ids(pages) == [1, 2, 4, 5, 3]
    assert [page.site for page in pages] == [1, 1, 2, None, 1]
    assert [page.is_missing for page in pages] == [False, False, False, True, False]
    assert [page.scope for page in pages] == [page.scope for page in named]


@pytest.mark.parametrize(
    ("only", "active_share", "changed_share", "is_skipped"),
    [
        pytest.param(Only.ALL, 1.0, 0.0, False, id="all, online"),
        pytest.param(Only.UNPUBLISHED, 1.0, 0.0, True, id="unpublished, online"),
        pytest.param(Only.UNPUBLISHED, 1.0, 1.0, True, id="unpublished, edited"),
        pytest.param(Only.UNPUBLISHED, 0.0, 0.0, False, id="unpublished, not online"),
        pytest.param(Only.CHANGED, 1.0, 0.0, True, id="changed, online"),
        pytest.param(Only.CHANGED, 1.0, 1.0, False, id="changed, edited"),
        pytest.param(Only.CHANGED, 0.0, 0.0, False, id="changed, not online"),
    ],
)
async def test_a_page_that_is_not_wanted_comes_with_the_reason(
    only, active_share, changed_share, is_skipped
):
    async with _portal(pages=1, active_share=active_share, changed_share=changed_share) as (
        _,
        client,
    ):
        [page] = await _all(look_up(_given(_named(1)), client, only=only))

    assert bool(page.skip) is is_skipped


async def test_a_page_that_is_missing_is_not_skipped():
    async with _portal(pages=1) as (_, client):
        [page] = await _all(look_up(_given(_named(99)), client, only=Only.CHANGED))

    assert (page.is_missing, page.skip) == (True, None)


async def test_a_look_up_without_the_field_for_edits_still_tells_what_is_online():
    async with _portal(pages=2, active_share=1.0, public_field=False) as (_, client):
        pages = await _all(look_up(_given(_named(1), _named(2)), client, only=Only.ALL))

    assert [(page.was_active, page.is_changed) for page in pages] == [(True, None)] * 2


async def test_what_is_known_of_a_page_stays_where_the_portal_tells_nothing():
    named = _named(7, title="Mine", url="/mine/", site=SiteId(3), skip="It was named before.")

    [page] = await _all(look_up(_given(named), Scripted(_rows(7)), only=Only.ALL))

    assert (page.title, page.url, page.site) == ("Mine", "/mine/", 3)
    assert page.skip == "It was named before."


async def test_pages_that_a_user_may_not_see_are_missing():
    async with _portal(
        pages=2, sites=[Site(pages=2, has_read_right=False)], users=[User(id=1)]
    ) as (
        _,
        client,
    ):
        pages = await _all(look_up(_given(_named(1), _named(2)), client, only=Only.ALL))

    assert [page.is_missing for page in pages] == [True, True]


async def test_no_page_at_all_asks_nothing():
    calls = Scripted()

    assert await _all(look_up(_given(), calls, only=Only.ALL)) == []
    assert calls.asked == []
