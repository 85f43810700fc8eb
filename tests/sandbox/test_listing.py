import pytest

from bulk_publisher.sandbox.scenario import Site


def test_without_a_limit_everything_comes_in_order(core):
    assert core(pages=700).ids() == list(range(1, 701))


def test_rows_hold_strings_and_nulls(core):
    portal = core(pages=2)
    portal.world.publish(0, 1_800_000_000, user=5)

    rows = portal.rows(
        select=["ID", "ACTIVE", "PUBLIC", "FOLDER_ID", "DATE_PUBLIC", "MODIFIED_BY_ID"]
    )

    common = {"PUBLIC": "Y", "FOLDER_ID": None, "DOMAIN_ID": "0"}
    up = {"ID": "1", "ACTIVE": "Y", "DATE_PUBLIC": "15.01.2027 08:00:00", "MODIFIED_BY_ID": "5"}
    down = {"ID": "2", "ACTIVE": "N", "DATE_PUBLIC": None, "MODIFIED_BY_ID": "1"}
    assert rows == [common | up, common | down]


def test_without_its_id_in_select_rows_fall_into_one(core):
    assert core(pages=5).rows(select=["TITLE"]) == [{"TITLE": "Page 5", "DOMAIN_ID": "0"}]


def test_paging_by_key_meets_every_page_once(core):
    portal = core(pages=25, page_id_step=3, first_page_id=100)
    first = portal.ids(filter={">ID": 0}, order={"ID": "ASC"}, limit=10)
    second = portal.ids(filter={">ID": first[-1]}, order={"ID": "ASC"}, limit=10)
    third = portal.ids(filter={">ID": second[-1]}, order={"ID": "ASC"}, limit=10)

    assert first + second + third == list(range(100, 175, 3))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"ID": 3}, [3]),
        ({"=ID": "3"}, [3]),
        ({"!ID": 3}, [1, 2, 4, 5]),
        ({"!=ID": [3, 4]}, [1, 2, 5]),
        ({"@ID": [6, 2, 99]}, [2]),
        ({"ID": ["2", "3"], ">ID": 2}, [3]),
        ({">=ID": 5}, [5]),
        ({"<ID": 3}, [1, 2]),
        ({"<=ID": 2, ">ID": 1}, [2]),
        ({"><ID": [2, 4]}, [2, 3, 4]),
        ({"=ACTIVE": "Y"}, [1, 4]),
        ({"ACTIVE": "N", "PUBLIC": "N"}, []),
        ({"=PUBLIC": "N"}, [4]),
        ({"!ACTIVE": "Y"}, [2, 3, 5]),
        ({"@ACTIVE": ["Y", "N"]}, [1, 2, 3, 4, 5]),
        ({"=DELETED": ["Y", "N"]}, [1, 2, 3, 4, 5, 6]),
        ({"=DELETED": "Y"}, [6]),
        ({"%TITLE": "age 2"}, [2]),
        ({"TITLE": "page%"}, [1, 2, 3, 4, 5]),
        ({"=TITLE": "page 3"}, [3]),
        ({"!%TITLE": "age 2"}, [1, 3, 4, 5]),
        ({"SITE_ID": 1}, [1, 2, 3, 4, 5]),
        ({"=SITE_ID": [1, 2]}, [1, 2, 3, 4, 5]),
        ({"SITE_ID": 2}, []),
        ({"SITE.TYPE": "GROUP"}, [1, 2, 3, 4, 5]),
        ({"runtime": 1, "CHECK_PERMISSIONS": "N"}, [1, 2, 3, 4, 5]),
        ({"LOGIC": "OR", "=ID": 1, "=TITLE": "Page 5"}, [1, 5]),
        ({"0": {"LOGIC": "OR", "=ID": 1, "=ACTIVE": "Y"}, ">ID": 1}, [4]),
        ([{"LOGIC": "OR", "=ID": 2, ">ID": 4}], [2, 5]),
        ({"DATE_PUBLIC": None}, [2, 3, 5]),
        ({"!DATE_PUBLIC": None}, [1, 4]),
        ({">DATE_PUBLIC": "01.01.2020 00:00:00"}, [1, 4]),
        ([], [1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_a_filter_finds_what_it_says(core, wanted, found):
    portal = core(pages=6)
    portal.world.publish(0, portal.now, user=1)
    portal.world.publish(3, portal.now, user=1)
    portal.world.edit(4)
    portal.world.trash(6)

    listed = portal.ids(filter=wanted)

    assert listed == found


def test_pages_in_the_trash_are_left_out_unless_asked_for(core):
    portal = core(pages=3, trashed_pages=[2], missing_pages=[3])

    assert portal.ids() == [1]
    assert portal.ids(filter={"=DELETED": ["Y", "N"]}) == [1, 2]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"ID": "DESC"}, [5, 4, 3, 2]),
        ({"id": "asc"}, None),
        ({"ACTIVE": "DESC", "ID": "ASC"}, [3, 1, 2, 4]),
    ],
    ids=str,
)
def test_rows_come_in_the_order_asked_for(core, order, found):
    portal = core(pages=5)
    portal.world.publish(2, portal.now, user=1)

    status, body = portal.ask(
        "landing.landing.getList",
        scope="KNOWLEDGE",
        params={"select": ["ID"], "order": order, "limit": 4},
    )

    assert status == (400 if found is None else 200)
    assert body.get("error") == ("SYSTEM_ERROR" if found is None else None)
    assert [int(row["ID"]) for row in body.get("result", [])] == (found or [])


