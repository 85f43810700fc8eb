import pytest

from bulk_publisher.portal.plans import ENTERPRISE, PLANS, SELF_HOSTED, STANDARD, UNKNOWN
from bulk_publisher.portal.plans import plan_of_licence as plan_of


@pytest.mark.parametrize(
    ("licence", "plan"),
    [
        ("ru_std", STANDARD),
        ("de_basic", STANDARD),
        ("ru_ent250", ENTERPRISE),
        ("de_ent10000", ENTERPRISE),
        ("DE_ENT250", ENTERPRISE),
        ("en_selfhosted", SELF_HOSTED),
        ("ru_project", STANDARD),
    ],
)
def test_a_licence_names_the_plan(licence, plan):
    assert plan_of({"SCOPE": ["landing"], "LICENSE": licence}) == plan


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        "ru_ent250",
        {"LICENSE": None},
        {"LICENSE": ""},
        {"LICENSE": 7},
        {"LICENSE": "box"},
        {"LICENSE": "ru_"},
    ],
    ids=repr,
)
def test_what_names_no_plan_gets_the_strictest_limits(answer):
    assert plan_of(answer) == UNKNOWN


def test_the_unknown_plan_is_as_strict_as_the_strictest():
    assert UNKNOWN.capacity == min(plan.capacity for plan in PLANS.values())
    assert UNKNOWN.operating_limit == min(plan.operating_limit for plan in PLANS.values())


@pytest.mark.parametrize(
    ("plan", "capacity", "drain", "operating"),
    [
        pytest.param(STANDARD, 50, 2, 480, id="standard"),
        pytest.param(ENTERPRISE, 250, 5, 480, id="enterprise"),
        pytest.param(SELF_HOSTED, float("inf"), 1, 420, id="self-hosted"),
    ],
)
def test_the_plans_have_the_documented_limits(plan, capacity, drain, operating):
    assert plan[1:] == (capacity, drain, operating)
    assert PLANS[plan.name] is plan
