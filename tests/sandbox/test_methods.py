import pytest

from bulk_publisher.sandbox.scenario import Site, User


def test_sites_are_listed_by_scope(core):
    sites = [Site(type="PAGE", pages=1), Site(type="SMN", pages=1), Site(type="GROUP", pages=1)]
    portal = core(sites=sites)

    default = portal.result("landing.site.getList")
    group = portal.result("landing.site.getList", scope="GROUP", params={"select": ["TITLE"]})

    assert [site["TYPE"] for site in default] == ["PAGE", "SMN"]
    assert group == [{"TITLE": "Group 3", "ID": "3", "TYPE": "GROUP"}]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"ID": 2}, ["2"]),
        ({"=ID": ["1", "3"]}, ["1", "3"]),
        ({"TYPE": "STORE"}, ["2", "3"]),
        ({"TYPE": "GROUP"}, ["1", "2", "3"]),
        ({"TYPE": ["STORE"]}, ["1", "2", "3"]),
        ({"ACTIVE": "Y"}, ["1"]),
    ],
    ids=str,
)
def test_sites_are_filtered_as_the_portal_does(core, wanted, found):
    sites = [
        Site(type="PAGE", pages=1, active=True),
        Site(type="STORE", pages=1),
        Site(type="SMN", pages=1),
        Site(type="PAGE", pages=1, deleted=True),
    ]
    portal = core(sites=sites)

    rows = portal.result("landing.site.getList", params={"filter": wanted})

    assert [row["ID"] for row in rows] == found


def test_an_unknown_field_of_a_site_is_a_system_error(core):
    portal = core(pages=1)

    asked = {"params": {"select": ["NOPE"]}, "scope": "KNOWLEDGE"}
    filtered = {"params": {"filter": {"NOPE": 1}}, "scope": "KNOWLEDGE"}

    assert portal.error("landing.site.getList", **asked) == "SYSTEM_ERROR"
    assert portal.error("landing.site.getList", **filtered) == "SYSTEM_ERROR"


def test_folders_name_their_parents(core):
    portal = core(pages=3, sites=[Site(folders=3, depth=2, deleted_folders=1)])

    rows = portal.result("landing.site.getFolders", siteId=1, scope="KNOWLEDGE")

    assert [(row["ID"], row["PARENT_ID"], row["DELETED"]) for row in rows] == [
        ("1", None, "N"),
        ("2", "1", "N"),
        ("3", None, "Y"),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"), [({"DELETED": "N"}, ["1"]), ({"PARENT_ID": 1}, ["2"])], ids=str
)
def test_folders_are_filtered(core, wanted, found):
    portal = core(pages=3, sites=[Site(folders=2, depth=2, deleted_folders=1)])

    rows = portal.result("landing.site.getFolders", siteId=1, scope="KNOWLEDGE", filter=wanted)

    assert [row["ID"] for row in rows] == found


def test_folders_and_rights_of_a_site_out_of_sight_are_empty(core):
    portal = core(pages=3)

    assert portal.result("landing.site.getFolders", siteId=1) == []
    assert portal.result("landing.site.getRights", id=1) == []


def test_an_admin_has_every_right_the_word_denied_included(core):
    rights = core(pages=1).result("landing.site.getRights", id=1, scope="KNOWLEDGE")

    assert {"denied", "public"} <= set(rights)


def test_a_reader_may_read(core):
    portal = core(pages=1, users=[User(id=3, rights="read")])

    assert portal.result("landing.site.getRights", id=1, scope="KNOWLEDGE") == ["read"]


def test_a_url_and_its_page_find_each_other(core):
    portal = core(pages=4, sites=[Site(id=2, code="kb", folders=1)])

    url = portal.result("landing.landing.getpublicurl", lid=4, scope="KNOWLEDGE")
    whole = {"landingUrl": "/knowledge/kb/folder1/page-4/", "siteId": 2, "scope": "KNOWLEDGE"}

    assert url == "https://sandbox.bitrix24.example/knowledge/kb/folder1/page-4/"
    assert portal.result("landing.landing.resolveIdByPublicUrl", **whole) == 4


