"""Which pages: folders with what lies below, conditions, pages left out, and the order of the tree."""

import random
from pathlib import Path

import pytest

from bulk_publisher.client.conditions import parse_condition
from bulk_publisher.client.lister import Lister
from bulk_publisher.errors import BadSetting, BadSource, BulkPublisherError
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.model import Fault, FaultClass, Only, Order, Scope, Status
from bulk_publisher.operations.access import session_of
from bulk_publisher.operations.page_rows import page_rows
from bulk_publisher.operations.selecting import check_places, check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.portal.wire import Answer
from bulk_publisher.sandbox import Scenario, Site, serve
from tests.oracle import Seen, assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import lose, resume
from tests.workbooks import workbook

SITES = [Site(id=7, folders=7, depth=3), Site(id=9, folders=4, depth=2, deleted_folders=1)]
WHOLE = [Site(id=7, folders=7, depth=3), Site(id=9, folders=4, depth=2)]
"""Without a trash: a scope's list, unlike a site's, has pages in deleted folders."""
SMALL = Pace(batch_size=10)


def _select(**wanted):
    return Selection(**{"scope": Scope.KNOWLEDGE, **wanted})


async def _pages(sandbox, select):
    job = Job(name="t", select=select)
    credential = Webhook(sandbox.webhook)
    async with session_of(job, credential, random.Random(1), warn=print) as session:
        await check_places(session, select)
        return [page async for page in check_selection(select).pages(session.calls)]


async def _ids(sandbox, **wanted):
    return [page.id for page in await _pages(sandbox, _select(**wanted))]


def _there(sandbox, is_wanted=lambda _page: True):
    world = sandbox.world
    pages = (world.page(page) for page in world.page_ids())
    return [page.id for page in pages if world.is_there(world.place(page.id)) and is_wanted(page)]


def _is_below(sandbox, *folders):
    return lambda page: bool({row.id for row in sandbox.world.chain(page.folder)} & {*folders})


# folders


@pytest.mark.parametrize("site", [(), (7,)], ids=["its site is found", "its site is named"])
@pytest.mark.parametrize("folder", [1, 2, 3])
async def test_a_folder_is_taken_with_all_that_lies_below(folder, site):
    async with serve(Scenario(pages=200, sites=SITES)) as sandbox:
        found = await _ids(sandbox, folder=(folder,), site=site)

        assert found == _there(sandbox, _is_below(sandbox, folder))


async def test_folders_of_several_sites_are_one_selection_and_each_page_comes_once():
    async with serve(Scenario(pages=200, sites=SITES)) as sandbox:
        found = await _ids(sandbox, folder=(2, 1, 8))

        assert sorted(found) == _there(sandbox, _is_below(sandbox, 1, 8))


async def test_more_folders_than_fit_in_a_filter_are_picked_out_of_the_site():
    sites = [Site(id=7, folders=600, depth=600)]
    async with serve(Scenario(pages=900, sites=sites)) as sandbox:
        found = await _ids(sandbox, folder=(2,))

        assert found == _there(sandbox, _is_below(sandbox, 2))


@pytest.mark.parametrize(
    "wanted",
    [{"folder": (99,)}, {"folder": (1,), "site": (9,)}, {"folder": (1,), "scope": Scope.GROUP}],
    ids=["nowhere", "of another site", "of another scope"],
)
async def test_a_folder_that_is_not_there_is_named(wanted):
    async with serve(Scenario(pages=100, sites=SITES)) as sandbox:
        with pytest.raises(BadSetting, match=f"shows no folder {wanted['folder'][0]} on"):
            await _ids(sandbox, **wanted)


async def test_a_folder_in_the_trash_is_none():
    async with serve(Scenario(pages=100, sites=SITES)) as sandbox:
        gone = max(row.id for row in sandbox.world.folders.values() if row.deleted)

        with pytest.raises(BadSetting, match=f"shows no folder {gone} on"):
            await _ids(sandbox, folder=(gone,))


