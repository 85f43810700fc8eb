"""Real processes whose streams are closed, full or unread: nothing changes but what can be said."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.contract.conftest import COMMAND, carry_out, environment, sandboxes

FAST = ("--cost", "0.005", "--latency", "0")
PUBLISH = ("publish", "--page", "1-9", "--scope", "KNOWLEDGE", "--no-lookup")


@pytest.fixture(scope="module")
def webhook():
    with sandboxes() as start:
        yield start("--pages", "9", "--set", "unpaid_pages=[7]", *FAST)


@pytest.fixture(scope="module")
def has_run(tmp_path_factory, webhook: str) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert carry_out(folder, *PUBLISH, webhook=webhook).returncode == 1
    return folder


def _in_shell(folder: Path, streams: str, *words: str, webhook: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", f'"$@" {streams}', "bash", *COMMAND, *words],
        cwd=folder,
        env=environment(webhook),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", ">&- 2>&- <&-", "> /dev/full 2>&1", "2> /dev/full", "< /dev/null >&-"]
)  # fmt: skip
def test_a_run_ends_as_it_does_whatever_its_streams_are(
    tmp_path: Path, webhook: str, streams: str
) -> None:
    done = _in_shell(tmp_path, streams, *PUBLISH, webhook=webhook)

    (journal,) = tmp_path.glob("runs/*Z-*/outcomes.jsonl")
    assert done.returncode == 1
    assert len(journal.read_text().splitlines()) == 9
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "streams", "status"),
    [
        ("report latest --csv", ">&-", 0),
        ("report latest --csv", "> /dev/full", 2),
        ("report latest --json", "> /dev/full 2>&1", 2),
        ("--help", "> /dev/full", 2),
        ("report nosuch", "2> /dev/full", 2),
        ("publish --bogus", "2>&-", 2),
        ("rollback latest --include-unknown", "<&-", 2),
        ("report latest --csv", "| true; exit ${PIPESTATUS[0]}", 0),
        ("--help", "| true; exit ${PIPESTATUS[0]}", 0),
        ("schema", "| true; exit ${PIPESTATUS[0]}", 0),
    ],
)
def test_what_was_asked_for_and_can_t_be_written_is_an_error(
    has_run: Path, webhook: str, words: str, streams: str, status: int
) -> None:
    done = _in_shell(has_run, streams, *words.split(), webhook=webhook)

    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_stderr_that_nobody_reads_keeps_no_run_from_being_stopped(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    with sandboxes() as start:
        process = subprocess.Popen(
            [*COMMAND, "-vv", "publish", "--scope", "KNOWLEDGE", "--batch-size", "5"],
            cwd=tmp_path,
            env=environment(start("--pages", "900", "--cost", "0.1", "--latency", "0")),
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
        )
        while not (found := [*tmp_path.glob("runs/*Z-*/outcomes.jsonl")]) or not found[0].stat().st_size:  # fmt: skip
            time.sleep(0.05)

        process.send_signal(signal.SIGINT)

        said, _ = process.communicate(timeout=30)
    os.close(reading)
    os.close(writing)
    assert process.returncode == 130
    assert "pages settled" in said


def test_stderr_is_nothing_but_json_where_that_is_asked_for(tmp_path: Path, webhook: str) -> None:
    done = carry_out(tmp_path, "-vv", *PUBLISH, "--progress", "json", webhook=webhook)

    told = [json.loads(line) for line in done.stderr.splitlines()]
    (summary,) = [one for one in told if one["event"] == "summary"]
    assert done.returncode == 1
    assert {"started", "progress", "run.started", "run.ended"} <= {one["event"] for one in told}
    assert summary["counts"] == {"published": 8, "failed": 1}
    assert summary["text"] == done.stdout.rstrip("\n")


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "latin-1", "ascii"])
def test_a_terminal_of_another_alphabet_is_told_what_it_can_show(
    tmp_path: Path, webhook: str, monkeypatch, encoding: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    (tmp_path / "titles.csv").write_text('lid,title\n999996,"Ünïcode ☃ 中 Привет"\n')

    said = subprocess.run(
        [*COMMAND, "publish", "--csv", "titles.csv", "--scope", "KNOWLEDGE"],
        cwd=tmp_path, env=environment(webhook), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    told = subprocess.run([*COMMAND, "report", "latest", "--csv"], cwd=tmp_path, env=environment(webhook), capture_output=True, timeout=60, check=True)  # fmt: skip

    assert said.returncode == 1
    assert "LANDING_NOT_EXIST: 1 page, for example page 999996" in said.stdout.decode(encoding)
    assert b"Traceback" not in said.stderr
    assert "Ünïcode ☃ 中 Привет" in told.stdout.decode()
