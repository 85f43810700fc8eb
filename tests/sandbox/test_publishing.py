import pytest

from bulk_publisher.sandbox.scenario import Site, User

PUBLICATION = "landing.landing.publication"


def test_a_publication_puts_up_page_folders_and_site(core):
    portal = core(pages=8, sites=[Site(id=7, folders=3, depth=3)])

    status, body = portal.publish(4)

    assert (status, body["result"]) == (200, True)
    page = portal.world.page(4)
    assert (page.active, page.public, page.published_at) == (True, True, int(portal.now))
    assert [folder.active for folder in portal.world.chain(page.folder)] == [True, True, True]
    assert portal.world.sites[7].active


def test_a_publication_leaves_the_date_of_change(core):
    portal = core(pages=3)
    before = portal.world.page(2).modified_at

    portal.publish(2)

    assert portal.world.page(2).modified_at == before


def test_a_page_is_published_again_and_costs_the_same(core):
    portal = core(pages=3, cost=0.5)
    portal.publish(2)

    _, body = portal.publish(2)

    assert body["time"]["operating"] == pytest.approx(1.0)
    assert dict(portal.truth.publications) == {2: 2}


def test_leading_digits_name_the_page(core):
    portal = core(pages=400)

    portal.publish("351abc")

    assert list(portal.truth.publications) == [351]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MISSING_PARAMS"),
        ({"lid": None}, "MISSING_PARAMS"),
        ({"lid": [1]}, "ERROR_ARGUMENT"),
        ({"lid": {"a": 1}}, "ERROR_ARGUMENT"),
        ({"lid": "abc"}, "LANDING_NOT_EXIST"),
        ({"lid": 99}, "LANDING_NOT_EXIST"),
        ({"lid": 2}, "LANDING_NOT_EXIST"),
        ({"lid": 3}, "LANDING_NOT_EXIST"),
        ({"lid": 4}, "LANDING_PAYMENT_FAILED"),
        ({"lid": 5}, "LANDING_PAYMENT_FAILED_BLOCK"),
    ],
    ids=str,
)
def test_a_bad_call_gets_its_error_with_400_and_no_time(core, params, code):
    portal = core(
        pages=9,
        missing_pages=[2],
        trashed_pages=[3],
        unpaid_pages=[4],
        unpaid_block_pages=[5],
    )

    status, body = portal.ask(PUBLICATION, scope="KNOWLEDGE", **params)

    assert (status, body["error"]) == (400, code)
    assert "time" not in body
    assert not portal.truth.publications


def test_an_argument_error_names_the_argument(core):
    _, body = core(pages=3).ask(PUBLICATION, scope="KNOWLEDGE", lid=[1])

    assert body["argument"] == "lid"


@pytest.mark.parametrize(
    "sites",
    [
        {"denied_pages": [2]},
        {"vetoed_pages": [2]},
        {"sites": [Site(has_public_right=False)]},
        {"users": [User(id=1, rights="read")]},
    ],
    ids=["page", "veto", "site", "user"],
)
def test_a_denied_publication_is_a_silent_null(core, sites):
    portal = core(pages=3, **sites)

    status, body = portal.publish(2)

    assert (status, body["result"]) == (200, None)
    assert "error" not in body
    assert portal.truth.nulls == 1
    assert not portal.truth.publications


def test_a_denied_takedown_is_a_real_error(core):
    portal = core(pages=3, denied_pages=[2])

    assert portal.error("landing.landing.unpublic", lid=2, scope="KNOWLEDGE") == "ACCESS_DENIED"


def test_a_user_without_access_to_sites_gets_an_error(core):
    portal = core(pages=3, users=[User(id=1, rights="none")])

    status, body = portal.publish(2)

    assert (status, body["error"]) == (400, "ACCESS_DENIED")


def test_a_takedown_clears_both_flags_and_leaves_the_site(core):
    portal = core(pages=3)
    portal.publish(2)

    assert portal.result("landing.landing.unpublic", lid=2, scope="KNOWLEDGE") is True

    page = portal.world.page(2)
    assert (page.active, page.public) == (False, False)
    assert portal.world.sites[1].active
    assert dict(portal.truth.unpublications) == {2: 1}


@pytest.mark.parametrize("scope", ["", "PAGE", "GROUP", "typo"])
def test_the_wrong_scope_hides_a_page(core, scope):
    portal = core(pages=3)

    assert portal.publish(2, scope=scope)[1]["error"] == "LANDING_NOT_EXIST"


def test_a_scope_may_be_written_small(core):
    assert core(pages=3).publish(2, scope=" knowledge ")[1]["result"] is True


def test_a_page_in_a_subfolder_of_a_deleted_folder_does_not_exist(core):
    portal = core(pages=8, sites=[Site(folders=2, depth=2)])
    portal.world.folders[1].deleted = True

    assert portal.publish(3)[1]["error"] == "LANDING_NOT_EXIST"
    assert portal.world.missing_ids() == [2, 3, 5, 6, 8]


def test_the_page_limit_lets_active_pages_through(core):
    portal = core(pages=5, page_limit=2)
    portal.publish(1)
    portal.publish(2)

    assert portal.publish(3)[1]["error"] == "PUBLIC_PAGE_REACHED"
    assert portal.publish(2)[1]["result"] is True


def test_a_batch_overshoots_the_page_limit_on_its_first_verdict(core):
    portal = core(pages=5, page_limit=1)

    answer = portal.batch(1, 2, 3)

    assert answer["result"] == {"p1": True, "p2": True, "p3": True}
    assert portal.world.active_pages == 3


