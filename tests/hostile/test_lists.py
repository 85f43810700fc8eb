"""A portal that caps, disorders, repeats or mixes its lists makes no run "whole" that is not."""

import json
import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bulk_publisher.client.lister import LIST_LENGTH, Lister
from bulk_publisher.errors import BadSetting, ListIncomplete, StoppedByPortal
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Only, PageId, Scope, SiteId, Status
from bulk_publisher.portal.wire import Answer
from bulk_publisher.store.description import FollowingKind
from bulk_publisher.store.record import encode_outcomes
from tests.folders import files_of
from tests.hostile.hostile_lists import listing, of_site
from tests.oracle import Seen, journal_of, run_job
from tests.resumption import follower_of, resume, verified

ALL = Selection(scope=Scope.KNOWLEDGE)
OF_SITES = Selection(scope=Scope.KNOWLEDGE, site=(1, 2))
TOO_LARGE = 2**63


def _is_done_once(portal, pages) -> bool:
    return portal.published == Counter(dict.fromkeys(pages, 1))


# Lists by key.


@pytest.mark.parametrize("cap", [1, 50, 499])
async def test_a_portal_that_caps_its_lists_is_asked_until_it_lists_none(tmp_path, cap) -> None:
    pages = range(1, 41) if cap == 1 else range(1, 1_201)
    async with listing(pages=of_site(1, *pages), cap=cap) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert finished.ending.is_whole
    assert _is_done_once(portal, pages)


@pytest.mark.parametrize("ids", [range(600, 0, -1), [5, 3, 9], [*range(2, 400, 2), *range(1, 400, 2)]], ids=["backwards", "three", "even before odd"])  # fmt: skip
async def test_a_list_in_disorder_is_no_whole_one(tmp_path, ids) -> None:
    async with listing(pages=of_site(1, *ids), ignores={"order"}) as portal:
        portal.spoil = lambda rows, _: [{**rows[0], "ID": str(page)} for page in ids]
        finished = await run_job(portal, tmp_path, ALL)

    assert not finished.ending.is_whole
    assert finished.ending.error.exit_status == 3
    assert "in order" in finished.ending.error.message
    assert portal.published == {}


async def test_what_was_listed_before_the_disorder_is_done(tmp_path) -> None:
    def spoil(rows, asked):
        return rows[::-1] if asked["filter"][">ID"] else rows

    async with listing(pages=of_site(1, *range(1, 101)), cap=50, spoil=spoil) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert isinstance(finished.ending.error, ListIncomplete)
    assert _is_done_once(portal, range(1, 51))


async def test_a_portal_that_begins_again_is_no_endless_list(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 101)), ignores={">ID"}) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert "lists none after 100, but no end either" in finished.ending.error.message
    assert _is_done_once(portal, range(1, 101))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows, _: [row for row in rows for _ in range(2)],
        lambda rows, _: [*rows, *rows[:1]],
        lambda rows, asked: [{**row, "ID": "1"} for row in rows[:1]] + rows,
        lambda rows, _: [*rows, *[row | {"ID": row["ID"].zfill(9)} for row in rows]],
    ],
    ids=["each", "the first", "page 1 in each list", "the whole list, with zeros"],
)
async def test_a_row_that_comes_twice_is_one_page(tmp_path, spoil) -> None:
    async with listing(pages=of_site(1, *range(1, 101)), cap=30, spoil=spoil) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert finished.ending.is_whole
    assert _is_done_once(portal, range(1, 101))


def _page_7_comes_late(rows, asked):
    late = [{"ID": "7", "SITE_ID": "1"}] if asked["filter"][">ID"] else []
    return [row for row in rows if row["ID"] != "7"] + late


async def test_a_page_that_turns_up_behind_its_place_shows_a_gap(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 21)), cap=10, spoil=_page_7_comes_late) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert "page 7 comes after page 20" in finished.ending.error.message


@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_resume_lists_anew_what_was_not_listed_to_its_end(tmp_path, is_killed) -> None:
    async with listing(
        pages=of_site(1, *range(1, 201)), cap=150, spoil=_page_7_comes_late
    ) as portal:
        first = await run_job(portal, tmp_path, ALL)
        if is_killed:
            # As if it had gone before its end: what is noted is all that there is.
            told = first.kept.read_description()
            first.kept.write_description(msgspec.structs.replace(told, ended=None, totals=None))
        portal.spoil = lambda rows, _: rows
        finished = await resume(portal, first.kept)

    assert finished.ending.is_whole
    assert _is_done_once(portal, range(1, 201))