# conditions


@pytest.mark.parametrize(
    ("where", "is_wanted"),
    [
        (("title~PAGE 1",), lambda page: page.title.startswith("Page 1")),
        (("title=Page 12",), lambda page: page.id == 12),
        (("title=page 12",), lambda _page: False),
        (("title!=Page 12",), lambda page: page.id != 12),
        (("title~%",), lambda _page: False),
        (("id>20", "id<30", "id!=25"), lambda page: 20 < page.id < 30 and page.id != 25),
        (("site=9",), lambda page: page.site == 9),
        (("folder!=2",), lambda page: page.folder != 2),
        (("active=no",), lambda page: not page.active),
        (("active!=no", "changed=yes"), lambda page: page.active and not page.public),
        (("url~/folder4/",), lambda page: page.folder in {4, 5, 6}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("order", Order)
async def test_a_condition_chooses_as_it_says(where, is_wanted, order):
    scenario = Scenario(pages=120, sites=WHOLE, active_share=0.5, changed_share=0.5)
    async with serve(scenario) as sandbox:
        found = await _ids(sandbox, where=where, order=order)

        assert sorted(found) == _there(sandbox, is_wanted)


async def test_pages_that_are_named_and_not_wanted_are_skipped_with_the_reason(tmp_path):
    async with serve(Scenario(pages=40)) as sandbox:
        select = _select(page=("1-20",), where=("id>12", "title~page"))

        finished = await run_job(sandbox, tmp_path, select)

        lines = {line.page: line for line in journal_of(finished)}
        assert_journal_tells_the_truth(list(lines.values()), sandbox)
        assert {page for page, line in lines.items() if line.status is Status.SKIPPED} == {
            *range(1, 13)
        }
        assert lines[3].hint == "It does not match the condition id>12."
        assert finished.ending.is_whole


async def test_a_moment_is_told_by_the_portal():
    async with serve(Scenario(pages=40)) as sandbox:
        world = sandbox.world
        for page in (3, 5):
            world.edit(page, now=4_000_000_000.0)

        late = await _ids(sandbox, where=("modified>01.01.2090 00:00:00",))
        early = await _ids(sandbox, where=("modified<01.01.2090 00:00:00",), order=Order.TREE)

        assert late == [3, 5]
        assert sorted(early) == sorted({*_there(sandbox)} - {3, 5})


async def test_a_moment_that_the_portal_can_t_read_is_refused_with_one_of_its_own():
    async with serve(Scenario(pages=40)) as sandbox:
        with pytest.raises(BadSetting, match="does not take modified>2026-11-01") as caught:
            await _ids(sandbox, where=("modified>2026-11-01",))

        assert "as this portal does, such as" in caught.value.hint


class Deaf:
    """A portal that passes over what it is asked for by date."""

    def __init__(self, rows):
        self._rows = rows

    async def call(self, method, params):
        wanted = params["params"]["filter"]
        after = wanted.get(">ID", 0)
        only = wanted.get("ID")
        rows = [row for row in self._rows if int(row["ID"]) > after]
        return Answer([row for row in rows if only is None or int(row["ID"]) in only], None)


class Dumb:
    """A portal that lists nothing where it is asked by date."""

    async def call(self, method, params):
        has_date = "1" in params["params"]["filter"]
        return Answer([] if has_date else [{"ID": "1"}], None)


@pytest.mark.parametrize(
    "portal", [Deaf([{"ID": "1", "SITE_ID": "7"}]), Dumb()], ids=["deaf", "dumb"]
)
async def test_a_portal_that_does_not_evaluate_a_moment_is_found_out(portal):
    lister = Lister(portal, None, where=[parse_condition("modified>01.01.2026")])

    with pytest.raises(BadSetting, match="does not evaluate modified>01"):
        [page async for page in lister.by_key(None, Only.ALL, source="")]


async def test_that_the_portal_has_no_column_for_edits_is_said():
    async with serve(Scenario(pages=40, public_field=False)) as sandbox:
        with pytest.raises(BadSetting, match="changed=yes"):
            await _ids(sandbox, where=("changed=yes",))


class Closed:
    """A portal that lists pages, and refuses to list sites."""

    async def call(self, method, params):
        if method == "landing.site.getlist":
            return Fault(FaultClass.PORTAL, "ACCESS_DENIED", "no", None)
        return Answer([{"ID": "1", "SITE_ID": "7"}], None)


@pytest.mark.parametrize("wanted", [{"order": Order.TREE}, {"folder": (3,)}], ids=str)
async def test_sites_that_can_t_be_listed_are_not_taken_for_none(wanted):
    selected = check_selection(_select(**wanted))

    with pytest.raises(BulkPublisherError, match="can't be listed"):
        [page async for page in selected.pages(Closed())]


# pages that are left out


async def test_a_list_of_pages_is_left_out_of_what_the_portal_lists(tmp_path):
    done = tmp_path / "done.csv"
    done.write_text("lid;title\n3;a\n5;b\n999;c\n")
    async with serve(Scenario(pages=20)) as sandbox:
        for order in Order:
            found = await _ids(sandbox, exclude=str(done), order=order)

            assert sorted(found) == [page for page in _there(sandbox) if page not in {3, 5}]


async def test_of_pages_that_are_named_those_left_out_are_skipped_unasked(tmp_path):
    done = tmp_path / "done.csv"
    done.write_text("lid\n" + "\n".join(map(str, range(1, 15))))
    async with serve(Scenario(pages=20)) as sandbox:
        select = _select(page=("1-20",), exclude=str(done))

        finished = await run_job(sandbox, tmp_path, select)

        skipped = [line for line in journal_of(finished) if line.status is Status.SKIPPED]
        assert {line.page for line in skipped} == {*range(1, 15)}
        assert {line.hint for line in skipped} == {f"It is on the list of excluded pages, {done}."}
        assert len(sandbox.truth.publications) == 6
        assert finished.ending.is_whole


async def test_a_spreadsheet_is_left_out_as_a_csv_is(tmp_path):
    done = workbook(tmp_path / "done.data", [["title", "lid"], ["a", 3], ["b", "5"]])
    async with serve(Scenario(pages=20)) as sandbox:
        found = await _ids(sandbox, exclude=str(done))

        assert found == [page for page in _there(sandbox) if page not in {3, 5}]


def test_what_is_wrong_with_such_a_list_is_said_with_its_line(tmp_path):
    (tmp_path / "done.csv").write_text("lid\n3\nthree\n")

    with pytest.raises(BadSource) as caught:
        check_selection(_select(exclude=str(tmp_path / "done.csv")))

    assert "done.csv:3: 'three' is not a page id" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("rows", "hint"),
    [
        ("lid\n3\nthree\n", "Correct them: a page that can't be read here would not be left out."),
        ("name,code\n3,4\n", "Call the column with the page IDs lid."),
    ],
)
def test_no_option_of_the_other_list_is_advised(tmp_path, rows, hint):
    (tmp_path / "done.csv").write_text(rows)

    with pytest.raises(BadSource) as caught:
        check_selection(_select(csv="-", exclude=str(tmp_path / "done.csv")))

    assert caught.value.hint == hint


def test_of_a_workbook_with_several_sheets_a_csv_is_asked_for(tmp_path):
    rows = [["lid"], [3]]
    done = workbook(tmp_path / "done.xlsx", {"one": rows, "two": rows})

    with pytest.raises(BadSource, match="has 2 sheets") as caught:
        check_selection(_select(exclude=str(done)))

    assert caught.value.hint == "Save the sheet with the pages as a CSV, and name that."


# the order of the tree


async def test_the_tree_goes_folder_by_folder_parents_first():
    async with serve(Scenario(pages=700, sites=SITES)) as sandbox:
        pages = await _pages(sandbox, _select(order=Order.TREE))

        world = sandbox.world
        assert sorted(page.id for page in pages) == _there(sandbox)
        places = [(page.site, page.folder) for page in pages]
        groups = list(dict.fromkeys(places))
        assert places == sorted(places, key=groups.index)
        for at, (site, folder) in enumerate(groups):
            parents = [row.id for row in world.chain(folder or 0)][1:]
            assert {(site, parent) for parent in (*parents, None) if folder} <= {*groups[:at]}
        for group in groups:
            ids = [page.id for page in pages if (page.site, page.folder) == group]
            assert ids == sorted(ids)


@pytest.mark.parametrize("wanted", [{}, {"site": (7,)}, {"folder": (1,)}], ids=str)
async def test_a_run_in_the_tree_s_order_goes_on_from_what_is_settled(tmp_path: Path, wanted):
    select = _select(order=Order.TREE, **wanted)
    async with serve(Scenario(pages=300, sites=SITES, cost=0.1)) as sandbox:
        folder = await lose(sandbox, tmp_path, select, after=30)

        finished = await resume(sandbox, folder)

        lines = journal_of(finished)
        assert_journal_tells_the_truth(lines, sandbox)
        is_wanted = _is_below(sandbox, 1) if "folder" in wanted else lambda page: page.site in wanted.get("site", (7, 9))  # fmt: skip
        assert {line.page for line in lines} == {*_there(sandbox, is_wanted)}
        assert len(lines) == len({line.page for line in lines})
        assert finished.ending.is_whole


async def test_a_folder_goes_on_by_key(tmp_path: Path):
    select = _select(folder=(1, 4), where=("title~page",), exclude=None)
    async with serve(Scenario(pages=300, sites=SITES, cost=0.1)) as sandbox:
        first = await run_job(sandbox, tmp_path, select, pace=SMALL, watch=Seen(stop_after=40))

        second = await resume(sandbox, first.kept)

        lines = journal_of(second)
        assert_journal_tells_the_truth(lines, sandbox)
        assert {line.page for line in lines} == {*_there(sandbox, _is_below(sandbox, 1, 4))}


async def test_a_limit_counts_in_the_order_of_the_tree(tmp_path: Path):
    select = _select(order=Order.TREE, limit=25)
    async with serve(Scenario(pages=300, sites=SITES, cost=0.1)) as sandbox:
        expected = (await _ids(sandbox, order=Order.TREE))[:25]

        finished = await run_job(sandbox, tmp_path, select)

        assert {line.page for line in journal_of(finished)} == {*expected}


async def test_how_many_there_are_is_counted_in_any_order(tmp_path: Path):
    scenario = Scenario(pages=6_000, sites=SITES, cost=0.001, plan="self-hosted")
    async with serve(scenario) as sandbox:
        select = _select(order=Order.TREE, folder=(1, 2))

        finished = await run_job(sandbox, tmp_path, select)

        assert finished.totals.pages == len(_there(sandbox, _is_below(sandbox, 1)))
        assert finished.ending.is_whole


# the pages themselves


async def test_rows_say_where_pages_are_and_how_they_are():
    scenario = Scenario(pages=40, sites=[Site(id=7, folders=3, depth=3)], active_share=0.5)
    async with serve(scenario) as sandbox:
        select = _select(page=("1-10", "999"), where=("id>2",))
        warnings: list[str] = []
        job = Job(name="t", select=select)

        rows = [
            row
            async for row in page_rows(
                job, check_selection(select), Webhook(sandbox.webhook), warn=warnings.append
            )
        ]

        assert [row.id for row in rows] == [*range(3, 11)]
        assert warnings == ["1 page is not listed by the portal and left out."]
        for row in rows:
            page = sandbox.world.page(row.id)
            titles = [folder.title for folder in sandbox.world.chain(page.folder or 0)]
            assert row.folder == "/".join(reversed(titles))
            assert row.folder_id == (page.folder or None)
            assert (row.title, row.site, row.active) == (page.title, page.site, page.active)
            assert row.modified
            assert row.address
