"""``serve``, ``submit`` and ``jobs`` as processes: signals, orders, a supervisor, and what a job may name."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import COMMAND, environment

JOB = 'name = "nightly"\n[select]\nscope = "KNOWLEDGE"\n'
FAST = ("--cost", "0.005", "--latency", "0")
PATIENCE = 60.0


@pytest.fixture
def webhook(start_sandbox) -> str:
    return start_sandbox("--pages", "30", *FAST)


@contextlib.contextmanager
def serving(
    folder: Path, webhook: str, *words: str, **more: str
) -> Iterator["subprocess.Popen[str]"]:
    told = environment(webhook) | more
    with subprocess.Popen([*COMMAND, "serve", *words], cwd=folder, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def until(what: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


def test_a_job_is_submitted_by_its_name_and_done(command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(JOB)

    with serving(tmp_path, webhook, "nightly.toml") as daemon:
        until(lambda: "nightly" in command("jobs").stdout)
        submitted = command("submit", "nightly")
        until(lambda: list(tmp_path.glob("runs/2*/outcomes.jsonl")))
        until(lambda: not list(tmp_path.glob("runs/serve/orders/*")))
        daemon.send_signal(signal.SIGTERM)
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert submitted.returncode == 0
    assert "No daemon" not in submitted.stderr
    assert daemon.returncode == 0
    assert "ended with status 0: 30 pages." in said
    assert "Traceback" not in said
    assert "No daemon is running" in command("jobs").stderr
    assert json.loads(command("jobs", "--json").stdout)["jobs"]["nightly"]["cron"] is None


def test_a_list_that_was_submitted_may_be_removed(command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("1\n2\n3\n")
    (tmp_path / "one.toml").write_text('[select]\ncsv = "list.csv"\nscope = "KNOWLEDGE"\n')

    submitted = command("submit", "one.toml")
    (tmp_path / "list.csv").unlink()
    (tmp_path / "one.toml").unlink()
    with serving(tmp_path, webhook, "--once") as daemon:
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "No daemon serves runs now." in submitted.stderr
    assert daemon.returncode == 0
    assert "ended with status 0: 3 pages." in said


@pytest.mark.parametrize(
    ("portal", "why"),
    [
        (
            'webhook = { file = "/etc/passwd" }',
            "/etc/passwd: submitted jobs may not read that file.",
        ),
        ('webhook = { env = "HOME" }', "HOME: submitted jobs may not read that variable."),
        ('ca_file = "ca.pem"', "submitted jobs may not read that file."),
    ],
    ids=["file", "variable", "certificates"],
)
def test_what_a_submitted_job_may_not_name(
    command, webhook: str, tmp_path: Path, portal: str, why: str
) -> None:
    (tmp_path / "one.toml").write_text(f'[portal]\n{portal}\n[select]\npage = "1"\n')

    command("submit", "one.toml")
    with serving(tmp_path, webhook, "--once") as daemon:
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "status 2" in said
    assert why in said
    assert not list(tmp_path.glob("runs/2*"))


def test_what_is_allowed_to_it(command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/hook").write_text(webhook)
    (tmp_path / "one.toml").write_text('[portal]\nwebhook = { file = "secrets/hook" }\n[select]\npage = "1"\nscope = "KNOWLEDGE"\n')  # fmt: skip

    command("submit", "one.toml")
    with serving(tmp_path, "", "--once", "--allow", "secrets") as daemon:
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "ended with status 0: 1 page." in said
    assert webhook.rstrip("/").rpartition("/")[2] not in said


def _due_once(folder: Path, webhook: str, *names: str) -> int:
    """The exit status of a daemon that does once what was submitted; jobs of the files *names*."""
    with serving(folder, webhook, "--once", *names) as daemon:
        said = daemon.communicate(timeout=PATIENCE)[1]
    assert "Traceback" not in said
    return daemon.returncode


@pytest.mark.parametrize(
    ("pages", "second", "status"),
    [
        ("1-3", None, 0),
        ("1-3, 900001", None, 1),
        ("1-3", '[portal]\nwebhook = { env = "BITRIX24_NOWHERE" }\n[select]\npage = "1"\n', 2),
    ],
    ids=["all done", "a page failed", "one could not begin"],
)
def test_once_ends_as_the_worst_of_its_jobs(
    command, webhook: str, tmp_path: Path, pages: str, second: str | None, status: int
) -> None:
    orders = [f'[select]\npage = "{pages}"\nscope = "KNOWLEDGE"\n', second]
    for number, text in enumerate(filter(None, orders)):
        (tmp_path / f"{number}.toml").write_text(text)
        assert command("submit", f"{number}.toml").returncode == 0

    assert _due_once(tmp_path, webhook) == status
    # They are done: nothing is left to be told.
    assert _due_once(tmp_path, webhook) == 0


def test_once_says_by_its_status_that_a_file_is_no_job(webhook: str, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text("[select\n")

    assert _due_once(tmp_path, webhook, "nightly.toml") == 2


def test_a_name_that_no_daemon_knows_is_refused(command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(JOB)
    with serving(tmp_path, webhook, "--once", "nightly.toml") as daemon:
        daemon.communicate(timeout=PATIENCE)

    done = command("submit", "nightlyy")

    assert done.returncode == 2
    assert "neither a file nor a job called 'nightlyy'" in done.stderr
    assert "nightly" in done.stderr.replace("nightlyy", "")


def test_a_job_may_be_called_like_a_folder(command, webhook: str, tmp_path: Path) -> None:
    (tmp_path / "nightly").mkdir()
    (tmp_path / "nightly/nightly.toml").write_text(JOB)
    with serving(tmp_path, webhook, "--once", "nightly") as daemon:
        daemon.communicate(timeout=PATIENCE)

    done = command("submit", "nightly")

    assert done.stdout.startswith("Submitted nightly-")


def test_a_store_without_jobs_knows_no_name(command, tmp_path: Path) -> None:
    done = command("submit", "nightly")

    assert done.returncode == 2
    assert "There is neither a file nor a job called 'nightly'.\n" in done.stderr
    assert "No daemon serves these runs now" in done.stderr


def test_what_is_named_and_not_there_ends_it_before_anything_begins(
    command, tmp_path: Path
) -> None:
    (tmp_path / "nightly.toml").write_text(JOB)

    ended = command("serve", "nightly.toml", "nojobs/", "--web", "127.0.0.1:8080")

    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: nojobs: there is no such file or folder.\n")
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_a_job_is_named(webhook: str, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()

    with serving(tmp_path, webhook, "--once", "jobs") as daemon:
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "Jobs: none in jobs.\n" in said


def test_a_run_that_is_paused_is_not_said_to_run(command, start_sandbox, tmp_path: Path) -> None:
    webhook = start_sandbox("--pages", "600", "--cost", "0.1", "--latency", "0")
    (tmp_path / "nightly.toml").write_text(f"{JOB}[pace]\nbatch_size = 2\nconcurrency = 1\n")
    with serving(tmp_path, webhook, "nightly.toml") as daemon:
        until(lambda: "nightly" in command("jobs").stdout)
        command("submit", "nightly")
        until(lambda: list(tmp_path.glob("runs/2*/outcomes.jsonl")))
        while_it_runs = command("jobs").stdout
        command("pause", "latest")
        paused = command("jobs").stdout
        again = command("pause", "latest", "--until", "+2h")
        until_later = command("jobs").stdout
        daemon.send_signal(signal.SIGTERM)
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "running" in while_it_runs
    assert "  paused  " in paused
    assert "a daemon will not continue it before 2" in again.stdout
    assert "  continues 2" in until_later
    assert "Ending: runs to finish their pages in flight: 0." in said


def test_a_supervisor_is_told(webhook: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(PATIENCE)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with serving(tmp_path, webhook, **told) as daemon:
            first, second = heard.recv(100), heard.recv(100)
            daemon.send_signal(signal.SIGTERM)
            while (word := heard.recv(100)) == b"WATCHDOG=1":
                pass
            daemon.wait(timeout=PATIENCE)

    assert (first, second) == (b"READY=1", b"WATCHDOG=1")
    assert word == b"STOPPING=1"


def test_a_changed_job_file_is_read_at_a_signal(command, webhook: str, tmp_path: Path) -> None:
    job = tmp_path / "nightly.toml"
    job.write_text(JOB)
    with serving(tmp_path, webhook, "nightly.toml") as daemon:
        until(lambda: "nightly" in command("jobs").stdout)
        job.write_text(f'{JOB}[schedule]\ncron = "0 3 * * *"\ntimezone = "Europe/Berlin"\n')
        daemon.send_signal(signal.SIGHUP)
        until(lambda: "0 3 * * * (Europe/Berlin)" in command("jobs").stdout)
        job.write_text(f'{JOB}[schedule]\ncron = "0 99 * * *"\n')
        os.kill(daemon.pid, signal.SIGHUP)
        time.sleep(1)
        still = command("jobs").stdout
        daemon.send_signal(signal.SIGTERM)
        said = daemon.communicate(timeout=PATIENCE)[1]

    assert "0 3 * * * (Europe/Berlin)" in still
    assert "nightly.toml:5: cron: '0 99 * * *' is no cron expression: bad hour. Its last good version stays in use." in said  # fmt: skip


def test_lines_for_cron(command, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(JOB)

    done = command("serve", "--cron", "nightly.toml")

    comment, line = done.stdout.splitlines()
    assert comment.startswith("# ")
    assert line.startswith("*/15 * * * * ")
    assert f" -q serve --once --runs {tmp_path}/runs {tmp_path}/nightly.toml" in line