@pytest.mark.parametrize("ignores", [("SITE_ID",), ("SITE_ID", "limit")], ids=" and ".join)
async def test_pages_of_other_sites_are_left_out_and_that_is_said(tmp_path, ignores) -> None:
    pages = of_site(7, *range(1, 21)) | of_site(1, *range(21, 41)) | of_site(2, *range(41, 61))
    seen = Seen()
    async with listing(pages=pages, kinds={1: "KNOWLEDGE", 2: "KNOWLEDGE"}) as portal:
        portal.ignores = {*ignores}
        finished = await run_job(portal, tmp_path, OF_SITES, watch=seen)

    assert _is_done_once(portal, range(21, 61))
    assert finished.totals.pages == 40
    assert any("of other sites" in text and "page 1, of site 7" in text for text in seen.warnings)


@pytest.mark.parametrize("value", [None, "", "x", "-1", str(2**70)], ids=repr)
async def test_a_page_whose_site_is_not_told_is_not_taken_for_one_of_the_site(tmp_path, value) -> None:  # fmt: skip
    select = Selection(scope=Scope.KNOWLEDGE, site=(1,))
    async with listing(pages=of_site(1, 5, 6)) as portal:
        portal.spoil = lambda rows, _: [row | ({"SITE_ID": value} if row["ID"] == "5" else {}) for row in rows]  # fmt: skip
        finished = await run_job(portal, tmp_path, select)

    assert _is_done_once(portal, [6])
    assert "which site page 5 belongs to" in finished.ending.error.message


async def test_pages_of_another_kind_of_site_are_left_out_and_that_is_said(tmp_path) -> None:
    pages, seen = of_site(1, 1, 2, 3) | of_site(9, 4, 5), Seen()
    async with listing(pages=pages, kinds={1: "KNOWLEDGE", 9: "PAGE"}) as portal:
        await run_job(portal, tmp_path, ALL, watch=seen)

    assert _is_done_once(portal, [1, 2, 3])
    assert any("another kind of site" in text and "page 4" in text for text in seen.warnings)


async def test_a_site_of_another_kind_is_refused_before_anything_is_sent(tmp_path) -> None:
    async with listing(pages=of_site(1, 1), kinds={1: "PAGE"}) as portal:
        with pytest.raises(BadSetting, match="no KNOWLEDGE site 1"):
            await run_job(portal, tmp_path, Selection(scope=Scope.KNOWLEDGE, site=(1,)))

    assert portal.published == {}


async def test_a_page_that_moves_to_the_next_site_meanwhile_is_one_page(tmp_path) -> None:
    def spoil(rows, asked):
        if asked["filter"].get("SITE_ID") == 1:
            portal.pages[2] = 2
        return rows

    kinds = {1: "KNOWLEDGE", 2: "KNOWLEDGE"}
    async with listing(pages=of_site(1, 1, 2) | of_site(2, 3), kinds=kinds) as portal:
        portal.spoil = spoil
        finished = await run_job(portal, tmp_path, OF_SITES)

    assert finished.totals.pages == 3
    assert _is_done_once(portal, [1, 2, 3])


BAD_IDS = [TOO_LARGE, str(TOO_LARGE), str(2**64), 10**30, "9" * 5_000, "-5", -5, 0, "0", "", None, "7abc", "1.5", 1.5, True, "٣", [7], {}]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda value: repr(value)[:20])
async def test_a_row_whose_id_can_t_be_one_is_refused_and_the_others_are_done(tmp_path, bad) -> None:  # fmt: skip
    seen = Seen()
    async with listing(pages=of_site(1, *range(1, 101))) as portal:
        portal.spoil = lambda rows, _: [*rows, {"ID": bad, "SITE_ID": "1"}]
        finished = await run_job(portal, tmp_path, ALL, watch=seen)

    assert _is_done_once(portal, range(1, 101))
    assert not finished.ending.is_whole
    assert finished.ending.error.exit_status == 3
    assert "IDs that no page can have" in finished.ending.error.message
    assert len(finished.ending.error.message) < 300
    assert sum("IDs that no page can have" in text for text in seen.warnings) == 1


@pytest.mark.parametrize("row", [None, "7", 7, [], {}, {"TITLE": "no ID"}], ids=repr)
async def test_a_row_that_is_none_is_refused_too(tmp_path, row) -> None:
    async with listing(pages=of_site(1, *range(1, 11))) as portal:
        portal.spoil = lambda rows, _: [row, *rows]
        finished = await run_job(portal, tmp_path, ALL)

    assert _is_done_once(portal, range(1, 11))
    assert isinstance(finished.ending.error, ListIncomplete)


