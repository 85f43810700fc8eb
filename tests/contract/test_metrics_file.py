"""``--metrics-file``: how a command's run ended, for the node exporter."""

import re
import socket

import pytest

pytest.importorskip("prometheus_client")
FAST = ("--cost", "0.005", "--latency", "0")


def told(text: str) -> dict[str, float]:
    """Each series as it is written, without the portal and the run."""
    found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {re.sub(',?(portal|run)="[^"]*"', "", name): float(number) for name, _, number in found}


def test_a_run_leaves_how_it_ended_and_when_one_last_ended_well(command, start_sandbox, tmp_path):
    (tmp_path / "job.toml").write_text('name = "wiki"\n[select]\nscope = "KNOWLEDGE"\n')
    fine = start_sandbox("--pages", "30", *FAST)
    words = ("run", "job.toml", "--metrics-file", "wiki.prom")
    assert command(*words, webhook=fine).returncode == 0
    first = told((tmp_path / "wiki.prom").read_text())
    host = re.search('portal="([^"]+)"', (tmp_path / "wiki.prom").read_text())[1]
    gone = fine.replace(host, "127.0.0.1:9")

    assert command(*words, webhook=gone).returncode == 4
    then = told((tmp_path / "wiki.prom").read_text())

    of = '{job="wiki"}'
    assert first[f"bulk_publisher_last_exit_status{of}"] == 0
    assert first['bulk_publisher_last_pages{job="wiki",status="published"}'] == 30
    assert first['bulk_publisher_pages_total{job="wiki",status="published"}'] == 30
    assert not [name for name in first if "run_seconds" in name or "budget" in name]
    assert first[f"bulk_publisher_last_success_timestamp_seconds{of}"] > 1e9
    assert then[f"bulk_publisher_last_exit_status{of}"] == 4
    success = f"bulk_publisher_last_success_timestamp_seconds{of}"
    assert then[success] == first[success]


def test_a_job_that_never_ended_well_says_0(command, start_sandbox, tmp_path):
    webhook = start_sandbox("--pages", "30", "--set", "unpaid_pages=[7]", *FAST)

    done = command("publish", "--scope", "KNOWLEDGE", "--metrics-file", "a.prom", webhook=webhook)

    series = told((tmp_path / "a.prom").read_text())
    assert done.returncode == 1
    assert series['bulk_publisher_last_success_timestamp_seconds{job="publish"}'] == 0
    assert series['bulk_publisher_runs_total{exit_status="1",job="publish"}'] == 1


def test_a_rollback_is_no_success_of_the_job(command, start_sandbox, tmp_path):
    webhook = start_sandbox("--pages", "30", *FAST)
    command("publish", "--scope", "KNOWLEDGE", webhook=webhook)

    done = command("rollback", "latest", "--yes", "--metrics-file", "a.prom", webhook=webhook)

    assert done.returncode == 0, done.stderr
    assert not [name for name in told((tmp_path / "a.prom").read_text()) if "last_" in name]


def test_a_file_that_can_t_be_one_is_refused_before_anything_is_sent(command, start_sandbox):
    webhook = start_sandbox("--pages", "30", *FAST)

    done = command(
        "publish", "--scope", "KNOWLEDGE", "--metrics-file", "no/a.prom", webhook=webhook
    )

    assert done.returncode == 2
    assert "Error: --metrics-file no/a.prom: there is no folder no." in done.stderr
    assert "no such run" in command("status", "latest").stderr


def test_a_unit_for_systemd_serves_the_numbers_too(command):
    done = command("serve", "jobs", "--systemd", "--metrics-port", "9123")

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ExecStart=")]
    assert " --metrics-port 9123 " in line


def test_a_port_that_is_taken_ends_the_daemon_before_it_begins_anything(command, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "job.toml").write_text('name = "wiki"\n[select]\nscope = "KNOWLEDGE"\n')

        done = command("serve", "job.toml", "--metrics-port", str(port))

    assert done.returncode == 2
    assert f"Error: --metrics-port {port}: can't be used: Address already in use." in done.stderr
    assert not (tmp_path / "runs").exists()
