"""What is asked before something is done: yes, no, nobody there, and ``--yes``."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.conftest import COMMAND, carry_out, environment, sandboxes

FAST = ("--cost", "0.005", "--latency", "0")


@dataclass
class Asked:
    """A command that asks, on a portal where there is something to do.

    Attributes:
        question: The beginning of what it asks.
        done: What stands in its summary if it was done.
    """

    words: tuple[str, ...]
    question: str
    done: str
    webhook: str


@pytest.fixture(scope="module", params=["resume", "rollback", "unpublish"])
def once_asked(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Asked]]:
    """The folder of a run that can be gone on with, or taken back, and the command that does it."""
    folder = tmp_path_factory.mktemp(request.param)
    csv = folder / "pages.csv"
    csv.write_text("id\n" + "\n".join(str(page) for page in range(1, 21)) + "\n")
    words = ("publish", "--csv", "pages.csv", "--scope", "KNOWLEDGE", "--batch-size", "5", "--concurrency", "1")  # fmt: skip
    with sandboxes() as start:
        webhook = start("--pages", "30", "--set", "unpaid_pages=[5]", *FAST)
        if request.param == "rollback":
            assert carry_out(folder, *words, webhook=webhook).returncode == 1
            yield folder, Asked(("rollback", "latest"), "Take down 19 pages that run", "19 unpublished", webhook)  # fmt: skip
            return
        if request.param == "unpublish":
            assert carry_out(folder, *words, webhook=webhook).returncode == 1
            shutil.rmtree(folder / "runs")
            yield folder, Asked(("unpublish", *words[1:]), "Take down 20 pages", "20 unpublished", webhook)  # fmt: skip
            return
        assert carry_out(folder, *words, "--fail-fast", webhook=webhook).returncode == 3
        csv.write_text(csv.read_text() + "21\n")
        yield (
            folder,
            Asked(
                ("resume", "latest", "--no-fail-fast"),
                "pages.csv has changed since the run began.",
                "21 pages settled",
                webhook,
            ),
        )


@pytest.fixture
def asked(once_asked: tuple[Path, Asked], tmp_path: Path) -> Asked:
    folder, asked = once_asked
    shutil.copytree(folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    return asked


def _lines(folder: Path) -> int:
    return sum(
        len(path.read_bytes().splitlines()) for path in folder.glob("runs/*Z-*/outcomes.jsonl")
    )


def test_a_yes_does_it(asked: Asked, at_terminal) -> None:
    status, screen = at_terminal(*asked.words, webhook=asked.webhook, keys="y\n")

    assert status in {0, 1}, screen
    assert asked.question in screen
    assert asked.done in screen


@pytest.mark.parametrize("keys", ["n\n", "\n", "\x04"], ids=["no", "return", "end of file"])
def test_anything_else_does_nothing(asked: Asked, at_terminal, tmp_path: Path, keys: str) -> None:
    before = _lines(tmp_path)

    status, screen = at_terminal(*asked.words, webhook=asked.webhook, keys=keys)

    assert status == 2, screen
    assert "Nothing was done." in screen
    assert "Traceback" not in screen
    assert _lines(tmp_path) == before


def test_ctrl_c_at_the_question_is_an_interruption(
    asked: Asked, at_terminal, tmp_path: Path
) -> None:
    before = _lines(tmp_path)

    status, screen = at_terminal(*asked.words, webhook=asked.webhook, keys="\x03")

    assert status == 130, screen
    assert "Traceback" not in screen
    assert _lines(tmp_path) == before


def test_it_is_done_unasked_with_yes(asked: Asked, command) -> None:
    done = command(*asked.words, "--yes", webhook=asked.webhook)

    assert done.returncode in {0, 1}, done.stderr
    assert asked.done in done.stdout
    assert asked.question not in done.stderr


def test_without_a_terminal_it_says_so_and_waits_for_nothing(asked: Asked, tmp_path: Path) -> None:
    before = _lines(tmp_path)
    # A pipe that nobody writes to, and nobody closes.
    reading, writing = os.pipe()

    done = subprocess.run(
        [*COMMAND, *asked.words],
        cwd=tmp_path,
        env=environment(asked.webhook),
        stdin=reading,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    os.close(reading)
    os.close(writing)
    assert done.returncode == 2
    assert f"{asked.question}" in done.stderr
    assert "Confirm with --yes." in done.stderr
    assert _lines(tmp_path) == before


def _unpublish(command, webhook: str, *words: str):
    return command("unpublish", "--scope", "KNOWLEDGE", *words, webhook=webhook)


def test_what_is_to_be_taken_down_is_named_with_its_sites(at_terminal, start_sandbox) -> None:
    sites = "sites=[{id=7,pages=20},{id=8,pages=10}]"
    webhook = start_sandbox("--set", sites, *FAST)

    status, screen = at_terminal("unpublish", "--scope", "KNOWLEDGE", webhook=webhook, keys="n\n", columns=300)  # fmt: skip

    host = webhook.split("/")[2]
    assert status == 2
    assert f"Take down 30 pages on {host}: 20 of site 7, 10 of site 8? [y/N]" in screen
    assert "request.answered" not in screen


def test_a_dry_run_and_a_job_file_that_takes_pages_down_ask_nothing(
    command, start_sandbox, tmp_path: Path
) -> None:
    webhook = start_sandbox("--pages", "9", *FAST)
    (tmp_path / "job.toml").write_text('action = "unpublish"\n[select]\nscope = "KNOWLEDGE"\n')

    looked = _unpublish(command, webhook, "--dry-run")
    done = command("run", "job.toml", webhook=webhook)

    assert (looked.returncode, done.returncode) == (0, 0), looked.stderr + done.stderr
    assert "Would unpublish 9 pages" in looked.stdout
    assert "9 unpublished" in done.stdout


def test_a_run_that_takes_pages_down_is_gone_on_with_and_tried_again_unasked(
    command, start_sandbox
) -> None:
    webhook = start_sandbox("--pages", "9", "--set", "missing_pages=[5]", *FAST)
    words = (
        "--page",
        "1-9",
        "--batch-size",
        "1",
        "--concurrency",
        "1",
        "--fail-fast",
        "--no-lookup",
        "--yes",
    )

    stopped = _unpublish(command, webhook, *words)
    resumed = command("resume", "latest", "--no-fail-fast", webhook=webhook)
    again = command("retry", "latest", webhook=webhook)

    assert [one.returncode for one in (stopped, resumed, again)] == [3, 1, 1], resumed.stderr
    assert "8 unpublished" in resumed.stdout
