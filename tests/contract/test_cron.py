"""What cron has to mail: with -q one line where a run did not end well, and nothing where it did."""

import json
import re
from pathlib import Path

import pytest

from tests.contract.conftest import carry_out

FAST = ("--cost", "0.005", "--latency", "0")
ONE = ("publish", "--page", "1-9", "--scope", "KNOWLEDGE")


@pytest.fixture
def well(start_sandbox) -> str:
    return start_sandbox("--pages", "20", *FAST)


@pytest.fixture
def ill(start_sandbox) -> str:
    return start_sandbox("--pages", "20", "--set", "missing_pages=[3,4]", *FAST)


def job(folder: Path, text: str = "") -> str:
    path = folder / "nightly.toml"
    path.write_text(f'[select]\npage = "1-9"\nscope = "KNOWLEDGE"\n{text}')
    return str(path)


def test_nothing_is_said_of_a_run_that_ends_well(command, well: str, tmp_path: Path) -> None:
    for words in (ONE, ("run", job(tmp_path, "[after]\nverify = true\n"))):
        done = command("-q", *words, webhook=well)

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_comes_after_a_run_is_an_event_for_programs(command, ill) -> None:
    done = command("--log-format", "json", *ONE, "--verify", webhook=ill)

    (after,) = [
        one for line in done.stderr.splitlines() if (one := json.loads(line))["event"] == "after"
    ]
    assert (after["verified"], after["failed"], after["known"]) == (9, 2, 0)


def test_a_line_is_said_of_pages_that_failed(command, ill: str, tmp_path: Path) -> None:
    for words in (ONE, ("run", job(tmp_path, "[after]\nretry = 1\nverify = true\n"))):
        done = command("-q", *words, webhook=ill)

        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(
            r"(publish|nightly): run (2\S+): 2 pages failed: LANDING_NOT_EXIST \(2\)\."
            r" Retry them with: bulk-publisher retry \2\n",
            done.stderr,
        )


def test_a_line_is_said_of_a_run_that_stopped(command, start_sandbox) -> None:
    webhook = start_sandbox("--pages", "20", "--page-limit", "5", *FAST)

    done = command("-q", *ONE, webhook=webhook)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert re.search(r"publish: run (2\S+): .*Continue with: bulk-publisher resume \1", done.stderr)


def test_a_line_is_said_of_a_run_that_could_not_begin(command, tmp_path: Path) -> None:
    done = command("-q", *ONE, webhook="http://127.0.0.1:1/rest/1/abcdef0123456789/")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1


def test_once_a_daemon_says_a_line_of_what_failed(command, ill: str, tmp_path: Path) -> None:
    path = job(tmp_path)
    command("-q", "submit", path, webhook=ill)

    done = command("-q", "serve", "--once", webhook=ill)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"nightly\S*: run (2\S+): 2 pages failed: LANDING_NOT_EXIST \(2\)\."
        r" Retry them with: bulk-publisher retry \1\n",
        done.stderr,
    )


def test_once_a_daemon_says_nothing_of_what_ended_well(command, well: str, tmp_path: Path) -> None:
    command("-q", "submit", job(tmp_path), webhook=well)

    done = command("-q", "serve", "--once", webhook=well)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_expected_is_no_failure_and_said_with_the_summary(command, ill, tmp_path) -> None:
    (tmp_path / "known.csv").write_text(
        "id,code\n3,LANDING_NOT_EXIST\n4,LANDING_NOT_EXIST\n5,NOT_PUBLISHED\n"
    )

    done = command(*ONE, "--expected", "known.csv", "--verify", "--retry", "1", webhook=ill)

    assert done.returncode == 0
    assert "Verified 9 pages: all match." in done.stdout
    assert "2 pages failed as expected by known.csv." in done.stdout
    assert "No longer failing: 5. Remove them from known.csv." in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [("page\n1\n", "there is no column code"), ("id,code\n1\n", "known.csv:2: a cell is missing")],
)
def test_a_bad_list_of_known_failures_is_said_before_anything_is_sent(
    command, well, tmp_path, text, said
) -> None:
    (tmp_path / "known.csv").write_text(text)

    done = command(*ONE, "--expected", "known.csv", webhook=well)

    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.glob("runs/2*"))


