"""What ``verify`` proposes does all of it when it is copied."""

import re
import shlex
from pathlib import Path

import pytest

FAST = ("--cost", "0.005", "--latency", "0")


@pytest.fixture
def verified_after(command, start_sandbox, tmp_path: Path):
    """What is said of a run of 60 pages of which *pages* were taken down since, and how to do it again."""

    def verified_after(*pages: str) -> tuple[str, str]:
        webhook = start_sandbox("--pages", "60", *FAST)
        command("publish", "--scope", "KNOWLEDGE", webhook=webhook)
        (run,) = (path.name for path in tmp_path.glob("runs/*Z-*"))
        named = [word for page in pages for word in ("--page", page)]
        command("unpublish", "--yes", "--scope", "KNOWLEDGE", *named, webhook=webhook)
        said = command("verify", run, webhook=webhook).stderr
        (proposed,) = re.findall(r"To redo \d+ pages: bulk-publisher (.*)", said)
        return proposed, command(*shlex.split(proposed), webhook=webhook).stdout

    return verified_after


def test_pages_in_a_row_are_named_as_a_range(verified_after) -> None:
    proposed, done = verified_after("11-40", "52")

    assert proposed == "publish --scope KNOWLEDGE --page 11-40,52"
    assert "31 published" in done


def test_pages_here_and_there_are_named_by_a_file_in_the_run_s_folder(verified_after) -> None:
    proposed, done = verified_after(*(str(page) for page in range(1, 60, 2)))

    assert re.fullmatch(r"publish --csv runs/\S+/again\.csv", proposed)
    assert "30 published" in done


def test_a_run_that_was_rolled_back_says_so_first(command, start_sandbox, tmp_path: Path) -> None:
    webhook = start_sandbox("--pages", "5", *FAST)
    command("publish", "--page", "1-5", "--scope", "KNOWLEDGE", webhook=webhook)
    (run,) = (path.name for path in tmp_path.glob("runs/*Z-*"))
    command("rollback", run, "--yes", webhook=webhook)

    done = command("verify", run, webhook=webhook)

    assert done.stdout.startswith("Rolled back by ")
    assert "5 of these are down because of a rollback" in done.stdout
    assert "To redo" not in done.stderr