def test_an_offset_skips(core):
    assert core(pages=9).ids(limit=2, offset=3) == [4, 5]


@pytest.mark.parametrize("params", [{"select": ["NOPE"]}, {"filter": {"NOPE": 1}}], ids=str)
def test_an_unknown_field_is_a_system_error(core, params):
    portal = core(pages=2)

    code = portal.error("landing.landing.getList", scope="KNOWLEDGE", params=params)

    assert code == "SYSTEM_ERROR"


def test_params_must_be_an_array(core):
    portal = core(pages=2)

    assert portal.error("landing.landing.getList", scope="KNOWLEDGE", params="x") == "TYPE_ERROR"


def test_a_filter_that_is_not_inside_params_is_ignored(core):
    found = core(pages=3).result("landing.landing.getList", scope="KNOWLEDGE", filter={"ID": 1})

    assert len(found) == 3


def test_a_portal_may_not_know_the_public_field(core):
    portal = core(pages=2, public_field=False)

    assert "PUBLIC" not in portal.rows()[0]
    params = {"filter": {"=PUBLIC": "N"}}
    assert (
        portal.error("landing.landing.getList", scope="KNOWLEDGE", params=params) == "SYSTEM_ERROR"
    )


def test_what_a_user_may_not_see_is_an_empty_list(core):
    assert core(pages=2, sites=[Site(has_read_right=False)]).rows() == []
    assert core(pages=2).rows(scope="") == []


def test_only_the_key_site_id_hides_pages_in_deleted_folders(core):
    portal = core(pages=8, sites=[Site(folders=3, depth=3)])
    portal.world.folders[2].deleted = True

    assert portal.ids(filter={"SITE_ID": 1}) == [1, 2, 4, 5, 6, 8]
    assert portal.ids(filter={"=SITE_ID": 1}) == list(range(1, 9))


def test_urls_name_site_folders_and_page(core):
    portal = core(pages=4, sites=[Site(code="kb", folders=2, depth=2)])

    rows = portal.rows(select=["ID"], get_urls=1)

    assert [row["PUBLIC_URL"] for row in rows] == [
        "/knowledge/kb/page-1/",
        "/knowledge/kb/folder1/page-2/",
        "/knowledge/kb/folder1/folder2/page-3/",
        "/knowledge/kb/page-4/",
    ]


@pytest.mark.parametrize(
    ("scope", "plan", "url"),
    [
        ("GROUP", "standard", "/knowledge/group/kb/page-1/"),
        ("MAINPAGE", "standard", "/vibe/kb/page-1/"),
        ("", "standard", "https://kb.bitrix24.example/page-1/"),
        ("", "self-hosted", "/pub/site/1/page-1/"),
    ],
)
def test_each_kind_of_site_has_its_own_place(core, scope, plan, url):
    portal = core(pages=1, sites=[Site(code="kb")], scope=scope, plan=plan)

    assert portal.rows(scope, select=["ID"], get_urls=1)[0]["PUBLIC_URL"] == url


def test_dates_are_in_the_format_of_the_region(core):
    portal = core(pages=1, date_format="%m/%d/%Y %I:%M:%S %p")

    assert portal.rows(select=["ID", "DATE_CREATE"])[0]["DATE_CREATE"] == "10/17/2026 08:00:00 AM"


def test_a_bad_date_is_a_system_error(core):
    params = {"filter": {">DATE_MODIFY": "2026-01-01T00:00:00"}}

    assert (
        core(pages=1).error("landing.landing.getList", scope="KNOWLEDGE", params=params)
        == "SYSTEM_ERROR"
    )


def test_a_million_pages_are_listed_from_their_middle(core):
    portal = core(pages=1_000_000)
    portal.world.publish(999_998, portal.now, user=1)

    assert portal.ids(filter={">ID": 500_000, "SITE_ID": 1}, limit=2) == [500_001, 500_002]
    assert portal.ids(filter={"=ACTIVE": "Y"}) == [999_999]
    assert portal.ids(order={"ID": "DESC"}, limit=1) == [1_000_000]


def test_a_date_of_publication_may_be_an_empty_object(core):
    portal = core(pages=2, date_public_object=True)
    portal.publish(1)

    assert [row["DATE_PUBLIC"] for row in portal.rows(select=["ID", "DATE_PUBLIC"])] == [{}, None]


def test_a_page_that_no_list_shows_is_published_like_any_other(core):
    portal = core(pages=3, unlisted_pages=[2])

    assert portal.ids() == portal.ids(filter={"ID": [1, 2, 3]}) == [1, 3]
    assert portal.publish(2)[1]["result"] is True
    assert portal.truth.publications == {2: 1}