def test_after_the_site_limit_the_rest_of_a_batch_ends_half_done(core):
    sites = [Site(id=1, pages=1, active=True), Site(id=2, pages=3)]
    portal = core(sites=sites, site_limit=1)

    answer = portal.batch(2, 3, 4)

    errors = {key: error["error"] for key, error in answer["result_error"].items()}
    assert errors == {"p2": "PUBLIC_SITE_REACHED", "p3": "PUBLIC_SITE_REACHED"}
    assert answer["result"] == {"p4": True}
    assert [portal.world.page(page).active for page in (2, 3, 4)] == [False, True, True]
    assert not portal.world.sites[2].active


def test_a_free_plan_says_so(core):
    sites = [Site(type="GROUP", pages=1, active=True), Site(type="GROUP", pages=1)]
    portal = core(sites=sites, site_limit=1, free_plan=True)

    assert portal.publish(2, scope="GROUP")[1]["error"] == "PUBLIC_SITE_REACHED_FREE"


def test_a_free_domain_fails_after_the_page_was_written(core):
    portal = core(pages=2, sites=[Site(free_domain=True)])

    assert portal.publish(1)[1]["error"] == "FREE_DOMAIN_IS_NOT_ALLOWED"
    assert portal.world.page(1).active


def test_html_locks_the_whole_site_and_names_the_culprit(core):
    by_page = core(pages=3, html_pages=[3])
    by_site = core(pages=3, sites=[Site(id=7, html_disallowed=True)])

    assert by_page.publish(1)[1]["error"] == "PUBLIC_HTML_DISALLOWED[L3]"
    assert by_site.publish(1)[1]["error"] == "PUBLIC_HTML_DISALLOWED[S7]"


def test_an_unconfirmed_portal_refuses_every_page(core):
    portal = core(pages=2, portal_error="EMAIL_NOT_CONFIRMED")

    assert portal.publish(1)[1]["error"] == "EMAIL_NOT_CONFIRMED"


def test_a_site_is_published_up_to_its_first_error(core):
    portal = core(pages=5, unpaid_pages=[3])
    portal.publish(1)

    code = portal.error("landing.site.publication", id=1, scope="KNOWLEDGE")

    assert code == "LANDING_PAYMENT_FAILED"
    assert dict(portal.truth.publications) == {1: 1, 2: 1}


def test_a_published_site_answers_its_id_and_opens_all_folders(core):
    portal = core(pages=6, sites=[Site(id=9, folders=2)], denied_pages=[4])

    assert portal.result("landing.site.publication", id=9, scope="KNOWLEDGE") == 9

    assert sorted(portal.truth.publications) == [1, 2, 3, 5, 6]
    assert [folder.active for folder in portal.world.folders.values()] == [True, True]


def test_a_site_taken_down_keeps_its_pages(core):
    portal = core(pages=2)
    portal.publish(1)

    assert portal.result("landing.site.unpublic", id=1, scope="KNOWLEDGE") is True

    assert not portal.world.sites[1].active
    assert portal.world.page(1).active
    assert portal.error("landing.site.unpublic", id=55, scope="KNOWLEDGE") == "ACCESS_DENIED"


def test_an_event_handler_refuses_without_a_code(core):
    portal = core(pages=2, event_pages=[1])

    status, body = portal.publish(1)
    answer = portal.batch(1, 2)

    assert (status, body["error"]) == (400, 0)
    assert answer["result_error"]["p1"]["error"] == 0


def test_a_takedown_of_a_missing_page_fails(core):
    portal = core(pages=2, missing_pages=[1])

    assert portal.error("landing.landing.unpublic", lid=1, scope="KNOWLEDGE") == "LANDING_NOT_EXIST"


def test_a_closed_site_is_neither_published_nor_taken_down(core):
    portal = core(pages=2, sites=[Site(has_public_right=False)])

    assert portal.error("landing.site.publication", id=1, scope="KNOWLEDGE") == "ACCESS_DENIED"
    assert portal.error("landing.site.unpublic", id=1, scope="KNOWLEDGE") == "ACCESS_DENIED"
    assert not portal.truth.publications


def test_a_page_may_have_any_error_of_its_own(core):
    portal = core(pages=3, page_errors={"URLCHECKER_FAIL": [2]})

    assert portal.publish(2)[1]["error"] == "URLCHECKER_FAIL"
    assert portal.world.healthy_ids() == [1, 3]


def test_a_fatal_error_leaves_the_folders_up_and_the_page_down(core):
    portal = core(pages=4, sites=[Site(folders=1)], fatal_pages=[2])

    status, _ = portal.publish(2)

    assert status == 500
    assert not portal.world.page(2).active
    assert [folder.active for folder in portal.world.folders.values()] == [True]
    assert not portal.world.sites[1].active


def test_a_special_site_does_not_count_for_the_limit_of_sites(core):
    sites = [Site(id=1, pages=1, active=True), Site(id=2, pages=1, special=True)]
    portal = core(sites=sites, site_limit=1)

    assert portal.publish(2)[1]["result"] is True
    rows = portal.result("landing.site.getlist", params={"select": ["ID", "SPECIAL"]}, scope="KNOWLEDGE")  # fmt: skip
    assert [row["SPECIAL"] for row in rows] == ["N", "Y"]


@pytest.mark.parametrize(
    ("kind", "active"), [("every", {1, 2, 3, 4, 5}), ("active", {1})], ids=["source", "doc"]
)
def test_publishing_a_site_puts_up_what_is_down_or_leaves_it(core, kind, active):
    portal = core(pages=5, site_publication=kind)
    portal.publish(1)

    portal.result("landing.site.publication", id=1, scope="KNOWLEDGE")

    assert set(portal.world.active_ids()) == active