def resolved(portal, url: str, *, site: int = 1, scope: str = "KNOWLEDGE") -> int | None:
    asked = {"landingUrl": url, "siteId": site, "scope": scope}
    return portal.result("landing.landing.resolveIdByPublicUrl", **asked)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("page-1/", 1),
        ("PAGE-1", 1),
        ("page-1/?a=1#b", 1),
        ("folder1/page-2/", 2),
        ("Folder1/index.php", 2),
        ("folder1/", 2),
        ("folder1/folder2/page-3/", 3),
        ("page-2/", None),
        ("folder1/page-1/", None),
        ("folder2/page-3/", None),
        ("page-1/more/", None),
        ("page-9/", None),
        ("", None),
    ],
)
def test_an_address_leads_where_a_visitor_would_come(core, path, page):
    portal = core(pages=3, sites=[Site(code="kb", folders=2, depth=2)])

    assert resolved(portal, f"/knowledge/kb/{path}") == page


def test_the_root_of_a_site_leads_to_the_first_page_that_is_online(core):
    portal = core(pages=3, sites=[Site(code="kb")])
    portal.publish(2)

    assert resolved(portal, "/knowledge/kb/") == 2


def test_a_path_that_is_not_below_the_knowledge_bases_is_cut_all_the_same(core):
    portal = core(pages=3, sites=[Site(code="kb")])
    portal.publish(2)

    assert resolved(portal, "/page-3/") == 2


@pytest.mark.parametrize(
    ("plan", "path"), [("standard", "/page-3/"), ("self-hosted", "/pub/site/1/page-3/")]
)
def test_a_plain_site_is_asked_for_the_path_at_its_host(core, plan, path):
    portal = core(pages=3, scope="", plan=plan)

    assert resolved(portal, path, scope="") == 3


def test_a_page_in_the_trash_is_not_found(core):
    portal = core(pages=3, sites=[Site(code="kb")], trashed_pages=[3])

    assert resolved(portal, "/knowledge/kb/page-3/") is None


def test_a_renamed_page_is_found_at_its_new_address_alone(core):
    portal = core(pages=3, sites=[Site(code="kb")])
    portal.result("landing.landing.update", lid=3, fields={"CODE": "Home"}, scope="KNOWLEDGE")

    assert resolved(portal, "/knowledge/kb/home/") == 3
    assert resolved(portal, "/knowledge/kb/page-3/") is None


def test_a_site_says_where_it_is(core):
    portal = core(pages=2, sites=[Site(code="kb", pages=1), Site(type="PAGE", pages=1)])
    asked = {"id": [1, 2], "scope": "KNOWLEDGE"}

    urls = portal.result("landing.site.getPublicUrl", **asked)

    assert urls == {"1": "https://sandbox.bitrix24.example/knowledge/kb"}
    assert portal.result("landing.site.getPublicUrl", id=2) == "https://site2.bitrix24.example"
    assert portal.result("landing.site.getPublicUrl", id=9) == ""


@pytest.mark.parametrize(
    ("lid", "code"), [([4], "ERROR_ARGUMENT"), (99, "LANDING_NOT_EXIST"), (None, "MISSING_PARAMS")]
)
def test_a_url_is_asked_for_one_page_that_exists(core, lid, code):
    assert core(pages=4).error("landing.landing.getpublicurl", lid=lid, scope="KNOWLEDGE") == code


def test_a_page_is_added_neither_active_nor_changed(core):
    portal = core(pages=4)

    fields = {"TITLE": "New", "SITE_ID": 1, "CODE": "new"}
    page_id = portal.result("landing.landing.add", fields=fields, scope="KNOWLEDGE")

    page = portal.world.page(page_id)
    assert (page.id, page.title, page.active, page.public) == (5, "New", False, True)
    assert portal.publish(page_id)[1]["result"] is True
    assert portal.ids(filter={"SITE_ID": 1}) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (None, "MISSING_PARAMS"),
        ("x", "TYPE_ERROR"),
        ({"TITLE": "x", "SITE_ID": 9}, "SITE_NOT_FOUND"),
        ({"SITE_ID": 1}, "BX_EMPTY_REQUIRED"),
    ],
    ids=str,
)
def test_a_page_is_not_added_without_its_fields(core, fields, code):
    portal = core(pages=1)

    assert portal.error("landing.landing.add", fields=fields, scope="KNOWLEDGE") == code


def test_a_change_of_settings_leaves_the_page_unchanged_to_the_eye(core):
    portal = core(pages=2)
    portal.publish(1)

    portal.result("landing.landing.update", lid=1, fields={"TITLE": "Other"}, scope="KNOWLEDGE")

    page = portal.world.page(1)
    assert (page.title, page.public, page.modified_at) == ("Other", True, int(portal.now))


