"""A run that is interrupted by what happens around it: its terminal, nohup, a portal that is silent."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulk_publisher.store import open_store
from tests.contract.conftest import AS_LEADER, COMMAND, environment
from tests.folders import files_of
from tests.processes import lines_of

PUBLISH = ("publish", "--scope", "KNOWLEDGE", "--batch-size", "5")
SLOW = ("--pages", "200", "--cost", "0.1", "--latency", "0")


def test_a_terminal_that_is_closed_ends_the_run_in_order(start_sandbox, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AS_LEADER, *PUBLISH],
        cwd=tmp_path,
        env={**environment(start_sandbox(*SLOW)), "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    while not (journals := [*tmp_path.glob("runs/*Z-*/outcomes.jsonl")]) or not journals[0].stat().st_size:  # fmt: skip
        time.sleep(0.05)
    os.close(ours)

    status = process.wait(timeout=30)

    folder = open_store(tmp_path / "runs").find("latest")
    ended = json.loads(files_of(folder).description.read_text())["ended"]
    assert (status, ended is not None) == (128 + signal.SIGHUP, True)
    assert 0 < len(lines_of(folder)) < 200
    assert not json.loads(files_of(folder).sent.read_text() or "{}").get("pages")


def test_a_run_that_is_begun_with_nohup_outlives_its_terminal(
    start_sandbox, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        ["bash", "-c", 'trap "" HUP; exec "$@"', "bash", *COMMAND, *PUBLISH],
        cwd=tmp_path,
        env=environment(start_sandbox("--pages", "40", "--cost", "0.05")),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("Run "):
        pass

    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert len(lines_of(open_store(tmp_path / "runs").find("latest"))) == 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_a_page_was_sent_it_says_so(tmp_path: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        webhook = f"http://127.0.0.1:{silent.getsockname()[1]}/rest/1/abcdef123456/"
        process = subprocess.Popen(
            [*COMMAND, *PUBLISH],
            cwd=tmp_path,
            env=environment(webhook),
            stderr=subprocess.PIPE,
            text=True,
        )
        # It asks: so it listens to signals by now.
        connection, _ = silent.accept()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        connection.close()

    assert process.returncode == 128 + number
    assert said.splitlines() == ["Stopped: nothing was sent."]


@pytest.mark.parametrize(
    ("number", "again"),
    [
        (signal.SIGINT, "Press Ctrl-C again to quit now."),
        (signal.SIGTERM, "A second signal quits at once."),
    ],
)
def test_it_says_what_it_waits_for_and_for_how_long(
    start_sandbox, tmp_path: Path, number: signal.Signals, again: str
) -> None:
    process = subprocess.Popen(
        [*COMMAND, *PUBLISH],
        cwd=tmp_path,
        env=environment(start_sandbox(*SLOW)),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (journals := [*tmp_path.glob("runs/*Z-*/outcomes.jsonl")]) or not journals[0].stat().st_size:  # fmt: skip
        time.sleep(0.05)

    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 128 + number
    waiting = rf"Waiting for \d+ pages? in flight(, about \d+ s)?\. {re.escape(again)}"
    assert re.search(rf"{waiting}|Stopping: nothing is in flight\.", said), said


def test_a_job_that_is_being_done_is_not_begun_again(start_sandbox, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text('[select]\nscope = "KNOWLEDGE"\n')
    given = {"cwd": tmp_path, "env": environment(start_sandbox("--pages", "60", "--cost", "0.05"))}
    first = subprocess.Popen([*COMMAND, "run", "nightly.toml"], stderr=subprocess.PIPE, text=True, **given)  # fmt: skip
    assert first.stderr is not None
    while not first.stderr.readline().startswith("Run "):
        pass

    # Stopped, it can't have ended before the other has looked.
    first.send_signal(signal.SIGSTOP)
    second = subprocess.run([*COMMAND, "run", "nightly.toml"], capture_output=True, text=True, check=False, **given)  # fmt: skip
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=30)

    assert second.returncode == 5
    assert "nightly.toml: this job is already running." in second.stderr
    assert first.returncode == 0
    assert len([*tmp_path.glob("runs/*Z-*")]) == 1
