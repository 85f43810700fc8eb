"""Jobs for many portals from the command line: tables, statuses, and one mistake that ends no other."""

import json
import os
import re
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bulk_publisher.store import open_store
from tests.contract.conftest import COMMAND, environment
from tests.processes import lines_of

FAST = ("--cost", "0.005", "--latency", "0")


def write_job(folder: Path, name: str, webhooks: dict[str, str], select: str = 'scope = "KNOWLEDGE"') -> Path:  # fmt: skip
    tables = []
    for portal, webhook in webhooks.items():
        secret = folder / f"{portal}.secret"
        secret.write_text(webhook)
        secret.chmod(0o600)
        tables.append(f'[[portals]]\nname = "{portal}"\nwebhook = {{ file = "{portal}.secret" }}')
    path = folder / f"{name}.toml"
    path.write_text("\n".join([f'name = "{name}"', *tables, "[select]", select]))
    return path


@pytest.fixture
def portals(start_sandbox) -> dict[str, str]:
    return {
        "good": start_sandbox("--pages", "20", *FAST),
        "other": start_sandbox("--pages", "30", *FAST),
        "denied": start_sandbox("--pages", "20", *FAST).rstrip("/") + "x/",
    }


def test_each_portal_has_its_own_fate_and_the_worst_is_the_status(command, tmp_path, portals) -> None:  # fmt: skip
    write_job(tmp_path, "many", portals)

    done = command("run", "many.toml")

    assert done.returncode == 4, done.stderr
    table = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert re.search(r"^good +20 +0 +0 .* done$", table["good"])
    assert re.search(r"^denied +- +- +- +- +not begun: INVALID_CREDENTIALS", table["denied"])
    assert re.search(r"^all 3 +\d+ ", table["all"])
    assert "good: run " in done.stderr
    assert all(line for line in done.stderr.splitlines() if "Traceback" not in line)
    assert len(open_store(tmp_path / "runs").runs()) == 2


def test_options_win_over_the_file_also_on_one_of_its_portals(command, tmp_path, portals) -> None:
    write_job(tmp_path, "many", {"good": portals["good"], "other": portals["other"]})

    done = command(
        "run", "many.toml", "--webhook-file", "good.secret", "--page", "1-9", "--limit", "5", "--operating-share", "0.3", "--no-lookup", "--no-report",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "5 published" in done.stdout
    (run,) = open_store(tmp_path / "runs").runs()
    job = run.read_description().job_data
    assert job["pace"]["operating_share"] == 0.3
    assert job["select"]["page"] == ["1-9"]
    assert job["portals"] == []


def test_several_jobs_are_done_and_a_bad_one_keeps_all_from_beginning(command, tmp_path, portals) -> None:  # fmt: skip
    write_job(tmp_path, "one", {"good": portals["good"]})
    write_job(tmp_path, "two", {"good": portals["good"]}, 'page = 3\nscope = "KNOWLEDGE"')
    (tmp_path / "bad.toml").write_text("[select]\npage = 0\n")

    both = command("run", "one.toml", "two.toml", "--progress", "json")
    bad = command("run", "one.toml", "bad.toml")

    assert both.returncode == 0, both.stderr
    assert "one: good" in both.stdout
    assert "two: good" in both.stdout
    events = [json.loads(line) for line in both.stderr.splitlines()]
    summary = next(event for event in events if event["event"] == "summary")
    assert [(one["job"], one["portal_name"], one["pages"]) for one in summary["portals"]] == [("one", "good", 20), ("two", "good", 1)]  # fmt: skip
    assert bad.returncode == 2
    assert "bad.toml:2: page" in bad.stderr
    assert len(open_store(tmp_path / "runs").runs()) == 2


def test_a_plan_of_many_is_a_table_and_changes_nothing(command, tmp_path, portals) -> None:
    write_job(tmp_path, "many", portals)

    done = command("plan", "many.toml", "--limit", "10")
    as_json = command("plan", "many.toml", "--json")
    dry = command("run", "many.toml", "--dry-run")

    assert done.returncode == as_json.returncode == dry.returncode == 4
    assert re.search(r"^good +10 +10 ", done.stdout, re.MULTILINE)
    assert "denied: INVALID_CREDENTIALS" in done.stderr
    assert "Would publish 20 pages on 2 portals" in done.stdout
    assert [one["status"] for one in json.loads(as_json.stdout)] == [0, 0, 4]
    assert "Dry run: nothing was changed." in dry.stderr
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "plan.json").exists()


