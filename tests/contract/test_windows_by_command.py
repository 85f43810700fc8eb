"""The hours of a run, as options of commands: they win over a job file, a plan and an earlier run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

FAST = ("--cost", "0.005")
SHUT = "{:%H:%M}-{:%H:%M}".format(*(datetime.now(UTC) + timedelta(hours=hours) for hours in (3, 5)))
"""Hours that are not open, in UTC."""


def job_of_run(folder: Path) -> dict:
    (path,) = folder.glob("runs/20*/run.json")
    return json.loads(path.read_text())["job"]


def test_outside_of_its_window_a_job_ends_with_3_and_an_option_lifts_that(
    command, tmp_path: Path, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "12", *FAST)
    pace = f'between = "{SHUT}"\ntimezone = "UTC"\nprofile = "gentle"'
    (tmp_path / "job.toml").write_text(f'[select]\nscope = "KNOWLEDGE"\n[pace]\n{pace}\n')

    shut = command("run", "job.toml", webhook=webhook)
    done = command("run", "job.toml", "--between", "always", "--stop-at", "+2h", webhook=webhook)

    assert shut.returncode == 3
    assert f"outside of the window {SHUT} (UTC), which opens on" in shut.stderr
    assert "Nothing was sent." in shut.stderr
    assert done.returncode == 0, done.stderr
    kept = job_of_run(tmp_path)["pace"]
    assert kept["between"] == "always"
    assert kept["operating_share"] == kept["intensity_share"] == 0.5
    assert kept["stop_at"].endswith("Z")


def test_a_share_that_is_given_wins_over_a_profile(command, tmp_path: Path, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "12", *FAST)
    gentle = ("--profile", "gentle", "--operating-share", "0.98")

    done = command("publish", "--scope", "KNOWLEDGE", *gentle, webhook=webhook)

    assert done.returncode == 0, done.stderr
    kept = job_of_run(tmp_path)["pace"]
    assert (kept["operating_share"], kept["intensity_share"]) == (0.98, 0.5)


def test_a_plan_with_a_window_says_when_it_would_be_done(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "12", *FAST)
    window = ("--between", SHUT, "--timezone", "UTC")

    planned = command("plan", "--scope", "KNOWLEDGE", *window, webhook=webhook)
    shut = command("publish", "--plan", "plan.json", webhook=webhook)
    done = command("publish", "--plan", "plan.json", "--between", "always", webhook=webhook)

    assert f"Within {SHUT} (UTC) it would begin on" in planned.stdout
    assert shut.returncode == 3
    assert done.returncode == 0, done.stderr


def test_a_longest_duration_ends_a_run_that_resume_continues(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "4000", "--cost", "0.05")
    stopped = command("publish", "--scope", "KNOWLEDGE", "--max-duration", "2s", webhook=webhook)

    told = command("status", "latest")
    listed = json.loads(command("report", "latest", "--json").stdout)

    assert stopped.returncode == 3
    assert "The run has taken the 2.0 s that it may." in stopped.stderr
    assert "Continue with: bulk-publisher resume" in stopped.stderr
    assert "Stopped: The run has taken the 2.0 s that it may." in told.stdout
    assert "opens_at" not in json.dumps(listed)


def test_what_is_no_hours_is_refused_in_a_line(command) -> None:
    webhook = "https://example.bitrix24.com/rest/1/abcdefghijklmnop/"
    done = command("publish", "--page", "3", "--between", "22", "--stop-at", "x", webhook=webhook)

    assert done.returncode == 2
    assert "--between: must be hours such as" in done.stderr
    assert "--stop-at: must be a time such as" in done.stderr
