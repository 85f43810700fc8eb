"""A real Prometheus reads a real daemon; its own tools find nothing wrong with our names, alerts and panels."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import COMMAND, environment, sandboxes
from tests.contract.test_prometheus import DOCS, expressions

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("promtool") is None,
        reason="Prometheus is not installed: apt-get install prometheus",
    ),
]
_PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def promtool(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *words], cwd=DOCS, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


@contextmanager
def running(*words: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prometheus")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[int]:
    """A daemon that does two jobs, one of which goes on for minutes; gives its port."""
    port = free_port()
    select = '[select]\npage = ["1-40"]\nscope = "KNOWLEDGE"\n[pace]\nbatch_size = 10\n'
    (folder / "quick.toml").write_text(f'name = "quick"\n{select}[schedule]\ncron = "0 3 * * *"\n')
    (folder / "slow.toml").write_text(f'name = "slow"\n{select}'.replace("1-40", "1-4000"))
    with sandboxes() as start:
        webhook = start("--pages", "4000", "--cost", "0.3", "--set", "unpaid_pages=[7]")
        serve = [*COMMAND, "serve", "quick.toml", "slow.toml", "--metrics-port", str(port), "--metrics-file", "bulk.prom"]  # fmt: skip
        with running(*serve, cwd=folder, env=environment(webhook)):
            until(lambda: scraped(port))
            for job in ("quick", "slow"):
                subprocess.run([*COMMAND, "submit", job], cwd=folder, env=environment(webhook), check=True, timeout=60)  # fmt: skip
            until(lambda: 'last_exit_status{job="quick"' in scraped(port))
            yield port


@pytest.fixture(scope="module")
def prometheus(daemon: int, folder: Path) -> Iterator[str]:
    """A Prometheus that scrapes it and has our alert rules; gives its address."""
    port, config = free_port(), folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: [{DOCS / 'alerts.yml'}]\n"
        f"scrape_configs: [{{job_name: bulk-publisher, honor_labels: true, static_configs: [{{targets: ['127.0.0.1:{daemon}']}}]}}]\n"
    )
    address = f"http://127.0.0.1:{port}"
    with running(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ):  # fmt: skip
        until(lambda: len(asked(address, 'up{instance=~".+"} == 1')) > 0)
        yield address


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def asked(address: str, expression: str) -> list[dict[str, Any]]:
    """What Prometheus answers."""
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{address}/api/v1/query?{query}", timeout=10) as answer:
        told = json.loads(answer.read())
    assert told["status"] == "success"
    return told["data"]["result"]


def until(is_so: Callable[[], Any]) -> None:
    """Wait for it; what can't be reached yet is not so."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        assert time.monotonic() < ends, "it did not come to be"
        time.sleep(0.2)


def test_prometheus_has_the_series_of_a_running_daemon(prometheus):
    until(lambda: asked(prometheus, 'bulk_publisher_pages_total{job="slow"} > 0'))

    (success,) = asked(prometheus, 'bulk_publisher_last_exit_status{job="quick"}')
    assert success["value"][1] == "1"
    assert success["metric"]["portal"].startswith("127.0.0.1:")
    (failed,) = asked(prometheus, 'bulk_publisher_last_pages{job="quick", status="failed"}')
    assert failed["value"][1] == "1"
    (due,) = asked(prometheus, "bulk_publisher_next_due_timestamp_seconds - time()")
    assert due["metric"]["job"] == "quick"
    assert 0 < float(due["value"][1]) <= 25 * 3600
    (run,) = asked(prometheus, "bulk_publisher_run_seconds")
    assert run["metric"]["job"] == "slow"
    assert len(asked(prometheus, "bulk_publisher_budget_level / bulk_publisher_budget_limit")) == 2


def test_each_panel_of_the_dashboard_asks_what_prometheus_understands(prometheus):
    # Nothing was refused or lost, no run rests, none was stopped, and none has succeeded.
    rare = ("refusals_total", "lost_requests_total", "resting", "stops_in_a_row", "last_success", "run_waiting", "wait_seconds_total")  # fmt: skip
    often = [one for one in expressions() if not any(word in one for word in rare)]
    empty = list(often)

    def are_all_answered() -> bool:
        # A rate is there with the second scrape.
        empty[:] = [one for one in often if not asked(prometheus, _of_all(one))]
        return not empty

    with contextlib.suppress(AssertionError):
        until(are_all_answered)
    for one in expressions():
        asked(prometheus, _of_all(one))
    assert empty == []


def _of_all(expression: str) -> str:
    return expression.replace("$job", ".*").replace("$portal", ".*")


def test_prometheus_takes_our_alert_rules(prometheus):
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=10) as answer:
        (group,) = json.loads(answer.read())["data"]["groups"]

    assert [rule["name"] for rule in group["rules"]] == [
        "BulkPublisherNoSuccess",
        "BulkPublisherStuck",
        "BulkPublisherFailures",
    ]
    until(lambda: asked(prometheus, 'ALERTS{alertname="BulkPublisherNoSuccess"}'))


def test_promtool_finds_nothing_wrong_with_our_metrics(daemon, folder):
    told = promtool("check", "metrics", stdin=scraped(daemon))
    in_file = promtool("check", "metrics", stdin=(folder / "bulk.prom").read_text())

    assert (told.returncode, told.stdout + told.stderr) == (0, "")
    assert (in_file.returncode, in_file.stdout + in_file.stderr) == (0, "")


def test_our_alerts_fire_when_they_say_so():
    checked = promtool("check", "rules", "alerts.yml")
    told = promtool("test", "rules", "alerts_test.yml")

    assert checked.returncode == 0, checked.stderr
    assert told.returncode == 0, told.stdout + told.stderr
