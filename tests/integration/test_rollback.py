"""Exactly what a run has put up is taken down."""

from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Selection
from bulk_publisher.model import Action, Scope
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store.description import FollowingKind as Kind
from tests.oracle import assert_journal_tells_the_truth, journal_of, run_job
from tests.resumption import begin, follower_of, forget, lose, resume

GIVEN = Selection(page=("1-60",), scope=Scope.KNOWLEDGE)
NOT_LOOKED = Selection(page=("1-60",), scope=Scope.KNOWLEDGE, lookup=False)


async def test_the_portal_is_as_it_was_before_the_run(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60, active_share=0.3)) as sandbox:
        before = set(sandbox.world.active_ids())
        finished = await run_job(sandbox, tmp_path, GIVEN)

        await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        assert set(sandbox.world.active_ids()) == before
        assert not before & set(sandbox.truth.unpublications)


async def test_it_is_as_before_even_if_the_run_was_lost_on_the_way(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60, active_share=0.3, cost=0.1)) as sandbox:
        before = set(sandbox.world.active_ids())
        finished = await resume(sandbox, await lose(sandbox, tmp_path, GIVEN, after=20))

        await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        assert set(sandbox.world.active_ids()) == before


async def test_the_newest_page_is_taken_down_first(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)

        rolled = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        first = [line.page for line in journal_of(finished)]
        assert journal_of(rolled)[0].page == first[-1]
        assert {line.action for line in journal_of(rolled)} == {Action.UNPUBLISH}


async def test_both_runs_say_that_they_belong_together(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)

        rolled = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        assert rolled.kept.read_description().rollback_of == finished.kept.run_id
        assert finished.kept.read_description().rollbacks == (rolled.kept.run_id,)


async def test_pages_whose_state_before_is_not_known_are_left_alone(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, NOT_LOOKED)

        follower = follower_of(finished.kept, Kind.ROLLBACK)

        assert follower.pages == 0
        assert (len(follower.found.unlooked), len(follower.found.unknown)) == (60, 0)


async def test_they_are_taken_down_if_that_is_asked_for(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, NOT_LOOKED)

        rolled = await begin(
            follower_of(finished.kept, Kind.ROLLBACK, includes_unknown=True), sandbox
        )

        assert set(sandbox.world.active_ids()) == set()
        assert len(journal_of(rolled)) == 60
        assert not follower_of(finished.kept, Kind.ROLLBACK).found.unlooked


async def test_a_rollback_is_not_rolled_back(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        rolled = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)

        with pytest.raises(BadSetting, match="took pages down"):
            follower_of(rolled.kept, Kind.ROLLBACK)


async def test_a_rollback_can_be_resumed(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        rolled = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)
        forget(rolled.kept, after=20)

        again = await resume(sandbox, rolled.kept)

        assert len(journal_of(again)) == 60
        assert max(sandbox.truth.unpublications.values()) == 2


async def test_an_earlier_run_stays_true_after_it(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)

        assert_journal_tells_the_truth(journal_of(finished), sandbox)


async def test_pages_that_are_out_are_taken_down_if_that_is_asked_for(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60, active_share=0.3, cost=0.1)) as sandbox:
        before = set(sandbox.world.active_ids())
        lost = await lose(sandbox, tmp_path, GIVEN, after=20)
        assert lost.still_out()

        await begin(follower_of(lost, Kind.ROLLBACK, includes_unknown=True), sandbox)

        assert set(sandbox.world.active_ids()) == before
        assert not before & set(sandbox.truth.unpublications)


async def test_what_an_earlier_rollback_has_taken_down_is_left_as_it_is(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        first = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)
        forget(first.kept, after=20)

        follower = follower_of(finished.kept, Kind.ROLLBACK)
        second = await begin(follower, sandbox)

        assert (follower.pages, follower.found.down_already) == (40, 20)
        assert len(journal_of(second)) == 40
        again = follower_of(finished.kept, Kind.ROLLBACK)
        assert (again.pages, again.found.down_already) == (0, 60)


async def test_a_second_rollback_can_be_resumed(tmp_path: Path) -> None:
    async with serve(Scenario(pages=60)) as sandbox:
        finished = await run_job(sandbox, tmp_path, GIVEN)
        for kept in (20, 10):
            rolled = await begin(follower_of(finished.kept, Kind.ROLLBACK), sandbox)
            forget(rolled.kept, after=kept)

        again = await resume(sandbox, rolled.kept)

        assert len(journal_of(again)) == 40
