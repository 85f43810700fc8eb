"""A run on a named portal: what it says of it everywhere, and what its entry changes."""

import json
import socket
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulk_publisher import PortalPlan, Result, client_for, publish, resume
from bulk_publisher.cli import main
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.metrics import watched
from bulk_publisher.cli.progress.progress import Progress
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Portal, Selection
from bulk_publisher.model import Scope
from bulk_publisher.operations.access import Reached
from bulk_publisher.operations.checking import examine
from bulk_publisher.operations.publishing import publish as publish_job
from bulk_publisher.portal.credentials import Webhook
from bulk_publisher.report.html_page import html_report
from bulk_publisher.report.story import read_story
from bulk_publisher.sandbox import Scenario, serve
from bulk_publisher.store import open_store
from bulk_publisher.store.heard import Snapshot

JOB = Job(
    name="nightly",
    portal=Portal(name="shop"),
    select=Selection(page=("1-60",), scope=Scope.KNOWLEDGE),
)


def said(*words: str) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_the_name_stands_beside_the_host_wherever_the_run_is_told_of(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    runs, port = str(tmp_path), free_port()
    numbers: list[str] = []
    going_on: list[str] = []

    class Peeking(Progress):
        def show(self, snapshot: Snapshot) -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                numbers.append(answer.read().decode())
            going_on.append(said("status", "latest", "--runs", runs))

    output = Output(verbosity=-1, log_format="console", is_plain=True, metrics_port=port)
    progress = watched(Peeking(output), output)
    async with serve(Scenario(pages=60, cost=1.0)) as sandbox:
        webhook = Webhook(sandbox.webhook)
        # What the entry says holds for the run, and is not written down with it.
        entry = Reached(webhook, Portal(plan=PortalPlan.ENTERPRISE))
        finished = await publish_job(JOB, entry, store=open_store(tmp_path), seed=1, watch=progress, on_start=progress.start)  # fmt: skip
        progress.finish()

    run, where = finished.kept.run_id, f"shop ({webhook.host})"
    kept = json.loads((tmp_path / run / "run.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / run / "log.jsonl").read_text().splitlines()]
    assert f'run_seconds{{job="nightly",portal="shop",run="{run}"}}' in numbers[-1]
    assert f"Run {run} on {where} is running" in going_on[-1]
    assert f"publish on {where}" in said("status", "latest", "--runs", runs)
    assert "shop" in said("status", "--runs", runs)
    assert f"publish on {where}" in said("report", "latest", "--runs", runs)
    assert where in html_report([read_story(finished.kept)])
    assert {line["portal_name"] for line in lines} == {"shop"}
    assert "nterprise" in kept["plan"]
    assert (kept["job"]["portal"]["name"], kept["job"]["portal"]["plan"]) == ("shop", None)


async def test_doctor_goes_by_the_plan_of_the_entry() -> None:
    async with serve(Scenario(pages=3)) as sandbox:
        entry = Reached(Webhook(sandbox.webhook), Portal(plan=PortalPlan.ENTERPRISE))
        found = await examine(Job(name="doctor"), entry, scopes=(Scope.KNOWLEDGE,), most_pages=0)

    (plan,) = (check for check in found.checks if check.name == "plan")
    assert "250 requests at once" in plan.found


async def test_a_program_finds_a_portal_by_its_name(tmp_path: Path) -> None:
    names = tmp_path / "team.toml"
    names.write_text('[shop]\nwebhook = { file = "url" }\nplan = "enterprise"\n')
    store = tmp_path / "runs"
    async with serve(Scenario(pages=20, cost=0.01)) as sandbox:
        (tmp_path / "url").write_text(sandbox.webhook)

        async with client_for("shop", portals=names) as client:
            run = publish(client, [1, 2, 3], scope="KNOWLEDGE", store=store)
            result = await run
            again: Result = await resume(client, run, store=store)

    told = open_store(store).find(run.id).read_description()
    assert result.is_good
    assert again.is_whole
    assert client.plan is PortalPlan.ENTERPRISE
    assert told.portal_name == "shop"
    assert told.job_data is not None
    assert told.job_data["portal"]["named_in"] == str(names)


def test_a_program_is_told_of_a_name_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no portal 'shop'"):
        client_for("shop", portals=tmp_path / "none.toml")
