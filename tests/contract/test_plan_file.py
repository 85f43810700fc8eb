"""A plan that was written down is done exactly as it was written."""

import json
from pathlib import Path

FAST = ("--cost", "0.005")


def test_publish_does_exactly_what_the_plan_says(command, tmp_path: Path, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "40", "--active-share", "0.5", *FAST)
    planned = command("plan", "--scope", "KNOWLEDGE", "--only", "unpublished", webhook=webhook)

    done = command("publish", "--plan", "plan.json", webhook=webhook)

    count = planned.stdout.split()[2]
    assert done.returncode == 0, done.stderr
    assert f"{count} published" in done.stdout
    assert (tmp_path / "plan.json").is_file()


def test_what_has_changed_since_the_plan_is_said(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "12", *FAST)
    command("plan", "--scope", "KNOWLEDGE", webhook=webhook)
    command("publish", "--page", "3", "--scope", "KNOWLEDGE", webhook=webhook)

    done = command("publish", "--plan", "plan.json", webhook=webhook)

    assert done.returncode == 0, done.stderr
    assert "12 published" in done.stdout
    assert "1 page was “not online” and now “online already”" in done.stderr


def test_a_plan_takes_no_other_selection_beside_it(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "12", *FAST)
    command("plan", "--scope", "KNOWLEDGE", webhook=webhook)

    done = command("publish", "--plan", "plan.json", "--page", "3", webhook=webhook)

    assert done.returncode == 2
    assert "--plan" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_that_is_damaged_is_one_line(command, tmp_path: Path, start_sandbox) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"no": "plan"}), encoding="utf-8")

    done = command("publish", "--plan", "plan.json", webhook=start_sandbox(*FAST))

    assert done.returncode == 2
    assert "plan.json" in done.stderr
    assert "Traceback" not in done.stderr