@pytest.mark.parametrize("method", ["landing.landing.add", "landing.landing.update"])
def test_a_reader_may_not_write(core, method):
    portal = core(pages=1, users=[User(id=3, rights="read")])

    fields = {"TITLE": "x", "SITE_ID": 1}
    assert portal.error(method, lid=1, fields=fields, scope="KNOWLEDGE") == "ACCESS_DENIED"


def test_who_asks_is_told_who_he_is(core):
    portal = core(pages=1, users=[User(id=12, name="Ada", is_admin=False)])

    profile = portal.result("profile")

    assert (profile["ID"], profile["ADMIN"], profile["NAME"]) == ("12", False, "Ada")


@pytest.mark.parametrize(
    ("name", "exists", "available"),
    [
        ("landing.landing.publication", True, False),
        ("landing.landing.getlist", True, False),
        ("landing.landing.getList", False, False),
        ("server.time", True, True),
        ("batch", True, True),
        ("nope", False, False),
    ],
)
def test_a_method_is_looked_up_in_lower_case_only(core, name, exists, available):
    found = core(pages=1, rest_scopes=["user"]).result("method.get", name=name)

    assert found == {"isExisting": exists, "isAvailable": available}


def test_a_method_needs_a_name(core):
    assert core(pages=1).error("method.get") == "ERROR_ARGUMENT"


@pytest.mark.parametrize(
    ("plan", "name"),
    [("standard", "ru_std"), ("enterprise", "ru_ent250"), ("self-hosted", "ru_selfhosted")],
)
def test_the_license_names_the_plan(core, plan, name):
    webhook, oauth = core(pages=1, plan=plan), core(pages=1, plan=plan)
    oauth.kind = "oauth"

    assert webhook.result("app.info") == {"SCOPE": ["landing"], "LICENSE": name}
    assert oauth.result("app.info")["LICENSE"] == name


def test_the_time_of_the_server_is_as_wrong_as_its_clock(core):
    assert core(pages=1, clock_offset=3600.0).result("server.time") == "2027-01-15T09:00:00+00:00"


def test_sites_are_listed_in_parts(core):
    portal = core(sites=[Site(pages=1), Site(pages=1), Site(pages=1)])

    rows = portal.result(
        "landing.site.getList", scope="KNOWLEDGE", params={"limit": 1, "offset": 1}
    )

    assert [row["ID"] for row in rows] == ["2"]


def test_an_unknown_field_of_a_folder_is_a_system_error(core):
    portal = core(pages=2, sites=[Site(folders=1)])
    asked = {"siteId": 1, "scope": "KNOWLEDGE", "filter": {"NOPE": 1}}

    assert portal.error("landing.site.getFolders", **asked) == "SYSTEM_ERROR"


def test_a_url_must_be_a_text(core):
    asked = {"landingUrl": ["/x/"], "siteId": 1, "scope": "KNOWLEDGE"}

    assert core(pages=1).error("landing.landing.resolveIdByPublicUrl", **asked) == "ERROR_ARGUMENT"


def test_a_site_out_of_sight_resolves_nothing(core):
    asked = {"landingUrl": "/site1/page-1/", "siteId": 1}

    assert core(pages=1).result("landing.landing.resolveIdByPublicUrl", **asked) is None


def test_a_change_of_code_changes_the_address(core):
    portal = core(pages=1)
    portal.result("landing.landing.update", lid=1, fields={"CODE": "home"}, scope="KNOWLEDGE")

    url = portal.result("landing.landing.getpublicurl", lid=1, scope="KNOWLEDGE")

    assert url.endswith("/site1/home/")


def test_a_notification_is_made_for_a_user_who_is_there(core):
    portal = core(pages=1, rest_scopes=["im"])

    assert portal.result("im.notify.personal.add", user_id="1abc", Message=" hi ") == 1
    assert portal.result("im.notify.personal.add", TO=1, MESSAGE="again") == 2
    assert portal.result("im.notify.personal.add", USER_ID=77, MESSAGE="hi") is False
    assert portal.truth.notifications == [(1, "hi"), (1, "again")]


def test_a_notification_needs_a_user_a_text_and_the_permission(core):
    portal = core(pages=1, rest_scopes=["im"])

    assert portal.error("im.notify.personal.add", MESSAGE="x") == "USER_ID_EMPTY"
    assert portal.error("im.notify.personal.add", USER_ID="-1", MESSAGE="x") == "USER_ID_EMPTY"
    assert portal.error("im.notify.personal.add", USER_ID=1, MESSAGE="  ") == "MESSAGE_EMPTY"
    assert core(pages=1).error("im.notify.personal.add", USER_ID=1, MESSAGE="x") == "insufficient_scope"  # fmt: skip