def test_a_run_tells_whom_its_job_names_also_that_it_could_not_begin(
    command, well, tmp_path
) -> None:
    tell = '[notify]\non = ["failed", "finished"]\nto = [{ command = ["/bin/sh", "-c", "cat >> told.jsonl; echo >> told.jsonl"] }]\n'  # fmt: skip
    path = job(tmp_path, tell)

    command("run", path, webhook=well)
    done = command("run", path, webhook="http://127.0.0.1:1/rest/1/abcdef0123456789/")

    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert done.returncode == 4
    assert [one["occasion"] for one in told] == ["finished", "failed"]
    assert "abcdef0123456789" not in (tmp_path / "told.jsonl").read_text()


def test_a_run_that_is_continued_does_afterwards_what_its_job_asks_for(
    command, start_sandbox, tmp_path
) -> None:
    webhook = start_sandbox("--pages", "60", "--cost", "0.05", "--latency", "0")
    path = tmp_path / "nightly.toml"
    path.write_text(
        '[select]\nscope = "KNOWLEDGE"\n[pace]\nconcurrency = 1\nbatch_size = 5\n[after]\nverify = true\nexpected = "known.csv"\n'
        '[notify]\non = ["stopped", "finished"]\n'
        'to = [{ command = ["/bin/sh", "-c", "cat >> told.jsonl; echo >> told.jsonl"] }]\n'
    )
    (tmp_path / "known.csv").write_text("id,code\n")
    (tmp_path / "elsewhere").mkdir()
    stopped = command("run", path.name, "--max-duration", "1s", webhook=webhook)

    words = ("resume", "latest", "--runs", "../runs", "--max-duration", "1h")
    done = carry_out(tmp_path / "elsewhere", *words, webhook=webhook)

    assert stopped.returncode == 3
    assert done.returncode == 0, done.stderr
    assert re.search(r"Verified \d+ pages: all match\.", done.stdout + done.stderr)
    told = [
        json.loads((folder / "told.jsonl").read_text())
        for folder in (tmp_path, tmp_path / "elsewhere")
    ]
    assert [one["occasion"] for one in told] == ["stopped", "finished"]


def test_a_message_that_is_lost_is_one_warning_and_no_other_status(command, well, tmp_path) -> None:
    path = job(tmp_path, '[notify]\non = ["finished"]\nto = [{ env = "NOT_THERE" }]\n')

    done = command("-q", "run", path, webhook=well)

    assert done.returncode == 0
    assert done.stderr == (
        "nightly: a message did not arrive: Apprise: The environment variable NOT_THERE is not set.\n"
    )


def test_a_night_on_which_there_was_nothing_to_do_is_a_good_one(command, well, tmp_path) -> None:
    path = tmp_path / "nightly.toml"
    path.write_text(
        '[select]\nscope = "KNOWLEDGE"\nonly = "changed"\n[after]\nverify = true\nretry = 1\n'
    )
    command("run", str(path), webhook=well)

    done = command("-q", "run", str(path), "--no-report", webhook=well)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_notify_test_says_what_each_answered(command, well, tmp_path) -> None:
    path = job(
        tmp_path,
        '[notify]\nto = [{ command = ["/bin/echo", "thanks"] }, { command = ["/bin/false"] }, { user = 1 }]\n',
    )

    done = command("notify", "test", path, webhook=well)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "ok      command echo: ended with status 0: thanks",
        "failed  command false: it ended with status 1",
        "failed  user 1 of the portal: the credential lacks the permission Chat and notifications (im)",
    ]
    assert not list(tmp_path.glob("runs/2*"))


def test_notify_test_needs_somebody_to_tell(command, tmp_path: Path) -> None:
    done = command("notify", "test", job(tmp_path))

    assert done.returncode == 2
    assert "has no [notify] table" in done.stderr
