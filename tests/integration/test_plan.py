"""``plan``: what a run would do, that it changes nothing, and how near its estimate comes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.engine.events import watch_nothing
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Pace, Selection
from bulk_publisher.limits.forecast import Estimate
from bulk_publisher.model import Only, Scope
from bulk_publisher.operations.plan_file import Plan, State, changes_since, read_plan, write_plan
from bulk_publisher.operations.planning import make_plan
from bulk_publisher.operations.publishing import publish
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.sandbox import Sandbox, serve
from bulk_publisher.sandbox.scenario import make_scenario
from bulk_publisher.store import open_store

EMPTY = Plan(
    version=1,
    portal="a",
    made="",
    job={},
    pages={},
    states={},
    counts={},
    rows=(),
    skips={},
    opens=(),
    denied=0,
    duplicates=0,
    bad_rows=0,
    problems=(),
    sha256=None,
    estimate=Estimate(seconds=0, requests=0, operating=0, cost=0, cost_from="", stages=()),
)


def _job(pages: int, pace: Pace | None = None, **select: Any) -> Job:
    wanted = Selection(page=(f"1-{pages}",), scope=Scope.KNOWLEDGE, **select)
    return Job(name="t", select=wanted, pace=pace or Pace())


async def _plan(job: Job, sandbox: Sandbox, runs: Path, cost: float | None = None) -> Plan:
    webhook = Webhook(sandbox.webhook)
    return await make_plan(
        job, check_selection(job.select), webhook, store=open_store(runs), cost=cost
    )


async def _publish(job: Job, sandbox: Sandbox, runs: Path):
    return await publish(
        job,
        Webhook(sandbox.webhook),
        store=open_store(runs),
        seed=1,
        watch=watch_nothing,
        on_start=lambda _started: None,
    )


async def test_nothing_is_changed(tmp_path):
    async with serve(make_scenario({"pages": 40})) as sandbox:
        await _plan(_job(40), sandbox, tmp_path)

        assert sandbox.truth.as_dict()["publications"] == 0
        assert not sandbox.world.active_ids()


async def test_pages_are_counted_by_their_state(tmp_path):
    scenario = make_scenario({"pages": 40, "active_share": 0.5, "missing_pages": [3, 4]})
    async with serve(scenario) as sandbox:
        plan = await _plan(_job(40), sandbox, tmp_path)

        assert plan.counts[State.MISSING] == 2
        assert plan.counts[State.ONLINE] + plan.counts.get(State.EDITED, 0) == len(sandbox.world.active_ids())  # fmt: skip
        assert plan.sent == 40


async def test_what_would_be_skipped_has_its_reason(tmp_path):
    async with serve(make_scenario({"pages": 40, "active_share": 0.5, "changed_share": 0})) as sandbox:  # fmt: skip
        plan = await _plan(_job(40, only=Only.UNPUBLISHED), sandbox, tmp_path)

        assert plan.skips == {"It is online already.": len(sandbox.world.active_ids())}


async def test_folders_and_the_site_that_go_online_along_are_named(tmp_path):
    site = {"id": 7, "pages": 20, "folders": 3, "depth": 3, "active": False, "title": "Handbook"}
    async with serve(make_scenario({"sites": [site]})) as sandbox:
        plan = await _plan(_job(20), sandbox, tmp_path)

        assert ("site", 7) in {(one.kind, one.id) for one in plan.opens}
        assert sum(one.kind == "folder" for one in plan.opens) == 3


async def test_pages_of_a_site_without_the_right_are_told_beforehand(tmp_path):
    sites = [{"id": 7, "pages": 20}, {"id": 8, "pages": 5, "has_public_right": False}]
    async with serve(make_scenario({"sites": sites})) as sandbox:
        plan = await _plan(_job(25), sandbox, tmp_path)

        assert plan.denied == 5


async def test_a_plan_is_the_same_when_it_is_read_back(tmp_path):
    async with serve(make_scenario({"pages": 20})) as sandbox:
        plan = await _plan(_job(20), sandbox, tmp_path)

    write_plan(plan, tmp_path / "plan.json")

    assert msgspec.json.encode(read_plan(tmp_path / "plan.json")) == msgspec.json.encode(plan)


def test_a_file_that_is_no_plan_is_refused_in_a_line(tmp_path):
    (tmp_path / "plan.json").write_text("[]")

    with pytest.raises(BadSetting, match="not a plan"):
        read_plan(tmp_path / "plan.json")


async def test_what_has_changed_since_is_said(tmp_path):
    async with serve(make_scenario({"pages": 20})) as sandbox:
        before = await _plan(_job(20), sandbox, tmp_path)
        await _publish(_job(3), sandbox, tmp_path)
        sandbox.world.trash(9)

        changes = changes_since(before, await _plan(_job(20), sandbox, tmp_path))

    assert "3 pages were “not online” and now “online already”." in changes
    assert any(line.startswith("1 page was “not online” and now “not listed") for line in changes)


async def test_nothing_has_changed_where_nothing_has(tmp_path):
    async with serve(make_scenario({"pages": 20})) as sandbox:
        before = await _plan(_job(20), sandbox, tmp_path)

        assert changes_since(before, await _plan(_job(20), sandbox, tmp_path)) == []


async def test_the_cost_is_that_of_the_last_run_on_the_portal(tmp_path):
    async with serve(make_scenario({"pages": 100, "cost": 0.6, "cost_spread": 0})) as sandbox:
        await _publish(_job(100), sandbox, tmp_path)

        plan = await _plan(_job(100), sandbox, tmp_path)

    assert plan.estimate.cost == pytest.approx(0.6, rel=0.05)
    assert "as measured in run" in plan.estimate.cost_from


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param({"pages": 300}, id="small"),
        pytest.param({"pages": 1000, "operating_limit": 120}, id="binds on operating time"),
        pytest.param({"pages": 500, "cost": 0.6, "operating_limit": 120}, id="dear pages"),
        pytest.param(
            {"pages": 1000, "operating_limit": 120, "billing": "batch"}, id="the batch pays"
        ),
        pytest.param({"pages": 1000, "operating_limit": 120, "billing": "both"}, id="both pay"),
        pytest.param({"pages": 1000, "plan": "self-hosted"}, id="no limits at all"),
        pytest.param({"pages": 1000, "plan": "enterprise", "latency": 0.2}, id="far away"),
        pytest.param({"pages": 300, "missing_share": 0.03}, id="some are missing"),
        pytest.param({"pages": 900, "missing_share": 0.2}, id="many are missing"),
    ],
)
async def test_the_estimate_is_within_a_tenth_of_the_run(tmp_path, scenario):
    made = make_scenario(scenario)
    job = _job(made.pages, Pace(operating_limit=scenario.get("operating_limit")))
    async with serve(made) as sandbox:
        plan = await _plan(job, sandbox, tmp_path, cost=made.cost)
        # What the plan has put into the portal's bucket of requests is no part of the run.
        await asyncio.sleep(60)

        finished = await _publish(job, sandbox, tmp_path)

    assert plan.estimate.seconds == pytest.approx(finished.ending.seconds, rel=0.10)


async def test_what_the_last_run_has_left_of_the_limits_is_counted(tmp_path):
    pace = Pace(operating_limit=100)
    async with serve(make_scenario({"pages": 500, "operating_limit": 100})) as sandbox:
        await _publish(_job(340, pace), sandbox, tmp_path)
        job = Job(name="t", select=Selection(page=("341-400",), scope=Scope.KNOWLEDGE), pace=pace)
        plan = await _plan(job, sandbox, tmp_path)
        finished = await _publish(job, sandbox, tmp_path)

    assert plan.estimate.seconds > 300
    assert plan.estimate.seconds == pytest.approx(finished.ending.seconds, rel=0.1)
    assert "operating" in {stage.limit for stage in plan.estimate.stages}


async def test_the_limit_that_binds_is_named_at_each_stage(tmp_path):
    async with serve(make_scenario({"pages": 1000})) as sandbox:
        plan = await _plan(_job(1000, Pace(operating_limit=120)), sandbox, tmp_path, cost=0.28)

    limits = [stage.limit for stage in plan.estimate.stages]
    assert limits[0] == "concurrency"
    assert "operating" in limits
    assert sum(stage.pages for stage in plan.estimate.stages) == 1000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"job.action": "unpublish"}, "job.action: a plan publishes"),
        ({"job.pace.intensity_share": 100}, "pace.intensity_share: must be"),
        ({"job.pace.batch_size": 1_000_000}, "pace.batch_size: must be"),
        ({"job.pace.operating_share": 50}, "pace.operating_share: must be"),
        ({"job.select.page": ["1-9999999999"]}, "select.page: 9,999,999,999 pages are too many"),
        ({"states": {"not online": ["1-9999999999"]}}, "states names 9,999,999,999"),
        ({"states": {"not online": ["20-1"]}}, "states: '20-1' is no range"),
        ({"states": {"not online": ["1-" + "9" * 5000]}}, "is no range"),
        ({"pages": {"KNOWLEDGE": ["1-21"]}}, "pages names 21"),
        ({"counts": {"not online": -1}}, "not a plan: "),
        ({"portal": 7}, "not a plan: portal: "),
        ({"estimate": [[]]}, "not a plan: estimate: "),
    ],
    ids=str,
)
async def test_a_plan_that_was_changed_is_refused_in_a_line(
    tmp_path, change: dict[str, object], why: str
) -> None:
    async with serve(make_scenario({"pages": 20})) as sandbox:
        write_plan(await _plan(_job(20), sandbox, tmp_path), tmp_path / "plan.json")
    kept = json.loads((tmp_path / "plan.json").read_text())
    ((place, value),) = change.items()
    inner, keys = kept, place.split(".")
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (tmp_path / "plan.json").write_text(json.dumps(kept))

    with pytest.raises(BadSetting) as caught:
        read_plan(tmp_path / "plan.json")

    assert caught.value.message.startswith(f"{tmp_path}/plan.json: ")
    assert why in caught.value.message


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full", "."])
def test_what_is_no_file_is_no_plan(name: str) -> None:
    with pytest.raises(BadSetting, match="the plan can't be read"):
        read_plan(Path(name))


def _kept(**states: list[str]) -> Plan:
    named = {State[name]: texts for name, texts in states.items()}
    return msgspec.structs.replace(EMPTY, states=named)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9), st.sampled_from(State)), max_size=8),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9), st.sampled_from(State)), max_size=8),
)
def test_changes_are_those_of_page_by_page(before, after) -> None:
    def pages(ranges) -> dict[int, State]:
        found: dict[int, State] = {}
        for first, more, state in sorted(
            (first, first + more, state) for first, more, state in ranges
        ):
            for page in range(first, more + 1):
                found.setdefault(page, state)
        return found

    def plan_of(ranges) -> Plan:
        states: dict[State, list[str]] = {}
        for first, more, state in ranges:
            states.setdefault(state, []).append(f"{first}-{first + more}")
        return msgspec.structs.replace(EMPTY, states=states)

    lines = changes_since(plan_of(before), plan_of(after))

    was, now = pages(before), pages(after)
    moved = sum(page in now and now[page] is not state for page, state in was.items())
    assert sum(int(line.split()[0]) for line in lines if "and now" in line) == moved
    assert sum(int(line.split()[0]) for line in lines if "no longer" in line) == len(
        was.keys() - now
    )
    assert sum(int(line.split()[0]) for line in lines if "left out" in line) == len(
        now.keys() - was
    )


def test_changes_of_more_pages_than_there_can_be_take_no_time() -> None:
    huge = _kept(ONLINE=["1-9000000000000000000"])

    assert changes_since(huge, _kept(OFFLINE=["1-9000000000000000000"]))[0].startswith(
        "9,000,000,0"
    )
