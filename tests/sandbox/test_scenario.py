import re
from pathlib import Path

import pytest

from bulk_publisher.sandbox import (
    Scenario,
    ScenarioError,
    Site,
    TimedFault,
    User,
    load_scenario,
    scenario_names,
)
from bulk_publisher.sandbox.portal import Portal
from bulk_publisher.sandbox.scenario import ALL_FAULTS, make_scenario

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_that_ships_makes_a_portal(name):
    portal = Portal(load_scenario(name), now=1_800_000_000)

    assert len(portal.world) > 0


def test_the_demo_is_a_knowledge_base_with_a_handful_of_bad_pages():
    portal = Portal(load_scenario("demo"), now=1_800_000_000)

    assert len(portal.world) == 300
    assert portal.world.missing_ids() == [57, 118, 203]
    assert portal.world.denied_ids() == list(range(291, 301))
    assert len(portal.world.folders) == 12


@pytest.mark.parametrize(
    ("plan", "bucket", "limit", "counters"),
    [
        ("standard", (50, 2), 480, "present"),
        ("enterprise", (250, 5), 480, "present"),
        ("self-hosted", None, None, "absent"),
    ],
)
def test_a_plan_sets_the_limits(plan, bucket, limit, counters):
    scenario = Scenario(plan=plan)

    assert (scenario.bucket, scenario.limit, scenario.shown_counters) == (bucket, limit, counters)


@pytest.mark.parametrize(
    "table", [Scenario, Site, User, TimedFault], ids=lambda table: table.__name__
)
def test_the_reference_names_every_key(table):
    text = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")

    named = {*re.findall(r"`(\w+)`", text), *re.findall(r"`\[+(\w+)\]+`", text)}
    assert set(table.__struct_fields__) - named == set()


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_the_reference_names_every_fault(fault):
    assert f"`{fault}`" in (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")


def test_a_limit_of_ones_own_goes_before_the_plan():
    scenario = Scenario(plan="self-hosted", intensity=(7, 1), operating_limit=420)

    assert (scenario.bucket, scenario.limit, scenario.shown_counters) == ((7, 1), 420, "present")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"pagess": 3}, "unknown key `pagess`"),
        ({"sites": [{"titel": "x"}]}, r"unknown key `titel` \(at sites\[0\]\)"),
        ({"sites": [{"type": "WIKI"}]}, "type must be one of PAGE"),
        ({"sites": [{"pages": -1}]}, "pages must not be negative"),
        ({"sites": [{"depth": 0}]}, "depth must be 1 or more"),
        ({"sites": [{"deleted_folders": 1}]}, "must not exceed folders"),
        ({"pages": "many"}, "Expected `int`, got `str`"),
        ({"pages": -1}, "pages must not be negative"),
        ({"scope": "WIKI"}, "scope must be one of"),
        ({"plan": "gold"}, "Invalid enum value 'gold'"),
        ({"missing_share": 1.5}, "missing_share must be 0 to 1, not 1.5"),
        ({"missing_share": 0.6, "denied_share": 0.6}, "exceed 1"),
        ({"faults": {"html599": 0.1}}, "unknown fault 'html599': one of html502"),
        ({"faults": {"deploy": 0.1}}, "only in script"),
        ({"faults": {"reset": 3}}, "the probability of reset must be 0 to 1, not 3"),
        ({"script": [{"at": 1, "fault": "quake"}]}, "unknown fault 'quake'"),
        ({"script": [{"at": 1, "fault": "refuse"}]}, "refuse needs seconds"),
        ({"script": [{"at": -1, "fault": "deploy"}]}, "must not be negative"),
        ({"php_workers": 0}, "php_workers must be 1 or more"),
        ({"operating_limit": 0}, "operating_limit must be above 0"),
        ({"intensity": [50, 0]}, "two numbers above 0"),
        ({"request_timeout": 0}, "must be above 0"),
    ],
    ids=str,
)
def test_an_impossible_scenario_is_refused_in_one_sentence(table, complaint):
    with pytest.raises(ScenarioError, match=complaint) as caught:
        make_scenario(table, where="my.toml")

    assert str(caught.value).startswith("my.toml: ")
    assert "\n" not in str(caught.value)


def test_a_file_is_read_and_flags_go_over_it(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('pages = 5\ncost = 0.5\n[[script]]\nat = 3\nfault = "deploy"\n')

    scenario = load_scenario(str(file), cost=0.25)

    assert (scenario.pages, scenario.cost, scenario.script[0].fault) == (5, 0.25, "deploy")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(b"pages =", "not TOML"), (b"\xff", "not UTF-8")],
    ids=["not TOML", "not text"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, complaint):
    file = tmp_path / "mine.toml"
    file.write_bytes(text)

    with pytest.raises(ScenarioError, match=complaint) as caught:
        load_scenario(str(file))

    assert str(file) in str(caught.value)


def test_a_name_that_is_neither_shipped_nor_a_file_is_answered_with_the_names():
    with pytest.raises(ScenarioError, match=r"No such file.*demo, full-plan"):
        load_scenario("dmeo")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"pages": 9}, "its sites say their pages"), ({"scope": "PAGE"}, "its sites say their type")],
    ids=str,
)
def test_a_flag_that_would_change_nothing_is_refused(changes, complaint):
    with pytest.raises(ScenarioError, match=complaint):
        load_scenario("full-plan", **changes)