async def test_a_list_that_ends_before_all_are_listed_that_the_portal_counts(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 201)), total=str) as portal:
        portal.spoil = lambda rows, asked: rows[:50] if not asked["filter"][">ID"] else []
        finished = await run_job(portal, tmp_path, ALL)

    assert "counts 200 and lists 50" in finished.ending.error.message
    assert finished.ending.error.exit_status == 3


async def test_pages_that_are_gone_meanwhile_are_no_fault_of_the_list(tmp_path) -> None:
    def spoil(rows, asked):
        portal.missing = {7}
        return rows

    async with listing(pages=of_site(1, *range(1, 21)), cap=5, total=lambda found: found) as portal:
        portal.spoil = spoil
        finished = await run_job(portal, tmp_path, ALL)

    assert finished.ending.is_whole
    assert finished.totals.pages == 19


async def test_a_list_with_fewer_pages_than_its_count_is_no_whole_one(tmp_path) -> None:
    def spoil(rows, asked):
        # The long lists that are counted are right; those of what is to be published have a gap.
        return [row for row in rows if asked["limit"] > LIST_LENGTH or int(row["ID"]) < 2_200]

    async with listing(pages=of_site(1, *range(1, 2_401)), spoil=spoil) as portal:
        finished = await run_job(portal, tmp_path, ALL)

    assert "counts 2,400 and lists 2,199" in finished.ending.error.message
    assert _is_done_once(portal, range(1, 2_200))


async def test_a_count_that_fails_ends_no_run(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 2_101))) as portal:
        portal.spoil = lambda rows, asked: None if asked["limit"] > LIST_LENGTH else rows
        finished = await run_job(portal, tmp_path, ALL)

    assert finished.ending.is_whole
    assert any(asked["limit"] > LIST_LENGTH for asked in portal.asked)
    assert finished.totals.pages == 2_100


class Moody:
    """A portal with pages of two sites that spoils each of its answers as it likes."""

    def __init__(self, pages, cap, seed, tricks):
        self.pages, self.cap, self.rng, self.tricks = pages, cap, random.Random(seed), tricks

    async def call(self, method, params):
        wanted = params["params"]["filter"]
        site = None if "no filter" in self.tricks else wanted.get("SITE_ID")
        found = sorted(page for page in self.pages if page > wanted[">ID"])
        found = [page for page in found if site is None or self.pages[page] == site][: self.cap]
        rows = [{"ID": str(page), "SITE_ID": str(self.pages[page])} for page in found]
        if rows and "repeat" in self.tricks:
            rows.append(self.rng.choice(rows))
        if rows and "gap" in self.tricks and self.rng.random() < 0.3:
            # What is left out now turns up late.
            rows.append(rows.pop(self.rng.randrange(len(rows))))
        if "odd" in self.tricks and self.rng.random() < 0.3:
            rows.insert(self.rng.randint(0, len(rows)), self.rng.choice([None, {"ID": 2**63}, {"ID": "x"}]))  # fmt: skip
        return Answer(rows, None)


TRICKS = st.sets(st.sampled_from(["no filter", "repeat", "gap", "odd"]))


@given(
    pages=st.dictionaries(st.integers(1, 60), st.sampled_from([1, 2]), max_size=40),
    cap=st.integers(1, 30),
    seed=st.integers(0, 10**6),
    tricks=TRICKS,
)
@examples(max_examples=25)
async def test_a_list_names_each_page_of_its_site_once_or_ends_with_an_error(pages, cap, seed, tricks) -> None:  # fmt: skip
    named: list[int] = []
    is_whole = True
    try:
        lister = Lister(Moody(pages, cap, seed, tricks), None)
        async for page in lister.by_key(SiteId(1), Only.ALL, source=""):
            named.append(page.id)  # noqa: PERF401 - what came before an error counts
    except StoppedByPortal:
        is_whole = False

    mine = {page for page, site in pages.items() if site == 1}
    assert len(named) == len(set(named))
    assert set(named) <= mine
    assert not is_whole or set(named) == mine
    assert is_whole or tricks & {"gap", "odd"}


# Look-ups by ID.


