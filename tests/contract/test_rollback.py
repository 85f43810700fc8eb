"""A rollback that leaves pages behind says so, and ends with 1."""

import os
import re
import time
from pathlib import Path

import pytest

OUT = '{"pages":[{"id":9,"scope":"KNOWLEDGE","was_active":false}]}\n'


@pytest.fixture
def rolled_back(command, start_sandbox, tmp_path: Path):
    """What a rollback says of a run that left page 9 without a line."""
    webhook = start_sandbox("--pages", "30", "--cost", "0.005", "--latency", "0")
    done = command("publish", "--page", "1-5", "--scope", "KNOWLEDGE", webhook=webhook)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("runs/*Z-*")
    (run / "sent.jsonl").write_text(OUT)
    # What was sent an hour ago is at work no more.
    os.utime(run / "sent.jsonl", (time.time() - 3600,) * 2)
    return lambda *options: command("rollback", "latest", "--yes", *options, webhook=webhook)


def test_pages_without_a_line_are_not_left_in_silence(rolled_back) -> None:
    done = rolled_back()

    assert done.returncode == 1
    assert "5 unpublished" in done.stdout
    assert "1 page of run" in done.stderr
    assert "or take them down too with rollback --include-unknown" in done.stderr


def test_they_are_taken_down_with_the_others_if_asked_for(rolled_back) -> None:
    done = rolled_back("--include-unknown")

    assert done.returncode == 0, done.stderr
    assert "6 unpublished" in done.stdout


def test_a_run_that_was_rolled_back_says_by_which(rolled_back, command, tmp_path: Path) -> None:
    (run,) = (path.name for path in tmp_path.glob("runs/*Z-*"))
    rolled_back("--include-unknown")

    (rollback,) = {path.name for path in tmp_path.glob("runs/*Z-*")} - {run}
    assert f"Rolled back by: {rollback}" in command("status", run).stdout
    assert f"Rolled back by: {rollback}" in command("report", run).stdout


def test_pages_that_nobody_looked_at_are_said_to_be_left_online(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "30", "--cost", "0.005", "--latency", "0")
    named = ("--page", "1-3", "--scope", "KNOWLEDGE")
    command("publish", *named, "--no-lookup", "--runs", "other", webhook=webhook)

    done = command("rollback", "latest", "--yes", "--runs", "other", webhook=webhook)

    assert done.returncode == 1
    (advised,) = re.findall(r"bulk-publisher (rollback \S+) --include-unknown", done.stderr)
    followed = command(*advised.split(), "--include-unknown", "--yes", webhook=webhook)
    assert "3 unpublished" in followed.stdout
    assert "Left online: 3 pages (1-3) that run " in done.stderr
    assert "is unknown (--no-lookup)" in " ".join(done.stderr.split())
    assert "bulk-publisher unpublish --scope KNOWLEDGE --page 1-3" in done.stderr
    assert "verify" not in done.stderr
    assert "put no pages online" not in done.stderr
