"""What operators rely on: the names of our metrics, in the docs, the alerts and the dashboard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bulk_publisher.cli.progress.families import Families

pytest.importorskip("prometheus_client")
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "prometheus"
DASHBOARD = DOCS / "dashboard.json"
_NAME = re.compile(r"\bbulk_publisher_[a-z_]+\b")


def names() -> set[str]:
    """Of all series that there can be."""
    ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    families = Families("--metrics-port").registry.collect()
    return {f"{family.name}{end}" for family in families for end in ends[family.type]}


def panels() -> list[dict[str, Any]]:
    return json.loads(DASHBOARD.read_text())["panels"]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml", "dashboard.json"])
def test_each_metric_that_is_named_there_is_one(name):
    named = set(_NAME.findall((DOCS / name).read_text()))

    assert len(named) > 3
    assert named <= names()


def test_the_docs_name_each_metric_and_no_other():
    text = (ROOT / "docs" / "commands.md").read_text()
    section = text[text.index("\n## metrics") :]

    # A histogram is named as a whole.
    whole = {re.sub("_(bucket|sum|count)$", "", name) for name in names()}
    assert set(_NAME.findall(section)) == whole


def test_the_dashboard_can_be_read_by_grafana():
    board = json.loads(DASHBOARD.read_text())

    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) > 10
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in board["panels"]]
    assert all(x + w <= 24 for x, _, w, _ in places)
    assert not [
        (one, other)
        for number, one in enumerate(places)
        for other in places[:number]
        if one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    ]
    known = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", DASHBOARD.read_text()))
    assert used == known


def test_names_keep_to_the_conventions():
    for family in Families("--metrics-port").registry.collect():
        assert family.documentation.endswith(".")
        if family.type == "gauge":
            assert not family.name.endswith("_total")
        if "timestamp" in family.name or "duration" in family.name:
            assert family.name.endswith("_seconds")


def test_what_was_there_keeps_its_name():
    assert names() >= {
        f"bulk_publisher_{name}"
        for name in (
            "pages_total", "requests_total", "refusals_total", "lost_requests_total",
            "wait_seconds_total", "page_seconds_bucket", "run_seconds", "pages_selected", "pages_left",
            "seconds_left", "budget_level", "budget_limit",
        )
    }  # fmt: skip