class Mood:
    """A portal that gives of the pages asked for what it likes, within a cap."""

    def __init__(self, there, seed, cap, extra):
        self.there, self.rng, self.cap, self.extra, self.asked = there, random.Random(seed), cap, extra, []  # fmt: skip

    async def call(self, method, params):
        wanted = params["params"]["filter"]["ID"]
        self.asked.append(wanted)
        found = [page for page in wanted if page in self.there]
        self.rng.shuffle(found)
        rows = [{"ID": str(page), "ACTIVE": "Y", "PUBLIC": "Y"} for page in [*self.extra, *found[: self.cap]]]  # fmt: skip
        return Answer(rows, None)


@given(
    asked=st.sets(st.integers(1, 60), max_size=40),
    there=st.sets(st.integers(1, 60)),
    cap=st.integers(1, 40),
    extra=st.lists(st.integers(61, 80), max_size=3),
    seed=st.integers(0, 99),
)
@examples(max_examples=25)
async def test_a_look_up_finds_all_that_the_portal_lists_and_nothing_else(asked, there, cap, extra, seed) -> None:  # fmt: skip
    portal = Mood(there, seed, cap, extra)

    found = await Lister(portal, None).by_id([PageId(page) for page in asked])

    assert set(found) == asked & there
    # One question that brings nothing ends it; where all came, not even that.
    brought = -(-len(asked & there) // cap)
    assert len(portal.asked) == brought + bool(asked - there)


async def test_ids_that_can_t_be_are_not_asked_for() -> None:
    portal = Mood(set(), 1, 1, [])

    assert await Lister(portal, None).by_id([PageId(TOO_LARGE), PageId(0)]) == {}
    assert portal.asked == []


async def test_a_capped_look_up_calls_no_page_missing(tmp_path) -> None:
    select = Selection(page=("1-500",), scope=Scope.KNOWLEDGE)
    async with listing(pages=of_site(1, *range(1, 501)), cap=50, missing={7}) as portal:
        finished = await run_job(portal, tmp_path, select)
        lines = journal_of(finished)
        result = await verified(portal, finished.kept)

    assert [line.page for line in lines if line.was_active is None] == [7]
    assert (result.pages, result.agreeing, result.differing) == (500, 499, 1)


# What is kept.


async def _kept(portal, tmp_path, *more):
    """A run whose journal holds *more* lines, made of its first."""
    finished = await run_job(portal, tmp_path, ALL)
    first, *_ = lines = journal_of(finished)
    odd = [msgspec.structs.replace(first, **change) for change in more]
    files_of(finished.kept).journal.write_bytes(encode_outcomes([*lines, *odd]))
    told = json.loads(files_of(finished.kept).description.read_text())
    told["totals"]["is_whole"], told["ended"] = False, None
    files_of(finished.kept).description.write_text(json.dumps(told))
    return finished.kept


@pytest.mark.parametrize("page", [TOO_LARGE, 2**64, 10**30, 0, -5])
async def test_a_journal_with_what_can_t_be_a_page_is_read(tmp_path, page) -> None:
    seen = Seen()
    async with listing(pages=of_site(1, *range(1, 11))) as portal:
        folder = await _kept(portal, tmp_path, {"page": page, "status": Status.FAILED})
        result = await verified(portal, folder)
        again = follower_of(folder, FollowingKind.RETRY)
        down = follower_of(folder, FollowingKind.ROLLBACK)
        finished = await resume(portal, folder, watch=seen)

    assert (result.pages, result.agreeing) == (11, 11)
    assert (again.pages, down.pages) == (0, 10)
    assert finished.ending.is_whole
    assert finished.totals.pages == 10
    assert any("the first in line 11" in text for text in seen.warnings)


async def test_a_note_of_what_can_t_be_a_page_is_passed_over(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 11))) as portal:
        folder = await _kept(portal, tmp_path)
        files_of(folder).sent.write_text(json.dumps({"pages": [{"id": TOO_LARGE}]}) + "\n")
        finished = await resume(portal, folder)

    assert finished.ending.is_whole
    assert _is_done_once(portal, range(1, 11))


async def test_of_a_page_with_two_lines_the_first_counts_for_every_command(tmp_path) -> None:
    async with listing(pages=of_site(1, *range(1, 11))) as portal:
        folder = await _kept(portal, tmp_path, {"status": Status.FAILED}, {})
        result = await verified(portal, folder)
        again, down = (
            follower_of(folder, FollowingKind.RETRY),
            follower_of(folder, FollowingKind.ROLLBACK),
        )

    assert (result.pages, result.agreeing) == (10, 10)
    assert (again.pages, down.pages) == (0, 10)