def test_a_job_may_hold_a_plan_which_is_checked(command, tmp_path, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "20", *FAST)
    (tmp_path / "job.toml").write_text('[select]\nscope = "KNOWLEDGE"\nlimit = 6\n')
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "held.toml").write_text('[select]\nplan = "../plan.json"\n')

    planned = command("plan", "job.toml", webhook=webhook)
    done = command("run", "jobs/held.toml", webhook=webhook)
    other = command("run", "jobs/held.toml", webhook=start_sandbox("--pages", "20", *FAST))
    more = command("run", "jobs/held.toml", "--limit", "3", webhook=webhook)

    assert planned.returncode == 0, planned.stderr
    assert done.returncode == 0, done.stderr
    assert "Nothing has changed since the plan was made." in done.stderr
    assert "6 published" in done.stdout
    assert other.returncode == 2
    assert "The plan is for" in other.stderr
    assert more.returncode == 2
    assert "--plan and --limit can't be combined" in more.stderr


def test_doctor_looks_at_all_that_a_pattern_means(command, tmp_path, portals) -> None:
    write_job(tmp_path, "many", portals)
    (tmp_path / "portals.toml").write_text(
        "\n".join(f'[{name}]\nwebhook = {{ file = "{name}.secret" }}' for name in portals)
    )

    well = command("doctor", "--portal", "g*", "--portals", "portals.toml")
    done = command("doctor", "--portal", "*", "--portals", "portals.toml", "--scope", "KNOWLEDGE")
    as_json = command("doctor", "--portal", "*", "--portals", "portals.toml", "--json")
    none = command("doctor", "--portal", "x*", "--portals", "portals.toml")

    assert well.returncode == 0, well.stderr
    assert "All 1 ready." in well.stdout
    assert (done.returncode, as_json.returncode) == (4, 4)
    assert re.search(r"^NO +denied +127", done.stdout, re.MULTILINE)
    assert "2 of 3 ready." in done.stdout
    assert [one["is_usable"] for one in json.loads(as_json.stdout)] == [True, True, False]
    assert none.returncode == 2
    assert "is called 'x*'" in none.stderr


def test_ctrl_c_drains_them_all_and_names_each_resume(tmp_path: Path, start_sandbox) -> None:
    slow = {name: start_sandbox("--pages", "400", "--cost", "0.05", "--latency", "0") for name in ("a", "b")}  # fmt: skip
    write_job(tmp_path, "many", slow)
    process = subprocess.Popen(
        [*COMMAND, "run", "many.toml", "--batch-size", "5"],
        cwd=tmp_path,
        env=environment(None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len([one for one in tmp_path.glob("runs/*Z-*/outcomes.jsonl") if one.stat().st_size]) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, warned = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "in flight on 2 portals" in warned
    assert len(re.findall(r"^[ab]: bulk-publisher resume ", warned, re.MULTILINE)) == 2
    assert len(re.findall(r"^[ab] .* interrupted$", said, re.MULTILINE)) == 2
    for run in open_store(tmp_path / "runs").runs():
        assert 0 < len(lines_of(run)) < 400
        assert not run.still_out()


def test_a_screen_of_many_never_takes_more_lines_than_there_are(tmp_path: Path, start_sandbox) -> None:  # fmt: skip
    slow = ("--pages", "60", "--cost", "0.05", "--latency", "0")
    write_job(tmp_path, "many", {f"p{number}": start_sandbox(*slow) for number in range(4)})
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (5, 60))
    process = subprocess.Popen(
        [*COMMAND, "run", "many.toml"],
        cwd=tmp_path,
        env={**environment(None), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            read = os.read(ours, 65536)
        except OSError:
            break
        if not read:
            break
        screen += read
    assert process.wait(timeout=30) == 0
    os.close(ours)
    ups = [int(number) for number in re.findall(r"\x1b\[(\d+)A", screen.decode())] or [1]
    assert b"of 4 portals done" in screen
    assert max(ups) < 5


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where messages are posted, and those that were."""
    posts: list[dict[str, Any]] = []

    class Receiving(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiving) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", posts
        server.shutdown()
        thread.join()


def test_a_job_on_many_portals_sends_one_message_and_mails_one_line(tmp_path, portals, told) -> None:  # fmt: skip
    address, posts = told
    job = write_job(tmp_path, "many", portals)
    notify = '[notify]\non = ["failed"]\nto = [{ webhook = { env = "NOTIFY_WEBHOOK" } }]\n'
    job.write_text(f"{job.read_text()}\n[after]\nverify = true\n{notify}")
    given = environment(None) | {"NOTIFY_WEBHOOK": address}

    done = subprocess.run([*COMMAND, "-q", "run", "many.toml"], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr == (
        "1 of 3 portals did not end well: denied. Status 4. bulk-publisher status lists the runs.\n"
    )
    (message,) = posts
    assert sorted(run["pages"] or 0 for run in message["runs"]) == [0, 20, 30]


def test_a_job_on_many_portals_that_ends_well_is_silent_where_that_is_asked(command, tmp_path, portals) -> None:  # fmt: skip
    write_job(tmp_path, "many", {"good": portals["good"], "other": portals["other"]})

    done = command("-q", "run", "many.toml")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
